use std::{cmp::Reverse, collections::HashMap};

use rust_decimal::Decimal;

use crate::{invoice::InvoiceEvent, line::Line, number::CustomerId};

/// The customers with an account, as the events tell of them.
#[derive(Debug, Default)]
pub(crate) struct Customers {
    by_id: HashMap<CustomerId, Customer>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Customer {
    pub(crate) orders: u64,
    /// Less what was cancelled.
    pub(crate) spent: Decimal,
}

impl Customers {
    pub(crate) fn apply(&mut self, event: &InvoiceEvent) {
        let Some(id) = event.customer() else { return };
        let customer = self.by_id.entry(id).or_default();
        customer.spent += event.lines().iter().map(Line::value).sum::<Decimal>();
        if let InvoiceEvent::OrderPlaced { .. } = event {
            customer.orders += 1;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Those who spent the most.
    pub(crate) fn best(&self, count: usize) -> Vec<(CustomerId, Customer)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, customer)| (*id, *customer)).collect();
        all.sort_by_key(|(id, customer)| (Reverse(customer.spent), *id));
        all.truncate(count);
        all
    }
}
