//! A row as an event.

use std::sync::{Arc, LazyLock};

use annals_core::{
    CausationId, CorrelationId, EventData, EventId, Metadata, Payload, Position, Recorded,
    RecordedEvent, StreamId, Version,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use crate::{failure::Failure, kinds::KindTable};

/// Metadata of events that have none; they are many, and share it.
static NOTHING: LazyLock<Arc<Metadata>> = LazyLock::new(Arc::default);

/// What the column `metadata` holds.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    actor: Option<String>,
    extra: Map<String, Value>,
}

/// The event in `row`; none if its kind is not in `kinds`. The columns are those of the statements in `sql/read`.
pub(crate) fn event(
    row: &PgRow,
    stream: StreamId,
    kinds: &KindTable,
) -> Result<Option<RecordedEvent>, Failure> {
    read(row, stream, kinds).map_err(Failure::while_running)
}

/// The name of the stream, where a statement reads more than one. Events that were appended together follow each other,
/// and share it.
pub(crate) fn stream(row: &PgRow, before: Option<&RecordedEvent>) -> Result<StreamId, Failure> {
    let name: &str = row.try_get_unchecked(10).map_err(Failure::while_running)?;
    if let Some(before) = before.filter(|before| before.stream.as_str() == name) {
        return Ok(before.stream.clone());
    }
    name.parse().map_err(|invalid: annals_core::InvalidStreamId| {
        Failure::while_running(sqlx::Error::Decode(invalid.into()))
    })
}

fn read(
    row: &PgRow,
    stream: StreamId,
    kinds: &KindTable,
) -> Result<Option<RecordedEvent>, sqlx::Error> {
    let Some(event_type) = kinds.event_type(row.try_get_unchecked(3)?) else { return Ok(None) };
    let schema_version: i32 = row.try_get_unchecked(4)?;
    let payload: &str = row.try_get_unchecked(9)?;
    let data = EventData::new(event_type.clone(), Payload::from_stored(payload));
    Ok(Some(Recorded {
        id: EventId::from(row.try_get_unchecked::<Uuid, _>(5)?),
        stream,
        version: Version::new(row.try_get_unchecked::<i64, _>(1)?.unsigned_abs()),
        position: Position::new(row.try_get_unchecked::<i64, _>(0)?.unsigned_abs()),
        recorded_at: row.try_get_unchecked::<DateTime<Utc>, _>(2)?,
        event: data.with_schema_version(schema_version.unsigned_abs()),
        metadata: metadata(row)?,
    }))
}

fn metadata(row: &PgRow) -> Result<Arc<Metadata>, sqlx::Error> {
    let correlation: Option<Uuid> = row.try_get_unchecked(6)?;
    let causation: Option<Uuid> = row.try_get_unchecked(7)?;
    let json: Option<&str> = row.try_get_unchecked(8)?;
    if (correlation, causation, json) == (None, None, None) {
        return Ok(Arc::clone(&NOTHING));
    }
    let stored = match json {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| sqlx::Error::Decode(error.into()))?
        }
        None => Stored::default(),
    };
    let mut metadata = Metadata::default();
    metadata.correlation_id = correlation.map(CorrelationId::from);
    metadata.causation_id = causation.map(CausationId::from);
    metadata.actor = stored.actor;
    metadata.extra = stored.extra;
    Ok(Arc::new(metadata))
}
