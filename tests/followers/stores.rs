//! What the cases need of a store beside the contract: a projection into it, and a look at its table.

use annals::{FollowerStore, HandlerError, MemoryStore, Options, Projection, Recorded, Tables};
use async_trait::async_trait;

use crate::ledger::{Behaviour, Moved};

/// A store that the cases run on.
#[async_trait]
pub(crate) trait TestStore: FollowerStore {
    /// Keeps the account and position of each event, in the order in which they came; named `journal`.
    type Journal: Projection<Self::Connection, Event = Moved>;

    fn journal(behaviour: Behaviour) -> Self::Journal;

    /// The store as another process has it, with connections of its own.
    async fn beside(&self) -> Self;

    /// What serves.
    async fn journalled(&self) -> Vec<(String, u64)>;
}

pub(crate) struct InMemory(Behaviour);

#[derive(Debug, Clone, Default, PartialEq)]
struct Entries(Vec<(String, u64)>);

#[async_trait]
impl Projection<Tables> for InMemory {
    const NAME: &'static str = "journal";
    type Event = Moved;

    async fn create(&self, tables: &mut Tables) -> Result<(), HandlerError> {
        let _empty = tables.of_mut::<Entries>();
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        tables: &mut Tables,
    ) -> Result<(), HandlerError> {
        let entry = (recorded.stream.entity_id().to_owned(), recorded.position.get());
        tables.of_mut::<Entries>().0.push(entry);
        self.0.meet(recorded).await
    }

    fn options(&self) -> Options {
        self.0.options()
    }
}

#[async_trait]
impl TestStore for MemoryStore {
    type Journal = InMemory;

    fn journal(behaviour: Behaviour) -> InMemory {
        InMemory(behaviour)
    }

    async fn beside(&self) -> Self {
        self.clone()
    }

    async fn journalled(&self) -> Vec<(String, u64)> {
        self.table_of::<Entries>("journal").0
    }
}
