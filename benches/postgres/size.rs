//! How many bytes an event takes, and what the type of the column `payload` has to do with it.

use std::time::{Duration, Instant};

use annals_figures::{Figure, Part, Unit};
use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::{
    ground::{Ground, Outcome},
    history::History,
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

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
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
    let mut part = Part::new("size", "bytes per event, 200,000 of 1,000 streams");
    for (who, schema) in [("annals", store.schema()), ("the plainest table", &plain)] {
        let mut sum = 0.0;
        for row in sqlx::query(RELATIONS).bind(format!("\"{schema}\"")).fetch_all(&pool).await? {
            let each = row.try_get::<i64, _>(1)? as f64 / history.events as f64;
            let name: String = row.try_get(0)?;
            let name = name.split_once(" USING ").map_or(&*name, |(_, index)| index).to_owned();
            let name = if name.starts_with("btree") { format!("index {name}") } else { name };
            part = part.with(Figure::new(name, Unit::Bytes).by(who, vec![each]));
            sum += each;
        }
        part = part.with(Figure::new("together", Unit::Bytes).by(who, vec![sum]));
    }
    part = payload_types(&pool, &source, ground.rounds, part).await?;
    ground.clear().await?;
    Ok(part)
}

async fn payload_types(
    pool: &PgPool,
    source: &str,
    rounds: usize,
    mut part: Part,
) -> Outcome<Part> {
    execute(pool, format!("CREATE TABLE source AS SELECT position, payload::text FROM {source}"))
        .await?;
    let mut times = TYPES.map(|_| [const { Vec::new() }; 2]);
    for _ in 0..rounds {
        for (name, [insert, get]) in TYPES.iter().zip(&mut times) {
            execute(pool, format!("DROP TABLE IF EXISTS p_{name}")).await?;
            execute(pool, format!("CREATE TABLE p_{name} (position bigint, payload {name})"))
                .await?;
            let all = format!("INSERT INTO p_{name} SELECT position, payload::{name} FROM source");
            insert.push(execute(pool, all).await?.as_secs_f64());
            execute(pool, format!("VACUUM ANALYZE p_{name}")).await?;
            let cast = if *name == "text" { "::json" } else { "" };
            let owners = format!("SELECT count(payload{cast} ->> 'owner') FROM p_{name}");
            get.push(execute(pool, owners).await?.as_secs_f64());
        }
    }
    let mut size = Figure::new("an average payload", Unit::Bytes);
    let mut inserted = Figure::new("to insert all", Unit::Seconds);
    let mut got = Figure::new("to take a field out of all", Unit::Seconds);
    for (name, [insert, get]) in TYPES.into_iter().zip(times) {
        let bytes = format!("SELECT avg(pg_column_size(payload))::float8 FROM p_{name}");
        let bytes: f64 = sqlx::query_scalar(AssertSqlSafe(bytes)).fetch_one(pool).await?;
        size = size.by(name, vec![bytes]);
        inserted = inserted.by(name, insert);
        got = got.by(name, get);
        let number = given_back(pool, name, "1e17").await;
        let nul = given_back(pool, name, r#""\u0000""#).await;
        part = part.with_note(format!("{name}: `1e17` is {number}, `\"\\u0000\"` is {nul}"));
    }
    Ok([size, inserted, got].into_iter().fold(part, Part::with))
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
