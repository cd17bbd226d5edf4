//! Who appends: many at once, and on through the loss of the server.

use std::time::SystemTime;

use annals::{ExpectedVersion, PostgresStore, StreamAppend, Version};
use fastrand::Rng;
use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use crate::{
    accounts::{self, REGIONS, deposit},
    evidence::{Acknowledged, acknowledged, settled},
    orders,
};

/// The events of one append: most of them into an account of the writer's own, others into one that it shares, and
/// an order.
pub(crate) const EVENTS: usize = 50;
const OWN: usize = 30;
/// Accounts of one writer, accounts that all share, and customers.
const ACCOUNTS: u64 = 10;
const SHARED: u64 = 40;
const CUSTOMERS: u64 = 500;

pub(crate) struct Writer {
    pub(crate) store: PostgresStore,
    pub(crate) number: u64,
    pub(crate) random: Rng,
}

impl Writer {
    /// Appends `appends` times, each time with a permit of `budget`, and tells what was acknowledged.
    pub(crate) async fn run(
        mut self,
        appends: u64,
        budget: &Semaphore,
        tell: UnboundedSender<Vec<Acknowledged>>,
    ) -> u64 {
        let (mut versions, mut lost) = ([Version::default(); ACCOUNTS as usize], 0);
        for nth in 0..appends {
            budget.acquire().await.unwrap().forget();
            let account = self.random.usize(..versions.len());
            let own = format!("own-{}-{account}", self.number);
            let shared = format!("shared-{}", self.random.u64(..SHARED));
            let order = nth * 1_000 + self.number;
            let customer = self.random.u64(..CUSTOMERS);
            let appends = [
                StreamAppend::new(accounts::stream(own), versions[account], self.deposits(OWN)),
                StreamAppend::new(
                    accounts::stream(shared),
                    ExpectedVersion::Any,
                    self.deposits(EVENTS - OWN - 1),
                ),
                StreamAppend::new(
                    orders::stream(customer),
                    ExpectedVersion::Any,
                    vec![orders::placed(order)],
                ),
            ];
            let began = SystemTime::now();
            let answers = settled(&self.store, &appends, || lost += 1).await;
            versions[account] = answers[0].version;
            tell.send(acknowledged(&appends, &answers, began)).unwrap();
        }
        lost
    }

    fn deposits(&mut self, events: usize) -> Vec<annals::NewEvent> {
        let mut next = || deposit(self.random.u64(..REGIONS), self.random.i64(1..100_000));
        (0..events).map(|_| next()).collect()
    }
}
