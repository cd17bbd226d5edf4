//! Sales by day, and how many orders there were: a projection with two tables that must agree at every moment.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use annals::{
    Batch, EventStore, ExpectedVersion, Followers, HandlerError, Options, PostgresStore,
    Projection, Recorded, StreamAppend,
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    evidence::{Process, until_told_to_end},
    orders::{Ordered, placed, stream},
};

pub(crate) const LEASE: Duration = Duration::from_millis(500);

const SERVER: &str = "ANNALS_TEST_SALES_SERVER";
const NAME: &str = "ANNALS_TEST_SALES_NAME";

struct Sales;

#[async_trait]
impl Projection<PgConnection> for Sales {
    const NAME: &'static str = "sales";
    type Event = Ordered;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let tables = "CREATE TABLE daily_sales (day integer PRIMARY KEY, orders bigint NOT NULL, cents numeric NOT NULL);
                      CREATE TABLE all_sales (orders bigint NOT NULL, cents numeric NOT NULL);
                      INSERT INTO all_sales VALUES (0, 0)";
        sqlx::raw_sql(tables).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Ordered>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        self.handle_batch(&Batch::new(std::slice::from_ref(recorded)), db).await
    }

    async fn handle_batch(
        &self,
        batch: &Batch<'_, Ordered>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        let day = |event: &Recorded<Ordered>| {
            let Ordered::Placed { day, cents, .. } = event.event;
            (day, cents)
        };
        let (days, cents): (Vec<_>, Vec<_>) = batch.iter().map(day).unzip();
        let by_day = "INSERT INTO daily_sales AS d SELECT day, count(*), sum(cents)
                      FROM unnest($1::integer[], $2::bigint[]) AS e (day, cents) GROUP BY day
                      ON CONFLICT (day) DO UPDATE SET orders = d.orders + excluded.orders, cents = d.cents + excluded.cents";
        sqlx::query(by_day).bind(&days).bind(&cents).execute(&mut *db).await?;
        let all = "UPDATE all_sales SET orders = orders + $1, cents = cents + $2";
        let sum: i64 = cents.iter().sum();
        sqlx::query(all).bind(batch.len() as i64).bind(sum).execute(db).await?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(1_000)
    }
}

/// Keeps sales, until it is killed or told to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the tests of rebuilds start"]
async fn process() {
    let mut is_over = until_told_to_end();
    let server = env::var(SERVER).expect("only the tests of rebuilds start this");
    let store = PostgresStore::connect(&server).await.unwrap();
    let followers = Followers::new(store).projection(Sales).with_name(env::var(NAME).unwrap());
    let running = followers.with_lease(LEASE).start().await.unwrap();
    is_over.wait_for(|is_over| *is_over).await.unwrap();
    running.shutdown().await;
}

/// Another process that keeps sales.
pub(crate) fn keep(server: &str, name: &str) -> Process<()> {
    Process::start("sales::process", &[(SERVER, server), (NAME, name)])
}

/// So many orders a second, each in a stream of its own, until it is over; none waits for those before it. Answers how many
/// there were.
pub(crate) async fn order(store: PostgresStore, rate: u64, is_over: watch::Receiver<bool>) -> u64 {
    let at_once = rate / 100;
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut number, mut appends) = (0, JoinSet::new());
    while !*is_over.borrow() {
        pace.tick().await;
        let next = number + at_once;
        let append = |number| {
            let new = ExpectedVersion::NoStream;
            StreamAppend::new(stream(number), new, vec![placed(number)])
        };
        let (store, orders) = (store.clone(), (number..next).map(append).collect());
        appends.spawn(async move { store.append(orders).await.unwrap() });
        while let Some(appended) = appends.try_join_next() {
            appended.unwrap();
        }
        number = next;
    }
    appends.join_all().await;
    number
}

/// When a read was answered, and how long it took.
pub(crate) type Answer = (SystemTime, Duration);

/// Looks all the time, until it is over: both tables agree, and an order that was there stays.
pub(crate) async fn look(
    url: String,
    schema: Arc<str>,
    is_over: watch::Receiver<bool>,
) -> Vec<Answer> {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = format!(
        "SELECT (SELECT coalesce(sum(orders), 0)::bigint FROM {schema}_read.daily_sales), a.orders,
                (SELECT coalesce(sum(cents), 0) FROM {schema}_read.daily_sales) = a.cents FROM {schema}_read.all_sales a"
    );
    let mut pace = tokio::time::interval(Duration::from_millis(2));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut answers, mut before) = (Vec::new(), 0);
    while !*is_over.borrow() {
        pace.tick().await;
        let asked = Instant::now();
        let row = sqlx::query_as(AssertSqlSafe(sql.clone())).fetch_one(&mut connection).await;
        let (by_day, all, cents_agree): (i64, i64, bool) = row.unwrap();
        answers.push((SystemTime::now(), asked.elapsed()));
        assert!(by_day == all && cents_agree, "a mix: {by_day} by day, {all} in all");
        assert!(all >= before, "{before} orders were there, and now {all}");
        before = all;
    }
    answers
}
