//! A server whose shared lock table is full: each append holds a lock for its stream.

use annals::{EventStoreExt, ExpectedVersion, PostgresStore, Version};
use annals_test_server::{Binaries, Server};
use futures_util::future::{join_all, try_join_all};
use sqlx::{Connection, PgConnection};

use crate::{append, evidence::History, migrated};

/// As few locks as Postgres can be set to.
const SETTINGS: [(&str, &str); 4] = [
    ("max_locks_per_transaction", "10"),
    ("max_connections", "60"),
    ("max_prepared_transactions", "0"),
    ("max_wal_senders", "0"),
];
const STORES: usize = 4;
const APPENDS: usize = 250;
/// What is left of the table: more than the appends take that go one by one, less than a crowd does.
const LEFT: i64 = 120;

/// Locks whatever can be locked, and lets go of so many.
async fn fill(connection: &mut PgConnection, left: i64) -> i64 {
    let mut taken = 0;
    while sqlx::query("SELECT pg_advisory_lock(8, $1)")
        .bind(i32::try_from(taken).unwrap())
        .execute(&mut *connection)
        .await
        .is_ok()
    {
        taken += 1;
    }
    assert!(taken > left, "{taken}");
    sqlx::query(
        "SELECT pg_advisory_unlock(8, n::integer) FROM generate_series(0, $1 - 1) AS n (n)",
    )
    .bind(left)
    .execute(connection)
    .await
    .unwrap();
    taken
}

#[tokio::test]
async fn crowds_that_find_the_lock_table_full_are_stored_one_by_one() {
    let server = Server::with_settings(&Binaries::find().unwrap(), &SETTINGS).unwrap();
    let first = migrated(&server.url()).await;
    let url = server.url();
    let stores = try_join_all((1..STORES).map(|_| PostgresStore::connect(&url)));
    let mut stores = stores.await.unwrap();
    stores.push(first);
    for (n, store) in stores.iter().enumerate() {
        let known = append(format!("known-{n}"), ExpectedVersion::Any, 1);
        store.append_to_stream(known).await.unwrap();
    }
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let taken = fill(&mut connection, LEFT).await;

    let appends = stores.iter().enumerate().flat_map(|(number, store)| {
        (0..APPENDS).map(move |n| {
            store.append_to_stream(append(
                format!("crowd-{number}-{n}"),
                ExpectedVersion::NoStream,
                1,
            ))
        })
    });
    for answer in join_all(appends).await {
        assert_eq!(answer.unwrap().version, Version::new(1));
    }
    let refused = server.log().matches("out of shared memory").count();
    assert!(refused > 1, "the crowds should have found it full");
    let history = History::read(&stores[0]).await;
    assert_eq!(history.order().len(), STORES * (1 + APPENDS));
    println!("{taken} locks fill the table; {refused} statements found it full");
}
