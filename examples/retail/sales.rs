use std::iter::Sum;

use annals::{Columns, ReadModel, Recorded};
use chrono::NaiveDate;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::{
    invoice::InvoiceEvent,
    line::{Line, Totals},
    number::Kind,
};

/// What the shop did on one day: a row of the table `daily_sales`. Or on several, as their sum.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Sales {
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) cancellations: u64,
    pub(crate) adjustments: u64,
    pub(crate) write_offs: u64,
    pub(crate) totals: Totals,
    /// The value of the orders alone.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) gross: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) cancelled: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) adjusted: Decimal,
}

impl ReadModel for Sales {
    const NAME: &'static str = "daily_sales";
    type Event = InvoiceEvent;
    /// The day in the shop, whenever a store recorded it.
    type Key = NaiveDate;

    fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = NaiveDate> {
        [recorded.event.at().date()]
    }

    fn apply(&mut self, _: &NaiveDate, recorded: &Recorded<InvoiceEvent>) {
        let event = &recorded.event;
        let value: Decimal = event.lines().iter().map(Line::value).sum();
        self.events += 1;
        self.totals.extend(event.lines());
        match event {
            InvoiceEvent::OrderPlaced { .. } => self.orders += 1,
            InvoiceEvent::CancellationIssued { .. } => self.cancellations += 1,
            InvoiceEvent::BadDebtAdjusted { .. } => self.adjustments += 1,
            InvoiceEvent::StockWrittenOff { .. } => self.write_offs += 1,
            InvoiceEvent::OrderExtended { .. } | InvoiceEvent::CancellationExtended { .. } => {}
        }
        match event.kind() {
            Kind::Order => self.gross += value,
            Kind::Cancellation => self.cancelled += value,
            Kind::Adjustment => self.adjusted += value,
            Kind::WriteOff => {}
        }
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("value", |day: &Self| day.totals.value.to_f64())
    }
}

impl<'a> Sum<&'a Self> for Sales {
    fn sum<I: Iterator<Item = &'a Self>>(days: I) -> Self {
        days.fold(Self::default(), |sum, day| Self {
            events: sum.events + day.events,
            orders: sum.orders + day.orders,
            cancellations: sum.cancellations + day.cancellations,
            adjustments: sum.adjustments + day.adjustments,
            write_offs: sum.write_offs + day.write_offs,
            totals: sum.totals + day.totals,
            gross: sum.gross + day.gross,
            cancelled: sum.cancelled + day.cancelled,
            adjusted: sum.adjusted + day.adjusted,
        })
    }
}
