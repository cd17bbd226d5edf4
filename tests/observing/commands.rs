//! Commands: each is a span with its outcome, and is counted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use annals::{
    Aggregate, AppendError, Appended, CommandError, Context, Event, EventStore, ExpectedVersion,
    MemoryStore, Repository, StreamAppend, Version, forward,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ears::Ears;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "lamp")]
enum LampEvent {
    Lit,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Lamp;

struct Light;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no lamp with that name is lit")]
struct NotThatOne;

impl Aggregate for Lamp {
    const CATEGORY: &'static str = "lamp";
    type Id = String;
    type Command = Light;
    type Event = LampEvent;
    type Error = NotThatOne;

    fn handle(&self, _: &Light, cx: &Context<Self>) -> Result<Vec<LampEvent>, NotThatOne> {
        if cx.id() == "broken" { Err(NotThatOne) } else { Ok(vec![LampEvent::Lit]) }
    }

    fn apply(&mut self, _: &LampEvent) {}
}

/// A store in which somebody else is faster, once.
#[derive(Clone)]
struct Raced(MemoryStore, Arc<AtomicBool>);

#[async_trait]
impl EventStore for Raced {
    forward!(self => self.0; read_stream, read_all, head, wait_for_head);

    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        if !self.1.swap(true, Ordering::Relaxed) {
            let other = annals::NewEvent::encode(&LampEvent::Lit).unwrap();
            let stream = appends[0].stream.clone();
            self.0
                .append(vec![StreamAppend::new(stream, ExpectedVersion::Any, vec![other])])
                .await?;
        }
        self.0.append(appends).await
    }
}

pub(crate) async fn run(ears: &Ears) {
    let lamps = Repository::<Lamp>::new(Raced(MemoryStore::new(), Arc::default()));
    let (desk, broken) = ("desk".to_owned(), "broken".to_owned());
    let done = lamps.execute(&desk, &Light).await.unwrap();
    assert_eq!(done.version, Version::new(2), "somebody else was faster");
    let rejected = lamps.execute(&broken, &Light).await;
    assert!(matches!(rejected, Err(CommandError::Rejected(_))), "{rejected:?}");
    let conflict = lamps.execute(&desk, &Light).with_expected_version(Version::new(1)).await;
    assert!(matches!(conflict, Err(CommandError::Conflict(_))), "{conflict:?}");

    let told: Vec<_> = ears.spans("execute");
    let fields = |nth: usize| {
        ["stream", "version", "events", "attempts", "outcome"].map(|name| told[nth].field(name))
    };
    assert_eq!(fields(0), ["lamp-desk", "2", "1", "2", "executed"]);
    assert_eq!(fields(1), ["lamp-broken", "", "", "1", "rejected"]);
    assert_eq!(fields(2), ["lamp-desk", "", "", "1", "conflict"]);

    for outcome in ["executed", "rejected", "conflict"] {
        let labels = [("category", "lamp"), ("outcome", outcome)];
        assert_eq!(ears.metric("annals_commands_total", &labels), 1.0, "{outcome}");
    }
    let lamp = [("category", "lamp")];
    assert_eq!(ears.metric("annals_command_conflicts_total", &lamp), 1.0);
    assert_eq!(ears.metric("annals_command_retries_total", &lamp), 1.0);
}

#[tokio::test]
async fn commands_are_told_with_their_outcome() {
    let ears = Ears::open();
    run(&ears).await;
    assert_eq!(ears.metric("annals_command_duration_seconds", &[("category", "lamp")]), 3.0);
}
