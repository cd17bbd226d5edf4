use std::path::{Path, PathBuf};

use annals::ReadModel;
use clap::Parser;

use crate::{
    customers::Customer, number::InvoiceNumber, sales::Sales, stock::StockItem, store::StoreChoice,
};

const FOLLOWERS: [&str; 3] = [Customer::NAME, StockItem::NAME, Sales::NAME];

/// The day that comes with the example.
const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/retail/data/online-retail-2010-12-01.csv");

/// Takes in the invoice lines of a web shop, and tells what follows from them.
#[derive(Debug, Parser)]
#[command(name = "retail")]
pub(crate) struct Args {
    /// The invoice lines, as .csv or .csv.gz; without it, the one day that comes with the example
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// Where the invoices go: `memory`, or the URL of a Postgres database
    #[arg(long, value_name = "STORE", default_value = "memory")]
    pub(crate) store: StoreChoice,

    /// The schema for them in that database
    #[arg(long, value_name = "NAME", default_value = "retail")]
    pub(crate) schema: String,

    /// Tell the history of this invoice instead of the figures
    #[arg(long, value_name = "INVOICE")]
    pub(crate) audit: Option<InvoiceNumber>,

    /// Build this follower anew while it serves and while the second half of the log comes in
    #[arg(long, value_name = "NAME", value_parser = FOLLOWERS)]
    pub(crate) rebuild: Option<String>,

    /// Build this follower anew beside what serves, and tell which rows differ
    #[arg(long, value_name = "NAME", value_parser = FOLLOWERS)]
    pub(crate) verify: Option<String>,
}

impl Args {
    pub(crate) fn log(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(SAMPLE))
    }
}
