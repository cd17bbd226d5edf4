//! What the cases are written with.

use std::{num::NonZeroU16, ops::Deref, sync::Arc, time::Duration};

use super::{
    Fixture,
    doing::{Doing, LIMITS},
    work::{Job, Writing},
};
pub(super) use crate::testing::conformance::at_once;
use crate::{
    FollowerStore, Payload, Position, Query,
    followers::{
        Beat, Books, Build, BuildId, Claim, ColumnShape, ColumnType, Command, CommandRefused,
        Compared, Declaration, Failure, FollowerBooks, FollowerKind, Make, MemberId, Note,
        ParkedEvent, PartId, PartState, ReadError, Report, Row, RowsOf, StepError, Swap,
        TableShape, Upsert, Value, WhichRows,
    },
};

/// Long enough for any store on any machine, and a failure if it is over.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A lease that outlives every case.
pub(super) const LONG: Duration = Duration::from_secs(3_600);

/// The read model of the cases.
pub(super) const CUSTOMERS: &str = "customers";

/// The projection of the cases.
pub(super) const NOTES: &str = "notes";

/// The reactor of the cases.
pub(super) const POSTMAN: &str = "postman";

/// A store under test.
pub(super) struct Trial<F: Fixture> {
    pub(super) fixture: Arc<F>,
    pub(super) store: F::Store,
}

impl<F: Fixture> Clone for Trial<F> {
    fn clone(&self) -> Self {
        Self { fixture: Arc::clone(&self.fixture), store: self.store.clone() }
    }
}

impl<F: Fixture> Deref for Trial<F> {
    type Target = F::Store;

    fn deref(&self) -> &F::Store {
        &self.store
    }
}

/// A version of one of the three, in this many parts, from the first event on.
pub(super) fn declaration(name: &'static str, version: u32, parts: u16) -> Declaration {
    let kind = match name {
        NOTES => FollowerKind::Projection,
        POSTMAN => FollowerKind::Reactor,
        _ => FollowerKind::ReadModel,
    };
    let parts = NonZeroU16::new(parts).unwrap_or(NonZeroU16::MIN);
    Declaration { name, kind, version, parts, start: Position::START }
}

/// The table of [`CUSTOMERS`]: a column of each type.
pub(super) fn table() -> TableShape {
    let columns = [
        ("spent", ColumnType::Integer),
        ("share", ColumnType::Float),
        ("name", ColumnType::Text),
        ("vip", ColumnType::Boolean),
        ("since", ColumnType::Time),
    ];
    let columns = columns.map(|(name, kind)| ColumnShape { name, kind }).to_vec();
    TableShape { name: CUSTOMERS, columns, indexes: vec![vec!["spent"], vec!["name", "spent"]] }
}

/// A row of [`table`] that has nothing in its columns.
pub(super) fn row(key: &str, state: &str) -> Upsert {
    let state = Payload::parse(state).unwrap_or_else(|error| panic!("{error}: {state}"));
    Upsert { key: key.into(), state, values: vec![Value::Null; table().columns.len()] }
}

pub(super) fn position(number: u64) -> Position {
    Position::new(number)
}

pub(super) fn positions(build: &Build) -> Vec<u64> {
    build.parts.iter().map(|part| part.position.get()).collect()
}

/// Asserts that a step, a note or a making was fenced.
#[track_caller]
pub(super) fn fenced(answer: Result<(), StepError>) {
    assert!(matches!(answer, Err(StepError::Fenced)), "fenced was expected, not {answer:?}");
}

impl<F: Fixture> Trial<F> {
    pub(super) fn new(fixture: F) -> Self {
        let store = fixture.store();
        Self { fixture: Arc::new(fixture), store }
    }

    pub(super) async fn declared(&self, name: &'static str, version: u32, parts: u16) {
        let declaration = declaration(name, version, parts);
        self.declare(&declaration)
            .await
            .unwrap_or_else(|error| panic!("{name} cannot be declared: {error:?}"));
    }

    pub(super) async fn beat(&self, beat: Option<&Beat>) -> Books {
        self.books(beat).await.unwrap_or_else(|error| panic!("no books: {error:?}"))
    }

    /// A sign of life that lasts so long; how the books are then.
    pub(super) async fn lives(&self, member: MemberId, lease: Duration) -> Books {
        let name = "tester".to_owned();
        self.beat(Some(&Beat { member, name, lease, report: Report::default() })).await
    }

    /// A member that is alive throughout.
    pub(super) async fn member(&self) -> MemberId {
        let member = MemberId::new();
        self.lives(member, LONG).await;
        member
    }

    pub(super) async fn follower(&self, name: &str) -> FollowerBooks {
        let books = self.beat(None).await;
        let found = books.followers.into_iter().find(|follower| follower.name == name);
        found.unwrap_or_else(|| panic!("{name} is not on the books"))
    }

    pub(super) async fn live(&self, name: &str) -> Build {
        self.follower(name).await.live
    }

    pub(super) async fn shadow(&self, name: &str) -> Build {
        let shadow = self.follower(name).await.shadow;
        shadow.unwrap_or_else(|| panic!("{name} has no shadow"))
    }

    /// A part of either build.
    pub(super) async fn part(&self, id: PartId) -> PartState {
        let books = self.beat(None).await;
        let builds = books.followers.into_iter().flat_map(|f| [f.shadow, Some(f.live)]).flatten();
        let found = builds.flat_map(|build| build.parts).find(|part| part.id == id);
        found.unwrap_or_else(|| panic!("part {id} is not on the books"))
    }

    /// What is claimed of these parts.
    pub(super) async fn claims(&self, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let claims = self.claim(member, parts).await;
        claims.unwrap_or_else(|error| panic!("claiming failed: {error:?}"))
    }

    /// All parts of a build, which must be free to claim.
    pub(super) async fn claim_build(&self, member: MemberId, build: &Build) -> Vec<Claim> {
        let parts: Vec<_> = build.parts.iter().map(|part| part.id).collect();
        let mut claims = self.claims(member, &parts).await;
        assert_eq!(claims.len(), parts.len(), "{claims:?} of {parts:?}");
        claims.sort_by_key(|claim| claim.part);
        claims
    }

    /// One part, which must be free to claim.
    pub(super) async fn claim_part(&self, member: MemberId, part: PartId) -> Claim {
        let mut claims = self.claims(member, &[part]).await;
        assert_eq!(claims.len(), 1, "{claims:?} of {part}");
        claims.remove(0)
    }

    /// Declares, claims and makes version 1 of a follower with one part.
    pub(super) async fn running(&self, name: &'static str) -> Claim {
        self.running_parts(name, 1).await.remove(0)
    }

    /// Declares, claims and makes version 1 of a follower.
    pub(super) async fn running_parts(&self, name: &'static str, parts: u16) -> Vec<Claim> {
        self.declared(name, 1, parts).await;
        let live = self.live(name).await;
        self.made(name, &live).await
    }

    /// Claims and makes a build.
    pub(super) async fn made(&self, name: &str, build: &Build) -> Vec<Claim> {
        let member = self.member().await;
        let claims = self.claim_build(member, build).await;
        let first = claims.first().unwrap_or_else(|| panic!("{name} has no part"));
        let made = match name {
            NOTES => self.make_work(first, &mut self.creating()).await,
            POSTMAN => Ok(()),
            _ => self.make_table(first).await,
        };
        made.unwrap_or_else(|error| panic!("{name} cannot be made: {error:?}"));
        claims
    }

    /// Puts a shadow beside what serves, claims it and makes it.
    pub(super) async fn rebuilding(&self, name: &str) -> Vec<Claim> {
        self.told(name, Command::Rebuild { verify: None }).await;
        let shadow = self.shadow(name).await;
        self.made(name, &shadow).await
    }

    pub(super) async fn make_table(&self, claim: &Claim) -> Result<(), StepError> {
        self.make(claim, Make::Table(&table()), LIMITS).await
    }

    pub(super) async fn make_work(
        &self,
        claim: &Claim,
        work: &mut Writing<F>,
    ) -> Result<(), StepError> {
        self.make(claim, Make::Work(work), LIMITS).await
    }

    /// The work that makes the tables of [`NOTES`].
    pub(super) fn creating(&self) -> Writing<F> {
        Writing::new(&self.fixture, Job::Create)
    }

    /// Work that writes a note.
    pub(super) fn writing(&self, note: &str) -> Writing<F> {
        Writing::new(&self.fixture, Job::Write(note.into()))
    }

    pub(super) async fn step(&self, claim: &Claim, doing: Doing) -> Result<(), StepError> {
        doing.commit(self, claim, None).await
    }

    pub(super) async fn work(
        &self,
        claim: &Claim,
        doing: Doing,
        work: &mut Writing<F>,
    ) -> Result<(), StepError> {
        doing.commit(self, claim, Some(work)).await
    }

    /// A step that must succeed.
    pub(super) async fn stepped(&self, claim: &Claim, doing: Doing) {
        let told = format!("{doing:?}");
        let answer = self.step(claim, doing).await;
        answer.unwrap_or_else(|error| panic!("{error:?} was the answer to {told}"));
    }

    /// A step that writes a note, and must succeed.
    pub(super) async fn wrote(&self, claim: &Claim, doing: Doing, note: &str) {
        let mut work = self.writing(note);
        let answer = self.work(claim, doing, &mut work).await;
        answer.unwrap_or_else(|error| panic!("{note:?} was not written: {error:?}"));
        assert_eq!(work.calls, 1, "work is called at most once");
    }

    pub(super) async fn noted(&self, claim: &Claim, note: Note) {
        let answer = self.note(claim, &note).await;
        answer.unwrap_or_else(|error| panic!("{error:?} was the answer to {note:?}"));
    }

    pub(super) async fn told(&self, name: &str, command: Command) {
        let answer = self.command(name, &command).await;
        answer.unwrap_or_else(|error| panic!("{error:?} was the answer to {command:?}"));
    }

    pub(super) async fn refused(&self, name: &str, command: Command) -> CommandRefused {
        match self.command(name, &command).await {
            Err(CommandRefused::Store(error)) => panic!("{error:?} was the answer to {command:?}"),
            Err(refused) => refused,
            Ok(()) => panic!("{command:?} was not refused"),
        }
    }

    pub(super) async fn all_failures(&self, build: BuildId) -> Vec<Failure> {
        let failures = self.failures(build, u32::MAX).await;
        failures.unwrap_or_else(|error| panic!("failures cannot be read: {error:?}"))
    }

    pub(super) async fn all_parked(&self, build: BuildId) -> Vec<ParkedEvent> {
        let parked = self.parked(build).await;
        parked.unwrap_or_else(|error| panic!("parked events cannot be read: {error:?}"))
    }

    pub(super) async fn swapped(&self, shadow: BuildId, patience: Duration) -> Swap {
        let swap = self.swap(shadow, patience).await;
        swap.unwrap_or_else(|error| panic!("the swap failed: {error:?}"))
    }

    pub(super) async fn compared(&self, shadow: BuildId, patience: Duration) -> Compared {
        let compared = self.compare(shadow, patience).await;
        compared.unwrap_or_else(|error| panic!("the comparison failed: {error:?}"))
    }

    pub(super) async fn query(
        &self,
        claim: Option<&Claim>,
        query: &Query,
    ) -> Result<Vec<Row>, ReadError> {
        let table = table();
        self.rows(&RowsOf { table: &table, claim, which: WhichRows::Query(query) }).await
    }

    pub(super) async fn keyed(
        &self,
        claim: Option<&Claim>,
        keys: &[&str],
    ) -> Result<Vec<Row>, ReadError> {
        let (table, keys): (_, Vec<_>) = (table(), keys.iter().map(ToString::to_string).collect());
        self.rows(&RowsOf { table: &table, claim, which: WhichRows::Keys(&keys) }).await
    }

    /// All rows of [`CUSTOMERS`] as `key=state`, in order of their keys.
    pub(super) async fn list(&self, claim: Option<&Claim>) -> Vec<String> {
        let rows = self.query(claim, &Query::all()).await;
        let rows = rows.unwrap_or_else(|error| panic!("rows cannot be read: {error:?}"));
        rows.into_iter().map(|row| format!("{}={}", row.key, row.state)).collect()
    }

    /// What a reader sees of [`NOTES`].
    pub(super) async fn read_notes(&self) -> Vec<String> {
        let notes = self.fixture.read(NOTES).await;
        notes.unwrap_or_else(|error| panic!("notes cannot be read: {error:?}"))
    }
}

/// Asks again and again, until the answer is something.
pub(super) async fn eventually<T, A: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> A,
) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let answer = tokio::time::timeout(SOON, asking).await;
    answer.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}

/// Waits for what must not take long.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(SOON, future).await;
    answer.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}
