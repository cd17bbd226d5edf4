//! Snapshots, and reading on from them.

use std::sync::Arc;

use annals_core::{
    EventId, Payload, ReadStream, RecordedEvents, StoredSnapshot, StreamId, Version,
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{PageSize, StreamReading, events_and_rest};
use crate::{database::Database, failure::Failure, stream_key::stream_key};

/// Where the version of an event is, and where the state, behind the columns of the first one.
const VERSION: usize = 1;
const STATE: usize = 11;

impl Database {
    /// The snapshot of `stream`, and the events from its own on; all of them, if it has none.
    pub(crate) async fn read_from_snapshot(
        self: &Arc<Self>,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), Failure> {
        let wanted = PageSize::first().of(u64::MAX);
        let query = || {
            let query = self.statements.read_from_snapshot.query().bind(stream_key(stream));
            query.bind(i64::from(fold_version)).bind(wanted.cast_signed()).bind(stream.as_str())
        };
        let mut state = None;
        let see = |row: &PgRow| {
            if let Some(json) = row.try_get_unchecked::<Option<&str>, _>(STATE)? {
                let version = row.try_get::<i64, _>(VERSION)?.unsigned_abs();
                state = Some((Version::new(version), Payload::from_stored(json)));
            }
            Ok(())
        };
        let mut connection = self.connection().await?;
        let page = self.events_seen(query, wanted, Some(stream), see, &mut connection).await?;
        drop(connection);
        // Where the rows were read twice, the state may be of the first time, and its snapshot gone since.
        let first = page.events.first().zip(state).filter(|(event, (at, _))| event.version == *at);
        let snapshot = first.map(|(event, (version, state))| StoredSnapshot {
            stream: stream.clone(),
            fold_version,
            version,
            position: event.position,
            state,
        });
        let reading = StreamReading::new(Arc::clone(self), ReadStream::forwards(stream.clone()));
        let (events, rest) = reading.and_rest(page);
        Ok((snapshot, events_and_rest(events, rest)))
    }

    /// Keeps the snapshot, if it is not older than what is there, and rests on an event: whether it did.
    pub(crate) async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, Failure> {
        let StoredSnapshot { stream, fold_version, version, position, state } = snapshot;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let query = self.statements.save_snapshot.query();
        let query = query.bind(stream_key(stream)).bind(stream.as_str().to_owned());
        let query = query.bind(i64::from(*fold_version)).bind(number(version.get()));
        let query = query.bind(number(position.get())).bind(state.as_str().to_owned());
        let mut connection = self.connection().await?;
        let saved = query.execute(&mut *connection).await.map_err(Failure::while_running)?;
        Ok(saved.rows_affected() > 0)
    }

    /// The version that the event has in the stream, if it is in it.
    pub(crate) async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, Failure> {
        let query = self.statements.version_of.query().bind(Uuid::from(id)).bind(stream.as_str());
        let mut connection = self.connection().await?;
        let row = query.fetch_optional(&mut *connection).await.map_err(Failure::before_sending)?;
        let version = row.map(|row| row.try_get::<i64, _>(0)).transpose();
        let version = version.map_err(Failure::before_sending)?;
        Ok(version.map(|version| Version::new(version.unsigned_abs())))
    }
}
