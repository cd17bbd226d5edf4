//! A server that crashes with commits that it has acknowledged before they were on its disk, as it may be set to.

use annals::{EventStoreExt, ExpectedVersion, Position, PostgresStore, TryStreamExt};
use annals_test_server::{Binaries, Server};
use sqlx::Executor;

use crate::{Load, append, evidence::signal, migrated};

/// What the last commits had may be gone then; what comes after them is whole.
#[tokio::test]
async fn events_after_a_crash_can_be_read_even_if_the_first_of_their_kind_is_gone() {
    let settings = [("synchronous_commit", "off")];
    let mut server = Server::with_settings(&Binaries::find().unwrap(), &settings).unwrap();
    let store = migrated(&server.url()).await;
    store.pool().execute("CHECKPOINT").await.unwrap();
    pause_the_wal_writer(&store).await;
    store.append_to_stream(append("first", ExpectedVersion::Any, 1)).await.unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    let second = append("second", ExpectedVersion::Any, 1);
    let id = second.events[0].id;
    store.append_to_stream(second).await.unwrap();
    for store in [store, PostgresStore::connect(&server.url()).await.unwrap()] {
        let events = store.events_after::<Load>(Position::START);
        let events: Vec<_> = events.try_collect().await.unwrap();
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids, [id], "the first one was lost in the crash");
    }
}

/// It brings acknowledged commits to the disk within moments, unless it cannot.
async fn pause_the_wal_writer(store: &PostgresStore) {
    let pid = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
    let pid: i32 = sqlx::query_scalar(pid).fetch_one(store.pool()).await.unwrap();
    signal(pid.cast_unsigned(), "STOP");
}
