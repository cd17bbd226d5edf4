//! The Postgres store against sqlx by hand, which does the same work on the same server in the same run:
//!
//!     cargo bench --bench postgres --features postgres
//!     cargo bench --bench postgres --features postgres -- append --tasks 1,64 --seconds 5
//!     cargo bench --bench postgres --features postgres -- --quick --json target/figures.json
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
//! | `busy` | `rebuild` and `latency` while 1,000 commands a second run |
//! | `growth` | appends and a follower with `--events` in the store, 5 million if nothing is said, against an empty one |
//! | `size` | bytes per event of each table and index; payloads as `json`, `jsonb` and `text` |
//!
//! Contenders take turns, and the median of their rounds counts; how far the rounds are apart is the spread. The rounds are many and
//! short: what else the disk and the machine have to do lasts for seconds, and no contender should meet it alone. Each has its own
//! schema and as many connections as the others. The server is the one at `ANNALS_TEST_DATABASE_URL`, where the role must be a
//! superuser, or else one that is started for this run with the settings of Postgres itself.
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
mod busy;
mod by_hand;
mod coalesced;
mod command;
mod contender;
mod follow_by_hand;
mod followers;
mod ground;
mod growth;
mod history;
mod hot;
mod latency;
mod load;
mod machine;
mod pace;
mod rate;
mod read;
mod rebuild;
mod size;
mod snapshot;

use std::{path::PathBuf, time::Instant};

use annals_figures::{Report, Run};
use clap::{Parser, ValueEnum};

use crate::{
    append::Kind,
    ground::{Ground, Outcome},
    pace::Pace,
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
    Busy,
    Growth,
    Size,
}

#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; everything if nothing is said.
    parts: Vec<Part>,
    /// A rough run of a few minutes: one round of half a second each, and 200,000 events for `growth`.
    #[arg(long)]
    quick: bool,
    /// For how long each contender is measured in each round.
    #[arg(long, default_value_t = 0.7, default_value_if("quick", "true", "0.5"))]
    seconds: f64,
    /// How often each contender is measured; the median counts.
    #[arg(long, default_value_t = 9, default_value_if("quick", "true", "1"))]
    rounds: usize,
    /// At how many tasks `append`, `deposit` and `command` are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64, 256])]
    tasks: Vec<usize>,
    /// How many events `growth` stores first.
    #[arg(long, default_value_t = 5_000_000, default_value_if("quick", "true", "200000"))]
    events: usize,
    /// Writes all figures to this file, too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The other process of `latency`: the schema that it appends to.
    #[arg(long, hide = true, requires = "appends")]
    append_to: Option<String>,
    /// The other process of `latency`: how often it appends.
    #[arg(long, hide = true)]
    appends: Option<usize>,
    /// The other process of `latency`: at which pace.
    #[arg(long, hide = true, default_value = "deposits")]
    pace: Pace,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    if let (Some(schema), Some(appends)) = (&arguments.append_to, arguments.appends) {
        return latency::append(schema, arguments.pace, appends).await;
    }
    let Arguments { quick, seconds, rounds, .. } = arguments;
    let ground = Ground::find(Run { quick, seconds, rounds }).await?;
    let (machine, run) = (ground.machine.clone(), ground.run);
    let mut report = Report { machine, run, parts: Vec::new() };
    let parts = if arguments.parts.is_empty() { Part::value_variants() } else { &arguments.parts };
    for part in parts {
        let begin = Instant::now();
        let part = match part {
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
            Part::Busy => busy::measure(&ground).await?,
            Part::Growth => growth::measure(&ground, arguments.events).await?,
            Part::Size => size::measure(&ground).await?,
        };
        print!("\n{part}");
        println!("  in {:.0} s", begin.elapsed().as_secs_f64());
        report.parts.push(part);
        // After each part, so that a run that is broken off has something to show.
        if let Some(file) = &arguments.json {
            report.write(file)?;
        }
    }
    print!("\n{}", report.verdict());
    Ok(())
}
