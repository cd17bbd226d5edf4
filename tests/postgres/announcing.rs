//! Other processes are told of what was appended.

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
