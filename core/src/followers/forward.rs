//! A shared store is a store.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use super::FollowerStore;
use crate::forward;

impl<S: FollowerStore> FollowerStore for Arc<S> {
    type Connection = S::Connection;

    forward!(
        self => **self;
        declare, books, claim, release, note, command, failures, parked, make, commit, swap, compare, rows,
    );
}
