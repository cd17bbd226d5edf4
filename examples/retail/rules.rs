//! What may not happen to an invoice, and how the shop says so.

use rust_decimal::Decimal;
use thiserror::Error;

use crate::{
    invoice::Invoice,
    line::{Line, Slip},
    number::{CustomerId, InvoiceNumber, Kind, buyer},
};

/// Why the shop declines a command.
#[derive(Debug, Clone, PartialEq, Error)]
pub(crate) enum Rejection {
    #[error("{kind} cannot have the number {number}")]
    NumberOfAnotherKind { kind: Kind, number: InvoiceNumber },
    #[error("the number stands for {0} already")]
    IssuedAlready(Kind),
    #[error("nothing was issued under this number that could be added to")]
    NotIssued,
    #[error("the number stands for {is}, so {asked} cannot be added to")]
    OfAnotherKind { is: Kind, asked: Kind },
    #[error("{0} has at least one line")]
    NoLines(Kind),
    #[error("{kind} has exactly one line, not {lines}")]
    SeveralLines { kind: Kind, lines: usize },
    #[error("the quantity in {kind} must be {rule}; {stock_code} has {quantity}")]
    Quantity { kind: Kind, rule: &'static str, stock_code: String, quantity: i32 },
    #[error("the price in {kind} must be {rule}; {stock_code} has {unit_price}")]
    Price { kind: Kind, rule: &'static str, stock_code: String, unit_price: Decimal },
    #[error("{kind} concerns no customer; this one names {customer}")]
    NamesCustomer { kind: Kind, customer: CustomerId },
    #[error("it belongs to {}, not to {}", buyer(*.owner), buyer(*.came))]
    OfAnotherCustomer { owner: Option<CustomerId>, came: Option<CustomerId> },
    #[error("it goes to {country}, not to {came}")]
    ToAnotherCountry { country: String, came: String },
}

/// Whether `number`, which stands for `invoice` so far, may be given to what is on `slip`.
pub(crate) fn may_issue(
    invoice: &Invoice,
    number: &InvoiceNumber,
    kind: Kind,
    slip: &Slip,
) -> Result<(), Rejection> {
    if !number.fits(kind) {
        return Err(Rejection::NumberOfAnotherKind { kind, number: number.clone() });
    }
    if let Some(issued) = invoice.issued() {
        return Err(Rejection::IssuedAlready(issued.kind));
    }
    if let Kind::Adjustment | Kind::WriteOff = kind
        && let Some(customer) = slip.customer
    {
        return Err(Rejection::NamesCustomer { kind, customer });
    }
    lines_are_of(kind, &slip.lines)
}

/// Whether what is on `slip` may be added to `invoice`, which has to be of this kind.
pub(crate) fn may_extend(invoice: &Invoice, kind: Kind, slip: &Slip) -> Result<(), Rejection> {
    let issued = invoice.issued().ok_or(Rejection::NotIssued)?;
    if issued.kind != kind {
        return Err(Rejection::OfAnotherKind { is: issued.kind, asked: kind });
    }
    if issued.customer != slip.customer {
        return Err(Rejection::OfAnotherCustomer { owner: issued.customer, came: slip.customer });
    }
    if issued.country != slip.country {
        let (country, came) = (issued.country.clone(), slip.country.clone());
        return Err(Rejection::ToAnotherCountry { country, came });
    }
    lines_are_of(kind, &slip.lines)
}

fn lines_are_of(kind: Kind, lines: &[Line]) -> Result<(), Rejection> {
    match lines {
        [] => Err(Rejection::NoLines(kind)),
        [_, _, ..] if kind == Kind::Adjustment => {
            Err(Rejection::SeveralLines { kind, lines: lines.len() })
        }
        lines => lines.iter().try_for_each(|line| line_is_of(kind, line)),
    }
}

fn line_is_of(kind: Kind, line: &Line) -> Result<(), Rejection> {
    let (quantity, price) = (line.quantity, line.unit_price);
    let (quantity_fits, quantity_rule) = match kind {
        Kind::Order => (quantity > 0, "positive"),
        Kind::Cancellation | Kind::WriteOff => (quantity < 0, "negative"),
        Kind::Adjustment => (quantity == 1, "1"),
    };
    let (price_fits, price_rule) = match kind {
        Kind::Order => (price >= Decimal::ZERO, "zero or more"),
        Kind::Cancellation => (price > Decimal::ZERO, "positive"),
        Kind::Adjustment => (price != Decimal::ZERO, "other than zero"),
        Kind::WriteOff => (price == Decimal::ZERO, "zero"),
    };
    let stock_code = || line.stock_code.clone();
    if !quantity_fits {
        return Err(Rejection::Quantity {
            kind,
            rule: quantity_rule,
            stock_code: stock_code(),
            quantity,
        });
    }
    if !price_fits {
        return Err(Rejection::Price {
            kind,
            rule: price_rule,
            stock_code: stock_code(),
            unit_price: price,
        });
    }
    Ok(())
}
