//! Rows of read models, for those who read them, and for steps that build on them.

use annals_core::{
    Payload,
    followers::{ColumnType, ReadError, Row, RowsOf, Value, WhichRows},
};
use sqlx::{Column, Row as _, TypeInfo, ValueRef, postgres::PgRow};

use super::{
    failures::number,
    judge, row_sql,
    write::{bind, keys_of_rows, place, sql},
};
use crate::{database::Database, failure::Failure};

/// The code of a plan whose answer would have other columns than it had.
const STALE_PLAN: &str = "0A000";

/// What one look at one place found.
enum Found {
    Rows(Vec<Row>),
    /// The tables of the build are at the other place.
    Elsewhere,
    /// There is no such table, or no such build.
    Nothing,
}

impl Database {
    pub(super) async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        let places = match rows.claim {
            None => vec![true],
            // A swap may move the tables between two looks: one way, and once.
            Some(claim) => vec![claim.is_live, !claim.is_live, true],
        };
        for is_live in places {
            if let Found::Rows(rows) = self.look_at(rows, is_live).await? {
                return Ok(rows);
            }
        }
        Err(ReadError::NotMade { name: rows.table.name.to_owned() })
    }

    async fn look_at(&self, rows: &RowsOf<'_>, is_live: bool) -> Result<Found, ReadError> {
        // What the caller knows of the table decides as long as nothing speaks against it.
        let is_known = match rows.which {
            WhichRows::Keys(_) => true,
            WhichRows::Query(query) => query.check(rows.table).is_ok(),
        };
        if is_known {
            match self.select_again(rows, is_live).await {
                Ok(found) => return Ok(found),
                Err(failure) => match judge::code(&failure.source).as_deref() {
                    Some("42P01") => return Ok(Found::Nothing),
                    Some("42703" | "42883" | "42804") => {}
                    _ => return Err(failure.into_read_error().into()),
                },
            }
        }
        let made = self.read(|| self.columns_of(rows, is_live)).await;
        let made = made.map_err(Failure::into_read_error)?;
        if made.columns.is_empty() {
            return Ok(Found::Nothing);
        }
        if rows.claim.is_some() && made.is_live != Some(is_live) {
            return Ok(Found::Elsewhere);
        }
        if let WhichRows::Query(query) = rows.which {
            query.check_columns(rows.table.name, |column| made.kind_of(column))?;
        }
        let found = self.select_again(rows, is_live).await;
        found.map_err(|failure| failure.into_read_error().into())
    }

    /// After a swap each connection may have a plan that is of no use any more: those are closed, one by one.
    async fn select_again(&self, rows: &RowsOf<'_>, is_live: bool) -> Result<Found, Failure> {
        let mut connections = self.pool.options().get_max_connections();
        loop {
            match self.read(|| self.select(rows, is_live)).await {
                Err(stale) if judge::is(&stale.source, STALE_PLAN) && connections > 0 => {
                    connections -= 1;
                }
                found => return found,
            }
        }
    }

    async fn select(
        &self,
        RowsOf { table, which, claim }: &RowsOf<'_>,
        is_live: bool,
    ) -> Result<Found, Failure> {
        let build = claim.map(|claim| claim.part.build);
        let schema = self.schema.fill(place(is_live));
        let first = if build.is_some() { 2 } else { 1 };
        let (select, values, keys) = match which {
            WhichRows::Keys(keys) => {
                (row_sql::by_keys(&schema, table, first), Vec::new(), Some(keys_of_rows(keys)))
            }
            WhichRows::Query(query) => {
                let select = row_sql::by_query(&schema, table, query, first);
                (select.text, select.values, None)
            }
        };
        let text = match build {
            Some(_) => row_sql::of_build(&self.schema.fill("{schema}"), &select, is_live),
            None => select,
        };
        let mut query = sql(text);
        if let Some(build) = build {
            query = query.bind(number(build));
        }
        query = values.iter().fold(query, bind);
        if let Some(keys) = keys {
            query = query.bind(keys);
        }
        let mut connection = self.connection().await?;
        let found = query.fetch_all(&mut *connection).await;
        if found.as_ref().is_err_and(|error| judge::is(error, STALE_PLAN)) {
            // The plan is of a table that was swapped away meanwhile, and this one has other columns.
            connection.close_on_drop();
        }
        let found = found.map_err(Failure::before_sending);
        let found = found.inspect_err(|failure| failure.retire(&mut connection))?;
        read(&found, build.map(|_| is_live)).map_err(Failure::before_sending)
    }

    async fn columns_of(
        &self,
        RowsOf { table, claim, .. }: &RowsOf<'_>,
        is_live: bool,
    ) -> Result<Made, Failure> {
        let mut connection = self.connection().await?;
        let schema = self.schema.beside(if is_live { "read" } else { "build" });
        let query = self.statements.columns_of.query().bind(schema).bind(table.name);
        let query = query.bind(claim.map(|claim| number(claim.part.build)));
        let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending)?;
        let mut made = Made { columns: Vec::with_capacity(rows.len()), is_live: None };
        for row in rows {
            let failed = Failure::before_sending;
            made.is_live = row.try_get(2).map_err(failed)?;
            made.columns.push((row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?));
        }
        Ok(made)
    }
}

/// A table as it was made.
struct Made {
    /// Each with what Postgres calls its type.
    columns: Vec<(String, String)>,
    /// Whether the build that was asked for is live; none if there is no such.
    is_live: Option<bool>,
}

impl Made {
    fn kind_of(&self, column: &str) -> Option<ColumnType> {
        use ColumnType::{Boolean, Float, Integer, Text, Time};
        let (_, found) = self.columns.iter().find(|(name, _)| name == column)?;
        let kinds = [Text, Integer, Float, Boolean, Time];
        kinds.into_iter().find(|kind| row_sql::sql_type(*kind) == found)
    }
}

/// `looked_at` is where rows of one build were looked for: whether that is where live ones are.
fn read(rows: &[PgRow], looked_at: Option<bool>) -> Result<Found, sqlx::Error> {
    if let Some(looked_at) = looked_at {
        let Some(first) = rows.first() else { return Ok(Found::Nothing) };
        if first.try_get::<bool, _>(3)? != looked_at {
            return Ok(Found::Elsewhere);
        }
    }
    // Of a build that has no such rows there is one without a key.
    let keyed = rows.iter().filter_map(|row| match row.try_get::<Option<String>, _>(0) {
        Ok(key) => key.map(|key| row_of(row, key)),
        Err(error) => Some(Err(error)),
    });
    keyed.collect::<Result<_, _>>().map(Found::Rows)
}

fn row_of(row: &PgRow, key: String) -> Result<Row, sqlx::Error> {
    let state: &str = row.try_get_unchecked(1)?;
    Ok(Row { key, state: Payload::from_stored(state), ordered_by: value(row)? })
}

fn value(row: &PgRow) -> Result<Value, sqlx::Error> {
    if row.try_get_raw(2)?.is_null() {
        return Ok(Value::Null);
    }
    Ok(match row.column(2).type_info().name() {
        "INT8" => Value::Integer(row.try_get(2)?),
        "FLOAT8" => Value::Float(row.try_get(2)?),
        "BOOL" => Value::Boolean(row.try_get(2)?),
        "TIMESTAMPTZ" => Value::Time(row.try_get(2)?),
        _ => Value::Text(row.try_get(2)?),
    })
}
