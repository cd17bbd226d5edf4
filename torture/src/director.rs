//! A run: a server of its own, rounds on it, and the verdict.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use annals_test_server::{Binaries, Proxy, Server};
use clap::ValueEnum;
use fastrand::Rng;
use sqlx::postgres::PgPoolOptions;

use crate::{
    Trouble,
    breaks::Break,
    checker::Finding,
    guard::Guard,
    options::Options,
    round::{Place, Round},
    summary::Summary,
};

/// The longest round.
const ROUND: Duration = Duration::from_secs(120);
/// What is broken on purpose is looked for in rounds that grow from this length, each twice as long as the one before.
const FIRST_ROUND: Duration = Duration::from_secs(4);
/// Findings of one law that are told.
const TOLD: usize = 3;

/// Whether it went as it should.
pub(crate) fn run(options: &Options) -> Result<bool, Trouble> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build()?.block_on(async {
        let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut place = place(options).await?;
        match options.break_all {
            true => break_all(&mut place, options, seed).await,
            false => torture(&mut place, options, seed).await,
        }
    })
}

async fn place(options: &Options) -> Result<Place, Trouble> {
    let server = Server::start(&Binaries::find()?)?;
    println!("Postgres {}", server.binaries().version());
    let (proxy, guard) = (Proxy::to(&server).await?, Guard::start()?);
    // One connection, so that it knows which is its own.
    let pool = PgPoolOptions::new().max_connections(1).connect(&server.url()).await?;
    Ok(Place { server, proxy, guard, pool, writers: options.writers, broken: options.broken })
}

/// Whether nothing was found; or for what is broken, whether something was.
async fn torture(place: &mut Place, options: &Options, seed: u64) -> Result<bool, Trouble> {
    let broken = place.broken;
    match broken {
        Some(broken) => println!("seed {seed}, broken: {}", name(broken)),
        None => println!("seed {seed}"),
    }
    let (begin, time) = (Instant::now(), options.time());
    let mut seeds = Rng::with_seed(seed);
    let (mut summary, mut seed) = (Summary::default(), seed);
    while begin.elapsed() < time {
        let folder = tempfile::Builder::new().prefix("annals-torture-").tempdir()?;
        let growing = FIRST_ROUND.saturating_mul(1 << summary.rounds.min(9));
        let longest = if broken.is_some() { growing } else { ROUND };
        let length = longest.min(time.saturating_sub(begin.elapsed()));
        let (of_round, findings) =
            Round::run(place, seed, length, folder.path().to_owned()).await?;
        println!(
            "{:>6.1} s: round {} with seed {seed}: {} requests, {} events, {} checks, {} findings",
            begin.elapsed().as_secs_f64(),
            summary.rounds + 1,
            of_round.attempts,
            of_round.events,
            of_round.checks,
            findings.len()
        );
        summary += of_round;
        if !findings.is_empty() {
            let kept = broken.is_none().then(|| folder.keep());
            tell(&findings, seed, kept);
            println!("\n{summary}");
            return Ok(broken.is_some());
        }
        seed = seeds.u64(..);
    }
    println!("\n{summary}");
    match broken {
        None => println!("nothing was found"),
        Some(broken) => println!("{} was not found", name(broken)),
    }
    Ok(broken.is_none())
}

/// The first findings of each law.
fn tell(findings: &[Finding], seed: u64, kept: Option<PathBuf>) {
    let mut laws = BTreeMap::<_, Vec<_>>::new();
    for Finding { law, what } in findings {
        laws.entry(law).or_default().push(what);
    }
    for (law, mut what) in laws {
        println!("\n{law} has fallen {} times:", what.len());
        what.sort_by_key(|what| what.len());
        for what in what.iter().take(TOLD) {
            println!("- {what}");
        }
    }
    println!("\nseed {seed}: cargo xtask torture --minutes 2 --seed {seed}");
    if let Some(kept) = kept {
        println!("all that was recorded is in {}", kept.display());
    }
}

async fn break_all(place: &mut Place, options: &Options, seed: u64) -> Result<bool, Trouble> {
    let mut found = Vec::new();
    for broken in Break::value_variants() {
        let begin = Instant::now();
        place.broken = Some(*broken);
        let is_found = torture(place, options, seed).await?;
        found.push((name(*broken), is_found, begin.elapsed()));
    }
    println!();
    for (name, is_found, took) in &found {
        let verdict = if *is_found { "found" } else { "NOT FOUND" };
        println!("  {name:<34} {verdict:>10} {:>8.1} s", took.as_secs_f64());
    }
    Ok(found.iter().all(|(_, is_found, _)| *is_found))
}

fn name(broken: Break) -> String {
    broken.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
