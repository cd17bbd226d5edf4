//! One stream, forwards or backwards.

use std::sync::Arc;

use annals_core::{Direction, ReadStream, RecordedEvent, StreamId, Version};

use super::pages::{Page, PageSize, Reading};
use crate::{database::Database, failure::Failure, stream_key::stream_key};

#[derive(Clone)]
pub(crate) struct StreamReading {
    database: Arc<Database>,
    stream: StreamId,
    direction: Direction,
    next: i64,
    left: u64,
    size: PageSize,
}

impl StreamReading {
    pub(crate) fn new(database: Arc<Database>, read: ReadStream) -> Self {
        let ReadStream { stream, direction, from, limit, .. } = read;
        let next = match (from, direction) {
            (Some(version), _) => i64::try_from(version.get()).unwrap_or(i64::MAX),
            (None, Direction::Forwards) => 0,
            (None, Direction::Backwards) => i64::MAX,
        };
        Self {
            database,
            stream,
            direction,
            next,
            left: limit.unwrap_or(u64::MAX),
            size: PageSize::first(),
        }
    }

    /// The events of `page`, and where to go on, if there may be more.
    pub(super) fn and_rest(mut self, page: Page) -> (Vec<RecordedEvent>, Option<Self>) {
        let is_full = page.is_full();
        let page = page.events;
        self.left -= page.len() as u64;
        self.size = self.size.after(&page);
        match page.last() {
            Some(last) if is_full => self.advance(last.version),
            _ => self.left = 0,
        }
        let rest = (self.left > 0).then_some(self);
        (page, rest)
    }

    fn advance(&mut self, last: Version) {
        let last = i64::try_from(last.get()).unwrap_or(i64::MAX);
        self.next = match self.direction {
            Direction::Forwards => last.saturating_add(1),
            Direction::Backwards => last - 1,
        };
    }
}

impl Reading for StreamReading {
    fn database(&self) -> &Database {
        &self.database
    }

    async fn page(self) -> Result<(Vec<RecordedEvent>, Option<Self>), Failure> {
        let wanted = self.size.of(self.left);
        if wanted == 0 {
            return Ok((Vec::new(), None));
        }
        let mut connection = self.database.connection().await?;
        let statements = &self.database.statements;
        let statement = match self.direction {
            Direction::Forwards => &statements.stream_forwards,
            Direction::Backwards => &statements.stream_backwards,
        };
        let name = self.stream.as_str();
        let query = || {
            statement
                .query()
                .bind(stream_key(&self.stream))
                .bind(self.next)
                .bind(wanted.cast_signed())
                .bind(name)
        };
        let page = self.database.events(query, wanted, Some(&self.stream), &mut connection).await?;
        Ok(self.and_rest(page))
    }

    /// Where a page ends is known with its last event.
    fn guess(&self) -> Option<Self> {
        None
    }

    fn is(&self, _: &Self) -> bool {
        false
    }
}
