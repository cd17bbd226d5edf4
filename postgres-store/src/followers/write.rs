//! The rows that a step of a read model changes.

use annals_core::followers::{ColumnType, RowChanges, StepError, TableShape, Upsert, Value};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};

use super::{judge, row_sql};
use crate::database::Database;

type Sql = Query<'static, Postgres, PgArguments>;

impl Database {
    pub(super) async fn write(
        &self,
        RowChanges { table, upserts, deletes }: &RowChanges<'_>,
        is_live: bool,
        transaction: &mut PgConnection,
    ) -> Result<(), StepError> {
        let schema = self.schema.fill(place(is_live));
        if !upserts.is_empty() {
            let query =
                bind_upserts(sql(row_sql::upsert(&schema, table, 1, "true")), table, upserts);
            query.execute(&mut *transaction).await.map_err(judge::rows)?;
        }
        let deletes = keys_of_rows(deletes);
        if !deletes.is_empty() {
            let query = sql(row_sql::delete(&schema, table, 1, "true")).bind(deletes);
            query.execute(transaction).await.map_err(judge::rows)?;
        }
        Ok(())
    }
}

/// Where the tables of a build are.
pub(super) fn place(is_live: bool) -> &'static str {
    if is_live { "{read}" } else { "{build}" }
}

pub(super) fn sql(text: String) -> Sql {
    // Safe: a text of this crate, with checked names.
    sqlx::query(AssertSqlSafe(text))
}

/// No row has a key with NUL.
pub(super) fn keys_of_rows(keys: &[String]) -> Vec<String> {
    keys.iter().filter(|key| !key.contains('\0')).cloned().collect()
}

/// Binds keys, states and columns, side by side.
pub(super) fn bind_upserts(query: Sql, table: &TableShape, rows: &[Upsert]) -> Sql {
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    let states: Vec<_> = rows.iter().map(|row| row.state.as_str().to_owned()).collect();
    let mut query = query.bind(keys).bind(states);
    for (number, column) in table.columns.iter().enumerate() {
        let values = rows.iter().map(|row| row.values.get(number).unwrap_or(&Value::Null));
        query = match column.kind {
            ColumnType::Text => query.bind(values.map(text).collect::<Vec<_>>()),
            ColumnType::Integer => query.bind(values.map(integer).collect::<Vec<_>>()),
            ColumnType::Float => query.bind(values.map(float).collect::<Vec<_>>()),
            ColumnType::Boolean => query.bind(values.map(boolean).collect::<Vec<_>>()),
            ColumnType::Time => query.bind(values.map(time).collect::<Vec<_>>()),
        };
    }
    query
}

/// Binds one value.
pub(super) fn bind(query: Sql, value: &Value) -> Sql {
    match value {
        Value::Null => query.bind(None::<String>),
        Value::Text(value) => query.bind(value.clone()),
        Value::Integer(value) => query.bind(*value),
        Value::Float(value) => query.bind(*value),
        Value::Boolean(value) => query.bind(*value),
        Value::Time(value) => query.bind(*value),
    }
}

fn text(value: &Value) -> Option<String> {
    if let Value::Text(text) = value { Some(text.clone()) } else { None }
}

fn integer(value: &Value) -> Option<i64> {
    if let Value::Integer(integer) = value { Some(*integer) } else { None }
}

fn float(value: &Value) -> Option<f64> {
    if let Value::Float(float) = value { Some(*float) } else { None }
}

fn boolean(value: &Value) -> Option<bool> {
    if let Value::Boolean(boolean) = value { Some(*boolean) } else { None }
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    if let Value::Time(time) = value { Some(*time) } else { None }
}
