use std::{cmp::Reverse, collections::HashMap};

use rust_decimal::Decimal;

use crate::{invoice::InvoiceEvent, line::Line, number::Kind};

/// Everything that has a stock code, as the events tell of it.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    by_code: HashMap<String, StockItem>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct StockItem {
    /// Its name when it was first ordered; later on, the shop uses the column for remarks as well.
    pub(crate) name: Option<String>,
    /// Less what came back or was written off.
    pub(crate) units: i64,
    pub(crate) value: Decimal,
}

impl Stock {
    pub(crate) fn apply(&mut self, event: &InvoiceEvent) {
        for line in event.lines() {
            let item = self.by_code.entry(line.stock_code.clone()).or_default();
            item.units += i64::from(line.quantity);
            item.value += line.value();
            if event.kind() == Kind::Order && item.name.is_none() {
                item.name = name(line);
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.by_code.len()
    }

    /// Those of the highest value.
    pub(crate) fn best(&self, count: usize) -> Vec<(&str, &StockItem)> {
        let mut all: Vec<_> =
            self.by_code.iter().map(|(code, item)| (code.as_str(), item)).collect();
        all.sort_by_key(|(code, item)| (Reverse(item.value), *code));
        all.truncate(count);
        all
    }
}

fn name(line: &Line) -> Option<String> {
    let name = line.description.as_deref().map(str::trim);
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}
