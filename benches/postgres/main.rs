//! The Postgres store against sqlx by hand, which does the same work on the same server in the same run:
//!
//!     cargo bench --bench postgres --features postgres
//!     cargo bench --bench postgres --features postgres -- append --tasks 1,64 --seconds 5
//!
//! | part | what it does |
//! |---|---|
//! | `append` | accounts are opened, one event to a new stream each, at 1, 8, 64 and 256 tasks; by hand with an INSERT for each, or by tasks that gather and send together, whichever is better |
//! | `deposit` | the same on 1,000 streams that exist, each at an expected version |
//! | `command` | a deposit as a command, on one of 4,000 accounts of 10 events: loaded, decided and appended; by annals on what it keeps in memory |
//! | `hot` | 2,000 deposits on one account by 16 tasks; by hand each is done again when another was faster |
//! | `load` | one stream of 1,000 events, decoded and folded |
//! | `snapshot` | an account of 100,000 events with a snapshot, against one of 10 events |
//! | `read` | 200,000 events in global order, decoded and folded; and as they are stored |
//! | `rebuild` | a read model of 1,000 rows is built anew from 200,000 events; by hand read in one go, folded in memory, and written once |
//! | `followers` | 1 and 20 read models that follow: what each event costs the store in scans, rows and steps |
//! | `latency` | 200 appends a second, in the process of a read model and in another: from the answer to an append until its event is in the read model |
//! | `growth` | appends and a follower with `--events` in the store, against an empty one; only when asked for, since it stores 5 million |
//! | `size` | bytes per event of each table and index; payloads as `json`, `jsonb` and `text` |
//!
//! Contenders take turns, and the median of their rounds counts. Each has its own schema and as many connections as
//! the others. The server is the one at `ANNALS_TEST_DATABASE_URL`, where the role must be a superuser, or else one that
//! is started for this run with the settings of Postgres itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod account;
mod append;
mod balance;
mod by_hand;
mod coalesced;
mod command;
mod contender;
mod followers;
mod ground;
mod growth;
mod history;
mod hot;
mod latency;
mod load;
mod pace;
mod rate;
mod read;
mod rebuild;
mod size;
mod snapshot;
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
    Command,
    Hot,
    Load,
    Snapshot,
    Read,
    Rebuild,
    Followers,
    Latency,
    Growth,
    Size,
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
    /// At how many tasks `append`, `deposit` and `command` are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64, 256])]
    tasks: Vec<usize>,
    /// How many events `growth` stores first.
    #[arg(long, default_value_t = 5_000_000)]
    events: usize,
    /// The other process of `latency`: the schema that it appends to.
    #[arg(long, hide = true, requires = "appends")]
    append_to: Option<String>,
    /// The other process of `latency`: how often it appends.
    #[arg(long, hide = true)]
    appends: Option<usize>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    if let (Some(schema), Some(appends)) = (&arguments.append_to, arguments.appends) {
        return latency::append(schema, appends).await;
    }
    let parts = match &*arguments.parts {
        [] => &[
            Part::Append,
            Part::Deposit,
            Part::Command,
            Part::Hot,
            Part::Load,
            Part::Snapshot,
            Part::Read,
            Part::Rebuild,
            Part::Followers,
            Part::Latency,
            Part::Size,
        ],
        parts => parts,
    };
    let ground = Ground::find(Duration::from_secs_f64(arguments.seconds), arguments.rounds).await?;
    for part in parts {
        match part {
            Part::Append => append::measure(&ground, Kind::Open, &arguments.tasks).await?,
            Part::Deposit => append::measure(&ground, Kind::Deposit, &arguments.tasks).await?,
            Part::Command => append::measure(&ground, Kind::Command, &arguments.tasks).await?,
            Part::Hot => hot::measure(&ground).await?,
            Part::Load => load::measure(&ground).await?,
            Part::Snapshot => snapshot::measure(&ground).await?,
            Part::Read => read::measure(&ground).await?,
            Part::Rebuild => rebuild::measure(&ground).await?,
            Part::Followers => followers::measure(&ground).await?,
            Part::Latency => latency::measure(&ground).await?,
            Part::Growth => growth::measure(&ground, arguments.events).await?,
            Part::Size => size::measure(&ground).await?,
        }
    }
    Ok(())
}
