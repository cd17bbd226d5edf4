mod cursor;
mod select;
#[cfg(test)]
mod tests;

pub use self::cursor::{Cursor, InvalidCursor};
use super::{ColumnType, InvalidValue, Row, TableShape, Value};

/// Which rows of a read model to list, in which order, and how many at a time.
///
/// Columns are those that the read model declares, and `key`, a column of text. Without an order of its own
/// a list is in the order of keys. It answers alike on every store: text is ordered by its bytes, nulls come
/// last in either direction, and rows that are equal in the order's column come in the order of their keys,
/// in the same direction.
///
/// ```
/// use annals::Query;
///
/// let best = Query::all().at_least("spent", 10_000).descending("spent").with_limit(20);
/// let homeless = Query::all().equal("city", None::<String>);
/// let by_prefix = Query::all().at_least("key", "an").at_most("key", "an\u{10ffff}");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// What all rows given must meet.
    pub conditions: Vec<Condition>,
    /// What comes first; if none, the lowest key.
    pub order: Option<Order>,
    /// The most rows to give.
    pub limit: u32,
    /// Only what comes after this place in the order.
    pub after: Option<Cursor>,
}

/// One condition on a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column's name, as the caller wrote it: not checked before [`Query::check`].
    pub column: String,
    /// How the column compares with `value`.
    pub comparison: Comparison,
    /// What it is compared with; null only in [`Comparison::Equal`].
    pub value: Value,
}

/// How a column compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// They are the same; null equals null (`IS NOT DISTINCT FROM`).
    Equal,
    /// The column is not null, and not lower.
    AtLeast,
    /// The column is not null, and not higher.
    AtMost,
}

/// The order of a list: by one column, then by key, both in the same direction. Nulls come last in either.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Order {
    /// The column's name, as the caller wrote it: not checked before [`Query::check`].
    pub column: String,
    /// Whether the highest value comes first.
    pub descending: bool,
}

/// Rows of a list, and where it goes on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// Pass it to [`Query::after`] for the next page; none if this is the last one.
    pub next: Option<Cursor>,
}

/// Why a query cannot be answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuery {
    /// The read model declares no such column, or the table that serves was made before it did.
    #[error("{table} has no column {column:?}; declare it in ReadModel::columns")]
    UnknownColumn {
        /// The read model.
        table: String,
        /// The name that was asked for.
        column: String,
    },
    /// The column is compared with a value of another type.
    #[error("column {column} of {table} holds {expected}, and is compared with {given}")]
    WrongType {
        /// The read model.
        table: String,
        /// The column.
        column: String,
        /// What it holds.
        expected: ColumnType,
        /// What it is compared with.
        given: ColumnType,
    },
    /// A bound is null, which nothing is above or below of.
    #[error("column {column} of {table} is bounded by null; ask for equal to find nulls")]
    NullBound {
        /// The read model.
        table: String,
        /// The column.
        column: String,
    },
    /// The column is compared with a value that no column can hold.
    #[error("column {column} of {table} is compared with what no column can hold")]
    Value {
        /// The read model.
        table: String,
        /// The column.
        column: String,
        /// What is wrong with the value.
        source: InvalidValue,
    },
    /// The cursor was given by a query of another order.
    #[error("the cursor is of a list of {table} in another order; begin at the first page")]
    Cursor {
        /// The read model.
        table: String,
    },
}

impl Query {
    /// All rows in the order of their keys, at most 1,000 at a time.
    #[must_use]
    pub fn all() -> Self {
        Self { conditions: Vec::new(), order: None, limit: 1_000, after: None }
    }

    /// Only rows whose `column` is `value`; with `None`, those in which it is null.
    #[must_use]
    pub fn equal(self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(column.into(), Comparison::Equal, value.into())
    }

    /// Only rows whose `column` is `value` or higher.
    #[must_use]
    pub fn at_least(self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(column.into(), Comparison::AtLeast, value.into())
    }

    /// Only rows whose `column` is `value` or lower.
    #[must_use]
    pub fn at_most(self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(column.into(), Comparison::AtMost, value.into())
    }

    /// The lowest value of `column` first. It replaces an order set before.
    #[must_use]
    pub fn ascending(mut self, column: impl Into<String>) -> Self {
        self.order = Some(Order { column: column.into(), descending: false });
        self
    }

    /// The highest value of `column` first. It replaces an order set before.
    #[must_use]
    pub fn descending(mut self, column: impl Into<String>) -> Self {
        self.order = Some(Order { column: column.into(), descending: true });
        self
    }

    /// Gives at most `rows` rows.
    #[must_use]
    pub fn with_limit(mut self, rows: u32) -> Self {
        self.limit = rows;
        self
    }

    /// Goes on where a page of the same query ended: what has come to lie before that place meanwhile is
    /// not given, and nothing is given twice but a row that has moved.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    fn with(mut self, column: String, comparison: Comparison, value: Value) -> Self {
        self.conditions.push(Condition { column, comparison, value });
        self
    }

    /// The place of `row` in the order: what the next page begins after.
    #[must_use]
    pub fn cursor(&self, row: &Row) -> Cursor {
        Cursor { order: self.order.clone(), value: row.ordered_by.clone(), key: row.key.clone() }
    }

    /// Whether `table` can answer it. Stores ask this first, against the table as it was made; after it every
    /// name is a column of the table, and safe in quotes in a statement, and every value is of its type.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, table: &TableShape) -> Result<(), InvalidQuery> {
        self.check_columns(table.name, |column| table.kind_of(column))
    }

    /// The same for a store that has asked its database what the table was made with: `kind_of` is what a column
    /// holds, none for one that is not there or may not be named. `key` is a column of text.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_columns(
        &self,
        table: &str,
        kind_of: impl Fn(&str) -> Option<ColumnType>,
    ) -> Result<(), InvalidQuery> {
        let check_value = |column: &str, value| check_value(table, column, kind_of(column), value);
        for Condition { column, comparison, value } in &self.conditions {
            check_value(column, value)?;
            if *value == Value::Null && *comparison != Comparison::Equal {
                let (table, column) = (table.to_owned(), column.clone());
                return Err(InvalidQuery::NullBound { table, column });
            }
        }
        if let Some(order) = &self.order {
            check_value(&order.column, &Value::Null)?;
        }
        if let Some(cursor) = &self.after {
            if cursor.order != self.order {
                return Err(InvalidQuery::Cursor { table: table.to_owned() });
            }
            if let Some(order) = &cursor.order {
                check_value(&order.column, &cursor.value)?;
            }
            check_value(super::table::KEY, &Value::Text(cursor.key.clone()))?;
        }
        Ok(())
    }
}

fn check_value(
    table: &str,
    column: &str,
    kind: Option<ColumnType>,
    value: &Value,
) -> Result<(), InvalidQuery> {
    let (name, column_name) = (|| table.to_owned(), || column.to_owned());
    let Some(expected) = kind else {
        return Err(InvalidQuery::UnknownColumn { table: name(), column: column_name() });
    };
    if let Some(given) = value.kind().filter(|given| *given != expected) {
        let (table, column) = (name(), column_name());
        return Err(InvalidQuery::WrongType { table, column, expected, given });
    }
    let invalid = |source| InvalidQuery::Value { table: name(), column: column_name(), source };
    value.check().map_err(invalid)
}
