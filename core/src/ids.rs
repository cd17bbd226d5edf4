use std::{fmt, sync::Arc};

use uuid::Uuid;

/// Where new ids come from: UUIDv7 in production, a counter in tests.
pub trait Ids: fmt::Debug + Send + Sync {
    /// An id that was never given before.
    fn next(&self) -> Uuid;
}

/// UUIDv7: unique everywhere, rising with time.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl Ids for TimeOrderedIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl<I: Ids + ?Sized> Ids for Arc<I> {
    fn next(&self) -> Uuid {
        (**self).next()
    }
}
