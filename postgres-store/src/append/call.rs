//! One call of one of the functions, and its answer.

use annals_core::{
    AppendError, Appended, EventId, NewEvent, Position, Refusal, StoreError, StreamAppend,
    StreamId, Version,
};
use sqlx::{
    FromRow, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    columns::{Columns, PARAMETERS_OF_ONE, bind_one, ids_of, room_for_one},
    queue::Answer,
};
use crate::{database::Database, failure::Failure};

/// For how long a lane waits for the locks of streams, in milliseconds: others wait for the lane.
pub(super) const PATIENCE_MS: i32 = 100;

/// What the functions call an append that is stored.
const STORED: i32 = 0;
/// The same of one that a crash can still take back.
const STORED_FOR_NOW: i32 = 4;

/// What became of one stream's part of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stored(Appended),
    /// Where the stream is.
    Conflict(Version),
    /// An event id is stored elsewhere.
    Taken,
    /// Nothing was stored. After a quick call the careful one knows why; after that, the numbers of kinds are not the
    /// server's.
    Unsettled,
}

impl Database {
    /// An append of one event by the quick way.
    pub(super) async fn call_one(
        &self,
        append: &StreamAppend,
        event: &NewEvent,
        connection: &mut PgConnection,
    ) -> Result<Outcome, Failure> {
        let kinds = self.kinds.covering(&[append], connection, &self.statements).await?;
        let query = self
            .statements
            .append_one
            .query_with_room(PARAMETERS_OF_ONE, room_for_one(append, event));
        let call = kinds.bind_owner(query);
        let since = self.unchanged.since(append, kinds.owner());
        let call = call.bind(self.synchronous_commit).bind(since);
        let (answer,): (Vec<i64>,) = row(bind_one(call, append, event, &kinds), connection).await?;
        let [outcome, at, last] = *answer else { return Ok(Outcome::Unsettled) };
        let outcome = i32::try_from(outcome).unwrap_or(i32::MAX);
        let learnt = Outcome::new(outcome, at, last);
        if let (STORED, Outcome::Stored(appended)) = (outcome, learnt) {
            self.unchanged.learn(&append.stream, appended, kinds.owner());
        }
        Ok(learnt)
    }

    /// Appends to streams that are all different, each for itself.
    pub(super) async fn call_each(
        &self,
        appends: &[&StreamAppend],
        connection: &mut PgConnection,
    ) -> Result<Vec<Outcome>, Failure> {
        let kinds = self.kinds.covering(appends, connection, &self.statements).await?;
        let call = kinds.bind_owner(self.statements.append_each.query());
        let call = call.bind(self.synchronous_commit);
        let (outcomes, versions, positions): (Option<Vec<i32>>, Vec<i64>, Vec<i64>) =
            row(Columns::of(appends, &kinds).bind_with_keys(call), connection).await?;
        let outcomes = outcomes.unwrap_or_else(|| vec![STORED; appends.len()]);
        Ok(Outcome::each(outcomes, versions, positions))
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
        let call = kinds.bind_owner(self.statements.append.query());
        let call = call.bind(self.synchronous_commit).bind(patience);
        let outcomes =
            outcomes(Columns::of(&parts, &kinds).bind_with_counts(call), connection).await?;
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
        let call = kinds.bind_owner(self.statements.append.query());
        let call = call.bind(None::<&str>).bind(None::<i32>);
        let outcomes =
            outcomes(Columns::of(&parts, kinds).bind_with_counts(call), transaction).await?;
        self.answer(appends, &outcomes, transaction).await
    }

    async fn answer(
        &self,
        appends: &[StreamAppend],
        outcomes: &[Outcome],
        connection: &mut PgConnection,
    ) -> Result<Answer, Failure> {
        if outcomes.contains(&Outcome::Unsettled) {
            return Err(Failure::renumbered());
        }
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
    let (outcomes, versions, positions): (Vec<i32>, Vec<i64>, Vec<i64>) =
        row(call, connection).await?;
    Ok(Outcome::each(outcomes, versions, positions))
}

/// The one row that each of the functions answers with.
async fn row<R: for<'r> FromRow<'r, PgRow>>(
    call: Query<'static, Postgres, PgArguments>,
    connection: &mut PgConnection,
) -> Result<R, Failure> {
    let row = call.fetch_one(connection).await.map_err(Failure::while_running)?;
    R::from_row(&row).map_err(Failure::while_running)
}

impl Outcome {
    fn each(outcomes: Vec<i32>, versions: Vec<i64>, positions: Vec<i64>) -> Vec<Self> {
        let parts = outcomes.into_iter().zip(versions).zip(positions);
        parts.map(|((outcome, at), last)| Self::new(outcome, at, last)).collect()
    }

    fn new(outcome: i32, at: i64, last: i64) -> Self {
        let position = Position::new(last.unsigned_abs());
        match outcome {
            STORED | STORED_FOR_NOW => Self::Stored(Appended { version: version(at), position }),
            1 => Self::Conflict(version(at)),
            2 => Self::Taken,
            _ => Self::Unsettled,
        }
    }
}

fn version(number: i64) -> Version {
    Version::new(number.unsigned_abs())
}
