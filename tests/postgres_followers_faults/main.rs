//! Followers on a real Postgres, in processes of their own that are killed and frozen, as is the server: whatever happens,
//! each event takes effect once, another process goes on in time, and readers see one build or the other.
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
#[path = "../postgres/fresh.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod fresh;

mod accounts;
mod exactly_once;
mod letters;
mod orders;
mod place;
mod rebuilding;
mod sales;
mod takeover;
mod trio;
mod writers;

use std::{env, time::Duration};

use annals::{FollowerStatus, FollowerStoreExt, Position, PostgresStore};
use annals_test_server::{Binaries, Server};
use tokio::sync::Mutex;

/// Each of these tests needs the machine for itself: they measure time, or depend on how much is done in it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Longer than anything takes that these tests wait for.
const LONG: Duration = Duration::from_secs(120);

/// A server that nobody else uses.
fn server() -> Server {
    Server::start(&Binaries::find().unwrap()).unwrap()
}

/// A store that has its schema.
async fn migrated(url: &str) -> PostgresStore {
    let store = PostgresStore::builder().with_max_connections(20);
    let store = store.connect(url).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// What the moments are taken from: random, unless `ANNALS_TEST_SEED` says which.
fn random() -> fastrand::Rng {
    let seed = env::var("ANNALS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("ANNALS_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

async fn status(store: &PostgresStore, follower: &str) -> FollowerStatus {
    store.follower(follower).status().await.unwrap()
}

/// Waits until the follower, in whichever process, has handled everything up to `position`.
async fn reached(store: &PostgresStore, follower: &str, position: Position) -> FollowerStatus {
    let waiting = async {
        loop {
            let status = status(store, follower).await;
            if status.position >= position {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it should get there")
}
