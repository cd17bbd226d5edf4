//! What roles with few rights can do, and what they are told.

use std::fmt::Debug;

use annals::{
    EventStore,
    ExpectedVersion::{Any, NoStream},
    Position, PostgresStore, ReadAll, ReadStream, SetupError, StoreError, TryStreamExt,
};
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;

use crate::{
    asking::{all, append, event, events, read, to},
    fresh::{builder, connection, fresh_store, name, run},
    setting_up::{builder_of, says, url_of},
};

/// A role that may log in, and nothing else.
struct Role(String);

impl Role {
    async fn new() -> Self {
        let role = name();
        let sql = format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection().await).await.unwrap();
        Self(role)
    }

    fn url(&self) -> String {
        url_of(Some(&self.0), None)
    }

    async fn grant(&self, store: &PostgresStore, rights: &str) {
        let sql = rights.replace("$role", &self.0);
        run(&mut connection().await, store, &sql).await.unwrap();
    }
}

#[tokio::test]
async fn a_role_without_rights() {
    let store = fresh_store().await;
    append(&store, to("test-a", NoStream, events(1))).await;
    let role = Role::new().await;

    let error = builder_of(&store).connect(&role.url()).await.unwrap_err();
    let SetupError::Forbidden { schema, .. } = &error else { panic!("{error:?}") };
    assert_eq!(schema, store.schema());
    says(
        &error,
        &format!("the role has no right to use or create the schema {schema}"),
        "permission denied for schema",
    );

    let own = builder().connect(&role.url()).await.unwrap();
    let error = own.migrate().await.unwrap_err();
    assert!(matches!(error, SetupError::Forbidden { .. }), "{error:?}");
    says(
        &error,
        "the role has no right to use or create the schema ",
        "permission denied for database",
    );

    role.grant(
        &store,
        "GRANT USAGE ON SCHEMA $schema TO $role; GRANT SELECT ON $schema.migrations TO $role",
    )
    .await;
    let opened = builder_of(&store).connect(&role.url()).await.unwrap();
    opened.migrate().await.unwrap();
    let error = opened.append(vec![to("test-a", Any, events(1))]).await.unwrap_err();
    let begin = "the event store failed: the role has no right to do this in the schema of the store: grant it: ";
    says(&error, begin, "permission denied for table event_kinds");
    let error = opened
        .read_stream(ReadStream::forwards("test-a".parse().unwrap()))
        .try_next()
        .await
        .unwrap_err();
    says(&error, begin, "permission denied for table events");
    let error = opened.read_all(ReadAll::after(Position::START)).try_next().await.unwrap_err();
    says(&error, begin, "permission denied for");
    let error = opened.wait_for_head(Position::START).await.unwrap_err();
    says(&error, begin, "permission denied for");
    assert_eq!(read(&store, "test-a").await.len(), 1);
}

fn refused<T: Debug>(told: Result<T, StoreError>) {
    let begin = "the event store failed: the role has no right to do this in the schema of the store: grant it: ";
    says(&told.unwrap_err(), begin, "permission denied for sequence positions");
}

/// Without the sequence nobody can tell how far the global stream goes, nor whether the sequence is behind.
#[tokio::test]
async fn a_role_that_may_not_look_at_the_sequence() {
    let (empty, store) = (fresh_store().await, fresh_store().await);
    append(&store, to("test-a", NoStream, events(1))).await;
    let role = Role::new().await;
    for store in [empty, store] {
        role.grant(&store, READER_OF_TABLES).await;
        let reader = builder_of(&store).connect(&role.url()).await.unwrap();
        refused(reader.read_all(ReadAll::after(Position::START)).try_next().await);
        refused(reader.head().await);
        refused(reader.wait_for_head(Position::START).await);
        refused(reader.status().await);
    }
}

#[tokio::test]
async fn a_role_with_the_rights_that_it_needs() {
    let store = fresh_store().await;
    append(&store, to("test-a", NoStream, events(1))).await;
    let role = Role::new().await;
    role.grant(&store, READER).await;
    let reader = builder_of(&store).connect(&role.url()).await.unwrap();
    assert_eq!(read(&reader, "test-a").await.len(), 1);
    assert_eq!(reader.wait_for_head(Position::START).await.unwrap(), Position::new(1));
    reader.status().await.unwrap();
    let error = reader.append(vec![to("test-a", Any, events(1))]).await.unwrap_err();
    says(
        &error,
        "the event store failed: the role has no right to do this in the schema of the store: grant it: ",
        "permission denied for table events",
    );
    role.grant(&store, WRITER).await;
    append(&reader, to("test-a", Any, events(3))).await;
    let request =
        vec![to("test-b", NoStream, vec![event("test.new")]), to("test-c", NoStream, vec![])];
    reader.append(request).await.unwrap();
    assert_eq!(read(&store, "test-a").await.len(), 4);
}

/// As the chapter on operating has it: the owner of the schema is no superuser.
#[tokio::test]
async fn a_role_that_may_create_schemas_makes_and_uses_the_store() {
    let role = Role::new().await;
    let grant = format!(
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {}', current_database()); END $$",
        role.0
    );
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut connection().await).await.unwrap();
    let store = builder().connect(&role.url()).await.unwrap();
    store.migrate().await.unwrap();
    append(&store, to("test-a", NoStream, events(1))).await;
    let crowd = (0..20).map(|nth| to(&format!("test-{nth}"), NoStream, events(2)));
    join_all(crowd.map(|to| append(&store, to))).await;
    let several = vec![to("test-b", NoStream, events(1)), to("test-c", NoStream, vec![])];
    store.append(several).await.unwrap();
    assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await.len(), 42);
    store.status().await.unwrap();
}

#[tokio::test]
async fn since_when_others_hold_the_mark_is_told_to_who_may_read_statistics() {
    let store = fresh_store().await;
    let mut transaction = store.pool().begin().await.unwrap();
    store.append_in(&mut transaction, vec![to("test-a", NoStream, events(1))]).await.unwrap();
    let role = Role::new().await;
    role.grant(&store, READER).await;
    let reader = builder_of(&store).connect(&role.url()).await.unwrap();
    let holder = reader.status().await.unwrap().held_by.remove(0);
    assert!(holder.pid.is_some() && holder.application.is_some() && holder.since.is_none());
    role.grant(&store, "GRANT pg_read_all_stats TO $role").await;
    let told = reader.status().await.unwrap().held_by.remove(0);
    assert!(told.since.is_some());
    assert_eq!((told.pid, told.application), (holder.pid, holder.application));
    transaction.rollback().await.unwrap();
}

const READER_OF_TABLES: &str = "GRANT USAGE ON SCHEMA $schema TO $role;
    GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO $role";
const READER: &str = "GRANT USAGE ON SCHEMA $schema TO $role;
    GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO $role;
    GRANT SELECT ON SEQUENCE $schema.positions TO $role";
const WRITER: &str = "GRANT INSERT ON $schema.events, $schema.event_kinds TO $role;
    GRANT USAGE ON SEQUENCE $schema.positions TO $role";
