//! What failed, and what is put aside.

use annals_core::{
    EventId, Position, StoreError,
    followers::{BuildId, Failure as Failed, FailureKind, ParkedEvent, PartId},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::books::json;
use crate::{database::Database, failure::Failure};

impl Database {
    pub(super) async fn failures(
        &self,
        build: BuildId,
        limit: u32,
    ) -> Result<Vec<Failed>, StoreError> {
        let failures = async || {
            let mut connection = self.connection().await?;
            let query = self.statements.failures.query().bind(number(build)).bind(i64::from(limit));
            let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending)?;
            let failures =
                rows.iter().map(|row| json::<FailureRow>(row.try_get(0)?).map(Failed::from));
            failures.collect::<Result<_, _>>().map_err(Failure::before_sending)
        };
        self.read(failures).await.map_err(Failure::into_read_error)
    }

    pub(super) async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        let parked = async || {
            let mut connection = self.connection().await?;
            let query = self.statements.parked.query().bind(number(build));
            let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending);
            let rows = rows.inspect_err(|failure| failure.retire(&mut connection))?;
            rows.iter().map(event).collect::<Result<_, _>>().map_err(Failure::before_sending)
        };
        self.read(parked).await.map_err(Failure::into_read_error)
    }
}

pub(super) fn number(build: BuildId) -> i64 {
    build.get().cast_signed()
}

fn event(row: &PgRow) -> Result<ParkedEvent, sqlx::Error> {
    let failure: Option<&str> = row.try_get(6)?;
    Ok(ParkedEvent {
        sequence: row.try_get(0)?,
        position: Position::new(row.try_get::<i64, _>(1)?.unsigned_abs()),
        event_id: EventId::from(row.try_get::<Uuid, _>(2)?),
        parked_at: row.try_get(3)?,
        is_cause: row.try_get(4)?,
        retry: row.try_get(5)?,
        failure: failure.map(json::<FailureRow>).transpose()?.map(Failed::from),
    })
}

/// A row of the table of failures, as JSON.
#[derive(Deserialize)]
pub(super) struct FailureRow {
    build: u64,
    position: u64,
    part: u16,
    event_id: Option<Uuid>,
    sequence: String,
    kind: String,
    reason: String,
    count: u32,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl From<FailureRow> for Failed {
    fn from(row: FailureRow) -> Self {
        Self {
            part: PartId { build: BuildId::new(row.build), part: row.part },
            position: Position::new(row.position),
            event_id: row.event_id.map(EventId::from),
            sequence: row.sequence,
            // A way to fail that a newer build knows is an error to this one.
            kind: row.kind.parse().unwrap_or(FailureKind::Error),
            reason: row.reason,
            count: row.count,
            first_at: row.first_at,
            last_at: row.last_at,
        }
    }
}
