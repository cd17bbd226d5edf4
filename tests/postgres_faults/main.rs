//! What goes wrong around the Postgres store: servers and processes are killed, connections are cut, callers go away.
//! Whatever happens, what was acknowledged is stored once, and nothing else is.
#![cfg(all(feature = "postgres", feature = "macros"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../evidence/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other tests, which need more of it")]
mod evidence;

mod connections;
mod crashes;
mod crowded;
mod dropped;
mod full_lock_table;
mod kills;
mod late;
mod load;
mod locks;
mod poison;
mod pooler;
mod standby;

use annals::{Event, ExpectedVersion, NewEvent, PostgresStore, StreamAppend, StreamId};
use annals_test_server::{Binaries, Server};
use serde::{Deserialize, Serialize};

use crate::evidence::acknowledged;

/// What is written: each event says who wrote it, and which of their events it is.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "load")]
enum Load {
    Written { writer: String, number: u64 },
}

/// A server that nobody else uses.
fn server() -> Server {
    Server::start(&Binaries::find().unwrap()).unwrap()
}

/// A store that has its schema.
async fn migrated(url: &str) -> PostgresStore {
    let store = PostgresStore::connect(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn stream(name: impl std::fmt::Display) -> StreamId {
    StreamId::new("load", name).unwrap()
}

/// An append of events nobody in particular wrote.
fn append(name: impl std::fmt::Display, expected: ExpectedVersion, events: usize) -> StreamAppend {
    let events = (0..events as u64)
        .map(|number| NewEvent::encode(&Load::Written { writer: String::new(), number }).unwrap());
    StreamAppend::new(stream(name), expected, events.collect())
}
