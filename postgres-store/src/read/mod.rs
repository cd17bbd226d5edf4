//! Reading: pages of rows, and how far the global order is final.

mod all;
mod pages;
mod row;
mod snapshot;
mod stream;

use annals_core::StreamId;
use futures_util::TryStreamExt;
use sqlx::{
    Either, Executor, PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use self::row::RowReader;
pub(crate) use self::{
    all::AllReading,
    pages::{MOST, Page, PageSize, events, events_and_rest},
    stream::StreamReading,
};
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
    ) -> Result<Page, Failure> {
        let query =
            || self.statements.all.query().bind(after).bind(up_to).bind(limit.cast_signed());
        self.events(query, limit, None, connection).await
    }

    /// The events that `query` reads, at most `limit`, all of stream `of` if that is known. Its last two parameters, whose
    /// numbers this process knows, are bound here.
    pub(crate) async fn events(
        &self,
        query: impl Fn() -> Query<'static, Postgres, PgArguments>,
        limit: u64,
        of: Option<&StreamId>,
        connection: &mut PgConnection,
    ) -> Result<Page, Failure> {
        self.events_seen(query, limit, of, |_| Ok(()), connection).await
    }

    /// The same, with each row shown to `see`, which may see one twice.
    pub(crate) async fn events_seen(
        &self,
        query: impl Fn() -> Query<'static, Postgres, PgArguments>,
        limit: u64,
        of: Option<&StreamId>,
        mut see: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
        connection: &mut PgConnection,
    ) -> Result<Page, Failure> {
        let known = self.kinds.known();
        if let Some(page) = decoded(query(), limit, of, &mut see, &known, connection).await? {
            return Ok(page);
        }
        // Another process has numbered a kind since, or another server has taken over.
        let kinds = self.kinds.reload(connection, &self.statements).await?;
        let unknown =
            || sqlx::Error::Decode("an event is of a kind that has no name in event_kinds".into());
        let page = decoded(query(), limit, of, &mut see, &kinds, connection).await?;
        page.ok_or_else(|| Failure::before_sending(unknown()))
    }
}

/// The events, each taken from its row as it comes; none if one is of a kind that is not in `kinds`, or these are not the
/// server's. What the page has no room for is left for the next one.
async fn decoded(
    query: Query<'static, Postgres, PgArguments>,
    limit: u64,
    of: Option<&StreamId>,
    see: &mut impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
    kinds: &KindTable,
    connection: &mut PgConnection,
) -> Result<Option<Page>, Failure> {
    let mut rows = connection.fetch_many(kinds.bind_owner(query));
    let (mut page, mut reader) = (Some(Page::of(limit)), RowReader::new(kinds, of));
    while let Some(step) = rows.try_next().await.map_err(Failure::before_sending)? {
        let Either::Right(row) = step else { continue };
        let Some(so_far) = page.as_mut().filter(|page| !page.is_full()) else { continue };
        see(&row).map_err(Failure::while_running)?;
        match reader.event(&row, so_far.events.last()).map_err(Failure::while_running)? {
            Some(event) => so_far.push(event),
            None => page = None,
        }
    }
    Ok(page)
}
