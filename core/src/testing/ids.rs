use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use crate::Ids;

/// The ids 1, 2, 3 … as UUIDs: `00000000-0000-0000-0000-000000000001` and so on. Clones go on counting together.
///
/// ```
/// use annals::{Ids, testing::IdsInOrder};
///
/// let ids = IdsInOrder::default();
/// assert_eq!(ids.next().as_u128(), 1);
/// assert_eq!(ids.clone().next().as_u128(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct IdsInOrder(Arc<AtomicU64>);

impl Ids for IdsInOrder {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
