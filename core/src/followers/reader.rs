use std::{fmt, marker::PhantomData, time::Duration};

use tokio::sync::watch;

use super::{
    FollowerStore, Page, Query, ReadError, ReadModel, Row, RowsOf, WaitError, WhichRows,
    member::Sight, waiting::Waiting,
};
use crate::{Filter, Position};

/// Reads the rows of a read model: the ones that serve.
///
/// A row is as the last committed step left it. To read what a command has done, wait for its position first:
///
/// ```
/// # use std::{error::Error, time::Duration};
/// # use annals::{followers::Reader, MemoryStore, Position, Query, ReadModel};
/// # async fn read<M: ReadModel<Key = String>>(rows: Reader<M, MemoryStore>, done: Position) -> Result<(), Box<dyn Error>> {
/// let anna = rows.wait_for(done, Duration::from_secs(2)).await?.get(&"anna".to_owned()).await?;
/// let page = rows.list(Query::all().with_limit(20)).await?;
/// for (key, row) in page.rows {
///     println!("{key}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Reader<M, S> {
    store: S,
    /// If this process runs followers, what it knows of this one.
    sight: Option<watch::Receiver<Sight>>,
    model: PhantomData<fn() -> M>,
}

impl<M: ReadModel, S: FollowerStore> Reader<M, S> {
    /// Reads from `store`; for processes that run no followers. Where they run,
    /// [`Running::reader`](super::Running::reader) waits without asking the store.
    pub fn new(store: S) -> Self {
        Self { store, sight: None, model: PhantomData }
    }

    pub(super) fn with_sight(store: S, sight: watch::Receiver<Sight>) -> Self {
        Self { store, sight: Some(sight), model: PhantomData }
    }

    /// The row of `key`, if there is one.
    ///
    /// # Errors
    /// When the read model was never started, or its rows do not fit `M`.
    pub async fn get(&self, key: &M::Key) -> Result<Option<M>, ReadError> {
        let keys = [key.to_string()];
        let rows = self.rows(WhichRows::Keys(&keys)).await?;
        match rows.first() {
            Some(row) => self.decode(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The rows that `query` asks for, with their keys.
    ///
    /// # Errors
    /// When the table that serves cannot answer the query, the read model was never started, or its rows do not
    /// fit `M`.
    pub async fn list(&self, query: Query) -> Result<Page<(M::Key, M)>, ReadError> {
        let limit = query.limit;
        // One more, to know whether there is a next page.
        let query = query.with_limit(limit.saturating_add(1));
        let mut rows = self.rows(WhichRows::Query(&query)).await?;
        let is_last = rows.len() <= usize::try_from(limit).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = rows.last().filter(|_| !is_last).map(|row| query.cursor(row));
        let mut page = Page { rows: Vec::with_capacity(rows.len()), next };
        for row in &rows {
            let key = row.key.parse::<M::Key>().map_err(|error| ReadError::Key {
                name: M::NAME.to_owned(),
                key: row.key.clone(),
                source: error.into(),
            })?;
            page.rows.push((key, self.decode(row).await?));
        }
        Ok(page)
    }

    /// Waits until what serves has taken in everything up to `position`, for
    /// [`Executed::position`](crate::Executed::position) to be read.
    ///
    /// # Errors
    /// When that takes longer than `timeout`; at once when the read model has stopped in front of it, or another
    /// version of it took over.
    pub async fn wait_for(
        &self,
        position: Position,
        timeout: Duration,
    ) -> Result<&Self, WaitError> {
        let filter = Filter::of::<M::Event>();
        let (store, sight) = (&self.store, self.sight.clone());
        let waiting = Waiting { store, name: M::NAME, version: M::VERSION, filter, sight };
        waiting.wait_for(position, timeout).await.map(|()| self)
    }

    async fn rows(&self, which: WhichRows<'_>) -> Result<Vec<Row>, ReadError> {
        let table = M::columns().table();
        let invalid = |source| ReadError::Columns { name: M::NAME.to_owned(), source };
        let table = &table.map_err(invalid)?;
        self.store.rows(&RowsOf { table, claim: None, which }).await
    }

    async fn decode(&self, row: &Row) -> Result<M, ReadError> {
        let source = match row.state.decode() {
            Ok(row) => return Ok(row),
            Err(error) => error,
        };
        let books = self.store.books(None).await?;
        let follower = books.followers.iter().find(|follower| follower.name == M::NAME);
        let live = follower.map_or(M::VERSION, |follower| follower.live.version);
        Err(ReadError::Shape { name: M::NAME.to_owned(), live, declared: M::VERSION, source })
    }
}

impl<M, S: Clone> Clone for Reader<M, S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), sight: self.sight.clone(), model: PhantomData }
    }
}

impl<M: ReadModel, S> fmt::Debug for Reader<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("name", &M::NAME).finish_non_exhaustive()
    }
}
