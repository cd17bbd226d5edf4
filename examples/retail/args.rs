use std::path::PathBuf;

use clap::Parser;

use crate::{number::InvoiceNumber, store::StoreChoice};

/// The day that comes with the example.
const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/retail/data/online-retail-2010-12-01.csv");

/// Takes in the invoice lines of a web shop, and tells what follows from them.
#[derive(Debug, Parser)]
#[command(name = "retail")]
pub(crate) struct Args {
    /// The invoice lines, as .csv or .csv.gz; without it, the one day that comes with the example
    #[arg(long, value_name = "FILE", default_value = SAMPLE, hide_default_value = true)]
    pub(crate) data: PathBuf,

    /// Where the invoices go: `memory`, or the URL of a Postgres database
    #[arg(long, value_name = "STORE", default_value = "memory")]
    pub(crate) store: StoreChoice,

    /// The schema for them in that database
    #[arg(long, value_name = "NAME", default_value = "retail")]
    pub(crate) schema: String,

    /// Tell the history of this invoice instead of the figures
    #[arg(long, value_name = "INVOICE")]
    pub(crate) audit: Option<InvoiceNumber>,
}
