//! What is made of the events: the balance of each account, in a read model and by hand.

use std::time::Duration;

use annals::{Columns, Followers, Position, PostgresStore, ReadModel, Recorded, Running, StreamId};
use serde::{Deserialize, Serialize};

use crate::{account::AccountEvent, ground::Outcome};

/// A row of the read model number `N`: so that there can be many that are alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Balance<const N: usize = 0> {
    pub(crate) deposits: u64,
    pub(crate) cents: u64,
}

impl<const N: usize> Balance<N> {
    pub(crate) fn take(&mut self, event: &AccountEvent) {
        if let AccountEvent::Deposited(deposited) = event {
            self.deposits += 1;
            self.cents += deposited.cents;
        }
    }
}

impl<const N: usize> ReadModel for Balance<N> {
    const NAME: &'static str = NAMES[N];
    type Event = AccountEvent;
    type Key = StreamId;

    fn keys(recorded: &Recorded<AccountEvent>) -> impl IntoIterator<Item = StreamId> {
        [recorded.stream.clone()]
    }

    fn apply(&mut self, _: &StreamId, recorded: &Recorded<AccountEvent>) {
        self.take(&recorded.event);
    }

    fn columns() -> Columns<Self> {
        Columns::new().column("cents", |balance: &Self| balance.cents.cast_signed())
    }
}

/// How many read models there can be.
pub(crate) const MANY: usize = 20;

const NAMES: [&str; MANY] = [
    "balances",
    "balances_1",
    "balances_2",
    "balances_3",
    "balances_4",
    "balances_5",
    "balances_6",
    "balances_7",
    "balances_8",
    "balances_9",
    "balances_10",
    "balances_11",
    "balances_12",
    "balances_13",
    "balances_14",
    "balances_15",
    "balances_16",
    "balances_17",
    "balances_18",
    "balances_19",
];

macro_rules! add {
    ($to:expr, $($number:literal)*) => { $to$(.read_model::<Balance<$number>>())* };
}

/// Followers of `store` with so many read models: none, one, or all there can be.
pub(crate) fn followers(store: &PostgresStore, number: usize) -> Followers<PostgresStore> {
    let followers = Followers::new(store.clone());
    match number {
        0 => followers,
        1 => followers.read_model::<Balance>(),
        MANY => add!(followers, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19),
        _ => unimplemented!("{number} read models"),
    }
}

/// Waits until the first `number` of them have everything up to `position`.
pub(crate) async fn caught_up(
    running: &Running<PostgresStore>,
    number: usize,
    position: Position,
) -> Outcome {
    for name in &NAMES[..number] {
        running.wait_for(name, position, Duration::from_secs(60)).await?;
    }
    Ok(())
}
