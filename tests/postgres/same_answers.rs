//! Random histories on this store and on the memory store: every answer is the same, but for the gaps between
//! positions.

use std::{cell::Cell, collections::HashMap};

use annals::{
    Appended, EventStore, MemoryStore, Position, PostgresStore, ReadAll, ReadStream, RecordedEvent,
    StreamAppend, StreamId, TryStreamExt, Version,
};
use futures_util::future::{join_all, try_join_all};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::{
    fresh,
    histories::{Again, Outcome, Part, STREAMS, Step, Streams, filter, parts, read_all, step},
};

const CASES: u32 = 2_000;

/// One step, or several appends that have to do with each other.
#[derive(Debug, Clone)]
enum Move {
    Step(Step),
    /// Appends that are under way together, perhaps with one that was made before.
    AtOnce(Vec<Vec<Part>>, Option<usize>),
    /// Appends in one transaction of the caller's; those that are not kept are rolled back alone.
    InTransaction {
        appends: Vec<(Vec<Part>, bool)>,
        is_committed: bool,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let at_once = (prop::collection::vec(parts(), 2..8), prop::option::weighted(0.2, 0..4_usize));
    let in_transaction =
        (prop::collection::vec((parts(), prop::bool::weighted(0.7)), 1..4), any::<bool>());
    let one = prop_oneof![
        8 => step().prop_map(Move::Step),
        2 => at_once.prop_map(|(appends, again)| Move::AtOnce(appends, again)),
        1 => in_transaction
            .prop_map(|(appends, is_committed)| Move::InTransaction { appends, is_committed }),
    ];
    prop::collection::vec(one, 1..24)
}

/// One history on both stores.
struct Case<'a> {
    store: &'a PostgresStore,
    /// Another store on the same schema, which learns nothing of what the first one does.
    other: &'a PostgresStore,
    model: MemoryStore,
    streams: Streams,
    /// What both have taken, in order.
    taken: Vec<Vec<StreamAppend>>,
    /// Where the global stream was when the history began.
    begin: Position,
    /// Where each event of the history is in the global stream of the database, as far as it was read.
    positions: Vec<Position>,
    /// Where an event of the model is in the database, as the answers to appends tell.
    told: Vec<(Position, Position)>,
    /// Two appends that were under way together share a stretch of the global stream, each in its own transaction. That
    /// is allowed, but the model has no order to compare it with.
    is_interleaved: bool,
}

impl<'a> Case<'a> {
    async fn new([store, other]: &'a [PostgresStore; 2], number: u32) -> Self {
        Self {
            store,
            other,
            model: MemoryStore::new(),
            streams: Streams { suffix: format!("-{number}") },
            taken: Vec::new(),
            begin: store.head().await.unwrap(),
            positions: Vec::new(),
            told: Vec::new(),
            is_interleaved: false,
        }
    }

    async fn make(&mut self, next: Move) -> Result<(), TestCaseError> {
        match next {
            Move::Step(Step::Append(parts)) => {
                let request = self.request(parts).await;
                let answer = Outcome::of(self.store.append(request.clone()).await);
                self.expect(request, answer).await
            }
            Move::Step(Step::AppendAgain(ago, how)) => {
                let Some(request) = self.again(ago, how) else { return Ok(()) };
                let answer = Outcome::of(self.store.append(request.clone()).await);
                self.expect(request, answer).await
            }
            Move::Step(Step::ReadStream { stream, backwards, from, limit }) => {
                self.compare_stream(self.streams.read_stream(stream, backwards, from, limit)).await
            }
            Move::Step(Step::ReadAll { after, up_to, categories, types, limit }) => {
                self.compare_all().await?;
                let filter = filter(&categories, &types);
                let read = |position: &dyn Fn(u64) -> Position| {
                    read_all((after, up_to), &filter, limit, position)
                };
                let came = all(self.other.read_all(read(&|nth| self.position(nth)))).await;
                let expected = all(self.model.read_all(read(&Position::new))).await;
                compare(&came, &expected)
            }
            Move::AtOnce(appends, again) => self.append_at_once(appends, again).await,
            Move::InTransaction { appends, is_committed } => {
                self.append_in_transaction(appends, is_committed).await
            }
        }
    }

    async fn request(&self, parts: Vec<Part>) -> Vec<StreamAppend> {
        request(&self.streams, &self.model, parts).await
    }

    fn again(&self, ago: usize, how: Again) -> Option<Vec<StreamAppend>> {
        self.taken.iter().rev().nth(ago).map(|known| self.streams.again(known.clone(), how))
    }

    /// Makes the same request of the model, whose answer must be the same.
    async fn expect(
        &mut self,
        request: Vec<StreamAppend>,
        answer: Outcome,
    ) -> Result<(), TestCaseError> {
        let expected = Outcome::of(self.model.append(request.clone()).await);
        self.told.extend(compare_answers(&answer, &expected)?);
        if let Outcome::Appended(_) = expected {
            self.taken.push(request);
        }
        Ok(())
    }

    /// The store answers each stream's appends in the order in which they were asked for; the model gets them in the
    /// order of their positions.
    async fn append_at_once(
        &mut self,
        appends: Vec<Vec<Part>>,
        again: Option<usize>,
    ) -> Result<(), TestCaseError> {
        let mut requests = Vec::new();
        for parts in appends {
            requests.push(self.request(parts).await);
        }
        requests.extend(again.and_then(|ago| self.again(ago, Again::Same)));
        let head = self.store.head().await.unwrap();
        let answers =
            join_all(requests.iter().map(|request| self.store.append(request.clone()))).await;
        let came = all(self.store.read_all(ReadAll::after(head))).await;
        self.is_interleaved |= requests.iter().any(|request| {
            let ids: Vec<_> =
                request.iter().flat_map(|append| &append.events).map(|event| event.id).collect();
            let appends = came.chunk_by(|a, b| ids.contains(&a.id) == ids.contains(&b.id));
            appends.filter(|events| ids.contains(&events[0].id)).count() > 1
        });
        let mut last: HashMap<StreamId, Position> = HashMap::new();
        let mut in_order = Vec::new();
        for (request, answer) in requests.into_iter().zip(answers) {
            let answer = Outcome::of(answer);
            let streams = request.iter().map(|append| append.stream.clone());
            let before = streams.clone().filter_map(|stream| last.get(&stream)).max().copied();
            let at = position_of(&answer).filter(|at| *at > head).or(before).unwrap_or_default();
            if !matches!(answer, Outcome::StreamTwice(_)) {
                last.extend(streams.map(|stream| (stream, at)));
            }
            in_order.push((at, request, answer));
        }
        in_order.sort_by_key(|(at, ..)| *at);
        for (_, request, answer) in in_order {
            self.expect(request, answer).await?;
        }
        Ok(())
    }

    /// The model has no transactions: another model with the same history takes its part until it is known how this
    /// one ends.
    async fn append_in_transaction(
        &mut self,
        appends: Vec<(Vec<Part>, bool)>,
        is_committed: bool,
    ) -> Result<(), TestCaseError> {
        let mut transaction = self.store.pool().begin().await.unwrap();
        let (mut model, mut taken) = (self.replayed(&self.taken).await, self.taken.clone());
        let mut told = Vec::new();
        for (parts, is_kept) in appends {
            let request = request(&self.streams, &model, parts).await;
            let mut savepoint = transaction.begin().await.unwrap();
            let answer = self.store.append_in(&mut savepoint, request.clone()).await;
            let expected = Outcome::of(model.append(request.clone()).await);
            let positions = compare_answers(&Outcome::of(answer), &expected)?;
            if is_kept {
                savepoint.commit().await.unwrap();
                told.extend(positions);
                if let Outcome::Appended(_) = expected {
                    taken.push(request);
                }
            } else {
                savepoint.rollback().await.unwrap();
                model = self.replayed(&taken).await;
            }
        }
        if is_committed {
            transaction.commit().await.unwrap();
            (self.model, self.taken) = (model, taken);
            self.told.extend(told);
        } else {
            transaction.rollback().await.unwrap();
        }
        Ok(())
    }

    async fn replayed(&self, taken: &[Vec<StreamAppend>]) -> MemoryStore {
        let model = MemoryStore::new();
        for request in taken {
            model.append(request.clone()).await.unwrap();
        }
        model
    }

    /// The position in the database that is to it what `nth` is to the model, beyond the head as well.
    fn position(&self, nth: u64) -> Position {
        let Some(before) = (nth as usize).checked_sub(1) else { return self.begin };
        self.positions.get(before).copied().unwrap_or_else(|| {
            let beyond = nth - self.positions.len() as u64;
            Position::new(self.positions.last().unwrap_or(&self.begin).get() + beyond)
        })
    }

    async fn compare_stream(&self, read: ReadStream) -> Result<(), TestCaseError> {
        let came = all(self.store.read_stream(read.clone())).await;
        compare(&came, &all(self.model.read_stream(read)).await)
    }

    /// Compares the whole history, and learns the positions.
    async fn compare_all(&mut self) -> Result<(), TestCaseError> {
        let came = all(self.store.read_all(ReadAll::after(self.begin))).await;
        compare(&came, &all(self.model.read_all(ReadAll::after(Position::START))).await)?;
        self.positions = came.iter().map(|event| event.position).collect();
        prop_assert!(self.positions.is_sorted_by(|a, b| a < b), "positions do not rise strictly");
        for (nth, position) in self.told.drain(..) {
            prop_assert_eq!(self.positions[nth.get() as usize - 1], position, "as the answer said");
        }
        let last = self.positions.last().copied().unwrap_or(self.begin);
        prop_assert_eq!(self.store.head().await.unwrap(), last);
        Ok(())
    }

    async fn compare_everything(&mut self) -> Result<(), TestCaseError> {
        if !self.is_interleaved {
            self.compare_all().await?;
        }
        let streams = 0..STREAMS.len();
        let reads = streams.map(|stream| self.streams.read_stream(stream, false, None, None));
        try_join_all(reads.map(|read| self.compare_stream(read))).await?;
        Ok(())
    }
}

async fn request(streams: &Streams, model: &MemoryStore, parts: Vec<Part>) -> Vec<StreamAppend> {
    let mut versions = HashMap::new();
    for event in all(model.read_all(ReadAll::after(Position::START))).await {
        versions.insert(event.stream, event.version);
    }
    streams.append(parts, |stream| versions.get(stream).copied().unwrap_or(Version::NONE))
}

async fn all(events: annals::RecordedEvents) -> Vec<RecordedEvent> {
    events.try_collect().await.unwrap()
}

/// Everything but position and time.
fn compare(came: &[RecordedEvent], expected: &[RecordedEvent]) -> Result<(), TestCaseError> {
    let essence = |events: &[RecordedEvent]| {
        let essence = |event: &RecordedEvent| {
            let RecordedEvent { id, stream, version, event, metadata, .. } = event.clone();
            (id, stream, version, event, metadata)
        };
        events.iter().map(essence).collect::<Vec<_>>()
    };
    prop_assert_eq!(essence(came), essence(expected));
    Ok(())
}

/// The same answer, and which positions of the model and of the database it tells.
fn compare_answers(
    came: &Outcome,
    expected: &Outcome,
) -> Result<Vec<(Position, Position)>, TestCaseError> {
    let (Outcome::Appended(came), Outcome::Appended(expected)) = (came, expected) else {
        prop_assert_eq!(came, expected);
        return Ok(Vec::new());
    };
    let versions = |answers: &[Appended]| answers.iter().map(|a| a.version).collect::<Vec<_>>();
    prop_assert_eq!(versions(came), versions(expected));
    let told = expected.iter().zip(came).map(|(nth, at)| (nth.position, at.position));
    let (nothing, told): (Vec<_>, Vec<_>) = told.partition(|(nth, _)| *nth == Position::START);
    prop_assert!(nothing.iter().all(|(_, at)| *at == Position::START), "nothing has no position");
    Ok(told)
}

fn position_of(answer: &Outcome) -> Option<Position> {
    let Outcome::Appended(answers) = answer else { return None };
    answers.iter().map(|answer| answer.position).max()
}

#[test]
fn random_histories_have_the_answers_of_the_memory_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One lane, so that appends that are made at once go together.
    let url = fresh::url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options[track_functions]=pl");
    let builder = fresh::builder().with_lanes(1);
    let stores = runtime.block_on(async {
        let store = builder.clone().connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        [store, builder.connect(&url).await.unwrap()]
    });
    let (number, interleaved) = (Cell::new(0), Cell::new(0));
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) });
    let outcome = runner.run(&moves(), |moves| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let mut case = Case::new(&stores, number.get()).await;
            for next in moves {
                case.make(next).await?;
                if case.is_interleaved {
                    interleaved.set(interleaved.get() + 1);
                    break;
                }
            }
            case.compare_everything().await
        })
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(interleaved.get() < CASES / 20, "{} cases were cut short", interleaved.get());
    runtime.block_on(compare_streams(&stores[0]));
    let calls = runtime.block_on(calls(stores));
    for function in ["append_one", "append_each", "append"] {
        let called = calls.get(function).copied().unwrap_or_default();
        assert!(called > i64::from(CASES), "{function} was called {called} times: {calls:?}");
    }
}

/// Each stream is the versions 1 to n under one key, which is its name's.
async fn compare_streams(store: &PostgresStore) {
    let sql = "SELECT count(*), count(*) FILTER (WHERE is_wrong) FROM (
                   SELECT max(version) <> count(*) OR min(version) <> 1
                       OR bool_or(stream_key <> $schema.stream_key(stream)) AS is_wrong
                   FROM $schema.events GROUP BY stream
               ) AS streams";
    let sql = sql.replace("$schema", &format!("\"{}\"", store.schema()));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap();
    assert!(row.get::<i64, _>(0) > i64::from(CASES));
    assert_eq!(row.get::<i64, _>(1), 0, "a stream has holes, or a key that is not its own");
}

/// How often each function was called, once the sessions that counted have ended.
async fn calls(stores: [PostgresStore; 2]) -> HashMap<String, i64> {
    let schema = stores[0].schema().to_owned();
    for store in stores {
        store.shutdown().await;
        store.pool().close().await;
    }
    let mut connection = fresh::connection().await;
    let application = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()";
    loop {
        let row = sqlx::query(application).bind(&schema).fetch_one(&mut connection).await.unwrap();
        if row.get::<i64, _>(0) == 0 {
            break;
        }
    }
    let counted = "SELECT funcname::text, calls FROM pg_stat_user_functions WHERE schemaname = $1";
    let rows = sqlx::query(counted).bind(&schema).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
