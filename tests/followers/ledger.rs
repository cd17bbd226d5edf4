//! What these tests follow: deposits into accounts, and followers that keep them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use annals::{
    Columns, Event, EventData, EventStore, EventStoreExt, EventType, ExpectedVersion, HandlerError,
    NewEvent, Options, Payload, Position, ReadModel, Recorded, RetryPolicy, StreamAppend,
};
use serde::{Deserialize, Serialize};

/// Longer than anything takes that these tests wait for.
pub(crate) const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
pub(crate) enum Moved {
    Deposited { cents: i64 },
    Closed,
}

/// Appends an event, and answers where it is.
pub(crate) async fn append(store: &impl EventStore, account: &str, event: &Moved) -> Position {
    let stream = format!("account-{account}").parse().unwrap();
    let event = NewEvent::encode(event).unwrap();
    let append = StreamAppend::new(stream, ExpectedVersion::Any, vec![event]);
    store.append_to_stream(append).await.unwrap().position
}

pub(crate) async fn deposit(store: &impl EventStore, account: &str, cents: i64) -> Position {
    append(store, account, &Moved::Deposited { cents }).await
}

/// Appends an event that concerns nobody, and answers where it is.
pub(crate) async fn foreign(store: &impl EventStore) -> Position {
    let data =
        EventData::new(EventType::from_static("weather.changed"), Payload::parse("{}").unwrap());
    let stream = "weather-here".parse().unwrap();
    let append = StreamAppend::new(stream, ExpectedVersion::Any, vec![NewEvent::new(data)]);
    store.append_to_stream(append).await.unwrap().position
}

/// An account: its balance, and which events made it. A read model over single events, so that an event that
/// is missed or doubled shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Balance {
    pub(crate) cents: i64,
    pub(crate) positions: Vec<u64>,
    closed: bool,
}

impl ReadModel for Balance {
    const NAME: &'static str = "balances";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        // Each twice, which makes no difference.
        let account = recorded.stream.entity_id().to_owned();
        [account.clone(), account]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<Moved>) {
        match recorded.event {
            Moved::Deposited { cents } => self.cents += cents,
            Moved::Closed => self.closed = true,
        }
        self.positions.push(recorded.position.get());
    }

    fn is_deleted(&self) -> bool {
        self.closed
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("cents", |balance: &Self| balance.cents)
    }

    fn options() -> Options {
        Options::new().with_retry(quick())
    }
}

/// Two tries, without a pause to speak of.
pub(crate) fn quick() -> RetryPolicy {
    let pause = Duration::from_millis(1);
    RetryPolicy::default().with_retries(1).with_first_pause(pause).with_longest_pause(pause)
}

/// What the log says the balances are.
pub(crate) async fn fold(store: &impl EventStore) -> BTreeMap<String, Balance> {
    use annals::TryStreamExt;
    let events: Vec<Recorded<Moved>> =
        store.events_after(Position::START).try_collect().await.unwrap();
    let mut balances = BTreeMap::<String, Balance>::new();
    for event in events {
        let account = event.stream.entity_id().to_owned();
        let balance = balances.entry(account.clone()).or_default();
        balance.apply(&account, &event);
        if balance.closed {
            balances.remove(&account);
        }
    }
    balances
}

/// How a handler behaves, told from outside while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fault: Mutex<Option<(String, Fault)>>,
    mended: Condvar,
    calls: AtomicU32,
    parks: AtomicBool,
    is_impatient: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    Error,
    Panic,
    Hang,
    /// Keeps the thread until it is mended, and then returns as if nothing were the matter.
    Hold,
}

impl Behaviour {
    /// From now on events of this account fail.
    pub(crate) fn fail_on(&self, account: &str, fault: Fault) {
        *self.0.fault.lock().unwrap() = Some((account.to_owned(), fault));
    }

    pub(crate) fn mend(&self) {
        *self.0.fault.lock().unwrap() = None;
        self.0.mended.notify_all();
    }

    /// Before it is started.
    pub(crate) fn park(self) -> Self {
        self.0.parks.store(true, Ordering::Relaxed);
        self
    }

    /// Before it is started: 200 ms is all that a handler gets.
    pub(crate) fn impatient(self) -> Self {
        self.0.is_impatient.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn calls(&self) -> u32 {
        self.0.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new().with_retry(quick());
        if self.0.is_impatient.load(Ordering::Relaxed) {
            options = options.with_timeout(Duration::from_millis(200));
        }
        if self.0.parks.load(Ordering::Relaxed) { options.park_failures() } else { options }
    }

    pub(crate) async fn meet(&self, recorded: &Recorded<Moved>) -> Result<(), HandlerError> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let fault = self.0.fault.lock().unwrap().clone();
        match fault.filter(|(account, _)| account == recorded.stream.entity_id()) {
            Some((_, Fault::Error)) => Err("the handler does not want it".into()),
            Some((_, Fault::Panic)) => panic!("the handler cannot bear it"),
            Some((_, Fault::Hang)) => std::future::pending().await,
            Some((_, Fault::Hold)) => {
                let fault = self.0.fault.lock().unwrap();
                drop(self.0.mended.wait_while(fault, |fault| fault.is_some()).unwrap());
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Waits until it is so: for what only the books tell.
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it never came to be so");
}
