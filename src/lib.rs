//! Event sourcing and CQRS: aggregates turn commands into immutable events, a versioned event store keeps
//! them in one global order, and everything else is a fold of that order.
//!
//! ```
#![doc = include_str!("../examples/bank.rs")]
//! ```
//!
//! # Where to find what
//!
//! | to | see |
//! |---|---|
//! | model an entity | [`Aggregate`], [`Event`](trait@Event), [`Context`] |
//! | change and read it | [`Repository`], [`Executed`], [`CommandError`], [`RetryPolicy`], [`IdempotencyKey`], [`Snapshot`] |
//! | audit it | [`Repository::history`], [`Repository::load_at`], [`Metadata`] |
//! | keep read models, react | [`Followers`], [`ReadModel`], [`Projection`], [`Reactor`], [`Reader`], [`Follower`] |
//! | follow everything | [`EventStoreExt::follow`], [`EventStoreExt::events_after`], [`Recorded`] |
//! | change the shape of events | [`HistoryCheck`], [`testing::EventShapes`] |
//! | watch it | [`FollowerStatus`], `describe_metrics` (feature `metrics`), spans and events (feature `tracing`) |
//! | test it | [`testing::Scenario`], [`testing::Following`] (feature `testing`) |
//! | keep it somewhere | [`MemoryStore`] (feature `memory`) |
//! | write a store | [`EventStore`], [`SnapshotStore`], [`FollowerStore`], [`forward!`], [`testing::conformance!`](macro@crate::testing::conformance), [`testing::snapshot_conformance!`](macro@crate::testing::snapshot_conformance), [`testing::follower_conformance!`](macro@crate::testing::follower_conformance) (feature `testing`) |
//!
//! # Features
//!
//! - `macros` (on by default): `#[derive(Event)]`.
//! - `memory` (on by default): the in-memory store.
//! - `testing`: given/when/then, a store that fails, a fixed clock, ids in order, and the conformance suite for stores; for
//!   `[dev-dependencies]`.
//! - `postgres`: the Postgres store, on sqlx.
//! - `tracing`: spans and events of commands and followers, for [`tracing`](https://docs.rs/tracing).
//! - `metrics`: counters, gauges and histograms of commands and followers, for [`metrics`](https://docs.rs/metrics).
#![doc = ""]
#![doc = include_str!("../docs/observing.md")]

// The model: a user's aggregates and their events.
pub use annals_core::{
    Aggregate, Context, Event, EventShape, IntoUpcasts, Shape, ShapeChange, UnknownShape, Upcast,
};
#[cfg(feature = "macros")]
pub use annals_macros::Event;

// Commands in, state and history out.
pub use annals_core::{
    AsOf, Change, CommandError, Execute, Executed, IdempotencyKey, Loaded, Repository, RetryPolicy,
    Snapshot, SnapshotPolicy,
};

// Whether this build reads what others stored.
pub use annals_core::{BrokenFold, HistoryCheck, HistoryReport, UnreadableKind, WrongSnapshots};

// The global stream.
pub use annals_core::{EventStoreExt, StreamExt, TryStreamExt};

// Followers of the global stream; the module holds their status, their failures, and the contract for stores.
pub use annals_core::followers;
pub use annals_core::{
    Batch, Columns, CommandRefused, Cursor, FailurePolicy, Follower, FollowerStatus, FollowerStore,
    FollowerStoreExt, Followers, HandlerError, Options, Page, Projection, Query, Reaction, Reactor,
    ReadError, ReadModel, Reader, Running, Start, StartError, VerifyError, WaitError,
};

// What is recorded, and about it.
pub use annals_core::{
    CausationId, Cause, CorrelationId, EventData, EventId, EventType, ExpectedVersion, Extra,
    Metadata, NewEvent, Payload, Position, Recorded, RecordedEvent, StreamId, Version,
};

// Stores, and their contract.
pub use annals_core::{
    AppendError, Appended, Conflict, Direction, EventStore, Filter, ReadAll, ReadStream,
    RecordedEvents, SnapshotStore, StoredSnapshot, StreamAppend, forward,
};
#[cfg(feature = "memory")]
pub use annals_memory_store::{MemoryStore, Table, Tables};
#[cfg(feature = "postgres")]
pub use annals_postgres_store::{
    Holder, PostgresStore, PostgresStoreBuilder, SetupError, Status, SynchronousCommit,
};

// What can go wrong.
pub use annals_core::{
    DecodeError, EncodeError, InvalidEventType, InvalidPayload, InvalidStreamId, Refusal,
    StoreError, Unreadable,
};

// What can be watched.
#[cfg(feature = "metrics")]
pub use annals_core::describe_metrics;

// Time and ids from outside.
pub use annals_core::{Clock, IdGenerator, SystemClock, UuidV7};

#[doc(hidden)]
pub use annals_core::__private;
#[cfg(feature = "testing")]
pub use annals_core::testing;

/// The README's examples, as tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
