use annals::{EventStore, EventStoreExt, Position, StoreError, TryStreamExt};
use rust_decimal::Decimal;

use crate::{
    customers::Customers,
    invoice::InvoiceEvent,
    line::{Line, Totals},
    number::Kind,
    stock::Stock,
};

/// All that is known of the shop, from its events alone.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) events: u64,
    pub(crate) invoices: Invoices,
    pub(crate) customers: Customers,
    pub(crate) stock: Stock,
}

#[derive(Debug, Default)]
pub(crate) struct Invoices {
    pub(crate) orders: u64,
    pub(crate) cancellations: u64,
    pub(crate) adjustments: u64,
    pub(crate) write_offs: u64,
    pub(crate) totals: Totals,
    /// The value of the orders alone.
    pub(crate) gross: Decimal,
    pub(crate) cancelled: Decimal,
    pub(crate) adjusted: Decimal,
}

impl Figures {
    /// Reads the global stream from its start to its end, once for all.
    pub(crate) async fn follow(store: &dyn EventStore) -> Result<Self, StoreError> {
        let mut figures = Self::default();
        let mut events = store.events_after::<InvoiceEvent>(Position::START);
        while let Some(recorded) = events.try_next().await? {
            figures.events += 1;
            figures.invoices.apply(&recorded.event);
            figures.customers.apply(&recorded.event);
            figures.stock.apply(&recorded.event);
        }
        Ok(figures)
    }
}

impl Invoices {
    fn apply(&mut self, event: &InvoiceEvent) {
        let lines = event.lines();
        let value: Decimal = lines.iter().map(Line::value).sum();
        self.totals.extend(lines);
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
}
