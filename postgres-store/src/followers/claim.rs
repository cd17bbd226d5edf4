//! Who has which part, and what is written down about it outside of steps.

use std::num::NonZeroU16;

use annals_core::{
    Position, StoreError,
    followers::{BuildId, Claim, MemberId, Note, NotedFailure, PartId, StepError},
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    books::{unreadable, without_nul},
    failures::number,
    judge,
};
use crate::{database::Database, failure::Failure};

impl Database {
    pub(super) async fn claim(
        &self,
        member: MemberId,
        parts: &[PartId],
    ) -> Result<Vec<Claim>, StoreError> {
        let (builds, parts): (Vec<_>, Vec<_>) = parts.iter().copied().map(columns).unzip();
        let claim = async || {
            let mut connection = self.connection().await?;
            let query = self.statements.claim.query().bind(member.as_uuid());
            let query = query.bind(&builds).bind(&parts);
            let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending)?;
            let claims: Result<Vec<_>, _> = rows.iter().map(claimed).collect();
            let claims = claims.map_err(Failure::before_sending)?;
            if claims.len() < builds.len() {
                self.end_frozen(member, &builds, &parts, &mut connection).await?;
            }
            Ok(claims)
        };
        // Claiming what was claimed already is right, so it may be asked again.
        self.read(claim).await.map_err(Failure::into_read_error)
    }

    /// Ends the sessions of processes that are frozen and hold some of these parts, so that the next claim can have them.
    async fn end_frozen(
        &self,
        member: MemberId,
        builds: &[i64],
        parts: &[i32],
        connection: &mut PgConnection,
    ) -> Result<(), Failure> {
        let query = self.statements.end_frozen.query().bind(member.as_uuid());
        let query = query.bind(builds.to_vec()).bind(parts.to_vec());
        let rows = query.fetch_all(connection).await.map_err(Failure::before_sending)?;
        for row in rows {
            let column = Failure::before_sending;
            let pid: i32 = row.try_get(0).map_err(column)?;
            let who: String = row.try_get(1).map_err(column)?;
            if row.try_get(2).map_err(column)? {
                tracing::warn!(schema = %self.schema, pid, who, "a process that did not read is disconnected: it held a part after its lease");
            } else {
                tracing::warn!(schema = %self.schema, pid, who, "a session holds a part after the lease of its owner, and this role may not end it");
            }
        }
        Ok(())
    }

    pub(super) async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        let (builds, parts): (Vec<_>, Vec<_>) = claims.iter().map(|c| columns(c.part)).unzip();
        let fences: Vec<_> = claims.iter().map(|claim| claim.fence.cast_signed()).collect();
        let release = async || {
            let mut connection = self.connection().await?;
            let query = self.statements.release.query().bind(&builds).bind(&parts).bind(&fences);
            query.execute(&mut *connection).await.map(drop).map_err(Failure::before_sending)
        };
        self.read(release).await.map_err(Failure::into_read_error)
    }

    pub(super) async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        let holds = match note {
            Note::Passed { from, to } => self.passed(claim, *from, *to).await?,
            Note::Failed(failure) => self.failed(claim, failure).await?,
        };
        if holds { Ok(()) } else { Err(StepError::Fenced) }
    }

    /// It may be sent again: the second time it finds the checkpoint where the first time has put it.
    async fn passed(
        &self,
        claim: &Claim,
        from: Position,
        to: Position,
    ) -> Result<bool, StoreError> {
        let passed = async || {
            let mut connection = self.connection().await?;
            let (build, part) = columns(claim.part);
            let query = self.statements.passed.query().bind(build).bind(part);
            let query = query.bind(claim.fence.cast_signed());
            let query = query.bind(position(from)).bind(position(to));
            let done = query.execute(&mut *connection).await.map_err(Failure::before_sending)?;
            Ok(done.rows_affected() > 0)
        };
        self.read(passed).await.map_err(Failure::into_read_error)
    }

    /// It counts, so it is sent once, on a connection that is known to live.
    async fn failed(&self, claim: &Claim, failure: &NotedFailure) -> Result<bool, StoreError> {
        let connection = self.live_connection().await;
        let mut connection = connection.map_err(|failure| failure.into_store_error(false))?;
        let (build, part) = columns(claim.part);
        let query = self.statements.failed.query().bind(build).bind(part);
        let query = query.bind(claim.fence.cast_signed()).bind(position(failure.position));
        let query = query.bind(failure.event_id.map(|id| id.as_uuid()));
        let query = query.bind(without_nul(&failure.sequence)).bind(failure.kind.as_str());
        let query = query.bind(without_nul(&failure.reason)).bind(failure.stops);
        let row = query.fetch_one(&mut *connection).await.map_err(judge::committing)?;
        row.try_get(0).map_err(judge::committing)
    }
}

/// What stands for a part in statements.
pub(super) fn columns(PartId { build, part }: PartId) -> (i64, i32) {
    (number(build), i32::from(part))
}

pub(super) fn position(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

fn claimed(row: &PgRow) -> Result<Claim, sqlx::Error> {
    let (build, part, parts): (i64, i32, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Claim {
        part: PartId {
            build: BuildId::new(build.unsigned_abs()),
            part: u16::try_from(part).map_err(unreadable)?,
        },
        parts: NonZeroU16::try_from(u16::try_from(parts).map_err(unreadable)?)
            .map_err(unreadable)?,
        fence: row.try_get::<i64, _>(3)?.unsigned_abs(),
        position: Position::new(row.try_get::<i64, _>(4)?.unsigned_abs()),
        is_live: row.try_get(5)?,
    })
}
