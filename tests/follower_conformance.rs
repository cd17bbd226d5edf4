//! The conformance suite for followers on the memory store, by itself and shared.
#![cfg(feature = "memory")]

use std::{collections::BTreeSet, sync::Arc};

use annals::{
    FollowerStore, HandlerError, MemoryStore, Tables, testing::followers::conformance::Fixture,
};
use async_trait::async_trait;

/// A store in memory, whatever it is behind.
struct InMemory<S> {
    store: S,
    memory: MemoryStore,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Notes(BTreeSet<String>);

#[async_trait]
impl<S: FollowerStore<Connection = Tables>> Fixture for InMemory<S> {
    type Store = S;

    fn store(&self) -> S {
        self.store.clone()
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
        Ok(self.memory.table_of::<Notes>(follower).0.into_iter().collect())
    }
}

async fn fresh() -> InMemory<MemoryStore> {
    let memory = MemoryStore::new();
    InMemory { store: memory.clone(), memory }
}

annals::testing::follower_conformance!(fresh);

mod shared {
    use super::{Arc, InMemory, MemoryStore};

    async fn fresh() -> InMemory<Arc<MemoryStore>> {
        let memory = MemoryStore::new();
        InMemory { store: Arc::new(memory.clone()), memory }
    }

    annals::testing::follower_conformance!(fresh);
}
