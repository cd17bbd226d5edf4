use annals::{Aggregate, Context, Event};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::{
    line::{Line, Slip, Totals},
    number::{CustomerId, InvoiceNumber, Kind},
    rules::{self, Rejection},
};

/// An invoice number, and what it stands for: one of four things, for good. That rule spans all four,
/// so they are one aggregate and not four.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Invoice {
    /// Nobody has used the number yet.
    #[default]
    NotIssued,
    /// It stands for this.
    Issued(Issued),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Issued {
    pub(crate) kind: Kind,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) country: String,
    pub(crate) totals: Totals,
}

/// What the shop can do with an invoice number.
#[derive(Debug, Clone)]
pub(crate) enum InvoiceCommand {
    PlaceOrder(Slip),
    /// More lines come in a minute after the first.
    AddToOrder(Slip),
    Cancel(Slip),
    AddToCancellation(Slip),
    AdjustBadDebt(Slip),
    WriteOffStock(Slip),
}

/// What happened. Each event says all that a follower needs, so that it does not have to know the invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "invoice")]
pub(crate) enum InvoiceEvent {
    OrderPlaced {
        customer: Option<CustomerId>,
        country: String,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
    OrderExtended {
        customer: Option<CustomerId>,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
    CancellationIssued {
        customer: Option<CustomerId>,
        country: String,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
    CancellationExtended {
        customer: Option<CustomerId>,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
    BadDebtAdjusted {
        country: String,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
    StockWrittenOff {
        country: String,
        lines: Vec<Line>,
        at: NaiveDateTime,
    },
}

impl Aggregate for Invoice {
    type Id = InvoiceNumber;
    type Command = InvoiceCommand;
    type Event = InvoiceEvent;
    type Error = Rejection;

    fn handle(
        &self,
        command: &InvoiceCommand,
        cx: &Context<Self>,
    ) -> Result<Vec<InvoiceEvent>, Rejection> {
        let issue =
            |kind, slip| rules::may_issue(self, cx.id(), kind, slip).map(|()| Slip::clone(slip));
        let extend = |kind, slip| rules::may_extend(self, kind, slip).map(|()| Slip::clone(slip));
        let event = match command {
            InvoiceCommand::PlaceOrder(slip) => {
                let Slip { customer, country, lines, at } = issue(Kind::Order, slip)?;
                InvoiceEvent::OrderPlaced { customer, country, lines, at }
            }
            InvoiceCommand::AddToOrder(slip) => {
                let Slip { customer, lines, at, .. } = extend(Kind::Order, slip)?;
                InvoiceEvent::OrderExtended { customer, lines, at }
            }
            InvoiceCommand::Cancel(slip) => {
                let Slip { customer, country, lines, at } = issue(Kind::Cancellation, slip)?;
                InvoiceEvent::CancellationIssued { customer, country, lines, at }
            }
            InvoiceCommand::AddToCancellation(slip) => {
                let Slip { customer, lines, at, .. } = extend(Kind::Cancellation, slip)?;
                InvoiceEvent::CancellationExtended { customer, lines, at }
            }
            InvoiceCommand::AdjustBadDebt(slip) => {
                let Slip { country, lines, at, .. } = issue(Kind::Adjustment, slip)?;
                InvoiceEvent::BadDebtAdjusted { country, lines, at }
            }
            InvoiceCommand::WriteOffStock(slip) => {
                let Slip { country, lines, at, .. } = issue(Kind::WriteOff, slip)?;
                InvoiceEvent::StockWrittenOff { country, lines, at }
            }
        };
        Ok(vec![event])
    }

    fn apply(&mut self, event: &InvoiceEvent) {
        match event {
            InvoiceEvent::OrderPlaced { customer, country, .. } => {
                self.issue(Kind::Order, *customer, country);
            }
            InvoiceEvent::CancellationIssued { customer, country, .. } => {
                self.issue(Kind::Cancellation, *customer, country);
            }
            InvoiceEvent::BadDebtAdjusted { country, .. } => {
                self.issue(Kind::Adjustment, None, country)
            }
            InvoiceEvent::StockWrittenOff { country, .. } => {
                self.issue(Kind::WriteOff, None, country)
            }
            InvoiceEvent::OrderExtended { .. } | InvoiceEvent::CancellationExtended { .. } => {}
        }
        if let Self::Issued(issued) = self {
            issued.totals.extend(event.lines());
        }
    }
}

impl Invoice {
    fn issue(&mut self, kind: Kind, customer: Option<CustomerId>, country: &str) {
        *self = Self::Issued(Issued {
            kind,
            customer,
            country: country.to_owned(),
            totals: Totals::default(),
        });
    }

    /// What it stands for, if anything yet.
    pub(crate) fn issued(&self) -> Option<&Issued> {
        match self {
            Self::NotIssued => None,
            Self::Issued(issued) => Some(issued),
        }
    }
}

impl InvoiceEvent {
    /// What the invoice is that it happened to.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::OrderPlaced { .. } | Self::OrderExtended { .. } => Kind::Order,
            Self::CancellationIssued { .. } | Self::CancellationExtended { .. } => {
                Kind::Cancellation
            }
            Self::BadDebtAdjusted { .. } => Kind::Adjustment,
            Self::StockWrittenOff { .. } => Kind::WriteOff,
        }
    }

    pub(crate) fn lines(&self) -> &[Line] {
        match self {
            Self::OrderPlaced { lines, .. }
            | Self::OrderExtended { lines, .. }
            | Self::CancellationIssued { lines, .. }
            | Self::CancellationExtended { lines, .. }
            | Self::BadDebtAdjusted { lines, .. }
            | Self::StockWrittenOff { lines, .. } => lines,
        }
    }

    /// When it happened in the shop, which is long before a store records it.
    pub(crate) fn at(&self) -> NaiveDateTime {
        match self {
            Self::OrderPlaced { at, .. }
            | Self::OrderExtended { at, .. }
            | Self::CancellationIssued { at, .. }
            | Self::CancellationExtended { at, .. }
            | Self::BadDebtAdjusted { at, .. }
            | Self::StockWrittenOff { at, .. } => *at,
        }
    }

    pub(crate) fn customer(&self) -> Option<CustomerId> {
        match self {
            Self::OrderPlaced { customer, .. }
            | Self::OrderExtended { customer, .. }
            | Self::CancellationIssued { customer, .. }
            | Self::CancellationExtended { customer, .. } => *customer,
            Self::BadDebtAdjusted { .. } | Self::StockWrittenOff { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
