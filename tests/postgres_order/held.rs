//! One append that is late, step by step.

use annals::{
    EventData, EventStore, EventStoreExt, Position, PostgresStore, ReadAll, TryStreamExt,
};
use chrono::{DateTime, Utc};
use futures_util::future::poll_immediate;
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

use crate::{append, foreign::Foreign, migrated, server};

/// How often others append while one is late: each time a reader could go wrong.
const OTHERS: usize = 40;

/// How the transaction of the late append ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Commit,
    Rollback,
    /// It is prepared right after the append, and its session ends.
    CommitPrepared,
    RollbackPrepared,
}

/// All positions that readers can get.
async fn positions(store: &PostgresStore) -> Vec<Position> {
    let events = store.read_all(ReadAll::after(Position::START));
    events.map_ok(|event| event.position).try_collect().await.unwrap()
}

/// The positions that a follower is given, up to the stream that ends it.
fn follower(store: &PostgresStore) -> JoinHandle<Vec<Position>> {
    let mut events = store.follow::<EventData>(Position::START);
    let end = append("end").stream;
    tokio::spawn(async move {
        let mut positions = Vec::new();
        loop {
            let event = events.try_next().await.unwrap().unwrap();
            positions.push(event.position);
            if event.stream == end {
                return positions;
            }
        }
    })
}

/// An append takes a position, others take higher ones and are acknowledged, and only then does its transaction end.
async fn is_late(ending: Ending) {
    let server = server();
    let (store, pool) = migrated(&server).await;
    let other = PostgresStore::connect(&server.url()).await.unwrap();
    let before = store.append_to_stream(append("before")).await.unwrap().position;
    let followers = [follower(&store), follower(&other)];

    let url = format!("{}?application_name=late", server.url());
    let mut session = PgConnection::connect(&url).await.unwrap();
    session.execute("BEGIN").await.unwrap();
    let late = store.append_in(&mut session, vec![append("late")]).await.unwrap()[0].position;
    let facts = "SELECT pg_backend_pid(), now()";
    let (pid, since): (i32, DateTime<Utc>) =
        sqlx::query_as(facts).fetch_one(&mut session).await.unwrap();
    let is_prepared = matches!(ending, Ending::CommitPrepared | Ending::RollbackPrepared);
    if is_prepared {
        session.execute("PREPARE TRANSACTION 'late'").await.unwrap();
        session.close().await.unwrap();
        session = PgConnection::connect(&server.url()).await.unwrap();
    }

    let mut expected = vec![before];
    if matches!(ending, Ending::Commit | Ending::CommitPrepared) {
        expected.push(late);
    }
    for n in 0..OTHERS {
        let appender = if n % 2 == 0 { &store } else { &other };
        let appended = appender.append_to_stream(append("others")).await.unwrap();
        assert!(appended.position > late);
        expected.push(appended.position);
        for store in [&store, &other] {
            assert_eq!(positions(store).await, [before], "{n}");
            assert_eq!(store.head().await.unwrap(), before);
            assert!(poll_immediate(store.wait_for_head(before)).await.is_none());
        }
    }

    let status = store.status().await.unwrap();
    assert_eq!((status.head, status.mark), (before, before), "{status}");
    assert_eq!(Some(&status.last), expected.last(), "{status}");
    let [holder] = &*status.held_by else { panic!("one append is late: {status}") };
    assert_eq!(holder.position, before, "{status}");
    if is_prepared {
        let when = "SELECT prepared FROM pg_prepared_xacts";
        let when = sqlx::query_scalar(when).fetch_one(&pool).await.unwrap();
        assert_eq!((holder.prepared.as_deref(), holder.pid), (Some("late"), None), "{status}");
        assert_eq!(holder.since, Some(when), "{status}");
    } else {
        assert_eq!((holder.pid, &holder.prepared), (Some(pid), &None), "{status}");
        assert_eq!(holder.application.as_deref(), Some("late"), "{status}");
        assert_eq!(holder.user.as_deref(), Some("postgres"), "{status}");
        assert_eq!(holder.since, Some(since), "{status}");
    }

    session
        .execute(match ending {
            Ending::Commit => "COMMIT",
            Ending::Rollback => "ROLLBACK",
            Ending::CommitPrepared => "COMMIT PREPARED 'late'",
            Ending::RollbackPrepared => "ROLLBACK PREPARED 'late'",
        })
        .await
        .unwrap();
    expected.push(store.append_to_stream(append("end")).await.unwrap().position);
    for follower in followers {
        assert_eq!(follower.await.unwrap(), expected);
    }
    for store in [&store, &other] {
        assert_eq!(positions(store).await, expected);
    }
    let status = store.status().await.unwrap();
    assert_eq!((status.mark, &*status.held_by), (status.last, &[][..]), "{status}");
}

#[tokio::test]
async fn nothing_is_read_beyond_an_open_append_until_it_commits() {
    is_late(Ending::Commit).await;
}

#[tokio::test]
async fn nothing_is_read_beyond_an_open_append_until_it_is_rolled_back() {
    is_late(Ending::Rollback).await;
}

#[tokio::test]
async fn a_prepared_append_is_waited_for_until_it_commits() {
    is_late(Ending::CommitPrepared).await;
}

#[tokio::test]
async fn a_prepared_append_is_waited_for_until_it_is_rolled_back() {
    is_late(Ending::RollbackPrepared).await;
}

#[tokio::test]
async fn transactions_without_events_hold_nobody_back() {
    let server = server();
    let (store, pool) = migrated(&server).await;
    let foreign = Foreign::open(&server).await;
    let follower = follower(&store);
    let mut expected = Vec::new();
    for stream in ["one", "two", "end"] {
        let appended = store.append_to_stream(append(stream)).await.unwrap().position;
        expected.push(appended);
        let status = store.status().await.unwrap();
        assert_eq!((status.head, status.mark, status.last), (appended, appended, appended));
        assert!(status.held_by.is_empty(), "{status}");
        assert_eq!(positions(&store).await, expected);
    }
    assert_eq!(follower.await.unwrap(), expected);
    foreign.commit(&pool).await;
}
