//! Whatever is dropped, and wherever, leaves no transaction open.

use std::{future::poll_fn, num::NonZeroU16, pin::pin, task::Poll, time::Duration};

use annals::{
    EventId, FollowerStore, Position, PostgresStore,
    followers::{Beat, Command, FailureKind, FollowerKind, Note, NotedFailure, Report},
};
use sqlx::Row;

use super::{
    CREATE, HANDLE, SALES, Sql, claim, declaration, live, make, member, orders, projection, worked,
};
use crate::fresh::{connection, name, url};

/// A store whose sessions can be told from all others.
async fn named() -> (PostgresStore, String) {
    let (schema, application) = (name(), name().replace("annals_test_", ""));
    let url = format!("{}?application_name={application}", url());
    let store = PostgresStore::builder().with_schema(schema).connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    (store, application)
}

/// Waits until no session of the application is in a transaction.
async fn at_rest(application: &str, what: &str) {
    let mut connection = connection().await;
    for _ in 0..500 {
        let open =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'";
        let row = sqlx::query(open).bind(application).fetch_one(&mut connection).await.unwrap();
        if row.get::<i64, _>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a transaction stays open after {what}");
}

/// Drops `future` after so many looks at it; none if it had not ended by then.
async fn looked_at<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_step_that_is_dropped_at_any_point_leaves_no_transaction_open() {
    let (store, application) = named().await;
    let mut held = projection(&store).await;
    let (mut at, mut undone) = (0, 0);
    for times in 0.. {
        let before = at;
        let ended = looked_at(times, worked(&store, &held, at, &mut Sql(HANDLE))).await;
        at_rest(&application, "a step").await;
        // Another connection sees nothing of it, or all.
        held = claim(&store, &live(&store).await).await;
        at = held.position.get();
        assert_eq!(orders(&store).await, i64::try_from(at).unwrap(), "after {times} looks");
        undone += usize::from(at == before);
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert!(at > before);
            assert!(undone > 1, "it was dropped on its way as well as before it began");
            return;
        }
    }
}

#[tokio::test]
async fn a_making_that_is_dropped_at_any_point_leaves_no_transaction_open() {
    let (store, application) = named().await;
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    for times in 0.. {
        let held = claim(&store, &live(&store).await).await;
        let ended = looked_at(times, make(&store, &held, CREATE)).await;
        at_rest(&application, "a making").await;
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert_eq!(orders(&store).await, 0);
            return;
        }
        if live(&store).await.is_made {
            return;
        }
    }
}

#[tokio::test]
async fn what_users_drop_leaves_no_transaction_open() {
    let (store, application) = named().await;
    let held = projection(&store).await;
    let failure = NotedFailure {
        position: Position::new(1),
        event_id: Some(EventId::new()),
        sequence: "sale-1".into(),
        kind: FailureKind::Error,
        reason: "no".into(),
        stops: false,
    };
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    for times in 0..16 {
        drop(looked_at(times, store.declare(&declaration(SALES, FollowerKind::Projection))).await);
        at_rest(&application, "a declaration").await;
        for command in [
            Command::RetryParked { sequence: None },
            Command::Repartition(NonZeroU16::MIN),
            Command::Swap,
        ] {
            drop(looked_at(times, store.command(SALES, &command)).await);
            at_rest(&application, "a command").await;
        }
        drop(looked_at(times, store.books(Some(&beat))).await);
        drop(looked_at(times, store.note(&held, &Note::Failed(failure.clone()))).await);
        drop(looked_at(times, store.claim(member(), &[held.part])).await);
        drop(looked_at(times, store.failures(held.part.build, 3)).await);
        at_rest(&application, "what was dropped").await;
    }
    assert_eq!(store.books(Some(&beat)).await.unwrap().members.len(), 1);
}
