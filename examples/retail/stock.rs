use std::collections::BTreeSet;

use annals::{Columns, ReadModel, Recorded};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::{invoice::InvoiceEvent, line::Line, number::Kind};

/// What has a stock code, as the events tell of it: a row of the table `stock`.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct StockItem {
    /// Its name when it was first ordered; later on, the shop uses the column for remarks as well.
    pub(crate) name: Option<String>,
    /// Less what came back or was written off.
    pub(crate) units: i64,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) value: Decimal,
}

impl ReadModel for StockItem {
    const NAME: &'static str = "stock";
    type Event = InvoiceEvent;
    type Key = String;

    /// One event concerns all items on its lines.
    fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = String> {
        let codes = recorded.event.lines().iter().map(|line| line.stock_code.clone());
        codes.collect::<BTreeSet<_>>()
    }

    fn apply(&mut self, stock_code: &String, recorded: &Recorded<InvoiceEvent>) {
        let event = &recorded.event;
        for line in event.lines().iter().filter(|line| line.stock_code == *stock_code) {
            self.units += i64::from(line.quantity);
            self.value += line.value();
            if event.kind() == Kind::Order && self.name.is_none() {
                self.name = name(line);
            }
        }
    }

    fn columns() -> Columns<Self> {
        Columns::new()
            .indexed("value", |item: &Self| item.value.to_f64())
            .column("units", |item: &Self| item.units)
            .column("name", |item: &Self| item.name.clone())
    }
}

fn name(line: &Line) -> Option<String> {
    let name = line.description.as_deref().map(str::trim);
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}
