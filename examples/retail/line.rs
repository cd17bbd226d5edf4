use std::ops::Add;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::number::CustomerId;

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The item, or a charge such as postage; as written, so `a` and `A` differ.
    pub(crate) stock_code: String,
    /// Its name, or a remark, with the white space it was written with.
    pub(crate) description: Option<String>,
    /// Units; negative where goods come back or leave the stock unsold.
    pub(crate) quantity: i32,
    /// In pounds sterling.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) unit_price: Decimal,
}

/// What is written down at one time under one invoice number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slip {
    /// None for a guest, and where nobody buys.
    pub(crate) customer: Option<CustomerId>,
    pub(crate) country: String,
    pub(crate) lines: Vec<Line>,
    /// The shop's local time.
    pub(crate) at: NaiveDateTime,
}

/// What lines come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) lines: u64,
    pub(crate) units: i64,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) value: Decimal,
}

impl Line {
    pub(crate) fn value(&self) -> Decimal {
        Decimal::from(self.quantity) * self.unit_price
    }
}

impl Totals {
    fn count(&mut self, line: &Line) {
        self.lines += 1;
        self.units += i64::from(line.quantity);
        self.value += line.value();
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            units: self.units + other.units,
            value: self.value + other.value,
        }
    }
}

impl<'a> Extend<&'a Line> for Totals {
    fn extend<I: IntoIterator<Item = &'a Line>>(&mut self, lines: I) {
        lines.into_iter().for_each(|line| self.count(line));
    }
}
