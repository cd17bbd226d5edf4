//! Throwaway Postgres servers for tests and benchmarks, without ceremony.
//!
//! A [`Server`] is a real Postgres in a temporary folder, on a free port of 127.0.0.1. It can be killed and
//! started again on the same data, and it never outlives its owner: dropped, ended by Ctrl-C or killed with
//! `SIGKILL`, the server is stopped and its folder is removed.
//!
//! ```
//! use annals_test_server::{Binaries, Server};
//!
//! let mut server = Server::start(&Binaries::find()?)?;
//! assert!(server.url().starts_with("postgres://postgres@127.0.0.1:"));
//!
//! server.kill()?; // as a crash would: nothing is written any more
//! server.restart()?; // the same data under the same URL
//! # Ok::<(), annals_test_server::Error>(())
//! ```
//!
//! Servers need a Unix: Linux or macOS. The supervisor behind a server is a page of shell, `supervise.sh`.

mod account;
mod binaries;
mod download;
mod error;
mod install;
mod pgbouncer;
mod places;
mod pooler;
mod port;
#[cfg(feature = "proxy")]
mod proxy;
mod server;
mod supervisor;

pub use binaries::Binaries;
pub use error::Error;
pub use pooler::Pooler;
#[cfg(feature = "proxy")]
pub use proxy::{Cut, Proxy};
pub use server::Server;
