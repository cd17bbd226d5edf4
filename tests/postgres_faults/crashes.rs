//! A server that crashes with commits that it has acknowledged before they were on its disk, as it may be set to.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use annals::{
    EventStoreExt, ExpectedVersion, Followers, Position, PostgresStore, ReadModel, Recorded,
    TryStreamExt,
};
use annals_test_server::{Binaries, Server};
use serde::{Deserialize, Serialize};
use sqlx::Executor;

use crate::{Load, append, evidence::signal, migrated, server};

/// Longer than anything takes that is waited for here.
const LONG: Duration = Duration::from_secs(60);

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

/// How much was written, by whom.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Written(u64);

static TAKEN_IN: AtomicU64 = AtomicU64::new(0);

impl ReadModel for Written {
    const NAME: &'static str = "written";
    type Event = Load;
    type Key = String;

    fn keys(_: &Recorded<Load>) -> impl IntoIterator<Item = String> {
        ["everything".to_owned()]
    }

    fn apply(&mut self, _: &String, _: &Recorded<Load>) {
        self.0 += 1;
        TAKEN_IN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Its steps wait for no disk, so a crash may take the last of them back: all of each, and it does them again, though nothing is
/// appended any more that would show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_does_again_the_steps_that_were_lost() {
    let mut server = server();
    let store = migrated(&server.url()).await;
    let running = Followers::new(store.clone()).read_model::<Written>();
    let running = running.with_lease(Duration::from_secs(2)).start().await.unwrap();
    let reader = running.reader::<Written>();
    let rows = async || match reader.get(&"everything".to_owned()).await {
        Ok(row) => row.unwrap_or_default().0,
        // The server may be down at the moment.
        Err(_) => 0,
    };
    let (mut appended, mut crashes) = (0, 0);
    // A sign of life between a step and the crash brings the step to the disk with it, so that nothing is lost.
    while crashes < 5 || TAKEN_IN.load(Ordering::Relaxed) == appended {
        assert!(crashes < 50, "no crash has taken a step back");
        pause_the_wal_writer(&store).await;
        for _ in 0..3 {
            let last = store.append_to_stream(append("first", ExpectedVersion::Any, 1)).await;
            appended += 1;
            reader.wait_for(last.unwrap().position, LONG).await.unwrap();
        }
        assert_eq!(rows().await, appended);
        server.kill().unwrap();
        server.restart().unwrap();
        let has_all = async {
            while rows().await < appended {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, has_all).await.expect("it should take in again what was lost");
        assert_eq!(rows().await, appended);
        crashes += 1;
    }
    running.shutdown().await;
    store.shutdown().await;
}

/// It brings acknowledged commits to the disk within moments, unless it cannot.
async fn pause_the_wal_writer(store: &PostgresStore) {
    let pid = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
    let pid: i32 = sqlx::query_scalar(pid).fetch_one(store.pool()).await.unwrap();
    signal(pid.cast_unsigned(), "STOP");
}
