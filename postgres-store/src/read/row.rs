//! A row as an event.

use std::{collections::BTreeMap, sync::Arc};

use annals_core::{
    CausationId, CorrelationId, EventData, EventId, EventType, Extra, Metadata, Payload, Position,
    Recorded, RecordedEvent, StreamId, Version,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{Row, ValueRef, postgres::PgRow};
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
    /// What the column `metadata` held last, and what that says: events of one command share it.
    last: Option<(Vec<u8>, Stored)>,
}

/// What the column `metadata` holds.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Stored {
    actor: Option<Arc<str>>,
    extra: Extra,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(kinds: &'a KindTable, of: Option<&'a StreamId>) -> Self {
        Self { kinds, of, event_types: BTreeMap::new(), last: None }
    }

    /// The event in `row`, which comes after the event `before`; none if its kind is not known, or null. The columns
    /// are those of the statements in `sql/read`.
    pub(super) fn event(
        &mut self,
        row: &PgRow,
        before: Option<&RecordedEvent>,
    ) -> Result<Option<RecordedEvent>, sqlx::Error> {
        let columns = Columns(row);
        let Some(kind) = columns.nullable(3)?.map(i32::from_be_bytes) else { return Ok(None) };
        let Some(event_type) = self.event_type(kind)? else { return Ok(None) };
        let schema_version = columns.nullable(4)?.map_or(1, i32::from_be_bytes).unsigned_abs();
        let payload = Payload::from_stored(columns.text(9)?);
        Ok(Some(Recorded {
            id: EventId::from(Uuid::from_bytes(columns.fixed(5)?)),
            stream: self.stream(columns, before)?,
            version: Version::new(columns.int8(1)?.unsigned_abs()),
            position: Position::new(columns.int8(0)?.unsigned_abs()),
            recorded_at: recorded_at(columns.int8(2)?)?,
            event: EventData::new(event_type, payload).with_schema_version(schema_version),
            metadata: self.metadata(columns)?,
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
    fn stream(
        &self,
        columns: Columns<'_>,
        before: Option<&RecordedEvent>,
    ) -> Result<StreamId, sqlx::Error> {
        if let Some(stream) = self.of {
            return Ok(stream.clone());
        }
        let name = columns.required(10)?;
        match before.filter(|before| before.stream.as_str().as_bytes() == name) {
            Some(before) => Ok(before.stream.clone()),
            None => str::from_utf8(name).map_err(decode)?.parse().map_err(decode),
        }
    }

    fn metadata(&mut self, columns: Columns<'_>) -> Result<Metadata, sqlx::Error> {
        let mut metadata = Metadata::default();
        metadata.correlation_id = columns.uuid(6)?.map(CorrelationId::from);
        metadata.causation_id = columns.uuid(7)?.map(CausationId::from);
        if let Some(json) = columns.bytes(8)? {
            Stored { actor: metadata.actor, extra: metadata.extra } = self.stored(json)?;
        }
        Ok(metadata)
    }

    fn stored(&mut self, json: &[u8]) -> Result<Stored, sqlx::Error> {
        match &self.last {
            Some((last, stored)) if last == json => Ok(stored.clone()),
            _ => {
                let stored: Stored = serde_json::from_slice(json).map_err(decode)?;
                self.last = Some((json.to_vec(), stored.clone()));
                Ok(stored)
            }
        }
    }
}

/// The columns of a row, in the binary form in which Postgres sends what a prepared statement reads. They are of the types that
/// the statement gives them; sqlx would look at the type and the form of each value of each row again.
#[derive(Clone, Copy)]
struct Columns<'a>(&'a PgRow);

impl<'a> Columns<'a> {
    /// None: null.
    fn bytes(self, index: usize) -> Result<Option<&'a [u8]>, sqlx::Error> {
        // A value that is moved before it is looked at makes the processor wait, for each column of each row.
        match self.0.try_get_raw(index) {
            Ok(ref value) if value.is_null() => Ok(None),
            Ok(ref value) => value.as_bytes().map(Some).map_err(decode),
            Err(error) => Err(error),
        }
    }

    fn required(self, index: usize) -> Result<&'a [u8], sqlx::Error> {
        self.bytes(index)?.ok_or_else(|| null(index))
    }

    fn nullable<const N: usize>(self, index: usize) -> Result<Option<[u8; N]>, sqlx::Error> {
        self.bytes(index)?.map(<[u8; N]>::try_from).transpose().map_err(decode)
    }

    fn fixed<const N: usize>(self, index: usize) -> Result<[u8; N], sqlx::Error> {
        self.nullable(index)?.ok_or_else(|| null(index))
    }

    fn int8(self, index: usize) -> Result<i64, sqlx::Error> {
        self.fixed(index).map(i64::from_be_bytes)
    }

    fn uuid(self, index: usize) -> Result<Option<Uuid>, sqlx::Error> {
        Ok(self.nullable(index)?.map(Uuid::from_bytes))
    }

    fn text(self, index: usize) -> Result<&'a str, sqlx::Error> {
        str::from_utf8(self.required(index)?).map_err(decode)
    }
}

fn null(index: usize) -> sqlx::Error {
    decode(format!("column {index} is null"))
}

/// The time that a `timestamptz` holds: taken as the number that it is, since sqlx goes by way of days.
fn recorded_at(microseconds: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    let time = microseconds.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
    time.ok_or_else(|| decode("a time that is out of range"))
}

fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
