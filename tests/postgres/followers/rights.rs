//! The fewest rights and connections that followers need.

use std::time::Duration;

use annals::{
    FollowerStore, PostgresStore,
    followers::{Beat, Command, Report},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgPoolOptions};

use super::{CREATE, HANDLE, SALES, Sql, make, member, orders, projection, shadow, worked};
use crate::fresh::{connection, fresh_store, name, run, url};

#[tokio::test]
async fn a_role_with_the_rights_that_followers_need() {
    let store = fresh_store().await;
    let role = name();
    let schema = store.schema();
    let rights = format!(
        "CREATE ROLE {role} LOGIN;
         GRANT USAGE ON SCHEMA $schema TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO {role};
         GRANT SELECT ON SEQUENCE $schema.positions TO {role};
         GRANT USAGE, CREATE ON SCHEMA {schema}_read, {schema}_build, {schema}_swap TO {role};
         GRANT INSERT, UPDATE, DELETE ON $schema.members, $schema.followers, $schema.builds, $schema.build_objects,
             $schema.build_attachments, $schema.parts, $schema.failures, $schema.parked TO {role};
         GRANT USAGE ON SEQUENCE $schema.fences TO {role}"
    );
    run(&mut connection().await, &store, &rights).await.unwrap();
    let url = url().replace("//postgres@", &format!("//{role}@"));
    let app = PostgresStore::builder().with_schema(schema).connect(&url).await.unwrap();
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    app.books(Some(&beat)).await.unwrap();
    let held = projection(&app).await;
    worked(&app, &held, 0, &mut Sql(HANDLE)).await.unwrap();
    let shadow = shadow(&app).await;
    make(&app, &shadow, CREATE).await.unwrap();
    worked(&app, &shadow, 0, &mut Sql(HANDLE)).await.unwrap();
    let swapped = app.swap(shadow.part.build, Duration::from_secs(5)).await.unwrap();
    assert_eq!(swapped, annals::followers::Swap::Swapped);
    app.command(SALES, &Command::Pause).await.unwrap();
    assert_eq!(orders(&app).await, 1);
    let forbidden = format!("DELETE FROM \"{schema}\".events");
    assert!(sqlx::raw_sql(AssertSqlSafe(forbidden)).execute(app.pool()).await.is_err());
}

/// As the chapter on operating has it: what is there, and what comes to be there.
#[tokio::test]
async fn a_role_for_reports_reads_each_build() {
    let store = fresh_store().await;
    let (role, schema) = (name(), store.schema());
    let rights = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema}_read TO {role};
         ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}_build GRANT SELECT ON TABLES TO {role}"
    );
    run(&mut connection().await, &store, &rights).await.unwrap();
    let url = url().replace("//postgres@", &format!("//{role}@"));
    let mut reporting = PgConnection::connect(&url).await.unwrap();
    let sales = format!("SELECT count(*) FROM {schema}_read.sales");
    let mut days = async || -> i64 {
        let days = sqlx::query_scalar(AssertSqlSafe(sales.clone()));
        days.fetch_one(&mut reporting).await.unwrap()
    };

    let live = projection(&store).await;
    assert_eq!(days().await, 0);
    worked(&store, &live, 0, &mut Sql(HANDLE)).await.unwrap();
    let shadow = shadow(&store).await;
    make(&store, &shadow, CREATE).await.unwrap();
    worked(&store, &shadow, 0, &mut Sql(HANDLE)).await.unwrap();
    store.swap(shadow.part.build, Duration::from_secs(5)).await.unwrap();
    assert_eq!(days().await, 1);
}

/// The fewest connections are enough for a step beside a beat and a read.
#[tokio::test]
async fn the_smallest_pool_runs_a_follower() {
    let pool = PgPoolOptions::new().max_connections(5).connect(&url()).await.unwrap();
    let store = PostgresStore::builder().with_schema(name()).open(pool).await.unwrap();
    store.migrate().await.unwrap();
    let held = projection(&store).await;
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    for at in 0..10 {
        let mut work = Sql(HANDLE);
        let (step, beat, look) = tokio::join!(
            worked(&store, &held, at, &mut work),
            store.books(Some(&beat)),
            store.books(None)
        );
        step.unwrap();
        assert_eq!(beat.unwrap().members.len(), 1);
        look.unwrap();
    }
    assert_eq!(orders(&store).await, 10);
}
