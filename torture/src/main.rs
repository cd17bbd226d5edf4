//! Torture: real processes on a real server write, read and follow, while both are killed, frozen and cut off at random.
//! What each was told is written down outside of the system, and held against the log in the end.
//!
//! `cargo xtask torture --help` says how to run it.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod breaks;
mod checker;
mod clock;
mod director;
mod domain;
mod faults;
mod follower;
mod guard;
mod job;
mod options;
mod process;
mod reader;
mod record;
mod round;
mod stretched;
mod summary;
mod views;
mod writer;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    job::{Job, Role},
    options::Options,
};

/// What keeps the torture itself from going on; never a finding.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.job {
        Some(job) => serde_json::from_str(job).map_err(Trouble::from).and_then(work),
        None => director::run(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::from(2)
        }
    }
}

/// Is one of the tortured processes.
fn work(job: Job) -> Result<bool, Trouble> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build()?.block_on(async {
        let is_over = job::until_told_to_end()?;
        match job.role {
            Role::Writer => writer::run(job, is_over).await,
            Role::Reader => reader::run(job, is_over).await,
            Role::Follower => follower::run(job, is_over).await,
        }
    })?;
    Ok(true)
}
