//! A stream that nobody else can have touched is not looked up, and any other is.

use annals::{
    EventStore,
    ExpectedVersion::{Any, Exact, NoStream},
    PostgresStore, SynchronousCommit, Version,
};
use sqlx::Row;

use crate::{
    asking::{append, conflict, events, to},
    fresh::{beside, builder, connection, fresh_store, url},
};

const APPENDS: u64 = 10;

/// Appends to two streams in turns, one event after the other.
async fn append_in_turns(store: &PostgresStore) {
    for version in 0..APPENDS {
        for stream in ["test-a", "test-b"] {
            let expected = if version == 0 { NoStream } else { Exact(Version::new(version)) };
            append(store, to(stream, expected, events(1))).await;
        }
    }
}

/// How often a version was looked up in the index of streams, once the sessions that appended have ended.
async fn looks(store: PostgresStore) -> u64 {
    store.shutdown().await;
    store.pool().close().await;
    let mut connection = connection().await;
    let told = "SELECT s.idx_scan, t.n_tup_ins
        FROM pg_stat_user_tables AS t JOIN pg_stat_user_indexes AS s USING (relid)
        WHERE t.schemaname = $1 AND s.indexrelname = 'events_stream_key_version_key'";
    loop {
        let row = sqlx::query(told).bind(store.schema()).fetch_one(&mut connection).await.unwrap();
        if row.get::<i64, _>(1).cast_unsigned() == 2 * APPENDS {
            return row.get::<i64, _>(0).cast_unsigned();
        }
    }
}

#[tokio::test]
async fn a_stream_is_looked_up_once_while_nobody_else_appends() {
    let store = fresh_store().await;
    append_in_turns(&store).await;
    assert_eq!(looks(store).await, 2);
}

/// A crash may take such an append back while the server goes on.
#[tokio::test]
async fn a_stream_is_looked_up_where_appends_wait_for_no_disk() {
    let store = builder().with_synchronous_commit(SynchronousCommit::Off);
    let store = store.connect(&url()).await.unwrap();
    store.migrate().await.unwrap();
    append_in_turns(&store).await;
    assert_eq!(looks(store).await, 2 * APPENDS);
}

#[tokio::test]
async fn what_another_process_appended_is_a_conflict_and_takes_no_position() {
    let store = fresh_store().await;
    let other = beside(&store).await;
    let at = |version| Exact(Version::new(version));
    append(&store, to("test-a", NoStream, events(1))).await;
    append(&store, to("test-a", at(1), events(1))).await;
    append(&other, to("test-a", at(2), events(1))).await;
    let head = store.head().await.unwrap();
    let late = conflict(store.append(vec![to("test-a", at(2), events(1))]).await);
    assert_eq!(late.actual, Version::new(3));
    // Its own position in between does not hide the other's.
    let own = append(&store, to("test-b", Any, events(1))).await;
    assert_eq!(own.position.get(), head.get() + 1);
    let late = conflict(store.append(vec![to("test-a", at(2), events(1))]).await);
    assert_eq!(late.actual, Version::new(3));
    let next = append(&store, to("test-a", at(3), events(1))).await;
    assert_eq!((next.version, next.position.get()), (Version::new(4), own.position.get() + 1));
}
