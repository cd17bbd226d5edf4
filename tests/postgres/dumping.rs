//! A store that was dumped and restored into another cluster goes on as if nothing had happened.

use std::{path::Path, process::Command};

use annals::{
    EventStore,
    ExpectedVersion::{Any, NoStream},
    Position, PostgresStore, ReadAll, Version,
};
use annals_test_server::{Binaries, Server};
use sqlx::Connection;

use crate::{
    asking::{all, append, conflict, event, events, read, report, to},
    fresh::run,
};

async fn open(server: &Server) -> PostgresStore {
    PostgresStore::builder().with_schema("Shop-1").connect(&server.url()).await.unwrap()
}

fn execute(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {said}", program.display());
}

#[tokio::test]
async fn a_restored_dump_reads_and_goes_on() {
    let binaries =
        Binaries::find_with(&["pg_dump", "psql"]).unwrap_or_else(|error| panic!("{error}"));
    let program = |name| binaries.program(name).unwrap();
    let [old, new] =
        [(); 2].map(|()| Server::with_settings(&binaries, &[("fsync", "off")]).unwrap());

    let store = open(&old).await;
    store.migrate().await.unwrap();
    let first = to("test-a", NoStream, events(3));
    let answer = append(&store, first.clone()).await;
    append(&store, to("other-\u{e9}", NoStream, vec![event("test.other"), event("test.happened")]))
        .await;
    // The last positions are taken by nobody.
    let mut transaction = store.pool().begin().await.unwrap();
    let lost = store.append_in(&mut transaction, vec![to("test-b", Any, events(5))]).await.unwrap();
    transaction.rollback().await.unwrap();
    let before = all(store.read_all(ReadAll::after(Position::START))).await;
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump.sql");
    let dump = dump.to_str().unwrap();
    execute(&program("pg_dump"), &["--file", dump, "--dbname", &old.url()]);
    store.pool().close().await;
    drop(old);

    // Other object ids than in the old cluster.
    let mut connection = sqlx::PgConnection::connect(&new.url()).await.unwrap();
    sqlx::raw_sql("CREATE SCHEMA a; CREATE SCHEMA b").execute(&mut connection).await.unwrap();
    let arguments = ["--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, "--dbname", &new.url()];
    execute(&program("psql"), &arguments);
    let store = open(&new).await;
    store.migrate().await.unwrap();
    assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await, before);
    assert_eq!(store.head().await.unwrap(), before.last().unwrap().position);
    assert_eq!(append(&store, first).await, answer, "it is known from before");
    let late = conflict(store.append(vec![to("test-a", NoStream, events(1))]).await);
    assert_eq!(late.actual, Version::new(3));
    let next = append(&store, to("test-a", Version::new(3), events(2))).await;
    assert_eq!(next.version, Version::new(5));
    assert!(next.position > lost[0].position, "a position is never taken twice");
    append(&store, to("fresh-a", NoStream, vec![event("fresh.kind")])).await;
    assert_eq!(read(&store, "other-\u{e9}").await.len(), 2);
    assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await.len(), before.len() + 3);

    for statement in [
        "UPDATE $schema.events SET payload = '{}'",
        "DELETE FROM $schema.events",
        "TRUNCATE $schema.events",
        "INSERT INTO $schema.events SELECT * FROM $schema.events",
        "SET session_replication_role = replica; DELETE FROM $schema.events",
    ] {
        let mut connection = connection.begin().await.unwrap();
        let refusal = run(&mut connection, &store, statement).await.expect_err(statement);
        assert!(report(&refusal).contains("is refused"), "{statement}: {}", report(&refusal));
    }
}

/// The schema is there, and its triggers with it.
#[tokio::test]
async fn data_that_is_restored_alone_is_refused() {
    let binaries =
        Binaries::find_with(&["pg_dump", "psql"]).unwrap_or_else(|error| panic!("{error}"));
    let program = |name| binaries.program(name).unwrap();
    let [old, new] =
        [(); 2].map(|()| Server::with_settings(&binaries, &[("fsync", "off")]).unwrap());
    let store = open(&old).await;
    store.migrate().await.unwrap();
    append(&store, to("test-a", NoStream, events(3))).await;
    let folder = tempfile::tempdir().unwrap();
    let [schema, data] = ["schema.sql", "data.sql"].map(|name| folder.path().join(name));
    let [schema, data] = [schema.to_str().unwrap(), data.to_str().unwrap()];
    execute(&program("pg_dump"), &["--schema-only", "--file", schema, "--dbname", &old.url()]);
    execute(&program("pg_dump"), &["--data-only", "--file", data, "--dbname", &old.url()]);

    let url = new.url();
    let arguments =
        |file| ["--quiet", "--set", "ON_ERROR_STOP=1", "--file", file, "--dbname", &url];
    execute(&program("psql"), &arguments(schema));
    let restored = Command::new(program("psql")).args(arguments(data)).output().unwrap();
    let said = String::from_utf8_lossy(&restored.stderr);
    assert!(!restored.status.success() && said.contains("is refused"), "{said}");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let stored = "SELECT count(*) FROM \"Shop-1\".events";
    let stored: i64 = sqlx::query_scalar(stored).fetch_one(&mut connection).await.unwrap();
    assert_eq!(stored, 0);
}
