//! The command line.

use std::time::Duration;

use clap::Parser;

use crate::breaks::Break;

/// Real processes on a real Postgres server write, read and follow, while both are killed, frozen and cut off at random. What
/// each was told is written down outside of the system, and held against the log: laws I1 to I6.
///
/// Ends with 0 if nothing was found, and with 1 and the shortest explanation if something was.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask torture", bin_name = "cargo xtask torture")]
pub(crate) struct Options {
    /// For how many minutes; 0.5 is half a minute
    #[arg(long, default_value_t = 1.0)]
    pub(crate) minutes: f64,
    /// What all that is random comes from; if not given, another one each time
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many processes write
    #[arg(long, default_value_t = 3)]
    pub(crate) writers: u64,
    /// Break the system in this way, which has to be found: ends with 0 if it is
    #[arg(long = "break", value_enum, id = "VARIANT")]
    pub(crate) broken: Option<Break>,
    /// Break it in each way, one after the other, for at most so many minutes each
    #[arg(long, conflicts_with = "VARIANT")]
    pub(crate) break_all: bool,
    /// What one of the tortured processes is told to be
    #[arg(long, hide = true)]
    pub(crate) job: Option<String>,
}

impl Options {
    pub(crate) fn time(&self) -> Duration {
        Duration::try_from_secs_f64(self.minutes * 60.0).unwrap_or(Duration::MAX)
    }
}
