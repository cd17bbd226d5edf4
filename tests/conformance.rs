//! The conformance suite on the memory store.
#![cfg(feature = "memory")]

use annals::MemoryStore;

async fn fresh_store() -> MemoryStore {
    MemoryStore::new()
}

annals::testing::conformance!(fresh_store);
