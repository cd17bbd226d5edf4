//! Reading: pages of rows, and how far the global order is final.

mod all;
mod pages;
mod row;
mod stream;

use annals_core::{RecordedEvent, StreamId};
use sqlx::{PgConnection, Row, postgres::PgRow};

pub(crate) use self::{all::AllReading, pages::events, row::stream, stream::StreamReading};
use crate::{database::Database, failure::Failure, kinds::KindTable};

/// How far the global order goes, as of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last position that was taken.
    pub(crate) last: i64,
    /// No event at or below this position can become visible any more.
    pub(crate) mark: i64,
}

impl Database {
    /// The mark. What it promises holds for later statements on the same connection.
    pub(crate) async fn mark(&self, connection: &mut PgConnection) -> Result<Mark, Failure> {
        let row = self
            .statements
            .mark
            .query()
            .fetch_one(connection)
            .await
            .map_err(Failure::before_sending)?;
        let column = |index| row.try_get(index).map_err(Failure::before_sending);
        Ok(Mark { last: column(0)?, mark: column(1)? })
    }

    /// The position of the last event at or below the mark: one that a reader may be handed.
    pub(crate) async fn head(&self, connection: &mut PgConnection) -> Result<i64, Failure> {
        let Mark { mark, .. } = self.mark(connection).await?;
        let row = self.statements.head.query().bind(mark).fetch_one(connection).await;
        row.and_then(|row| row.try_get(0)).map_err(Failure::before_sending)
    }

    /// The events of the global stream after one position and up to another, in any category.
    pub(crate) async fn page(
        &self,
        after: i64,
        up_to: i64,
        limit: u64,
        connection: &mut PgConnection,
    ) -> Result<Vec<RecordedEvent>, Failure> {
        let query = self.statements.all.query().bind(after).bind(up_to).bind(limit.cast_signed());
        let rows = query.fetch_all(&mut *connection).await.map_err(Failure::before_sending)?;
        self.events(&rows, connection, stream).await
    }

    /// The events in `rows`.
    pub(crate) async fn events(
        &self,
        rows: &[PgRow],
        connection: &mut PgConnection,
        stream: impl Fn(&PgRow) -> Result<StreamId, Failure>,
    ) -> Result<Vec<RecordedEvent>, Failure> {
        if let Some(events) = decoded(rows, &self.kinds.known(), &stream)? {
            return Ok(events);
        }
        // Another process has numbered a kind since.
        let kinds = self.kinds.reload(connection, &self.statements).await?;
        let unknown =
            || sqlx::Error::Decode("an event is of a kind that has no name in event_kinds".into());
        decoded(rows, &kinds, &stream)?.ok_or_else(|| Failure::before_sending(unknown()))
    }
}

fn decoded(
    rows: &[PgRow],
    kinds: &KindTable,
    stream: &impl Fn(&PgRow) -> Result<StreamId, Failure>,
) -> Result<Option<Vec<RecordedEvent>>, Failure> {
    rows.iter().map(|row| row::event(row, stream(row)?, kinds)).collect()
}
