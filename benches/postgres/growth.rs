//! What the same work costs when there are millions of events already.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use annals::{EventStore, EventStoreExt, PostgresStore};
use annals_figures::{Figure, Part, Unit};
use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    contender::{Customer, Ledger, run},
    ground::{Ground, Outcome},
    history::History,
};

/// How many events an account has on average.
const EACH: usize = 20;
/// The most that the same work may cost, as a multiple of its cost in an empty store.
const GOAL: f64 = 1.25;

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Opens accounts in so many tasks.
    Append(usize),
    /// Opens one account and waits until a follower was handed the event; then the next.
    Tail,
}

pub(crate) async fn measure(ground: &Ground, events: usize) -> Outcome<Part> {
    let (empty, full) = (ground.store().await?, ground.store().await?);
    let begin = Instant::now();
    let history = History::new((events / EACH).max(1), events);
    history.append_to(&full).await?;
    let stored = vec![history.events as f64 / begin.elapsed().as_secs_f64()];
    ground.run(&format!("VACUUM ANALYZE {}.events", full.schema())).await?;

    let events = annals_figures::with_commas(history.events as f64);
    let title = format!("the same work in an empty store, and with {events} events");
    let mut part = Part::new("growth", title);
    for (name, work) in [
        ("appends by 1 task", Work::Append(1)),
        ("appends by 64 tasks", Work::Append(64)),
        ("appends, each followed", Work::Tail),
    ] {
        let stores = [&empty, &full];
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..ground.rounds {
            for nth in [round % 2, (round + 1) % 2] {
                ground.settle().await?;
                rates[nth].push(work.rate(stores[nth], ground.duration).await?);
            }
        }
        let [empty, full] = rates;
        let figure = Figure::new(name, Unit::PerSecond).by("empty", empty).by("full", full);
        part = part.with(figure.ratio("empty", "full").at_most(GOAL));
    }
    ground.clear().await?;
    Ok(part.with(Figure::new("events stored to begin with", Unit::PerSecond).by("full", stored)))
}

impl Work {
    async fn rate(self, store: &PostgresStore, duration: Duration) -> Outcome<f64> {
        match self {
            Self::Append(tasks) => {
                let ledger: Arc<dyn Ledger> = Arc::new(store.clone());
                Ok(run(&ledger, &mut vec![Customer::Opens; tasks], duration).await?.per_second)
            }
            Self::Tail => tokio::spawn(tail(store.clone(), duration)).await?,
        }
    }
}

async fn tail(store: PostgresStore, duration: Duration) -> Outcome<f64> {
    let mut events = store.follow::<AccountEvent>(store.head().await?);
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < duration {
        let position =
            Ledger::append(&store, Uuid::now_v7(), 0, AccountEvent::opened(count)).await?;
        let event = events.try_next().await?.ok_or("the end of a stream without end")?;
        assert_eq!(event.position.get(), position.unsigned_abs());
        count += 1;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}
