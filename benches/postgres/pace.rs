//! Appends at a steady pace, and when each was answered.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use annals::PostgresStore;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    contender::{Customer, Ledger},
    ground::Outcome,
};

/// How many accounts are opened first, as fast as that goes.
pub(crate) const ACCOUNTS: usize = 100;

/// An append that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) position: u64,
    pub(crate) at: Duration,
}

/// Opens [`ACCOUNTS`], and then makes `count` deposits on them, one after the other, so many a second.
pub(crate) async fn deposit(
    store: &PostgresStore,
    count: usize,
    per_second: u32,
) -> Outcome<Vec<Answered>> {
    let mut accounts = VecDeque::new();
    for nth in 0..ACCOUNTS {
        let account = Uuid::now_v7();
        Ledger::append(store, account, 0, AccountEvent::opened(nth as u64)).await?;
        accounts.push_back((account, 1));
    }
    let mut customer = Customer::Deposits(accounts);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = Vec::with_capacity(count);
    for nth in 0..count {
        pace.tick().await;
        let position = customer.act(store, nth as u64).await?.unsigned_abs();
        answered.push(Answered { position, at: now() });
    }
    Ok(answered)
}

/// The time since the epoch, which two processes can compare.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
