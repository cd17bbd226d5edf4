use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::IdGenerator;

/// The ids 1, 2, 3 … as UUIDs: `00000000-0000-0000-0000-000000000001` and so on. Clones share one counter.
///
/// ```
/// use annals::{IdGenerator, testing::SequentialIds};
///
/// let ids = SequentialIds::default();
/// assert_eq!(ids.next_id().as_u128(), 1);
/// assert_eq!(ids.clone().next_id().as_u128(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SequentialIds(Arc<AtomicU64>);

impl IdGenerator for SequentialIds {
    fn next_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
