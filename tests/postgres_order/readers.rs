//! Readers of the global stream, each in its own way, and one that reads as one should not.

use std::{collections::HashSet, time::Duration};

use annals::{
    EventData, EventId, EventStore, EventStoreExt, Position, PostgresStore, ReadAll, Recorded,
    TryStreamExt,
};
use sqlx::PgPool;
use tokio::{sync::watch, time::interval};
use uuid::Uuid;

use crate::{Sales, evidence::History};

/// How far the reader that lags lets the others go ahead.
const LAG: u64 = 3000;
/// How often the naive reader looks.
const POLL: Duration = Duration::from_millis(10);

/// Follows everything.
pub(crate) async fn following(store: PostgresStore, end: EventId) -> History {
    let mut history = History::default();
    let mut events = store.follow::<EventData>(Position::START);
    loop {
        let event = events.try_next().await.unwrap().unwrap();
        history.take(&event);
        if event.id == end {
            return history;
        }
    }
}

/// Follows sales. What it gives are the positions and ids.
pub(crate) async fn filtered(store: PostgresStore, end: EventId) -> Vec<(Position, EventId)> {
    let mut sales: Vec<Recorded<Sales>> = Vec::new();
    let mut events = store.follow(Position::START);
    while sales.last().is_none_or(|last| last.id != end) {
        let event = events.try_next().await.unwrap().unwrap();
        assert!(sales.last().is_none_or(|last| last.position < event.position));
        sales.push(event);
    }
    sales.iter().map(|event| (event.position, event.id)).collect()
}

/// Reads a page, and another after it.
pub(crate) async fn in_pages(store: PostgresStore, end: EventId) -> History {
    let mut history = History::default();
    loop {
        let page = ReadAll::after(history.last()).with_limit(fastrand::u64(1..200));
        let page: Vec<_> = store.read_all(page).try_collect().await.unwrap();
        for event in &page {
            history.take(event);
        }
        match page.last() {
            Some(last) if last.id == end => return history,
            Some(_) => {}
            None => drop(store.wait_for_head(history.last()).await.unwrap()),
        }
    }
}

/// Begins late, and lags behind time and again, until nobody writes any more.
pub(crate) async fn lagging(
    store: PostgresStore,
    end: EventId,
    mut is_over: watch::Receiver<bool>,
) -> History {
    let mut history = History::default();
    loop {
        let far = Position::new(history.last().get() + LAG);
        tokio::select! {
            head = store.wait_for_head(far) => drop(head.unwrap()),
            over = is_over.wait_for(|over| *over) => drop(over.unwrap()),
        }
        let mut events = store.follow::<EventData>(history.last());
        for _ in 0..LAG {
            let event = events.try_next().await.unwrap().unwrap();
            history.take(&event);
            if event.id == end {
                return history;
            }
        }
    }
}

/// Reads whatever is after the last position it has seen, as many do. It loses events: an append that took a lower
/// position may commit later.
pub(crate) async fn naive(pool: PgPool, schema: String, end: EventId) -> HashSet<EventId> {
    let mut seen = HashSet::new();
    let mut last = 0_i64;
    let query = format!(
        r#"SELECT position, id FROM "{schema}".events WHERE position > $1 ORDER BY position LIMIT 1000"#
    );
    let mut poll = interval(POLL);
    while !seen.contains(&end) {
        poll.tick().await;
        let query = sqlx::query_as::<_, (i64, Uuid)>(sqlx::AssertSqlSafe(query.clone()));
        for (position, id) in query.bind(last).fetch_all(&pool).await.unwrap() {
            last = position;
            seen.insert(EventId::from(id));
        }
    }
    seen
}
