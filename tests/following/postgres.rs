//! The kit on Postgres: a store with a schema of its own for each run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use annals::{
    HandlerError, PostgresStore, Projection, Recorded,
    testing::{CrashPoint, Following},
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

#[path = "../postgres/fresh.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod fresh;

use crate::shop::{Customer, InvoiceEvent, Postbox, Ship, ShipmentEvent, placed};

/// A store that leaves connections to other tests as well.
async fn fresh_store() -> PostgresStore {
    let store = fresh::builder().with_max_connections(5).connect(&fresh::url()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// What was sold on each day.
struct Sales {
    /// For what it does past the transaction of the checkpoint, in this schema.
    past: Option<(PgPool, String)>,
}

#[async_trait]
impl Projection<PgConnection> for Sales {
    const NAME: &'static str = "sales";
    type Event = InvoiceEvent;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let table = "CREATE TABLE sales (day date PRIMARY KEY, pence bigint NOT NULL)";
        sqlx::raw_sql(table).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        let InvoiceEvent::Placed { pence, .. } = recorded.event else { return Ok(()) };
        let add = "INSERT INTO sales (day, pence) VALUES ($1, $2)
            ON CONFLICT (day) DO UPDATE SET pence = sales.pence + excluded.pence";
        sqlx::query(add).bind(recorded.recorded_at.date_naive()).bind(pence).execute(db).await?;
        if let Some((pool, schema)) = &self.past {
            let audit = format!("UPDATE \"{schema}\".audit SET orders = orders + 1");
            sqlx::query(AssertSqlSafe(audit)).execute(pool).await?;
        }
        Ok(())
    }
}

fn sales() -> Following<PostgresStore> {
    Following::on_async(fresh_store)
        .projection(|_, ()| Sales { past: None })
        .given("invoice-1", [placed("anna", 500), placed("bob", 1)])
        .with_time("2026-02-03T12:00:00Z".parse().unwrap())
        .given("invoice-2", [placed("anna", 250)])
}

async fn per_day(store: &PostgresStore, _: &()) -> Vec<(String, i64)> {
    let schema = store.schema();
    let days = format!("SELECT day::text, pence FROM \"{schema}_read\".sales ORDER BY day");
    sqlx::query_as(AssertSqlSafe(days)).fetch_all(store.pool()).await.unwrap()
}

fn sold() -> Vec<(String, i64)> {
    vec![("2026-01-01".into(), 501), ("2026-02-03".into(), 250)]
}

#[test]
fn a_projection_in_postgres_bears_what_comes_twice() {
    let anna = Customer::new(2, 750, "2026-02-03", None);
    let both = sales().read_model::<Customer>();
    both.when_repeated().then_found(per_day, sold()).then_row("anna", anna);
}

#[test]
fn a_projection_in_postgres_bears_deaths() {
    for point in [CrashPoint::WithinStep, CrashPoint::AfterStep, CrashPoint::AfterSwap] {
        sales().when_crashing_at(point).then_found(per_day, sold());
    }
}

#[test]
fn a_reactor_on_postgres_bears_what_comes_twice() {
    Following::on_async(fresh_store)
        .beside(Postbox::default)
        .reactor(Ship::new)
        .given("invoice-1", [placed("anna", 500)])
        .when_repeated()
        .then_events([("shipment-1", ShipmentEvent::Booked { pence: 500 })])
        .then_found(async |_, postbox| postbox.letters(), vec!["Dear anna".to_owned()]);
}

/// A table of its own, past the follower's.
async fn audited_store() -> PostgresStore {
    let store = fresh_store().await;
    let mut connection = fresh::connection().await;
    let audit = "CREATE TABLE $schema.audit AS SELECT 0::bigint AS orders";
    fresh::run(&mut connection, &store, audit).await.unwrap();
    store
}

#[test]
fn a_projection_in_postgres_that_writes_past_its_transaction_is_found() {
    let audited = || {
        Following::on_async(audited_store)
            .projection(|store, ()| Sales {
                past: Some((store.pool().clone(), store.schema().to_owned())),
            })
            .given("invoice-1", [placed("anna", 500), placed("bob", 1)])
    };
    let orders = async |store: &PostgresStore, _: &()| {
        let orders = format!("SELECT orders FROM \"{}\".audit", store.schema());
        sqlx::query_scalar::<_, i64>(AssertSqlSafe(orders)).fetch_one(store.pool()).await.unwrap()
    };
    audited().when_followed().then_found(orders, 2);
    let test = || {
        audited().when_crashing_at(CrashPoint::WithinStep).then_found(orders, 2);
    };
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it should have failed");
    let failed = panic.downcast_ref::<String>().unwrap();
    assert!(failed.starts_with("when the process died within a step"), "{failed}");
}
