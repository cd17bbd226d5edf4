//! What a query means: its evaluation, for stores that hold rows in memory.

use std::cmp::Ordering;

use super::{Comparison, Condition, InvalidQuery, Query};
use crate::{
    Payload,
    followers::{Row, TableShape, Value, table::KEY},
};

/// One row as a store in memory holds it: its key, its state, and its columns in the order of the table's.
type Stored<'a> = (&'a str, &'a Payload, &'a [Value]);

impl Query {
    /// The rows that the query asks for, in its order, of all `rows` of the table: each its key, its state,
    /// and its values in the order of [`TableShape::columns`]. For stores that hold rows in memory.
    ///
    /// # Errors
    /// When the table cannot answer it, as [`check`](Self::check).
    pub fn select<'a>(
        &self,
        table: &TableShape,
        rows: impl IntoIterator<Item = Stored<'a>>,
    ) -> Result<Vec<Row>, InvalidQuery> {
        self.check(table)?;
        let order = self.order.as_ref();
        let found = rows.into_iter().filter(|row| {
            self.conditions
                .iter()
                .all(|condition| condition.holds(&column(table, row, &condition.column)))
        });
        let mut found: Vec<_> = found
            .map(|row| {
                let value = order.map_or(Value::Null, |order| column(table, &row, &order.column));
                (value, row)
            })
            .filter(|(value, (key, ..))| {
                self.after.as_ref().is_none_or(|after| {
                    self.compare((value, key), (&after.value, &after.key)) == Ordering::Greater
                })
            })
            .collect();
        found.sort_by(|(one, (one_key, ..)), (other, (other_key, ..))| {
            self.compare((one, one_key), (other, other_key))
        });
        found.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let row = |(ordered_by, (key, state, _)): (Value, Stored<'_>)| Row {
            key: key.to_owned(),
            state: state.clone(),
            ordered_by,
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Which of two rows comes first, by what they have in the order's column, and their keys.
    fn compare(&self, one: (&Value, &str), other: (&Value, &str)) -> Ordering {
        let descending = self.order.as_ref().is_some_and(|order| order.descending);
        let directed = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
        let is_null = |value: &Value| *value == Value::Null;
        is_null(one.0)
            .cmp(&is_null(other.0))
            .then_with(|| directed(one.0.compare(other.0).unwrap_or(Ordering::Equal)))
            .then_with(|| directed(one.1.cmp(other.1)))
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        let ordering = value.compare(&self.value);
        match self.comparison {
            Comparison::Equal if self.value == Value::Null => *value == Value::Null,
            Comparison::Equal => ordering == Some(Ordering::Equal),
            Comparison::AtLeast => ordering.is_some_and(Ordering::is_ge),
            Comparison::AtMost => ordering.is_some_and(Ordering::is_le),
        }
    }
}

fn column(table: &TableShape, (key, _, values): &Stored<'_>, name: &str) -> Value {
    if name == KEY {
        return Value::Text((*key).to_owned());
    }
    let columns = table.columns.iter().zip(*values);
    let found = columns.into_iter().find(|(column, _)| column.name == name);
    found.map_or(Value::Null, |(_, value)| value.clone())
}
