//! The Postgres store against sqlx by hand, which does the same work on the same server in the same run:
//!
//!     cargo bench --bench postgres --features postgres -- [append] [deposit] [--seconds 2] [--rounds 3]
//!
//! - `append` opens accounts, one event to a new stream each, at 1, 8, 64 and 256 tasks. By hand that is one INSERT
//!   a statement, or a task that gathers appends and sends them together; the better of both is what annals is held to.
//! - `deposit` is the same on 1,000 streams that exist, each at a version that is expected.
//!
//! The server is the one at `ANNALS_TEST_DATABASE_URL`, or else one for this run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod account;
mod append;
mod by_hand;
mod coalesced;
mod contender;
mod ground;
mod table;

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::{
    append::Kind,
    ground::{Ground, Outcome},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Append,
    Deposit,
}

#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; all but `growth` if nothing is said.
    parts: Vec<Part>,
    /// For how long each contender is measured in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often each contender is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    let parts = match &*arguments.parts {
        [] => &[Part::Append, Part::Deposit],
        parts => parts,
    };
    let ground = Ground::find(Duration::from_secs_f64(arguments.seconds), arguments.rounds).await?;
    for part in parts {
        match part {
            Part::Append => append::measure(&ground, Kind::Open).await?,
            Part::Deposit => append::measure(&ground, Kind::Deposit).await?,
        }
    }
    Ok(())
}
