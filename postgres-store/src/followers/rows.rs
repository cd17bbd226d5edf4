//! Rows of read models, for those who read them, and for steps that build on them.

use annals_core::{
    Payload, StoreError,
    followers::{
        BuildId, ColumnType, InvalidQuery, Query, ReadError, Row, RowsOf, TableShape, Value,
        WhichRows,
    },
};
use sqlx::{Column, Row as _, TypeInfo, ValueRef, postgres::PgRow};

use super::{
    failures::number,
    judge, row_sql,
    write::{bind, place, sql},
};
use crate::{database::Database, failure::Failure};

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
        if let WhichRows::Query(query) = rows.which {
            query.check(rows.table)?;
        }
        let found = match rows.claim {
            None => self.look_at(rows, None, true).await?,
            // A swap may move the tables between two looks; it moves them one way, and once.
            Some(claim) => {
                let build = claim.part.build;
                let mut found = Found::Nothing;
                for is_live in [claim.is_live, !claim.is_live, true] {
                    found = self.look_at(rows, Some(build), is_live).await?;
                    if matches!(found, Found::Rows(_)) {
                        break;
                    }
                }
                found
            }
        };
        match found {
            Found::Rows(rows) => Ok(rows),
            Found::Elsewhere | Found::Nothing => {
                Err(ReadError::NotMade { name: rows.table.name.to_owned() })
            }
        }
    }

    async fn look_at(
        &self,
        rows: &RowsOf<'_>,
        build: Option<BuildId>,
        is_live: bool,
    ) -> Result<Found, ReadError> {
        match self.read(|| self.select(rows, build, is_live)).await {
            Ok(found) => Ok(found),
            Err(failure) => match judge::code(&failure.source).as_deref() {
                Some("42P01") => Ok(Found::Nothing),
                Some("42703" | "42883" | "42804") => self.misfit(rows, failure).await,
                _ => Err(failure.into_read_error().into()),
            },
        }
    }

    async fn select(
        &self,
        RowsOf { table, which, .. }: &RowsOf<'_>,
        build: Option<BuildId>,
        is_live: bool,
    ) -> Result<Found, Failure> {
        let schema = self.schema.fill(place(is_live));
        let first = if build.is_some() { 2 } else { 1 };
        let (select, values, keys) = match which {
            WhichRows::Keys(keys) => {
                // A key with NUL has no row.
                let keys: Vec<_> = keys.iter().filter(|key| !key.contains('\0')).cloned().collect();
                (row_sql::by_keys(&schema, table, first), Vec::new(), Some(keys))
            }
            WhichRows::Query(query) => {
                let select = row_sql::by_query(&schema, table, query, first);
                (select.text, select.values, None)
            }
        };
        let text = match build {
            Some(_) => row_sql::of_build(&self.schema.fill("{schema}.builds"), &select, is_live),
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
        if found.as_ref().is_err_and(|error| judge::is(error, "0A000")) {
            // The plan is of a table that was swapped away meanwhile, and this one has other columns.
            connection.close_on_drop();
        }
        let found = found.map_err(Failure::before_sending)?;
        read(&found, build.map(|_| is_live)).map_err(Failure::before_sending)
    }

    /// Why the table that serves cannot answer what the table as the caller knows it could.
    async fn misfit(&self, rows: &RowsOf<'_>, failure: Failure) -> Result<Found, ReadError> {
        if let WhichRows::Query(query) = rows.which {
            let columns = self.read(|| self.columns_of(rows.table)).await;
            let columns = columns.map_err(Failure::into_read_error)?;
            differs(query, rows.table, &columns)?;
        }
        Err(StoreError::Failed(Box::new(failure.source)).into())
    }

    async fn columns_of(&self, table: &TableShape) -> Result<Vec<(String, String)>, Failure> {
        let mut connection = self.connection().await?;
        let query = self.statements.columns_of.query().bind(table.name);
        let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending)?;
        let columns = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        columns.collect::<Result<_, _>>().map_err(Failure::before_sending)
    }
}

/// The first column of `query` that is not among `columns`, or is of another type than it is compared with.
fn differs(
    query: &Query,
    table: &TableShape,
    columns: &[(String, String)],
) -> Result<(), InvalidQuery> {
    let conditions = query.conditions.iter().map(|one| (&one.column, &one.value));
    let order = query.order.as_ref().map(|order| {
        (&order.column, query.after.as_ref().map_or(&Value::Null, |after| after.value()))
    });
    for (column, value) in conditions.chain(order) {
        let (name, column) = (table.name.to_owned(), column.clone());
        let Some((_, found)) = columns.iter().find(|(name, _)| *name == column) else {
            return Err(InvalidQuery::UnknownColumn { table: name, column });
        };
        use ColumnType::{Boolean, Float, Integer, Text, Time};
        let kinds = [Text, Integer, Float, Boolean, Time];
        let expected = kinds.into_iter().find(|kind| row_sql::sql_type(*kind) == found);
        if let (Some(expected), Some(given)) = (expected, value.kind())
            && expected != given
        {
            return Err(InvalidQuery::WrongType { table: name, column, expected, given });
        }
    }
    Ok(())
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
