//! The conformance suites of events and snapshots on the memory store, by itself and behind the pointers that are stores, too.
#![cfg(feature = "memory")]

use annals::MemoryStore;

async fn fresh_store() -> MemoryStore {
    MemoryStore::new()
}

annals::testing::conformance!(fresh_store);
annals::testing::snapshot_conformance!(fresh_store);

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

mod shared_with_snapshots {
    use annals::SnapshotStore;

    async fn fresh_store() -> std::sync::Arc<dyn SnapshotStore> {
        std::sync::Arc::new(super::fresh_store().await)
    }

    annals::testing::snapshot_conformance!(fresh_store);
}

mod boxed_with_snapshots {
    use annals::SnapshotStore;

    async fn fresh_store() -> Box<dyn SnapshotStore> {
        Box::new(super::fresh_store().await)
    }

    annals::testing::snapshot_conformance!(fresh_store);
}
