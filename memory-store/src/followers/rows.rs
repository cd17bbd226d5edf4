//! Rows of read models.

use annals_core::followers::{ReadError, Row, RowsOf, Value, WhichRows};

use super::books::State;

impl State {
    pub(super) fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        let name = rows.table.name;
        let filling = match rows.claim {
            Some(claim) => self.filling(claim.part.build),
            None => self.followers.get(name).map(|follower| &follower.live),
        };
        let made = filling.and_then(|filling| Some((filling, filling.table.as_ref()?)));
        let (filling, table) = made.ok_or_else(|| ReadError::NotMade { name: name.to_owned() })?;
        match rows.which {
            WhichRows::Keys(keys) => Ok(keys
                .iter()
                .filter_map(|key| filling.rows.get_key_value(key))
                .map(|(key, (state, _))| Row {
                    key: key.clone(),
                    state: state.clone(),
                    ordered_by: Value::Null,
                })
                .collect()),
            WhichRows::Query(query) => {
                let rows = filling.rows.iter();
                let rows = rows.map(|(key, (state, values))| (key.as_str(), state, &**values));
                Ok(query.select(table, rows)?)
            }
        }
    }
}
