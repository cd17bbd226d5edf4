//! What is said when a store cannot be opened, set up or used as it is: what is wrong, and what to do.

use std::{error::Error, net::TcpListener};

use annals::{
    EventStore,
    ExpectedVersion::{Any, NoStream},
    Position, PostgresStore, ReadAll, ReadStream, SetupError, TryStreamExt,
};
use annals_test_server::{Binaries, Server};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    asking::{append, events, read, report, to},
    fresh::{builder, connection, fresh_store, name, run, url},
};

async fn opening(url: &str) -> SetupError {
    match builder().connect(url).await {
        Ok(store) => panic!("{url} was opened as {store:?}"),
        Err(error) => error,
    }
}

#[track_caller]
pub(crate) fn says(error: &(impl Error + 'static), begins: &str, contains: &str) {
    let report = report(error);
    assert!(report.starts_with(begins) && report.contains(contains), "{report}");
}

#[tokio::test]
async fn what_is_not_a_url() {
    for url in [
        "",
        "shop",
        "localhost:5432/shop",
        "http://localhost/shop",
        "postgres://localhost:port/shop",
        "mysql://root@localhost/shop",
    ] {
        let error = opening(url).await;
        assert!(matches!(error, SetupError::Url(_)), "{url}: {error:?}");
        says(
            &error,
            "this is not the URL of a database; it has the form postgres://user:password@host:5432/database: ",
            "",
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = opening(&format!("postgres://postgres@{free}/postgres")).await;
    assert!(matches!(error, SetupError::Unreachable(_)), "{error:?}");
    says(&error, "the database cannot be reached", "refused");
    let error = opening("postgres://postgres@no-such-host.invalid/postgres").await;
    assert!(matches!(error, SetupError::Unreachable(_)), "{error:?}");
    says(&error, "the database cannot be reached", "");
}

fn options() -> PgConnectOptions {
    url().parse().unwrap()
}

/// The test server's URL with another user or another database.
pub(crate) fn url_of(user: Option<&str>, database: Option<&str>) -> String {
    let options = options();
    let (host, port) = (options.get_host(), options.get_port());
    let user =
        user.map_or_else(|| options.get_username().to_owned(), |user| format!("{user}:secret"));
    let database = database.or(options.get_database()).unwrap_or(options.get_username()).to_owned();
    format!("postgres://{user}@{host}:{port}/{database}")
}

/// As the chapter on operating has it, for these tests come without TLS.
#[tokio::test]
async fn encryption_that_is_required_is_an_error_without_its_feature() {
    let with_mode = |mode: &str| format!("{}?sslmode={mode}", url_of(None, None));
    let error = builder().connect(&with_mode("require")).await.unwrap_err();
    assert!(report(&error).contains("TLS"), "{}", report(&error));
    builder().connect(&with_mode("prefer")).await.unwrap();
}

#[tokio::test]
async fn a_user_or_a_database_that_is_not_there() {
    let begin =
        "the database refused the connection; check user, password and database in the URL: ";
    for (url, contains) in [
        (url_of(Some("nobody_at_all"), None), "nobody_at_all"),
        (url_of(None, Some("no_such_database")), "database \"no_such_database\" does not exist"),
    ] {
        let error = opening(&url).await;
        assert!(matches!(error, SetupError::LoginRefused(_)), "{error:?}");
        says(&error, begin, contains);
    }
}

#[tokio::test]
async fn a_wrong_password() {
    let server = Server::with_settings(&Binaries::find().unwrap(), &[("fsync", "off")]).unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let role = "SET password_encryption = 'scram-sha-256'; CREATE ROLE app LOGIN PASSWORD 'right'";
    sqlx::raw_sql(role).execute(&mut connection).await.unwrap();
    let rules = "host all postgres all trust\nhost all all all scram-sha-256\n";
    std::fs::write(server.folder().join("data/pg_hba.conf"), rules).unwrap();
    sqlx::raw_sql("SELECT pg_reload_conf()").execute(&mut connection).await.unwrap();
    let url = |password: &str| server.url().replace("postgres@", &format!("app:{password}@"));
    // The server takes the rules up when it gets to it.
    let refused = loop {
        if let Err(error) = PgConnection::connect(&url("wrong")).await {
            break error;
        }
    };
    assert!(report(&refused).contains("password authentication failed"), "{}", report(&refused));
    let error = opening(&url("wrong")).await;
    assert!(matches!(error, SetupError::LoginRefused(_)), "{error:?}");
    says(
        &error,
        "the database refused the connection; check user, password and database in the URL: ",
        "password authentication failed for user \"app\"",
    );
    builder().connect(&url("right")).await.unwrap();
}

pub(crate) fn builder_of(store: &PostgresStore) -> annals::PostgresStoreBuilder {
    PostgresStore::builder().with_schema(store.schema())
}

#[tokio::test]
async fn a_schema_of_a_later_version() {
    let store = fresh_store().await;
    run(&mut connection().await, &store, "INSERT INTO $schema.migrations (version) VALUES (7)")
        .await
        .unwrap();
    let opening = builder_of(&store).connect(&url()).await.unwrap_err();
    let migrating = store.migrate().await.unwrap_err();
    for error in [opening, migrating] {
        assert!(matches!(error, SetupError::SchemaTooNew { found: 7, known: 3, .. }), "{error:?}");
        let schema = store.schema();
        says(
            &error,
            &format!(
                "the schema {schema} is at version 7, and this build of annals knows versions up to 3: use a newer annals"
            ),
            "",
        );
    }
}

#[tokio::test]
async fn a_sequence_that_was_left_behind() {
    let store = fresh_store().await;
    append(&store, to("test-a", NoStream, events(3))).await;
    let mut connection = connection().await;
    run(&mut connection, &store, "SELECT setval('$schema.positions', 1)").await.unwrap();
    let error = builder_of(&store).connect(&url()).await.unwrap_err();
    let schema = store.schema();
    let told = format!(
        "the sequence of positions of the schema {schema} is at 1, behind the last event at 3, as after a copy \
         without sequences: SELECT setval('\"{schema}\".positions', 3)"
    );
    says(&error, &told, "");
    let (_, cure) = told.split_once(": ").unwrap();
    run(&mut connection, &store, cure).await.unwrap();
    let store = builder_of(&store).connect(&url()).await.unwrap();
    assert_eq!(append(&store, to("test-a", Any, events(1))).await.position, Position::new(4));
}

#[tokio::test]
async fn a_schema_that_is_not_there_yet() {
    let store = builder().connect(&url()).await.unwrap();
    let mut connection = connection().await;
    for there in ["", "CREATE SCHEMA $schema"] {
        run(&mut connection, &store, there).await.unwrap();
        let append = store.append(vec![to("test-a", Any, events(1))]).await.unwrap_err();
        let read = store
            .read_stream(ReadStream::forwards("test-a".parse().unwrap()))
            .try_next()
            .await
            .unwrap_err();
        let read_all =
            store.read_all(ReadAll::after(Position::START)).try_next().await.unwrap_err();
        let wait = store.wait_for_head(Position::START).await.unwrap_err();
        let status = store.status().await.unwrap_err();
        let begin = "the event store failed: the schema of the store is missing or at another version: call migrate()";
        says(&append, begin, "");
        let mut transaction = connection.begin().await.unwrap();
        let append_in = store
            .append_in(&mut transaction, vec![to("test-a", Any, events(1))])
            .await
            .unwrap_err();
        says(&append_in, begin, "");
        for error in [read, read_all, status] {
            says(&error, begin, "");
        }
        says(&wait, begin, "");
    }
    store.migrate().await.unwrap();
    append(&store, to("test-a", Any, events(1))).await;
    assert_eq!(store.wait_for_head(Position::START).await.unwrap(), Position::new(1));
}

#[tokio::test]
async fn a_database_that_is_not_utf8() {
    let database = name();
    let mut connection = connection().await;
    let sql = format!(
        "CREATE DATABASE {database} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let error = opening(&url_of(None, Some(&database))).await;
    let sql = format!("DROP DATABASE {database}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    assert!(matches!(&error, SetupError::Encoding(encoding) if encoding == "LATIN1"), "{error:?}");
    says(
        &error,
        "the database has the encoding LATIN1, and annals needs UTF8: create it with ENCODING 'UTF8'",
        "",
    );
}

#[tokio::test]
async fn names_that_a_schema_cannot_have() {
    for wrong in [
        "",
        "two words",
        "semi;colon",
        "quo\"te",
        "quo'te",
        "pg_annals",
        "é",
        "a.b",
        &"x".repeat(58),
    ] {
        let builder = PostgresStore::builder().with_schema(wrong);
        let migration = builder.migration_sql().unwrap_err();
        for error in [migration, builder.connect(&url()).await.unwrap_err()] {
            assert!(matches!(&error, SetupError::SchemaName(name) if name == wrong), "{error:?}");
            says(
                &error,
                &format!(
                    "{wrong:?} cannot name a schema: 1 to 57 letters, digits, `_` and `-`, all ASCII"
                ),
                "",
            );
        }
    }
    for right in ["Tenant-42", "select", "7", &"y".repeat(57)] {
        let store = PostgresStore::builder().with_schema(right).connect(&url()).await.unwrap();
        let mut connection = connection().await;
        run(&mut connection, &store, "DROP SCHEMA IF EXISTS $schema CASCADE").await.unwrap();
        store.migrate().await.unwrap();
        append(&store, to("test-a", NoStream, events(1))).await;
        assert_eq!(read(&store, "test-a").await.len(), 1);
        run(&mut connection, &store, "DROP SCHEMA $schema CASCADE").await.unwrap();
    }
}

async fn pool(connections: u32) -> PgPool {
    PgPoolOptions::new().max_connections(connections).connect(&url()).await.unwrap()
}

#[tokio::test]
async fn a_pool_that_is_too_small() {
    for connections in [1, 4] {
        let error = builder().open(pool(connections).await).await.unwrap_err();
        assert!(matches!(error, SetupError::PoolTooSmall { needed: 5, .. }), "{error:?}");
        says(
            &error,
            &format!(
                "the pool allows {connections} connections, and the store needs 5 at the least: raise its max_connections"
            ),
            "",
        );
    }
    let store = builder().open(pool(5).await).await.unwrap();
    store.migrate().await.unwrap();
    append(&store, to("test-a", NoStream, events(1))).await;
}

/// A migration that fails on its way changes nothing.
#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let store = builder().connect(&url()).await.unwrap();
    run(
        &mut connection().await,
        &store,
        "CREATE SCHEMA $schema; CREATE TABLE $schema.events (mine integer)",
    )
    .await
    .unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, SetupError::Database(_)), "{error:?}");
    says(&error, "the database failed", "relation \"events\" already exists");
    let count = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = $1";
    let row =
        sqlx::query(count).bind(store.schema()).fetch_one(&mut connection().await).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 1);
}
