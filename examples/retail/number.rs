use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The number of an invoice, as printed on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InvoiceNumber(String);

/// What an invoice is, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goods are sold.
    Order,
    /// Goods, or a part of their price, are given back.
    Cancellation,
    /// A debt turns out to be bad, or good after all.
    Adjustment,
    /// Goods leave the stock unsold: damaged, lost, thrown away.
    WriteOff,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an invoice number is 1 to {max} ASCII letters and digits", max = InvoiceNumber::MAX_LENGTH)]
pub(crate) struct InvalidNumber;

impl InvoiceNumber {
    const MAX_LENGTH: usize = 20;

    /// The letters before the digits.
    pub(crate) fn prefix(&self) -> &str {
        self.0.trim_end_matches(|c: char| c.is_ascii_digit())
    }

    /// Orders and write-offs are numbered in one row; cancellations and adjustments have a letter in front.
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        let prefix = match kind {
            Kind::Order | Kind::WriteOff => "",
            Kind::Cancellation => "C",
            Kind::Adjustment => "A",
        };
        self.prefix() == prefix && self.0.len() > prefix.len()
    }
}

impl FromStr for InvoiceNumber {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        let valid = (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidNumber) }
    }
}

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "an order",
            Self::Cancellation => "a cancellation",
            Self::Adjustment => "an adjustment",
            Self::WriteOff => "a write-off",
        })
    }
}

/// A customer with an account in the shop; who orders without one is a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CustomerId(u32);

impl CustomerId {
    #[cfg(test)]
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CustomerId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Who buys, in words.
pub(crate) fn buyer(customer: Option<CustomerId>) -> String {
    customer.map_or_else(|| "guest".to_owned(), |customer| format!("customer {customer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_fits_the_kinds_of_its_prefix() {
        let fits = |text: &str| {
            let number: InvoiceNumber = text.parse().unwrap();
            [Kind::Order, Kind::Cancellation, Kind::Adjustment, Kind::WriteOff]
                .map(|kind| number.fits(kind))
        };
        assert_eq!(fits("536365"), [true, false, false, true]);
        assert_eq!(fits("C536379"), [false, true, false, false]);
        assert_eq!(fits("A563185"), [false, false, true, false]);
        for neither in ["C", "X1", "c536379", "CA1", "1C"] {
            assert_eq!(fits(neither), [false; 4], "{neither}");
        }
    }

    #[test]
    fn what_could_not_be_printed_is_no_number() {
        for text in ["", " 536365", "536-365", "5\n", "٣", &"1".repeat(21)] {
            assert_eq!(text.parse::<InvoiceNumber>(), Err(InvalidNumber), "{text:?}");
        }
    }
}
