//! Whether a build reads all of history: what it cannot read is counted and named.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory"))]

use annals::{
    Aggregate, Context, Event, EventData, EventStoreExt, EventType, ExpectedVersion, HistoryCheck,
    HistoryReport, MemoryStore, NewEvent, Payload, StreamAppend,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 2, upcast(from = 1, with = opened_v1))]
    Opened {
        owner: String,
    },
    #[event(alias = "account.credited")]
    Deposited {
        cents: u64,
    },
    Closed,
    #[event(other)]
    Other(EventData),
}

fn opened_v1(old: Value) -> Result<Value, &'static str> {
    match &old["name"] {
        Value::Null => Err("an account without a name"),
        Value::Bool(_) => panic!("a name is no truth"),
        name => Ok(serde_json::json!({ "owner": name })),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    cents: u64,
    is_closed: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Aggregate for Account {
    type Id = String;
    type Command = ();
    type Event = AccountEvent;
    type Error = Never;

    fn handle(&self, (): &(), _: &Context<Self>) -> Result<Vec<AccountEvent>, Never> {
        Ok(vec![])
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { .. } if self.is_closed => {
                panic!("a deposit into a closed account")
            }
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Closed => self.is_closed = true,
            AccountEvent::Opened { .. } | AccountEvent::Other(_) => {}
        }
    }
}

impl annals::Snapshot for Account {}

/// A store with these events: stream, name, schema version, payload.
async fn holding(events: &[(&str, &'static str, u32, &str)]) -> MemoryStore {
    let store = MemoryStore::new();
    for (stream, name, schema_version, payload) in events {
        let payload = Payload::parse(*payload).unwrap();
        let event = EventData::new(EventType::from_static(name), payload);
        let event = NewEvent::new(event.with_schema_version(*schema_version));
        let append = StreamAppend::new(stream.parse().unwrap(), ExpectedVersion::Any, vec![event]);
        store.append_to_stream(append).await.unwrap();
    }
    store
}

async fn check(store: &MemoryStore) -> HistoryReport {
    HistoryCheck::new().aggregate::<Account>().run(store).await.unwrap()
}

#[tokio::test]
async fn a_history_that_can_be_read_is_reported_so() {
    let store = holding(&[
        ("account-a", "account.opened", 1, r#"{"name":"Anna"}"#),
        ("account-a", "account.credited", 1, r#"{"cents":5}"#),
        ("account-b", "account.opened", 2, r#"{"owner":"Bob"}"#),
    ])
    .await;
    let report = check(&store).await;
    assert!(report.is_readable(), "{report}");
    assert_eq!(report.to_string(), "3 events read, of which 0 cannot be; 2 entities folded");
}

#[tokio::test]
async fn each_way_of_being_unreadable_is_counted_with_its_first() {
    let store = holding(&[
        ("account-a", "account.opened", 1, "{}"),
        ("account-a", "account.deposited", 1, r#"{"euros":5}"#),
        ("account-b", "account.deposited", 1, r#"{   "euros":6}"#),
        ("account-b", "account.opened", 3, "{}"),
        ("account-b", "account.frozen", 1, "{}"),
        ("account-c", "account.opened", 1, r#"{"name":true}"#),
        ("weather-here", "weather.changed", 1, "{}"),
    ])
    .await;
    let report = check(&store).await;
    let told = report.unreadable.iter().map(|kind| {
        let at = format!("{}@{}", kind.stream, kind.position);
        (kind.event_type.as_str(), kind.schema_version, kind.count, at)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("account.deposited", 1, 2, "account-a@2".to_owned()),
            ("account.frozen", 1, 1, "account-b@5".to_owned()),
            ("account.opened", 1, 1, "account-a@1".to_owned()),
            ("account.opened", 1, 1, "account-c@6".to_owned()),
            ("account.opened", 3, 1, "account-b@4".to_owned()),
            ("weather.changed", 1, 1, "weather-here@7".to_owned()),
        ]
    );
    let reasons: Vec<_> = report.unreadable.iter().map(|kind| &*kind.reason).collect();
    assert!(reasons[0].contains("missing field `cents`"), "{reasons:?}");
    assert!(reasons[2].ends_with("an account without a name"), "{reasons:?}");
    assert_eq!(reasons[3], "a name is no truth");
    assert!(report.to_string().contains(
        "\n  account.frozen, schema version 1: 1, the first as version 3 of account-b at position 5\n    \
         none of the types named reads it"
    ));
}

#[tokio::test]
async fn an_aggregate_that_panics_over_its_history_is_named() {
    let store = holding(&[
        ("account-a", "account.closed", 1, "{}"),
        ("account-a", "account.deposited", 1, r#"{"cents":5}"#),
        ("account-b", "account.closed", 1, "{}"),
        ("account-b", "account.deposited", 1, r#"{"cents":5}"#),
        ("account-c", "account.closed", 1, "{}"),
    ])
    .await;
    let report = check(&store).await;
    assert!(report.unreadable.is_empty() && !report.is_readable());
    assert_eq!(
        report.to_string(),
        "5 events read, of which 0 cannot be; 3 entities folded\n  \
         account: 2 entities cannot be folded, account-a is the first\n    \
         a deposit into a closed account"
    );
}

mod an_aggregate_that_lost_an_event {
    use annals::{Aggregate, Context, Event, HistoryCheck, MemoryStore};
    use serde::{Deserialize, Serialize};

    use super::{Account, Never, holding};

    /// What `AccountEvent` was, for a projection that still reads all of it.
    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(category = "account")]
    enum Legacy {
        Deposited { cents: u64 },
        Frozen,
    }

    #[derive(Debug, Clone, Serialize, Deserialize, Event)]
    #[event(category = "account")]
    enum Strict {
        Deposited { cents: u64 },
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct StrictAccount;

    impl Aggregate for StrictAccount {
        type Id = String;
        type Command = ();
        type Event = Strict;
        type Error = Never;

        fn handle(&self, (): &(), _: &Context<Self>) -> Result<Vec<Strict>, Never> {
            Ok(vec![])
        }

        fn apply(&mut self, _: &Strict) {}
    }

    impl annals::Snapshot for StrictAccount {}

    async fn frozen() -> MemoryStore {
        holding(&[
            ("account-a", "account.deposited", 1, r#"{"cents":5}"#),
            ("account-a", "account.frozen", 1, "{}"),
            ("account-a", "account.frozen", 1, "{}"),
            ("account-b", "account.frozen", 1, "{}"),
            ("weather-here", "account.frozen", 1, "{}"),
        ])
        .await
    }

    const TOLD: &str = "\n  account.frozen, schema version 1: 3, the first as version 2 of account-a at position 2\n    \
        no account that holds it can be loaded: unknown event type account.frozen: add a variant or an alias of that \
        name, or a catch-all with #[event(other)]";

    #[tokio::test]
    async fn is_told_although_another_type_reads_it() {
        let store = frozen().await;
        let both = HistoryCheck::new().events::<Legacy>().aggregate::<StrictAccount>();
        let report = both.run(&store).await.unwrap();
        assert!(!report.is_readable());
        let told = format!("5 events read, of which 3 cannot be; 2 entities folded{TOLD}");
        assert_eq!(report.to_string(), told);

        let with_catch_all = HistoryCheck::new().aggregate::<Account>().events::<Legacy>();
        let report = with_catch_all.run(&store).await.unwrap();
        assert!(report.is_readable(), "a catch-all loads it: {report}");
    }

    #[tokio::test]
    async fn is_told_where_only_its_snapshots_are_compared() {
        let store = frozen().await;
        let check = HistoryCheck::new().events::<Legacy>();
        let report = check.snapshots::<StrictAccount>(store.clone()).run(&store).await.unwrap();
        let told = format!("5 events read, of which 3 cannot be; 0 entities folded{TOLD}");
        assert_eq!(report.to_string(), told);
    }

    #[tokio::test]
    async fn is_told_once_where_no_type_reads_it() {
        let report = HistoryCheck::new().aggregate::<StrictAccount>();
        let report = report.run(&frozen().await).await.unwrap();
        let reasons: Vec<_> = report.unreadable.iter().map(|kind| &*kind.reason).collect();
        assert_eq!(reasons, ["none of the types named reads it"]);
        assert_eq!((report.unreadable[0].count, report.broken.len()), (4, 0));
    }
}

mod snapshots {
    use annals::{HistoryCheck, MemoryStore, SnapshotStore, StoredSnapshot};

    use super::{Account, Payload, holding};

    async fn keep(store: &MemoryStore, stream: &str, version: u64, position: u64, state: &str) {
        let state = Payload::parse(state).unwrap();
        let (version, position) = (annals::Version::new(version), annals::Position::new(position));
        let stream = stream.parse().unwrap();
        let snapshot = StoredSnapshot { stream, fold_version: 1, version, position, state };
        assert!(store.save_snapshot(&snapshot).await.unwrap());
    }

    #[tokio::test]
    async fn those_that_are_not_what_the_events_say_are_counted_and_named() {
        let deposited = |stream| (stream, "account.deposited", 1, r#"{"cents":5}"#);
        let streams = ["account-a", "account-b", "account-c", "account-d", "account-a"];
        let store = holding(&streams.map(deposited)).await;
        keep(&store, "account-a", 2, 5, r#"{"cents":10,"is_closed":false}"#).await;
        keep(&store, "account-b", 1, 2, r#"{"cents":6,"is_closed":false}"#).await;
        keep(&store, "account-c", 1, 3, r#"{"euros":5}"#).await;
        let check = HistoryCheck::new().aggregate::<Account>().snapshots::<Account>(store.clone());
        let report = check.run(&store).await.unwrap();
        assert!(!report.is_readable());
        assert_eq!(
            report.to_string(),
            "5 events read, of which 0 cannot be; 4 entities folded; 3 snapshots compared\n  \
             account: 2 snapshots are wrong, that of account-b is the first\n    \
             up to version 1 the events give another state"
        );

        keep(&store, "account-b", 1, 2, r#"{"cents":5,"is_closed":false}"#).await;
        let report = check.run(&store).await.unwrap();
        assert_eq!(report.wrong_snapshots[0].count, 1);
        let reason = &report.wrong_snapshots[0].reason;
        assert!(
            reason.starts_with("the snapshot cannot be read: missing field `cents`"),
            "{reason}"
        );

        keep(&store, "account-c", 1, 3, r#"{"cents":5,"is_closed":false}"#).await;
        let report = check.run(&store).await.unwrap();
        assert!(report.is_readable() && report.snapshots == 3, "{report}");
    }
}
