//! A year of a web shop: its invoice lines become commands, the commands become events, and all
//! figures come from followers of the events.
//!
//! ```text
//! cargo run --example retail                                # one day, bundled with the example
//! cargo run --example retail -- --audit 536591              # who did what to one invoice, and when
//! cargo run --example retail -- --rebuild customers         # built anew while the log comes in
//! cargo run --example retail -- --verify stock              # and compared with what serves
//! cargo run --release --example retail -- --data FILE       # the whole year, or a log of your own
//! cargo run --features postgres --example retail -- --store postgres://user@localhost/database
//! ```
//!
//! On Postgres the invoices stay, in the schema `retail` or the one that `--schema` names. A log is taken into a
//! schema once; afterwards all but `--data` works on what is there. It works from a second terminal, too: rebuild
//! the customers there, while the year comes in here.
//!
//! The data and where to get the whole year: `data/README.md`. Read the code in this order:
//!
//! 1. [`invoice`]: the aggregate, with its commands, events and state; its words are in [`number`] and
//!    [`line`], and what may not happen in [`rules`].
//! 2. [`intake`]: what the log says, as commands to a repository, on a [`clock`] that follows the log.
//!    The [`log`] itself is only parsing.
//! 3. [`customers`], [`stock`] and [`sales`]: three read models, which know nothing of the log. [`figures`] asks them.
//! 4. [`rebuild`]: one of them built anew while it serves, with a progress bar.
//! 5. [`audit`]: the history of one invoice.

mod args;
mod audit;
mod clock;
mod customers;
mod figures;
mod intake;
mod invoice;
mod line;
mod log;
mod money;
mod number;
mod rebuild;
mod report;
mod rules;
mod sales;
mod stock;
mod store;

use std::{
    error::Error,
    io::{self, Write},
    iter,
    process::ExitCode,
    sync::Arc,
};

use annals::{FollowerStore, Followers, MemoryStore, Position, Repository, Running};
use clap::Parser;
use indicatif::MultiProgress;
use tokio::sync::Notify;

use crate::{
    args::Args,
    audit::Audit,
    clock::LogClock,
    customers::Customer,
    figures::Figures,
    intake::{Intake, IntakeError},
    invoice::Invoice,
    log::Log,
    rebuild::rebuild,
    sales::Sales,
    stock::StockItem,
    store::StoreChoice,
};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_sources(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The store is chosen here; all below is the same on either.
async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let clock = LogClock::default();
    match &args.store {
        StoreChoice::Memory => open(MemoryStore::with_clock(clock.clone()), clock, &args).await,
        StoreChoice::Postgres { url } => on_postgres(url, clock, &args).await,
    }
}

#[cfg(feature = "postgres")]
async fn on_postgres(url: &str, clock: LogClock, args: &Args) -> Result<(), Box<dyn Error>> {
    let store = annals::PostgresStore::builder().with_schema(&args.schema).connect(url).await?;
    store.migrate().await?;
    let done = open(store.clone(), clock, args).await;
    store.shutdown().await;
    done
}

#[cfg(not(feature = "postgres"))]
async fn on_postgres(_: &str, _: LogClock, _: &Args) -> Result<(), Box<dyn Error>> {
    Err("this build knows the memory store only; run it with --features postgres".into())
}

/// Opens the shop: its followers run until all is told.
async fn open<S: FollowerStore>(
    store: S,
    clock: LogClock,
    args: &Args,
) -> Result<(), Box<dyn Error>> {
    let has_invoices = store.head().await? > Position::START;
    if has_invoices && args.data.is_some() {
        return Err(taken_in_already(&args.schema));
    }
    let invoices = Repository::<Invoice>::new(store.clone()).with_clock(clock.clone());
    let mut intake = (!has_invoices).then(|| Intake::new(invoices.clone(), clock));

    let running = Followers::new(store.clone())
        .read_model::<Customer>()
        .read_model::<StockItem>()
        .read_model::<Sales>()
        .start()
        .await?;
    let told = trade(&store, &running, &invoices, intake.as_mut(), args).await;
    running.shutdown().await;

    // Whatever became of the rest: what was rejected is told.
    if let Some(intake) = &intake {
        report::rejections(io::stderr().lock(), intake.rejections())?;
    }
    told
}

/// Takes in the log, unless that was done before, and tells what is asked for.
async fn trade<S: FollowerStore>(
    store: &S,
    running: &Running<S>,
    invoices: &Repository<Invoice>,
    mut intake: Option<&mut Intake>,
    args: &Args,
) -> Result<(), Box<dyn Error>> {
    let (begin, bars) = (Arc::new(Notify::new()), MultiProgress::new());
    let rebuilding = args.rebuild.clone().map(|name| {
        let follower = running.follower(&name);
        tokio::spawn(rebuild(name, follower, Arc::clone(&begin), bars.clone()))
    });
    if let Some(intake) = &mut intake {
        take_in(Log::open(args.log(), &bars)?, intake, &begin).await?;
    }
    begin.notify_one();
    let rebuilt = match rebuilding {
        Some(task) => Some(task.await??),
        None => None,
    };

    let mut out = io::stdout().lock();
    match &args.audit {
        Some(number) => write!(out, "{}", Audit::of(invoices, number).await?)?,
        None => {
            let figures = Figures::up_to(store.head().await?, running).await?;
            report::figures(&mut out, &figures, intake.as_deref())?;
        }
    }
    if let Some(rebuilt) = rebuilt {
        writeln!(out, "\n{rebuilt}")?;
    }
    if let Some(name) = &args.verify {
        let differences = running.follower(name).verify().await?;
        writeln!(out, "\nverified {name}: {differences}")?;
        if !differences.is_empty() {
            return Err(format!("{name} is not what the events say; rebuild it").into());
        }
    }
    Ok(out.flush()?)
}

/// A rebuild that waits for it may begin in the middle of the log.
async fn take_in(mut log: Log, intake: &mut Intake, begin: &Notify) -> Result<(), IntakeError> {
    let entries = iter::from_fn(|| {
        if log.is_half_read() {
            begin.notify_one();
        }
        log.next()
    });
    intake.take_in(entries).await
}

fn taken_in_already(schema: &str) -> Box<dyn Error> {
    format!(
        "the schema {schema} holds invoices already; name another with --schema, \
         or leave out --data to work on what is there"
    )
    .into()
}

/// Whoever read the output has seen enough of it, `head` for instance.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What went wrong, and why, on one line.
fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_sources(source)),
        None => error.to_string(),
    }
}
