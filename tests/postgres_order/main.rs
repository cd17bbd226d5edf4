//! The global order of the Postgres store: whatever writers do, readers get every event once and in its place.
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

mod crowd;
mod foreign;
mod held;
mod readers;
mod writers;

use annals::{Event, EventData, ExpectedVersion, NewEvent, PostgresStore, StreamAppend};
use annals_test_server::{Binaries, Server};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

/// What is written.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "stock")]
enum Stock {
    Received { pieces: u32 },
    Sold { pieces: u32 },
}

/// What some readers want of it.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "stock")]
enum Sales {
    Sold { pieces: u32 },
}

/// A server that nobody else uses.
fn server() -> Server {
    Server::start(&Binaries::find().unwrap()).unwrap()
}

/// The store of a server, and a pool as a user has one.
async fn migrated(server: &Server) -> (PostgresStore, PgPool) {
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    (store, PgPool::connect(&server.url()).await.unwrap())
}

fn event(event: &Stock) -> NewEvent {
    NewEvent::encode(event).unwrap()
}

/// An append of one event, whatever the stream's version.
fn append(stream: &str) -> StreamAppend {
    let stream = format!("stock-{stream}").parse().unwrap();
    StreamAppend::new(stream, ExpectedVersion::Any, vec![event(&Stock::Sold { pieces: 1 })])
}

/// Whether a reader of [`Sales`] gets the event.
fn is_sale(event: &EventData) -> bool {
    Sales::EVENT_TYPES.contains(&event.event_type.as_str())
}
