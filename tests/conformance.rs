//! The conformance suite on the memory store, as it is and behind the pointers that are stores, too.
#![cfg(feature = "memory")]

use std::sync::Arc;

use annals::{EventStore, MemoryStore};

async fn fresh_store() -> MemoryStore {
    MemoryStore::new()
}

annals::testing::conformance!(fresh_store);

mod behind_a_box {
    use super::*;

    async fn fresh_store() -> Box<dyn EventStore> {
        Box::new(MemoryStore::new())
    }

    annals::testing::conformance!(fresh_store);
}

mod behind_an_arc {
    use super::*;

    async fn fresh_store() -> Arc<dyn EventStore> {
        Arc::new(MemoryStore::new())
    }

    annals::testing::conformance!(fresh_store);
}
