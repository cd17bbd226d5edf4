//! One call of one of the functions, and its answer.

use annals_core::{
    AppendError, Appended, EventId, Position, Refusal, StoreError, StreamAppend, StreamId, Version,
};
use sqlx::{PgConnection, Postgres, Row, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{
    columns::{Columns, ids_of},
    queue::Answer,
};
use crate::{database::Database, failure::Failure};

/// For how long a lane waits for the lock of a stream, in milliseconds: others wait for the lane.
pub(super) const PATIENCE_MS: i32 = 100;

/// What became of one stream's part of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored(Appended),
    /// Where the stream is.
    Conflict(Version),
    /// An event id is stored elsewhere.
    Taken,
    /// Nothing was stored; the careful call knows why.
    Unsettled,
}

impl Database {
    /// One append by the quick way.
    pub(super) async fn call_one(
        &self,
        append: &StreamAppend,
        connection: &mut PgConnection,
    ) -> Result<Outcome, Failure> {
        let outcomes = self.call_quick(&self.statements.append_one, &[append], connection).await?;
        Ok(outcomes.first().copied().unwrap_or(Outcome::Unsettled))
    }

    /// Appends to streams that are all different, each for itself.
    pub(super) async fn call_each(
        &self,
        appends: &[&StreamAppend],
        connection: &mut PgConnection,
    ) -> Result<Vec<Outcome>, Failure> {
        self.call_quick(&self.statements.append_each, appends, connection).await
    }

    async fn call_quick(
        &self,
        statement: &crate::schema::Statement,
        appends: &[&StreamAppend],
        connection: &mut PgConnection,
    ) -> Result<Vec<Outcome>, Failure> {
        let kinds = self.kinds.covering(appends, connection, &self.statements).await?;
        let call =
            statement.query().bind(kinds.schema_id).bind(self.synchronous_commit).bind(PATIENCE_MS);
        outcomes(Columns::of(appends, &kinds).bind(call), connection).await
    }

    /// One append to any number of streams, with every check. With `patience` it fails when a lock is not to be had in
    /// so many milliseconds.
    pub(super) async fn call_careful(
        &self,
        appends: &[StreamAppend],
        patience: Option<i32>,
        connection: &mut PgConnection,
    ) -> Result<Answer, Failure> {
        let parts: Vec<_> = appends.iter().collect();
        let kinds = self.kinds.covering(&parts, connection, &self.statements).await?;
        let call = self.statements.append.query().bind(kinds.schema_id);
        let call = call.bind(self.synchronous_commit).bind(patience);
        let outcomes = outcomes(Columns::of(&parts, &kinds).bind(call), connection).await?;
        self.answer(appends, &outcomes, connection).await
    }

    /// The append inside a transaction of the user's, with kinds that are known already.
    pub(super) async fn call_in_transaction(
        &self,
        appends: &[StreamAppend],
        kinds: &crate::kinds::KindTable,
        transaction: &mut PgConnection,
    ) -> Result<Answer, Failure> {
        let parts: Vec<_> = appends.iter().collect();
        let call = self.statements.append.query().bind(kinds.schema_id);
        let call = call.bind(None::<&str>).bind(None::<i32>);
        let outcomes = outcomes(Columns::of(&parts, kinds).bind(call), transaction).await?;
        self.answer(appends, &outcomes, transaction).await
    }

    async fn answer(
        &self,
        appends: &[StreamAppend],
        outcomes: &[Outcome],
        connection: &mut PgConnection,
    ) -> Result<Answer, Failure> {
        if outcomes.contains(&Outcome::Taken) {
            return self.taken(appends, connection).await.map(Err);
        }
        Ok(appends
            .iter()
            .zip(outcomes)
            .map(|(append, outcome)| settled(append, *outcome))
            .collect())
    }

    async fn taken(
        &self,
        appends: &[StreamAppend],
        connection: &mut PgConnection,
    ) -> Result<AppendError, Failure> {
        let query = self.statements.ids_taken.query().bind(ids_of(appends));
        let rows = query.fetch_all(connection).await.map_err(Failure::before_sending)?;
        let mut owners = rows.iter().filter_map(|row| {
            let stream: StreamId = row.try_get::<&str, _>(1).ok()?.parse().ok()?;
            Some((row.try_get::<Uuid, _>(0).ok()?, stream, version(row.try_get(2).ok()?)))
        });
        Ok(match owners.next() {
            Some((id, stream, version)) => {
                Refusal::EventIdTaken { id: EventId::from(id), stream, version }.into()
            }
            None => StoreError::Failed("an event id was taken, and is gone".into()).into(),
        })
    }
}

/// The answer to one part that the careful call, or a quick one, has settled.
pub(super) fn settled(append: &StreamAppend, outcome: Outcome) -> Result<Appended, AppendError> {
    match outcome {
        Outcome::Stored(appended) => Ok(appended),
        Outcome::Conflict(actual) => Err(annals_core::Conflict {
            stream: append.stream.clone(),
            expected: append.expected,
            actual,
        }
        .into()),
        Outcome::Taken | Outcome::Unsettled => {
            Err(StoreError::Failed("the database left an append without an answer".into()).into())
        }
    }
}

async fn outcomes(
    call: Query<'static, Postgres, PgArguments>,
    connection: &mut PgConnection,
) -> Result<Vec<Outcome>, Failure> {
    let row = call.fetch_one(connection).await.map_err(Failure::while_running)?;
    let columns: Result<(Vec<i16>, Vec<i64>, Vec<i64>), _> =
        row.try_get(0).and_then(|o| Ok((o, row.try_get(1)?, row.try_get(2)?)));
    let (outcomes, versions, positions) = columns.map_err(Failure::while_running)?;
    let parts = outcomes.into_iter().zip(versions).zip(positions);
    Ok(parts
        .map(|((outcome, at), last)| match outcome {
            0 => Outcome::Stored(Appended {
                version: version(at),
                position: Position::new(last.unsigned_abs()),
            }),
            1 => Outcome::Conflict(version(at)),
            2 => Outcome::Taken,
            _ => Outcome::Unsettled,
        })
        .collect())
}

fn version(number: i64) -> Version {
    Version::new(number.unsigned_abs())
}
