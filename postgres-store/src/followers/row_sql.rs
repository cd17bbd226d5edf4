//! The SQL of a read model's table. Its names are checked, so they are safe between double quotes.

use annals_core::followers::{
    ColumnShape, ColumnType, Comparison, Condition, Query, TableShape, Upsert, Value,
};

pub(super) fn sql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Integer => "bigint",
        ColumnType::Float => "double precision",
        ColumnType::Boolean => "boolean",
        ColumnType::Time => "timestamp with time zone",
    }
}

/// The table and its indexes. Each ends with the key, so that it gives rows in the order of lists; each has a name that
/// no other table's index has.
pub(super) fn create(TableShape { name, columns, indexes }: &TableShape) -> String {
    let column = |ColumnShape { name, kind }: &ColumnShape| {
        let collation = if *kind == ColumnType::Text { " COLLATE \"C\"" } else { "" };
        format!(", \"{name}\" {}{collation}", sql_type(*kind))
    };
    let columns: String = columns.iter().map(column).collect();
    let index = |(number, columns): (usize, &Vec<&str>)| {
        format!("; CREATE INDEX \"{name}.{number}\" ON \"{name}\" ({}, key)", quoted(columns))
    };
    let indexes: String = (1..).zip(indexes).map(index).collect();
    format!(
        "CREATE TABLE \"{name}\" (key text COLLATE \"C\" CONSTRAINT \"{name}.key\" PRIMARY KEY, \
         state json NOT NULL{columns}){indexes}"
    )
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Puts rows into the table in `schema`: the parameter `first` is the keys, the next one the states, and so on in the order of
/// columns, side by side.
pub(super) fn upsert(
    schema: &str,
    TableShape { name, columns, .. }: &TableShape,
    first: usize,
    condition: &str,
) -> String {
    let names = |prefix: &str| -> String {
        columns.iter().map(|column| format!(", {prefix}\"{}\"", column.name)).collect()
    };
    let (keys, states) = (first, first + 1);
    let types: String = (first + 2..)
        .zip(columns)
        .map(|(number, column)| format!(", ${number}::{}[]", sql_type(column.kind)))
        .collect();
    let sets: String = columns
        .iter()
        .map(|ColumnShape { name, .. }| format!(", \"{name}\" = excluded.\"{name}\""))
        .collect();
    format!(
        "INSERT INTO {schema}.\"{name}\" (key, state{}) SELECT r.key, r.state::json{} \
         FROM unnest(${keys}::text[], ${states}::text[]{types}) AS r (key, state{}) WHERE {condition} \
         ON CONFLICT (key) DO UPDATE SET state = excluded.state{sets}",
        names(""),
        names("r."),
        names("")
    )
}

/// Removes the rows with the keys in the parameter `first`.
pub(super) fn delete(schema: &str, table: &TableShape, first: usize, condition: &str) -> String {
    format!("DELETE FROM {schema}.\"{}\" WHERE key = ANY (${first}) AND {condition}", table.name)
}

/// A whole step: `advance`, and if that gives a row, the rows to [remove](delete) and to [put](upsert) there. Their parameters begin at
/// `first`, those of rows to remove before those of rows to put. There is nothing in it that has nothing to do: it would fire triggers,
/// and for the removal of nothing the server takes its plan for any keys for so dear that it makes one each time.
pub(super) fn at_once(
    advance: &str,
    schema: &str,
    table: &TableShape,
    first: usize,
    deletes: &[String],
    upserts: &[Upsert],
) -> String {
    let if_advanced = "EXISTS (SELECT FROM advanced)";
    let (mut statement, mut next) = (format!("WITH advanced AS ({advance})"), first);
    if !deletes.is_empty() {
        let delete = delete(schema, table, next, if_advanced);
        statement += &format!(", removed AS ({delete})");
        next += 1;
    }
    if !upserts.is_empty() {
        let upsert = upsert(schema, table, next, if_advanced);
        statement += &format!(", written AS ({upsert})");
    }
    statement + " SELECT FROM advanced"
}

/// A statement and what it is bound with, from the parameter `first` on.
pub(super) struct Select {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    first: usize,
}

/// Key, state and what orders it, for the keys in the parameter `first`.
pub(super) fn by_keys(schema: &str, table: &TableShape, first: usize) -> String {
    let name = table.name;
    format!(
        "SELECT key, state, NULL::text AS ordered_by FROM {schema}.\"{name}\" WHERE key = ANY (${first})"
    )
}

/// Key, state and what orders it, in the order of a checked query.
///
/// Postgres puts nulls last or first by the direction, and a list always last. So those that have a value and those that
/// have none are looked for apart, each by the index of the column, and only what was found is put in order.
pub(super) fn by_query(schema: &str, table: &TableShape, query: &Query, first: usize) -> Select {
    let mut select = Select { text: String::new(), values: Vec::new(), first };
    let from = format!("FROM {schema}.\"{}\" WHERE true", table.name);
    let conditions: String = query.conditions.iter().map(|one| select.condition(one)).collect();
    let limit = query.limit;
    let Some(order) = &query.order else {
        let after = query.after.as_ref().map(|after| after.key().into());
        let after = after.map(|key: Value| format!(" AND key > {}", select.bind(key)));
        let after = after.unwrap_or_default();
        select.text = format!(
            "SELECT key, state, NULL::text AS ordered_by {from}{conditions}{after} ORDER BY key LIMIT {limit}"
        );
        return select;
    };
    let (direction, beyond) = if order.descending { ("DESC", "<") } else { ("ASC", ">") };
    let column = format!("\"{}\"", order.column);
    let mut with_value = String::new();
    let mut without = String::new();
    if let Some(after) = &query.after {
        let key = select.bind(after.key().into());
        if *after.value() == Value::Null {
            with_value = " AND false".to_owned();
            without = format!(" AND key {beyond} {key}");
        } else {
            let value = select.bind(after.value().clone());
            with_value = format!(
                " AND ({column}, key) {beyond} ({value}, {key}) AND (true OR ARRAY[{column}] = ARRAY[{value}])"
            );
        }
    }
    let part = |and: &str, is: &str, order: &str| {
        format!(
            "(SELECT key, state, {column} AS ordered_by {from}{conditions} AND {column} IS {is}{and} \
             ORDER BY {order} LIMIT {limit})"
        )
    };
    let with_value =
        part(&with_value, "NOT NULL", &format!("{column} {direction}, key {direction}"));
    let without = part(&without, "NULL", &format!("key {direction}"));
    select.text = format!(
        "SELECT key, state, ordered_by FROM ({with_value} UNION ALL {without}) AS found \
         ORDER BY ordered_by {direction} NULLS LAST, key {direction} LIMIT {limit}"
    );
    select
}

impl Select {
    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.first + self.values.len() - 1)
    }

    fn condition(&mut self, Condition { column, comparison, value }: &Condition) -> String {
        let operator = match comparison {
            Comparison::Equal if *value == Value::Null => {
                return format!(" AND \"{column}\" IS NULL");
            }
            Comparison::Equal => "=",
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
        };
        let bound = self.bind(value.clone());
        // Postgres compares integers with floats, and a list does not: arrays are compared if they are of one type. It is
        // looked at when the statement is prepared, and never when it runs.
        format!(
            " AND \"{column}\" {operator} {bound} AND (true OR ARRAY[\"{column}\"] = ARRAY[{bound}])"
        )
    }
}

/// The rows of build $1 only, if its tables are where `select` looks: there is a row at least, which says where they are, while
/// the build is on the books. Events are folded into these rows, so they are not taken from a standby, which may be behind.
pub(super) fn of_build(schema: &str, select: &str, looks_at_live: bool) -> String {
    format!(
        "SELECT t.key, t.state, t.ordered_by, b.is_live FROM {schema}.builds b \
         LEFT JOIN (SELECT *, row_number() OVER () AS place FROM ({select}) AS s) AS t ON b.is_live = {looks_at_live} \
         WHERE (SELECT {schema}.refuse_standby()) AND b.build = $1 ORDER BY t.place"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableShape {
        TableShape {
            name: "customers",
            columns: vec![
                ColumnShape { name: "spent", kind: ColumnType::Integer },
                ColumnShape { name: "order", kind: ColumnType::Text },
            ],
            indexes: vec![vec!["spent"], vec!["order", "spent"]],
        }
    }

    #[test]
    fn a_table_is_made_with_its_columns_and_indexes() {
        assert_eq!(
            create(&table()),
            "CREATE TABLE \"customers\" (key text COLLATE \"C\" CONSTRAINT \"customers.key\" PRIMARY KEY, \
             state json NOT NULL, \"spent\" bigint, \"order\" text COLLATE \"C\"); \
             CREATE INDEX \"customers.1\" ON \"customers\" (\"spent\", key); \
             CREATE INDEX \"customers.2\" ON \"customers\" (\"order\", \"spent\", key)"
        );
    }

    #[test]
    fn rows_are_put_side_by_side() {
        assert_eq!(
            upsert("\"x_read\"", &table(), 1, "true"),
            "INSERT INTO \"x_read\".\"customers\" (key, state, \"spent\", \"order\") \
             SELECT r.key, r.state::json, r.\"spent\", r.\"order\" \
             FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS r (key, state, \"spent\", \"order\") \
             WHERE true ON CONFLICT (key) DO UPDATE SET state = excluded.state, \"spent\" = excluded.\"spent\", \
             \"order\" = excluded.\"order\""
        );
    }

    #[test]
    fn values_are_bound_and_never_written_into_the_text() {
        let query = Query::all().equal("order", "x' OR true").at_least("spent", 3).with_limit(7);
        let select = by_query("s", &table(), &query, 2);
        assert_eq!(
            select.text,
            "SELECT key, state, NULL::text AS ordered_by FROM s.\"customers\" WHERE true \
             AND \"order\" = $2 AND (true OR ARRAY[\"order\"] = ARRAY[$2]) \
             AND \"spent\" >= $3 AND (true OR ARRAY[\"spent\"] = ARRAY[$3]) ORDER BY key LIMIT 7"
        );
        assert_eq!(select.values, ["x' OR true".into(), Value::Integer(3)]);
    }
}
