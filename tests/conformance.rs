//! The conformance suite on the memory store, by itself and behind the pointers that are stores, too.
#![cfg(feature = "memory")]

use annals::MemoryStore;

async fn fresh_store() -> MemoryStore {
    MemoryStore::new()
}

annals::testing::conformance!(fresh_store);

mod shared {
    use std::sync::Arc;

    use annals::EventStore;

    async fn fresh_store() -> Arc<dyn EventStore> {
        Arc::new(super::fresh_store().await)
    }

    annals::testing::conformance!(fresh_store);
}

mod boxed {
    use annals::EventStore;

    async fn fresh_store() -> Box<dyn EventStore> {
        Box::new(super::fresh_store().await)
    }

    annals::testing::conformance!(fresh_store);
}
