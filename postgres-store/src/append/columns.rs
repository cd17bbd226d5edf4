//! An append as the arrays that the functions take: one element a stream, one element an event.

use std::sync::Arc;

use annals_core::{EventId, ExpectedVersion, Extra, Metadata, NewEvent, StreamAppend};
use serde::Serialize;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgHasArrayType, PgTypeInfo, types::Oid},
    query::Query,
};
use uuid::Uuid;

use crate::{kinds::KindTable, stream_key::stream_key};

#[derive(Default)]
pub(crate) struct Columns<'a> {
    streams: Streams<'a>,
    events: Events<'a>,
}

/// One element a stream.
#[derive(Default)]
struct Streams<'a> {
    keys: Vec<Uuid>,
    names: Vec<&'a str>,
    expected: Vec<i64>,
    counts: Vec<i32>,
}

/// One element an event; `parts` says which stream it is for, counted from 1.
#[derive(Default)]
struct Events<'a> {
    parts: Vec<i32>,
    nth: Vec<i32>,
    ids: Vec<Uuid>,
    kinds: Vec<i32>,
    schema_versions: Vec<i32>,
    correlation_ids: Vec<Option<Uuid>>,
    causation_ids: Vec<Option<Uuid>>,
    metadata: Vec<Option<Json<String>>>,
    payloads: Vec<Json<&'a str>>,
}

type Call = Query<'static, Postgres, PgArguments>;

impl<'a> Columns<'a> {
    /// The columns of `appends`, whose kinds are all in `kinds` and whose sizes have been checked.
    pub(crate) fn of(appends: &[&'a StreamAppend], kinds: &KindTable) -> Self {
        let mut columns = Self::default();
        for (part, append) in (1..).zip(appends) {
            columns.streams.push(append);
            columns.events.push(part, append, kinds);
        }
        columns
    }

    /// The parameters of `append_each`, which is told the keys of the streams.
    pub(crate) fn bind_with_keys(self, call: Call) -> Call {
        let Streams { keys, names, expected, .. } = self.streams;
        self.events.bind(call.bind(keys).bind(names).bind(expected))
    }

    /// The parameters of `append`.
    pub(crate) fn bind_with_counts(self, call: Call) -> Call {
        let Streams { names, expected, counts, .. } = self.streams;
        self.events.bind(call.bind(names).bind(expected).bind(counts))
    }
}

impl<'a> Streams<'a> {
    fn push(&mut self, append: &'a StreamAppend) {
        self.keys.push(stream_key(&append.stream));
        self.names.push(append.stream.as_str());
        self.expected.push(expected(append.expected));
        self.counts.push(i32::try_from(append.events.len()).unwrap_or(i32::MAX));
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, part: i32, append: &'a StreamAppend, kinds: &KindTable) {
        let category = append.stream.category();
        let mut last: Option<(&Metadata, Option<Json<String>>)> = None;
        for (nth, event) in (1..).zip(&append.events) {
            let data = &event.event;
            self.parts.push(part);
            self.nth.push(nth);
            self.ids.push(event.id.as_uuid());
            self.kinds.push(kinds.number(category, data.event_type.as_str()).unwrap_or_default());
            self.schema_versions.push(i32::try_from(data.schema_version).unwrap_or(i32::MAX));
            self.correlation_ids.push(event.metadata.correlation_id.map(|id| id.as_uuid()));
            self.causation_ids.push(event.metadata.causation_id.map(|id| id.as_uuid()));
            self.metadata.push(match &last {
                Some((before, json)) if have_same_column(before, &event.metadata) => json.clone(),
                _ => {
                    let json = encoded(&event.metadata);
                    last = Some((&event.metadata, json.clone()));
                    json
                }
            });
            self.payloads.push(Json(data.payload.as_str()));
        }
    }

    fn bind(self, call: Call) -> Call {
        call.bind(self.parts)
            .bind(self.nth)
            .bind(self.ids)
            .bind(self.kinds)
            .bind(self.schema_versions)
            .bind(self.correlation_ids)
            .bind(self.causation_ids)
            .bind(self.metadata)
            .bind(self.payloads)
    }
}

/// How many parameters an append of one event has.
pub(crate) const PARAMETERS_OF_ONE: usize = 14;

/// How many bytes they take, in most cases.
pub(crate) fn room_for_one(append: &StreamAppend, event: &NewEvent) -> usize {
    256 + append.stream.as_str().len() + event.event.payload.as_str().len()
}

/// The parameters of an append of one event, but for whose the kinds are, how it commits, and since when nothing has happened.
pub(crate) fn bind_one(
    query: Call,
    append: &StreamAppend,
    event: &NewEvent,
    kinds: &KindTable,
) -> Call {
    let NewEvent { id, event: data, metadata, .. } = event;
    let stream = append.stream.as_str();
    let kind = kinds.number(append.stream.category(), data.event_type.as_str());
    query
        .bind(stream_key(&append.stream))
        .bind(stream)
        .bind(expected(append.expected))
        .bind(id.as_uuid())
        .bind(kind.unwrap_or_default())
        .bind(i32::try_from(data.schema_version).unwrap_or(i32::MAX))
        .bind(metadata.correlation_id.map(|id| id.as_uuid()))
        .bind(metadata.causation_id.map(|id| id.as_uuid()))
        .bind(encoded(metadata))
        .bind(Json(data.payload.as_str()))
}

/// How many bytes an event takes, as far as they can vary.
pub(crate) fn bytes_of(event: &NewEvent) -> usize {
    let metadata = &event.metadata;
    let extra = if metadata.extra.is_empty() {
        0
    } else {
        encoded(metadata).map_or(0, |json| json.0.len())
    };
    event.event.payload.as_str().len() + extra + metadata.actor.as_deref().map_or(0, str::len)
}

pub(crate) fn ids_of(appends: &[StreamAppend]) -> Vec<Uuid> {
    appends
        .iter()
        .flat_map(|append| &append.events)
        .map(|event| event.id)
        .map(EventId::as_uuid)
        .collect()
}

fn expected(version: ExpectedVersion) -> i64 {
    match version {
        ExpectedVersion::Any => -2,
        ExpectedVersion::Exists => -1,
        ExpectedVersion::NoStream => 0,
        // No stream is at a version beyond the largest that can be stored.
        ExpectedVersion::Exact(version) => i64::try_from(version.get()).unwrap_or(i64::MAX),
    }
}

/// What the column `metadata` holds; the ids have columns of their own.
#[derive(Serialize)]
struct Stored<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: &'a Option<Arc<str>>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    extra: &'a Extra,
}

/// Whether the column `metadata` holds the same for both.
fn have_same_column(one: &Metadata, other: &Metadata) -> bool {
    one.actor == other.actor && one.extra == other.extra
}

fn encoded(metadata: &Metadata) -> Option<Json<String>> {
    if metadata.actor.is_none() && metadata.extra.is_empty() {
        return None;
    }
    let stored = Stored { actor: &metadata.actor, extra: &metadata.extra };
    serde_json::to_string(&stored).ok().map(Json)
}

/// JSON text for a column of type `json`.
#[derive(Debug, Clone)]
struct Json<T>(T);

impl<T> sqlx::Type<Postgres> for Json<T> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(114)) // json, a fixed number of Postgres
    }
}

impl<T> PgHasArrayType for Json<T> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(199)) // json[]
    }
}

impl<'q, T: AsRef<str>> sqlx::Encode<'q, Postgres> for Json<T> {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        buffer.extend_from_slice(self.0.as_ref().as_bytes());
        Ok(sqlx::encode::IsNull::No)
    }
}
