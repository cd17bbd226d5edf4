//! A row as an event.

use std::{collections::BTreeMap, sync::Arc};

use annals_core::{
    CausationId, CorrelationId, EventData, EventId, EventType, Metadata, Payload, Position,
    Recorded, RecordedEvent, StreamId, Version,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use crate::kinds::KindTable;

/// Microseconds from 1970 to 2000, where Postgres counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// Makes events of the rows of one page. What many events have in common they share, but not with other pages: those are in the
/// hands of other threads, and counting references for all of them costs each more than a copy.
pub(super) struct RowReader<'a> {
    kinds: &'a KindTable,
    /// All that the page is of, if it is of one stream.
    of: Option<&'a StreamId>,
    event_types: BTreeMap<i32, EventType>,
    metadata: LastMetadata,
}

/// The columns of metadata of the row before, and what they say: events of one command have the same.
#[derive(Default)]
struct LastMetadata {
    correlation: Option<Uuid>,
    causation: Option<Uuid>,
    json: Option<String>,
    metadata: Arc<Metadata>,
}

/// What the column `metadata` holds.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    actor: Option<String>,
    extra: Map<String, Value>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(kinds: &'a KindTable, of: Option<&'a StreamId>) -> Self {
        Self { kinds, of, event_types: BTreeMap::new(), metadata: LastMetadata::default() }
    }

    /// The event in `row`, which comes after the event `before`; none if its kind is not known, or null. The columns
    /// are those of the statements in `sql/read`.
    pub(super) fn event(
        &mut self,
        row: &PgRow,
        before: Option<&RecordedEvent>,
    ) -> Result<Option<RecordedEvent>, sqlx::Error> {
        let Some(kind) = row.try_get_unchecked(3)? else { return Ok(None) };
        let Some(event_type) = self.event_type(kind)? else { return Ok(None) };
        let schema_version: Option<i32> = row.try_get_unchecked(4)?;
        let payload: &str = row.try_get_unchecked(9)?;
        Ok(Some(Recorded {
            id: EventId::from(row.try_get_unchecked::<Uuid, _>(5)?),
            stream: self.stream(row, before)?,
            version: Version::new(row.try_get_unchecked::<i64, _>(1)?.unsigned_abs()),
            position: Position::new(row.try_get_unchecked::<i64, _>(0)?.unsigned_abs()),
            recorded_at: recorded_at(row.try_get_unchecked(2)?)?,
            event: EventData::new(event_type, Payload::from_stored(payload))
                .with_schema_version(schema_version.map_or(1, i32::unsigned_abs)),
            metadata: self.metadata.of(row)?,
        }))
    }

    fn event_type(&mut self, kind: i32) -> Result<Option<EventType>, sqlx::Error> {
        if let Some(event_type) = self.event_types.get(&kind) {
            return Ok(Some(event_type.clone()));
        }
        let Some(shared) = self.kinds.event_type(kind) else { return Ok(None) };
        let event_type: EventType = shared.as_str().parse().map_err(decode)?;
        self.event_types.insert(kind, event_type.clone());
        Ok(Some(event_type))
    }

    /// The name of the stream. Events that were appended together follow each other, and share it.
    fn stream(&self, row: &PgRow, before: Option<&RecordedEvent>) -> Result<StreamId, sqlx::Error> {
        if let Some(stream) = self.of {
            return Ok(stream.clone());
        }
        let name: &str = row.try_get_unchecked(10)?;
        match before.filter(|before| before.stream.as_str() == name) {
            Some(before) => Ok(before.stream.clone()),
            None => name.parse().map_err(decode),
        }
    }
}

impl LastMetadata {
    fn of(&mut self, row: &PgRow) -> Result<Arc<Metadata>, sqlx::Error> {
        let correlation: Option<Uuid> = row.try_get_unchecked(6)?;
        let causation: Option<Uuid> = row.try_get_unchecked(7)?;
        let json: Option<&str> = row.try_get_unchecked(8)?;
        if (correlation, causation, json)
            != (self.correlation, self.causation, self.json.as_deref())
        {
            let stored: Stored =
                json.map(serde_json::from_str).transpose().map_err(decode)?.unwrap_or_default();
            let mut metadata = Metadata::default();
            metadata.correlation_id = correlation.map(CorrelationId::from);
            metadata.causation_id = causation.map(CausationId::from);
            metadata.actor = stored.actor;
            metadata.extra = stored.extra;
            let (json, metadata) = (json.map(str::to_owned), Arc::new(metadata));
            *self = Self { correlation, causation, json, metadata };
        }
        Ok(Arc::clone(&self.metadata))
    }
}

/// The time that a `timestamptz` holds: taken as the number that it is, since sqlx goes by way of days.
fn recorded_at(microseconds: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    let time = microseconds.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
    time.ok_or_else(|| decode("a time that is out of range"))
}

fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
