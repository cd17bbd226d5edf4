//! A shared store is a store.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use super::{EventStore, SnapshotStore};
use crate::forward;

impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    forward!(self => **self; append, read_stream, read_all, head, wait_for_head);
}

impl<S: EventStore + ?Sized> EventStore for Box<S> {
    forward!(self => **self; append, read_stream, read_all, head, wait_for_head);
}

impl<S: SnapshotStore + ?Sized> SnapshotStore for Arc<S> {
    forward!(self => **self; read_from_snapshot, save_snapshot, version_of);
}

impl<S: SnapshotStore + ?Sized> SnapshotStore for Box<S> {
    forward!(self => **self; read_from_snapshot, save_snapshot, version_of);
}
