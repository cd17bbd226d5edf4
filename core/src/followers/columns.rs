use std::fmt;

use chrono::{DateTime, Utc};

use super::{
    ColumnShape, ColumnType, InvalidValue, ReadModel, TableShape, Value,
    name::is_name,
    table::{KEY, STATE},
};

/// The columns of a read model's table beside its key and its state: what rows can be filtered and ordered by.
///
/// ```
/// use annals::Columns;
///
/// struct Customer {
///     name: String,
///     spent: i64,
///     city: Option<String>,
/// }
///
/// let columns = Columns::new()
///     .indexed("spent", |customer: &Customer| customer.spent)
///     .column("name", |customer: &Customer| customer.name.clone())
///     .column("city", |customer: &Customer| customer.city.clone())
///     .index(["city", "name"]);
/// ```
pub struct Columns<M> {
    columns: Vec<Column<M>>,
    indexes: Vec<Vec<&'static str>>,
}

struct Column<M> {
    shape: ColumnShape,
    value: Box<dyn Fn(&M) -> Value + Send + Sync>,
}

/// What a column can hold: `String`, `i64`, `f64`, `bool`, `DateTime<Utc>`, or an `Option` of one of them.
pub trait ColumnValue: Into<Value> + sealed::Sealed {
    /// The type of the column.
    const TYPE: ColumnType;
}

/// What is wrong with the columns that a read model declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidColumns {
    /// A column's name breaks the rule.
    #[error(
        "column name {0:?} is not 1 to 48 of a-z, 0-9 and '_' that begin with a letter, or it is key or state"
    )]
    Name(&'static str),
    /// Two columns have one name.
    #[error("column {0} is declared twice")]
    Twice(&'static str),
    /// An index without a column, or on one that is not declared.
    #[error("index ({0}) must name one or more declared columns")]
    Index(String),
}

/// A row that no store could keep, because of one of its columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} cannot be stored")]
pub struct UnstorableColumn {
    /// The column.
    pub column: &'static str,
    /// What is wrong with its value.
    pub source: InvalidValue,
}

impl<M> Columns<M> {
    /// No columns.
    #[must_use]
    pub fn new() -> Self {
        Self { columns: Vec::new(), indexes: Vec::new() }
    }

    /// Adds a column: 1 to 48 of `a-z`, `0-9` and `_`, a letter first, and neither `key` nor `state`.
    #[must_use]
    pub fn column<V: ColumnValue>(
        mut self,
        name: &'static str,
        value: impl Fn(&M) -> V + Send + Sync + 'static,
    ) -> Self {
        let shape = ColumnShape { name, kind: V::TYPE };
        self.columns.push(Column { shape, value: Box::new(move |row| value(row).into()) });
        self
    }

    /// Adds a column and an index on it.
    #[must_use]
    pub fn indexed<V: ColumnValue>(
        self,
        name: &'static str,
        value: impl Fn(&M) -> V + Send + Sync + 'static,
    ) -> Self {
        self.column(name, value).index([name])
    }

    /// Adds an index on several columns, in this order.
    #[must_use]
    pub fn index(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self {
        self.indexes.push(columns.into_iter().collect());
        self
    }

    /// The columns of one row, in the order of [`TableShape::columns`].
    ///
    /// # Errors
    /// When a store could not keep one of them: a failure of the event that led to it.
    pub fn values(&self, row: &M) -> Result<Vec<Value>, UnstorableColumn> {
        let value = |column: &Column<M>| {
            let value = (column.value)(row);
            let unstorable = |source| UnstorableColumn { column: column.shape.name, source };
            value.check().map_err(unstorable).map(|()| value)
        };
        self.columns.iter().map(value).collect()
    }
}

impl<M: ReadModel> Columns<M> {
    /// The table of `M` with these columns. A [`ReadModel::NAME`] that can name no table does not compile.
    ///
    /// # Errors
    /// When a column or an index is declared wrongly.
    pub fn table(&self) -> Result<TableShape, InvalidColumns> {
        const { assert!(is_name(M::NAME), "ReadModel::NAME must be 1 to 48 of a-z, 0-9, '_'") }
        let columns: Vec<_> = self.columns.iter().map(|column| column.shape).collect();
        for (index, ColumnShape { name, .. }) in columns.iter().enumerate() {
            if !is_name(name) || [KEY, STATE].contains(name) {
                return Err(InvalidColumns::Name(name));
            }
            if columns.iter().take(index).any(|earlier| earlier.name == *name) {
                return Err(InvalidColumns::Twice(name));
            }
        }
        let declared = |name: &str| columns.iter().any(|column| column.name == name);
        let wrong = |index: &&Vec<&'static str>| {
            index.is_empty() || !index.iter().all(|name| declared(name))
        };
        if let Some(index) = self.indexes.iter().find(wrong) {
            return Err(InvalidColumns::Index(index.join(", ")));
        }
        Ok(TableShape { name: M::NAME, columns, indexes: self.indexes.clone() })
    }
}

impl<M> Default for Columns<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> fmt::Debug for Columns<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.columns.iter().map(|column| column.shape).collect();
        f.debug_struct("Columns")
            .field("columns", &columns)
            .field("indexes", &self.indexes)
            .finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}
    impl<V: Sealed> Sealed for Option<V> {}
}

macro_rules! column_values {
    ($($value:ty => $kind:ident),+ $(,)?) => {
        $(impl sealed::Sealed for $value {}

        impl ColumnValue for $value {
            const TYPE: ColumnType = ColumnType::$kind;
        })+
    };
}

column_values!(String => Text, i64 => Integer, f64 => Float, bool => Boolean, DateTime<Utc> => Time);

impl<V: ColumnValue> ColumnValue for Option<V> {
    const TYPE: ColumnType = V::TYPE;
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{EventData, Recorded};

    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    struct Sample {
        text: String,
        float: Option<f64>,
        time: DateTime<Utc>,
    }

    impl ReadModel for Sample {
        const NAME: &'static str = "samples";
        type Event = EventData;
        type Key = String;

        fn keys(_: &Recorded<EventData>) -> impl IntoIterator<Item = String> {
            None
        }

        fn apply(&mut self, _: &String, _: &Recorded<EventData>) {}

        fn columns() -> Columns<Self> {
            Columns::new()
                .indexed("text", |sample: &Self| sample.text.clone())
                .column("float", |sample: &Self| sample.float)
                .column("time", |sample: &Self| sample.time)
                .index(["time", "text"])
        }
    }

    #[test]
    fn the_table_is_known_before_there_is_a_row() {
        let table = Sample::columns().table().unwrap();
        assert_eq!(table.name, "samples");
        let columns = [
            ColumnShape { name: "text", kind: ColumnType::Text },
            ColumnShape { name: "float", kind: ColumnType::Float },
            ColumnShape { name: "time", kind: ColumnType::Time },
        ];
        assert_eq!(table.columns, columns);
        assert_eq!(table.indexes, [vec!["text"], vec!["time", "text"]]);
        assert_eq!(table.kind_of("key"), Some(ColumnType::Text));
        assert_eq!(table.kind_of("float"), Some(ColumnType::Float));
        assert_eq!(table.kind_of("state"), None);
    }

    #[test]
    fn values_are_cut_to_what_every_store_keeps() {
        let sample = Sample {
            text: "é".into(),
            float: None,
            time: DateTime::from_timestamp_nanos(1_123_456_789),
        };
        let time = DateTime::from_timestamp_micros(1_123_456).unwrap();
        assert_eq!(
            Sample::columns().values(&sample).unwrap(),
            [Value::Text("é".into()), Value::Null, Value::Time(time)]
        );
    }

    #[test]
    fn a_value_that_no_store_keeps_is_an_error_that_names_its_column() {
        let with = |sample: Sample| Sample::columns().values(&sample).unwrap_err();
        let unstorable = |column, source| UnstorableColumn { column, source };
        let nul = Sample { text: "a\0b".into(), ..Sample::default() };
        assert_eq!(with(nul), unstorable("text", InvalidValue::Nul));
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let sample = Sample { float: Some(float), ..Sample::default() };
            assert_eq!(with(sample), unstorable("float", InvalidValue::NotFinite));
        }
        let first = Sample { time: DateTime::<Utc>::MIN_UTC, ..Sample::default() };
        assert_eq!(with(first), unstorable("time", InvalidValue::TooEarly));
    }

    #[test]
    fn columns_that_make_no_table_are_refused_by_name() {
        let text = |sample: &Sample| sample.text.clone();
        let refused = |columns: Columns<Sample>| columns.table().unwrap_err();
        for name in ["", "Text", "key", "state", "1st", "a b", "a\""] {
            assert_eq!(refused(Columns::new().column(name, text)), InvalidColumns::Name(name));
        }
        let twice = Columns::new().column("text", text).indexed("text", text);
        assert_eq!(refused(twice), InvalidColumns::Twice("text"));
        let unknown = Columns::new().column("text", text).index(["text", "city"]);
        assert_eq!(refused(unknown), InvalidColumns::Index("text, city".into()));
        let on_key = Columns::new().column("text", text).index(["key"]);
        assert_eq!(refused(on_key), InvalidColumns::Index("key".into()));
        assert_eq!(refused(Columns::new().index([])), InvalidColumns::Index(String::new()));
    }
}
