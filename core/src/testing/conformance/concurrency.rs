use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::time::timeout;

use super::fixture::{
    Any, SOON, Store, append, append_all, at_once, collect, event, events, exact, head, ids, read,
    read_all, recorded_ids, to, versions, wait_for_head,
};
use crate::{AppendError, Position, ReadAll, RecordedEvent};

const APPENDERS: usize = 64;

pub(super) async fn of_many_who_expect_one_version_one_wins(store: Store) {
    for round in 0..5 {
        let outcomes = at_once(APPENDERS, |_| {
            let store = store.clone();
            async move { store.append(vec![to("test-hot", exact(round * 2), events(2))]).await }
        })
        .await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{won} appenders were told that they were first in round {round}");
        for outcome in outcomes {
            match outcome {
                Ok(answers) => {
                    assert_eq!(answers.first().map(|a| a.version.get()), Some(round * 2 + 2))
                }
                Err(AppendError::Conflict(conflict)) => {
                    assert_eq!(conflict.actual.get(), round * 2 + 2)
                }
                Err(other) => panic!("neither an answer nor a conflict: {other:?}"),
            }
        }
    }
    assert_eq!(versions(&read(&store, "test-hot").await), (1..=10).collect::<Vec<_>>());
}

pub(super) async fn many_appenders_share_one_stream(store: Store) {
    let appended = at_once(APPENDERS, |task| {
        let store = store.clone();
        async move {
            let mut appended = Vec::new();
            for round in 0..4 {
                let batch = events(1 + (task + round) % 3);
                appended.push((ids(&batch), append(&store, to("test-hot", Any, batch)).await));
            }
            appended
        }
    })
    .await;
    let stored = read(&store, "test-hot").await;
    assert_eq!(versions(&stored), (1..=stored.len() as u64).collect::<Vec<_>>());
    let place: HashMap<_, _> =
        stored.iter().map(|event| (event.id, (event.version, event.position))).collect();
    let mut acknowledged = 0;
    for (batch, answer) in appended.into_iter().flatten() {
        acknowledged += batch.len();
        let versions: Vec<_> =
            batch.iter().filter_map(|id| place.get(id)).map(|(v, _)| v.get()).collect();
        let first = answer.version.get() + 1 - batch.len() as u64;
        assert_eq!(
            versions,
            (first..=answer.version.get()).collect::<Vec<_>>(),
            "an append stays together"
        );
        let last = batch.last().and_then(|id| place.get(id));
        assert_eq!(last, Some(&(answer.version, answer.position)));
    }
    assert_eq!(acknowledged, stored.len());
    assert!(stored.is_sorted_by(|a, b| a.position < b.position));
}

pub(super) async fn many_appenders_write_streams_of_their_own(store: Store) {
    at_once(APPENDERS, |task| {
        let store = store.clone();
        async move {
            for version in 0..5 {
                append(&store, to(&format!("test-{task}"), exact(version), events(1))).await;
            }
        }
    })
    .await;
    let all = read_all(&store).await;
    assert_eq!(all.len(), APPENDERS * 5);
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    assert_eq!(all.last().map(|event| event.position), Some(head(&store).await));
    for task in 0..APPENDERS {
        assert_eq!(versions(&read(&store, &format!("test-{task}")).await), [1, 2, 3, 4, 5]);
    }
}

pub(super) async fn appends_to_the_same_streams_in_opposite_orders_all_succeed(store: Store) {
    const STREAMS: [&str; 3] = ["test-a", "test-b", "test-c"];
    let all = at_once(APPENDERS, |task| {
        let store = store.clone();
        async move {
            let mut appends: Vec<_> = STREAMS.iter().map(|name| to(name, Any, events(1))).collect();
            if task % 2 == 0 {
                appends.reverse();
            }
            append_all(&store, appends).await
        }
    });
    assert!(timeout(SOON, all).await.is_ok(), "not all appends were answered within {SOON:?}");
    for name in STREAMS {
        assert_eq!(read(&store, name).await.len(), APPENDERS, "{name}");
    }
}

/// Reads like a follower, from its checkpoint on, as far as the store lets it, until it meets the last event.
async fn follow(store: Store, last: &str) -> Vec<RecordedEvent> {
    let mut came: Vec<RecordedEvent> = Vec::new();
    while came.last().is_none_or(|event| event.event.event_type.as_str() != last) {
        let checkpoint = came.last().map_or(Position::START, |event| event.position);
        wait_for_head(&store, checkpoint).await;
        came.extend(collect(store.read_all(ReadAll::after(checkpoint))).await);
    }
    came
}

pub(super) async fn a_reader_follows_writers_without_a_gap_or_a_double(store: Store) {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 40;
    const LAST: &str = "test.closed";
    let finished = Arc::new(AtomicUsize::new(0));
    let followed = at_once(WRITERS + 3, |task| {
        let (store, finished) = (store.clone(), Arc::clone(&finished));
        async move {
            if task >= WRITERS {
                return follow(store, LAST).await;
            }
            for round in 0..ROUNDS {
                let (own, shared) =
                    (format!("test-own-{task}"), format!("test-shared-{}", (task + round) % 5));
                append_all(&store, vec![to(&own, Any, events(2)), to(&shared, Any, events(1))])
                    .await;
            }
            if finished.fetch_add(1, Ordering::SeqCst) + 1 == WRITERS {
                append(&store, to("test-closing", Any, vec![event(LAST, 0)])).await;
            }
            Vec::new()
        }
    })
    .await;
    let stored = read_all(&store).await;
    assert_eq!(stored.len(), WRITERS * ROUNDS * 3 + 1);
    for came in followed.into_iter().skip(WRITERS) {
        assert!(
            came.is_sorted_by(|a, b| a.position < b.position),
            "positions do not rise for a follower"
        );
        assert_eq!(
            recorded_ids(&came),
            recorded_ids(&stored),
            "what a follower saw and what is stored"
        );
    }
    let mut next: HashMap<_, u64> = HashMap::new();
    for event in &stored {
        let version = next.entry(event.stream.clone()).or_default();
        *version += 1;
        assert_eq!(
            event.version.get(),
            *version,
            "versions of {} follow the positions",
            event.stream
        );
    }
}
