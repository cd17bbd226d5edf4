//! The global stream.

use std::sync::Arc;

use annals_core::{Filter, Position, ReadAll, RecordedEvent};
use sqlx::PgConnection;

use super::pages::{MOST, MOST_SPARSE, PageSize, Reading};
use crate::{database::Database, failure::Failure, tail::Tail};

/// Where at least one event in so many matches, all are looked at; where fewer do, the index of kinds is.
const DENSE: i64 = 4;
/// The span of positions in which a filter is first looked for.
const WINDOW: i64 = MOST.cast_signed();

#[derive(Clone)]
pub(crate) struct AllReading {
    database: Arc<Database>,
    tail: Arc<Tail>,
    filter: Filter,
    after: i64,
    /// The end that was asked for.
    up_to: Option<i64>,
    /// The end that is known to be final.
    end: Option<i64>,
    /// How many events are still wanted; none: all.
    left: Option<u64>,
    size: PageSize,
    window: i64,
    /// Whether a good part of all events match.
    is_dense: bool,
    is_first_page: bool,
}

impl AllReading {
    pub(crate) fn new(database: Arc<Database>, tail: Arc<Tail>, read: ReadAll) -> Self {
        let ReadAll { after, up_to, filter, limit, .. } = read;
        Self {
            database,
            tail,
            filter,
            after: position(after),
            up_to: up_to.map(position),
            end: None,
            left: limit,
            size: PageSize::first(),
            window: WINDOW,
            is_dense: true,
            is_first_page: true,
        }
    }

    /// Where this reading ends: at the head as of now, unless it was to end before.
    async fn end(&self, connection: &mut PgConnection) -> Result<i64, Failure> {
        let known = position(self.tail.head());
        if let Some(up_to) = self.up_to.filter(|up_to| *up_to <= known) {
            return Ok(up_to);
        }
        let head = self.database.head(connection).await?;
        self.tail.advance(head);
        Ok(self.up_to.map_or(head, |up_to| head.min(up_to)))
    }

    async fn unfiltered(
        &mut self,
        end: i64,
        wanted: u64,
        connection: &mut PgConnection,
    ) -> Result<Vec<RecordedEvent>, Failure> {
        let page = self.database.page(self.after, end, wanted, connection).await?;
        self.after = match page.events.last() {
            Some(last) if page.is_full() => position(last.position),
            _ => end,
        };
        Ok(page.events)
    }

    /// Looks through windows, each as wide as it takes to find about a page in it.
    async fn filtered(
        &mut self,
        end: i64,
        wanted: u64,
        connection: &mut PgConnection,
    ) -> Result<Vec<RecordedEvent>, Failure> {
        let names = |names: Option<Vec<&str>>| {
            names.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let categories = names(self.filter.categories().map(Iterator::collect));
        let event_types = names(self.filter.event_types().map(Iterator::collect));
        loop {
            let to = end.min(self.after.saturating_add(self.window));
            let statements = &self.database.statements;
            let (statement, wanted) = match self.is_dense {
                true => (&statements.dense, wanted),
                false => (&statements.filtered, wanted.min(MOST_SPARSE)),
            };
            let query = || {
                let query = statement.query().bind(self.after).bind(to);
                query.bind(wanted.cast_signed()).bind(&categories).bind(&event_types)
            };
            let page = self.database.events(query, wanted, None, connection).await?;
            let is_full = page.is_full();
            let page = page.events;
            let seen = page.last().filter(|_| is_full);
            let span = seen.map_or(to, |last| position(last.position)) - self.after;
            self.is_dense = page.len() as i64 >= span / DENSE;
            match page.last() {
                Some(last) if is_full => {
                    self.window = (position(last.position) - self.after).max(WINDOW);
                    self.after = position(last.position);
                }
                _ => {
                    self.after = to;
                    if (page.len() as u64) < (wanted / 4).max(1) {
                        self.window = self.window.saturating_mul(8);
                    }
                }
            }
            if !page.is_empty() || self.after >= end {
                return Ok(page);
            }
        }
    }
}

impl Reading for AllReading {
    fn database(&self) -> &Database {
        &self.database
    }

    async fn page(self) -> Result<(Vec<RecordedEvent>, Option<Self>), Failure> {
        let wanted = self.size.of(self.left.unwrap_or(u64::MAX));
        if wanted == 0 {
            return Ok((Vec::new(), None));
        }
        if let Some(up_to) = self.up_to
            && let Some(page) = self.tail.recent(self.after, up_to, &self.filter, wanted)
        {
            return Ok(self.and_rest(page.events, page.after, up_to));
        }
        let mut connection = self.database.connection().await?;
        let page = self.page_on(wanted, &mut connection).await;
        page.inspect_err(|failure| failure.retire(&mut connection))
    }

    /// Windows of dense events end where they end, whatever is in them.
    fn guess(&self) -> Option<Self> {
        let to = self.after.saturating_add(self.window);
        let fills_its_window = self.is_dense
            && self.window == WINDOW
            && self.size.is_largest()
            && self.filter != Filter::any();
        let is_known = fills_its_window
            && self.left.is_none()
            && !self.is_first_page
            && self.end.is_some_and(|end| to < end)
            && !self.database.is_used_up();
        is_known.then(|| Self { after: to, ..self.clone() })
    }

    fn is(&self, guess: &Self) -> bool {
        let place = |reading: &Self| {
            (reading.after, reading.end, reading.window, reading.is_dense, reading.size)
        };
        place(self) == place(guess)
    }
}

impl AllReading {
    async fn page_on(
        mut self,
        wanted: u64,
        connection: &mut PgConnection,
    ) -> Result<(Vec<RecordedEvent>, Option<Self>), Failure> {
        let mut end = match self.end {
            Some(end) => end,
            None => self.end(connection).await?,
        };
        if self.after >= end && !self.is_first_page {
            end = self.end(connection).await?;
        }
        if self.after >= end {
            return Ok((Vec::new(), None));
        }
        self.end = Some(end);
        let page = match self.filter == Filter::any() {
            true => self.unfiltered(end, wanted, connection).await?,
            false => self.filtered(end, wanted, connection).await?,
        };
        let (after, up_to) = (self.after, self.up_to.unwrap_or(i64::MAX));
        // What fits one page ends where the history ended when the page was read.
        let is_whole = self.is_first_page && after >= end;
        let (page, rest) = self.and_rest(page, after, up_to);
        Ok((page, rest.filter(|_| !is_whole)))
    }

    fn and_rest(
        mut self,
        page: Vec<RecordedEvent>,
        after: i64,
        end: i64,
    ) -> (Vec<RecordedEvent>, Option<Self>) {
        self.after = after;
        self.left = self.left.map(|left| left - page.len() as u64);
        self.is_first_page = false;
        if !page.is_empty() {
            self.size = self.size.after(&page);
        }
        let rest = (self.left != Some(0) && after < end).then_some(self);
        (page, rest)
    }
}

fn position(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}
