//! Other processes are told of what was appended.

use std::time::Instant;

use annals::{ExpectedVersion::Any, PostgresStore};
use sqlx::{AssertSqlSafe, postgres::PgListener};
use tokio::runtime::Runtime;

use crate::{
    asking::{append, events, to},
    fresh::{beside, fresh_store, url},
};

/// The channel that processes with this store are told on.
async fn channel(store: &PostgresStore) -> String {
    let sql = format!("SELECT 'annals_' || '\"{}\"'::regnamespace::oid", store.schema());
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap()
}

pub(crate) async fn listener(store: &PostgresStore) -> PgListener {
    let mut listener = PgListener::connect(&url()).await.unwrap();
    listener.listen(&channel(store).await).await.unwrap();
    listener
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_shut_down_has_told_of_its_last_append() {
    let store = fresh_store().await;
    let mut listener = listener(&store).await;
    for _ in 0..10 {
        // It ends as a program does that has nothing left to do.
        let process = Runtime::new().unwrap();
        let ending = store.clone();
        let appended = process.spawn(async move {
            let store = beside(&ending).await;
            append(&store, to("order-a", Any, events(1))).await;
            store.shutdown().await;
        });
        appended.await.unwrap();
        process.shutdown_background();
        let end = sqlx::query("SELECT pg_notify($1, 'end')").bind(channel(&store).await);
        end.execute(store.pool()).await.unwrap();
        let mut told = 0;
        while listener.recv().await.unwrap().payload() != "end" {
            told += 1;
        }
        assert!(told > 0, "nobody was told before it ended");
    }
}

/// At most one notification in so many milliseconds, and one more at the end.
const APART_MS: u128 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_appends_are_told_of_together() {
    let store = fresh_store().await;
    let mut listener = listener(&store).await;
    let begin = Instant::now();
    let appends = 500;
    for _ in 0..appends {
        append(&store, to("order-a", Any, events(1))).await;
    }
    let channel = channel(&store).await;
    store.shutdown().await;
    let most = begin.elapsed().as_millis() / APART_MS + 2;
    let end = sqlx::query("SELECT pg_notify($1, 'end')").bind(channel);
    end.execute(store.pool()).await.unwrap();
    let mut told = 0;
    while listener.recv().await.unwrap().payload() != "end" {
        told += 1;
    }
    assert!(told > 0 && told <= most, "told {told} times, at most {most}");
}
