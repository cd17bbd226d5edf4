//! How many bytes an event takes, and what the type of the column `payload` has to do with it.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::{
    ground::{Ground, Outcome},
    history::History,
    table::{Table, span},
};

const EVENTS: usize = 200_000;
const ACCOUNTS: usize = 1_000;
const TYPES: [&str; 3] = ["json", "jsonb", "text"];

/// The least that can hold events: no ids, no metadata, no time.
const PLAINEST: &str = "
    CREATE TABLE plainest (
        position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream     text NOT NULL,
        version    bigint NOT NULL,
        event_type text NOT NULL,
        payload    json NOT NULL,
        UNIQUE (stream, version)
    )";

/// Every table and index of the schema $1 that holds something, tables first.
const RELATIONS: &str = "
    SELECT t.relname::text || CASE WHEN c.relkind = 'i' THEN ' · ' || pg_get_indexdef(c.oid) ELSE '' END,
           pg_relation_size(c.oid)
    FROM pg_class c
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    JOIN pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
    WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'i')
      AND t.relname IN ('events', 'streams', 'plainest')
    ORDER BY t.relname, c.relkind DESC, c.oid";

pub(crate) async fn measure(ground: &Ground) -> Outcome {
    let history = History::new(ACCOUNTS, EVENTS);
    let (pool, store) = (ground.pool().await?, ground.store().await?);
    history.append_to(&store).await?;
    let source = format!("\"{}\".history", store.schema());
    execute(&pool, PLAINEST).await?;
    let copy = "INSERT INTO plainest (stream, version, event_type, payload)
                SELECT stream, version, event_type, payload FROM";
    execute(&pool, format!("{copy} {source} ORDER BY position")).await?;

    let plain: String =
        sqlx::query_scalar("SELECT current_schema()::text").fetch_one(&pool).await?;
    let mut table = Table::new("size: bytes per event, 200,000 of 1,000 streams", &["", "bytes"]);
    for (name, schema) in [("annals", store.schema()), ("the plainest table", &plain)] {
        let mut sum = 0.0;
        for row in sqlx::query(RELATIONS).bind(format!("\"{schema}\"")).fetch_all(&pool).await? {
            let each = row.try_get::<i64, _>(1)? as f64 / history.events as f64;
            let name: String = row.try_get(0)?;
            let name = name.split_once(" USING ").map_or(&*name, |(_, index)| index).to_owned();
            let name = if name.starts_with("btree") { format!("  {name}") } else { name };
            table.row(&[&name, &format!("{each:.1}")]);
            sum += each;
        }
        table.row(&[&format!("{name}, together"), &format!("{sum:.1}")]);
    }
    table.print();
    payload_types(&pool, &source, ground.rounds).await?;
    ground.clear().await
}

async fn payload_types(pool: &PgPool, source: &str, rounds: usize) -> Outcome {
    let columns = ["payload", "bytes", "insert all", "->> 'owner'", "1e17", "\"\\u0000\""];
    let mut table = Table::new("the same payloads by type of column", &columns);
    execute(pool, format!("CREATE TABLE source AS SELECT position, payload::text FROM {source}"))
        .await?;
    let mut times = TYPES.map(|_| (Duration::MAX, Duration::MAX));
    for _ in 0..rounds {
        for (name, (insert, get)) in TYPES.iter().zip(&mut times) {
            execute(pool, format!("DROP TABLE IF EXISTS p_{name}")).await?;
            execute(pool, format!("CREATE TABLE p_{name} (position bigint, payload {name})"))
                .await?;
            let all = format!("INSERT INTO p_{name} SELECT position, payload::{name} FROM source");
            *insert = execute(pool, all).await?.min(*insert);
            execute(pool, format!("VACUUM ANALYZE p_{name}")).await?;
            let cast = if *name == "text" { "::json" } else { "" };
            let owners = format!("SELECT count(payload{cast} ->> 'owner') FROM p_{name}");
            *get = execute(pool, owners).await?.min(*get);
        }
    }
    for (name, (insert, get)) in TYPES.iter().zip(times) {
        let bytes = format!("SELECT avg(pg_column_size(payload))::float8 FROM p_{name}");
        let bytes: f64 = sqlx::query_scalar(AssertSqlSafe(bytes)).fetch_one(pool).await?;
        let number = given_back(pool, name, "1e17").await;
        let nul = given_back(pool, name, r#""\u0000""#).await;
        table.row(&[name, &format!("{bytes:.1}"), &span(insert), &span(get), &number, &nul]);
    }
    table.print();
    Ok(())
}

/// What a column of this type gives back for a JSON text.
async fn given_back(pool: &PgPool, name: &str, json: &str) -> String {
    let query = AssertSqlSafe(format!("SELECT $1::text::{name}::text"));
    match sqlx::query_scalar(query).bind(json).fetch_one(pool).await {
        Ok(given) => given,
        Err(_) => "refused".to_owned(),
    }
}

async fn execute(pool: &PgPool, statement: impl Into<String>) -> Outcome<Duration> {
    let begin = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(pool).await?;
    Ok(begin.elapsed())
}
