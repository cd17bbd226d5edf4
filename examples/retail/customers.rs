use annals::{Columns, ReadModel, Recorded};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::{invoice::InvoiceEvent, line::Line, number::CustomerId};

/// A customer with an account, as the events tell of them: a row of the table `customers`.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) orders: u64,
    /// Less what was cancelled.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) spent: Decimal,
}

impl ReadModel for Customer {
    const NAME: &'static str = "customers";
    type Event = InvoiceEvent;
    type Key = CustomerId;

    /// What guests buy concerns no row.
    fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = CustomerId> {
        recorded.event.customer()
    }

    fn apply(&mut self, _: &CustomerId, recorded: &Recorded<InvoiceEvent>) {
        let event = &recorded.event;
        self.spent += event.lines().iter().map(Line::value).sum::<Decimal>();
        if let InvoiceEvent::OrderPlaced { .. } = event {
            self.orders += 1;
        }
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("spent", |customer: &Self| customer.spent.to_f64())
    }
}
