//! What the server takes the statements for before it knows what is in the tables. One that it takes for dear is compiled
//! each time that it runs, which takes far longer than the statement.

use std::{fs, path::Path};

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::fresh::{connection, fresh_store, run};

/// A tenth of what makes a server compile a statement, if it is not told otherwise: `jit_above_cost`.
const CHEAP: f64 = 10_000.0;

/// Ways to begin a statement that goes on with the books.
const BEFORE_THE_BOOKS: [&str; 2] = ["followers/alive", "followers/beat"];
const BOOKS: &str = "followers/books";
/// It begins a transaction, and asks nothing of a table of the store.
const NO_PLAN: &str = "followers/begin_swap";

/// Each statement that the store sends, by the name of its file.
fn statements() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres-store/sql");
    let read = |name: &str| fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap();
    let mut statements = Vec::new();
    for concern in ["append", "followers", "read", "status", "tail"] {
        for file in fs::read_dir(folder.join(concern)).unwrap() {
            let file = file.unwrap().path();
            let name = format!("{concern}/{}", file.file_stem().unwrap().to_str().unwrap());
            if name == BOOKS || name == NO_PLAN {
                continue;
            }
            let books = BEFORE_THE_BOOKS.contains(&&*name).then(|| read(BOOKS));
            statements.push((name.clone(), read(&name) + &books.unwrap_or_default()));
        }
    }
    statements
}

/// What the server takes a statement for that it prepares, whatever the parameters are.
async fn cost(statement: &str, connection: &mut PgConnection) -> f64 {
    let prepare = format!("DEALLOCATE ALL; PREPARE wanted AS {statement}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
    let parameters =
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'wanted'";
    let row = sqlx::raw_sql(parameters).fetch_one(&mut *connection).await.unwrap();
    let nulls = match row.get::<i32, _>(0) {
        0 => String::new(),
        parameters => format!("({})", vec!["NULL"; parameters as usize].join(", ")),
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE wanted{nulls}");
    let row = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(connection).await.unwrap();
    let plan: Value = serde_json::from_str(row.try_get_unchecked(0).unwrap()).unwrap();
    plan[0]["Plan"]["Total Cost"].as_f64().unwrap()
}

#[tokio::test]
async fn on_tables_that_were_never_analyzed_no_statement_is_taken_for_dear() {
    let store = fresh_store().await;
    let mut connection = connection().await;
    run(&mut connection, &store, "SET plan_cache_mode = force_generic_plan").await.unwrap();
    let schema = store.schema();
    let statements = statements();
    assert!(statements.len() > 50, "only {} statements were found", statements.len());
    for (name, statement) in statements {
        let statement = statement
            .replace("{schema_id}", "0")
            .replace("{page}", "8192")
            .replace("{last_position}", "0")
            .replace("{sees_positions}", "true")
            .replace("{schema}", schema)
            .replace("{read}", &format!("{schema}_read"))
            .replace("{build}", &format!("{schema}_build"));
        let cost = cost(&statement, &mut connection).await;
        assert!(cost < CHEAP, "{name} costs {cost}");
    }
}
