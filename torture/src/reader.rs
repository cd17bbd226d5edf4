//! A process that reads the global stream, in the ways there are, and writes down what it was handed and in which order.

use std::{sync::Arc, time::Duration};

use annals::{
    EventData, EventStore, EventStoreExt, Filter, Position, PostgresStore, ReadAll, TryStreamExt,
};
use fastrand::Rng;
use sqlx::AssertSqlSafe;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{
    Trouble,
    breaks::Break,
    job::Job,
    record::{Read, Recorder},
};

/// For how long a reader tries to get to the end.
const PATIENCE: Duration = Duration::from_secs(120);

/// How it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To the end and on from there.
    Follows,
    /// A page now and then.
    Looks,
    /// A page now and then, of one category.
    LooksFor(&'static str),
}

const WAYS: [Way; 4] = [Way::Follows, Way::Looks, Way::LooksFor("order"), Way::LooksFor("account")];

struct Reader {
    number: u64,
    way: Way,
    store: PostgresStore,
    recorder: Arc<Recorder>,
    random: Rng,
    last: Position,
    broken: Option<Break>,
}

pub(crate) async fn run(job: Job, is_over: watch::Receiver<bool>) -> Result<(), Trouble> {
    let mut random = Rng::with_seed(job.seed);
    let Some(store) = job.open(job.builder().with_max_connections(8), &is_over).await else {
        return Ok(());
    };
    let recorder = Arc::new(Recorder::create(&job.record())?);
    let mut readers = JoinSet::new();
    for (number, way) in (0..).zip(WAYS) {
        let (store, recorder) = (store.clone(), Arc::clone(&recorder));
        let (random, last, broken) = (random.fork(), Position::START, job.broken);
        let reader = Reader { number, way, store, recorder, random, last, broken };
        readers.spawn(reader.run(is_over.clone()));
    }
    while let Some(ended) = readers.join_next().await {
        ended??;
    }
    store.shutdown().await;
    Ok(())
}

impl Reader {
    async fn run(mut self, mut is_over: watch::Receiver<bool>) -> Result<(), Trouble> {
        let category = match self.way {
            Way::LooksFor(category) => Some(category.to_owned()),
            _ => None,
        };
        self.recorder.write(&Read::Begins { reader: self.number, after: 0, category })?;
        while !*is_over.borrow() {
            tokio::select! {
                // A lost server ends a reading, and another one goes on from where that was.
                read = self.read(None) => drop(read?),
                _ = is_over.wait_for(|is_over| *is_over) => {}
            }
            let pause = Duration::from_millis(self.random.u64(..30));
            tokio::select! {
                () = sleep(pause) => {}
                _ = is_over.wait_for(|is_over| *is_over) => {}
            }
        }
        // To the end, as of when it was told; in vain if everything else is gone.
        let told = Instant::now();
        while told.elapsed() < PATIENCE {
            if let Ok(head) = self.store.head().await
                && self.read(Some(head)).await?
            {
                let position = head.get().cast_signed();
                return self.recorder.write(&Read::Passed { reader: self.number, position });
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err("a reader does not get to the end".into())
    }

    /// Reads on, up to `end` if that is given, and tells whether it got there: an error of the store ends it early.
    async fn read(&mut self, end: Option<Position>) -> Result<bool, Trouble> {
        if self.broken == Some(Break::MarkInReadingStatement) {
            return self.read_with_mark_inside().await;
        }
        if (self.way, end) == (Way::Follows, None) {
            let mut events = self.store.follow::<EventData>(self.last);
            while let Ok(Some(event)) = events.try_next().await {
                self.take(event.position, event.id.as_uuid())?;
            }
            return Ok(false);
        }
        let mut read = ReadAll::after(self.last);
        if let Way::LooksFor(category) = self.way {
            read = read.with_filter(Filter::any().with_category(category));
        }
        read = match end {
            Some(end) => read.up_to(end),
            None => read.with_limit(self.random.u64(1..500)),
        };
        let mut events = self.store.read_all(read);
        loop {
            match events.try_next().await {
                Ok(Some(event)) => self.take(event.position, event.id.as_uuid())?,
                Ok(None) => return Ok(true),
                Err(_) => return Ok(false),
            }
        }
    }

    /// As a library does it that loses events: the mark is taken when the snapshot has been, and counts as read.
    async fn read_with_mark_inside(&mut self) -> Result<bool, Trouble> {
        let schema = self.store.schema();
        let sql = format!(
            "SELECT m.mark, e.position, e.id FROM \"{schema}\".mark() m LEFT JOIN \"{schema}\".events e
             ON e.position > $1 AND e.position <= m.mark AND ($2::text IS NULL OR e.stream LIKE $2 || '-%')
             ORDER BY e.position"
        );
        let category = match self.way {
            Way::LooksFor(category) => Some(category),
            _ => None,
        };
        let query = sqlx::query_as::<_, (i64, Option<i64>, Option<Uuid>)>(AssertSqlSafe(sql));
        let query = query.bind(self.last.get().cast_signed()).bind(category);
        let Ok(rows) = query.fetch_all(self.store.pool()).await else { return Ok(false) };
        for (mark, position, id) in rows {
            if let (Some(position), Some(id)) = (position, id) {
                self.take(Position::new(position.unsigned_abs()), id)?;
            }
            self.last = self.last.max(Position::new(mark.unsigned_abs()));
        }
        Ok(true)
    }

    fn take(&mut self, position: Position, id: Uuid) -> Result<(), Trouble> {
        self.last = self.last.max(position);
        let position = position.get().cast_signed();
        self.recorder.write(&Read::Handed { reader: self.number, position, id })
    }
}
