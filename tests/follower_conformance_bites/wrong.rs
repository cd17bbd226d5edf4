//! A right store, seen through a defect.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use annals::{
    EventStore, FollowerStore, HandlerError, MemoryStore, ReadError, StoreError, Tables,
    followers::{
        Beat, Books, Build, BuildId, Claim, Command, CommandRefused, Compared, Declaration,
        Failure, FollowerBooks, Limits, Make, MemberId, Note, ParkedEvent, PartId, PartState, Row,
        RowsOf, StartError, Step, StepError, Swap,
    },
    forward,
    testing::followers::conformance::Fixture,
};
use async_trait::async_trait;

/// What a store does wrong; whatever a defect does not override is done right.
#[async_trait]
pub(crate) trait Defect: Send + Sync + 'static {
    async fn declare(&self, right: &MemoryStore, follower: Declaration) -> Result<(), StartError> {
        right.declare(&follower).await
    }

    async fn books(&self, right: &MemoryStore, beat: Option<Beat>) -> Books {
        books(right, beat.as_ref()).await
    }

    async fn claim(&self, right: &MemoryStore, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        right.claim(member, parts).await.unwrap()
    }

    async fn release(&self, right: &MemoryStore, claims: &[Claim]) {
        right.release(claims).await.unwrap();
    }

    async fn note(&self, right: &MemoryStore, claim: &Claim, note: Note) -> Result<(), StepError> {
        right.note(claim, &note).await
    }

    async fn command(
        &self,
        right: &MemoryStore,
        name: &str,
        command: Command,
    ) -> Result<(), CommandRefused> {
        right.command(name, &command).await
    }

    async fn failures(&self, right: &MemoryStore, build: BuildId, limit: u32) -> Vec<Failure> {
        right.failures(build, limit).await.unwrap()
    }

    async fn parked(&self, right: &MemoryStore, build: BuildId) -> Vec<ParkedEvent> {
        right.parked(build).await.unwrap()
    }

    async fn make(
        &self,
        right: &MemoryStore,
        claim: &Claim,
        tables: Make<'_, Tables>,
        limits: Limits,
    ) -> Result<(), StepError> {
        right.make(claim, tables, limits).await
    }

    async fn commit(&self, right: &MemoryStore, step: Step<'_, Tables>) -> Result<(), StepError> {
        right.commit(step).await
    }

    async fn swap(&self, right: &MemoryStore, shadow: BuildId, patience: Duration) -> Swap {
        right.swap(shadow, patience).await.unwrap()
    }

    async fn compare(&self, right: &MemoryStore, shadow: BuildId, patience: Duration) -> Compared {
        right.compare(shadow, patience).await.unwrap()
    }

    async fn rows(&self, right: &MemoryStore, rows: RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        right.rows(&rows).await
    }
}

pub(crate) async fn books(store: &MemoryStore, beat: Option<&Beat>) -> Books {
    store.books(beat).await.unwrap()
}

/// The follower that a build is of, if it is there.
pub(crate) async fn follower_of(store: &MemoryStore, build: BuildId) -> Option<FollowerBooks> {
    let mut followers = books(store, None).await.followers.into_iter();
    followers.find(|follower| {
        follower.live.id == build
            || follower.shadow.as_ref().is_some_and(|shadow| shadow.id == build)
    })
}

/// All builds that are on the books.
pub(crate) fn builds(books: &mut Books) -> impl Iterator<Item = &mut Build> {
    books
        .followers
        .iter_mut()
        .flat_map(|follower| [&mut follower.live].into_iter().chain(&mut follower.shadow))
}

/// A part as it is on the books.
pub(crate) async fn part(store: &MemoryStore, id: PartId) -> Option<PartState> {
    let mut books = books(store, None).await;
    builds(&mut books).flat_map(|build| build.parts.clone()).find(|part| part.id == id)
}

/// The claim as it would be if it held.
pub(crate) async fn holding(store: &MemoryStore, claim: &Claim) -> Claim {
    let fence = part(store, claim.part).await.map_or(claim.fence, |part| part.fence);
    Claim { fence, ..claim.clone() }
}

/// One type for all defects, so that the suite is compiled once.
#[derive(Clone)]
pub(crate) struct Wrong {
    right: MemoryStore,
    defect: Arc<dyn Defect>,
}

impl Wrong {
    pub(crate) fn new(defect: impl Defect) -> Self {
        Self { right: MemoryStore::new(), defect: Arc::new(defect) }
    }
}

impl EventStore for Wrong {
    forward!(self => self.right; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl FollowerStore for Wrong {
    type Connection = Tables;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        self.defect.declare(&self.right, follower.clone()).await
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        Ok(self.defect.books(&self.right, beat.cloned()).await)
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        Ok(self.defect.claim(&self.right, member, parts).await)
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.defect.release(&self.right, claims).await;
        Ok(())
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.defect.note(&self.right, claim, note.clone()).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        self.defect.command(&self.right, name, command.clone()).await
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        Ok(self.defect.failures(&self.right, build, limit).await)
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        Ok(self.defect.parked(&self.right, build).await)
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, Tables>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.defect.make(&self.right, claim, tables, limits).await
    }

    async fn commit(&self, step: Step<'_, Tables>) -> Result<(), StepError> {
        self.defect.commit(&self.right, step).await
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        Ok(self.defect.swap(&self.right, shadow, patience).await)
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        Ok(self.defect.compare(&self.right, shadow, patience).await)
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.defect.rows(&self.right, *rows).await
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Notes(BTreeSet<String>);

#[async_trait]
impl Fixture for Wrong {
    type Store = Self;

    fn store(&self) -> Self {
        self.clone()
    }

    async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn write(&self, tables: &mut Tables, note: &str) -> Result<(), HandlerError> {
        assert!(tables.of_mut::<Notes>().0.insert(note.to_owned()), "{note:?} is there already");
        Ok(())
    }

    async fn notes(&self, tables: &mut Tables) -> Result<Vec<String>, HandlerError> {
        Ok(tables.of_mut::<Notes>().0.iter().cloned().collect())
    }

    async fn read(&self, follower: &str) -> Result<Vec<String>, HandlerError> {
        Ok(self.right.table_of::<Notes>(follower).0.into_iter().collect())
    }
}
