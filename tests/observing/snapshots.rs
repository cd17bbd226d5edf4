//! Snapshots: taken, failed, ignored.

use std::convert::Infallible;

use annals::{
    Aggregate, Context, Event, MemoryStore, Payload, Position, Repository, Snapshot,
    SnapshotPolicy, SnapshotStore, StoredSnapshot, Version,
};
use serde::{Deserialize, Serialize};

use crate::ears::{Ears, is_warning};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "gauge")]
enum GaugeEvent {
    Turned { by: u32 },
}

/// Has no JSON once it was turned by nothing.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Gauge {
    part: f64,
}

impl Aggregate for Gauge {
    type Id = String;
    type Command = u32;
    type Event = GaugeEvent;
    type Error = Infallible;

    fn handle(&self, by: &u32, _: &Context<Self>) -> Result<Vec<GaugeEvent>, Infallible> {
        Ok(vec![GaugeEvent::Turned { by: *by }])
    }

    fn apply(&mut self, GaugeEvent::Turned { by }: &GaugeEvent) {
        self.part = 1.0 / f64::from(*by);
    }
}

impl Snapshot for Gauge {
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(1);
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn run(ears: &Ears) {
    let store = MemoryStore::new();
    let gauges = Repository::<Gauge>::with_snapshots(store.clone());
    let (hall, door) = ("hall".to_owned(), "door".to_owned());
    gauges.execute(&hall, &4).await.unwrap();
    settle().await;
    gauges.execute(&door, &0).await.unwrap();
    settle().await;
    let snapshot = StoredSnapshot {
        stream: gauges.stream_id(&hall).unwrap(),
        fold_version: Gauge::VERSION,
        version: Version::new(1),
        position: Position::new(1),
        state: Payload::parse("{}").unwrap(),
    };
    assert!(store.save_snapshot(&snapshot).await.unwrap());
    let loaded = Repository::<Gauge>::with_snapshots(store).load(&hall).await.unwrap();
    assert_eq!(loaded.state, Gauge { part: 0.25 });
    settle().await;

    let told = ears.all_events();
    let told: Vec<_> = told.iter().filter(|one| one.target == "annals::snapshots").collect();
    let names: Vec<_> = told.iter().map(|one| (&*one.name, one.field("stream"))).collect();
    assert_eq!(
        names,
        [
            ("snapshot taken", "gauge-hall"),
            ("snapshot failed", "gauge-door"),
            ("snapshot ignored", "gauge-hall"),
            ("snapshot taken", "gauge-hall"),
        ]
    );
    assert_eq!(
        told.iter().map(|one| is_warning(one)).collect::<Vec<_>>(),
        [false, true, true, false]
    );
    assert_eq!((told[0].field("version"), told[1].field("version")), ("1", "1"));
    let reason = told[2].field("reason");
    assert!(reason.starts_with("the snapshot cannot be read: missing field `part`"), "{reason}");

    for (outcome, count) in [("taken", 2.0), ("failed", 1.0)] {
        let labels = [("category", "gauge"), ("outcome", outcome)];
        assert_eq!(ears.metric("annals_snapshots_total", &labels), count, "{outcome}");
    }
    let gauge = [("category", "gauge")];
    assert_eq!(ears.metric("annals_snapshots_ignored_total", &gauge), 1.0);
    assert_eq!(ears.metric("annals_snapshot_duration_seconds", &gauge), 2.0);
}

#[tokio::test]
async fn snapshots_are_told_of() {
    run(&Ears::open()).await;
}
