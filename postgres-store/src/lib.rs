//! The Postgres event store of annals: an append is one round trip, the global order is exact, and nothing is lost.
//!
//! [`PostgresStore`] is the store; [`PostgresStoreBuilder`] opens it in other ways than the plain one.

mod append;
mod builder;
mod database;
mod failure;
mod followers;
mod kinds;
mod migrate;
mod read;
mod schema;
mod setup_error;
mod status;
mod store;
mod stream_key;
mod tail;

pub use self::{
    builder::{PostgresStoreBuilder, SynchronousCommit},
    setup_error::SetupError,
    status::{Holder, Status},
    store::PostgresStore,
};
