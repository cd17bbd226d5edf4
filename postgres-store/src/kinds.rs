//! The numbers that stand for category and event type in the table of events.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use annals_core::{EventType, StreamAppend};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Row, postgres::PgArguments, query::Query};

use crate::{failure::Failure, schema::Statements};

/// A schema, by its id, and when the server was started that it is on; 0 and none before both are first read.
pub(crate) type Owner = (i32, Option<DateTime<Utc>>);

/// The kinds this process knows. They only ever grow, unless the schema is replaced by another one, or the server by one that
/// has not heard of the latest. Each statement that has to do with numbers is told whose they are, and says when they are not
/// its own.
#[derive(Debug, Default)]
pub(crate) struct Kinds(RwLock<Arc<KindTable>>);

#[derive(Debug, Default)]
pub(crate) struct KindTable {
    /// The schema that the numbers belong to; 0 before they are first read.
    pub(crate) schema_id: i32,
    /// When the server was started that they were read from. While a server runs, what it has shown of them stays.
    server: Option<DateTime<Utc>>,
    numbers: HashMap<String, HashMap<String, i32>>,
    names: HashMap<i32, EventType>,
}

impl KindTable {
    pub(crate) fn number(&self, category: &str, event_type: &str) -> Option<i32> {
        self.numbers.get(category)?.get(event_type).copied()
    }

    pub(crate) fn event_type(&self, number: i32) -> Option<&EventType> {
        self.names.get(&number)
    }

    /// Whose numbers these are.
    pub(crate) fn owner(&self) -> Owner {
        (self.schema_id, self.server)
    }

    /// `query` with whose numbers these are as its next two parameters.
    pub(crate) fn bind_owner(
        &self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Query<'static, Postgres, PgArguments> {
        query.bind(self.schema_id).bind(self.server)
    }

    /// Whether every kind of `appends` has its number.
    pub(crate) fn covers(&self, appends: &[&StreamAppend]) -> bool {
        self.schema_id != 0 && self.missing(appends).is_empty()
    }

    fn missing<'a>(&self, appends: &[&'a StreamAppend]) -> Vec<(&'a str, &'a str)> {
        let kinds = appends.iter().flat_map(|append| {
            let category = append.stream.category();
            append.events.iter().map(move |event| (category, event.event.event_type.as_str()))
        });
        let mut missing: Vec<_> = kinds
            .filter(|(category, event_type)| self.number(category, event_type).is_none())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

impl Kinds {
    pub(crate) fn known(&self) -> Arc<KindTable> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The table with every kind of `appends` in it. The first event of a new kind costs two round trips more.
    /// `connection` must not be inside a transaction, since what it numbers has to stay.
    pub(crate) async fn covering(
        &self,
        appends: &[&StreamAppend],
        connection: &mut PgConnection,
        statements: &Statements,
    ) -> Result<Arc<KindTable>, Failure> {
        let mut table = self.known();
        if table.schema_id == 0 {
            table = self.reload(connection, statements).await?;
        }
        let missing = table.missing(appends);
        if missing.is_empty() {
            return Ok(table);
        }
        let (categories, event_types): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
        let register = statements.register_kinds.query().bind(categories).bind(event_types);
        register.execute(&mut *connection).await.map_err(Failure::before_sending)?;
        self.reload(connection, statements).await
    }

    /// Knows nothing any more: the numbers belong to a schema or a server that is gone.
    pub(crate) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// Reads all kinds anew.
    pub(crate) async fn reload(
        &self,
        connection: &mut PgConnection,
        statements: &Statements,
    ) -> Result<Arc<KindTable>, Failure> {
        let rows = statements
            .kinds
            .query()
            .fetch_all(connection)
            .await
            .map_err(Failure::before_sending)?;
        let mut table = KindTable::default();
        for row in rows {
            let invalid = |error| Failure::before_sending(error);
            table.schema_id = row.try_get(0).map_err(invalid)?;
            table.server = row.try_get(1).map_err(invalid)?;
            let Some(number) = row.try_get::<Option<i32>, _>(2).map_err(invalid)? else { continue };
            let (category, event_type): (String, String) =
                (row.try_get(3).map_err(invalid)?, row.try_get(4).map_err(invalid)?);
            let name = EventType::new(event_type.clone())
                .map_err(|error| Failure::before_sending(sqlx::Error::Decode(error.into())))?;
            table.numbers.entry(category).or_default().insert(event_type, number);
            table.names.insert(number, name);
        }
        let table = Arc::new(table);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&table);
        Ok(table)
    }
}
