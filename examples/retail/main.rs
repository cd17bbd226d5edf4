//! A year of a web shop: its invoice lines become commands, the commands become events, and all
//! figures come from following the events.
//!
//! ```text
//! cargo run --example retail                                # one day, bundled with the example
//! cargo run --example retail -- --audit 536591              # who did what to one invoice, and when
//! cargo run --release --example retail -- --data FILE       # the whole year, or a log of your own
//! cargo run --features postgres --example retail -- --store postgres://user@localhost/database
//! ```
//!
//! On Postgres the invoices stay, in the schema `retail` or the one that `--schema` names. A log is taken into a
//! schema once; afterwards `--audit` tells what is there.
//!
//! The data and where to get the whole year: `data/README.md`. Read the code in this order:
//!
//! 1. [`invoice`]: the aggregate, with its commands, events and state; its words are in [`number`] and
//!    [`line`], and what may not happen in [`rules`].
//! 2. [`intake`]: what the log says, as commands to a repository, on a [`clock`] that follows the log.
//!    The [`log`] itself is only parsing.
//! 3. [`figures`], [`customers`] and [`stock`]: three folds over the global stream, which know nothing of the log.
//! 4. [`audit`]: the history of one invoice.

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
mod report;
mod rules;
mod stock;
mod store;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use annals::{EventStore, Repository};
use clap::Parser;

use crate::{
    args::Args, audit::Audit, clock::LogClock, figures::Figures, intake::Intake, invoice::Invoice,
    log::Log, number::InvoiceNumber, store::Opened,
};

#[tokio::main(flavor = "current_thread")]
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

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let clock = LogClock::default();
    let Opened { store, has_invoices } = args.store.open(&args.schema, clock.clone()).await?;
    let invoices = Repository::<Invoice>::new(Arc::clone(&store)).with_clock(clock.clone());

    if has_invoices {
        let Some(number) = &args.audit else { return Err(taken_in_already(&args.schema)) };
        return tell_history(&invoices, number).await;
    }
    let mut intake = Intake::new(invoices.clone(), clock);
    let taken_in = intake.take_in(Log::open(&args.data)?).await;
    let told = match (&taken_in, &args.audit) {
        (Err(_), _) => Ok(()),
        (Ok(()), Some(number)) => tell_history(&invoices, number).await,
        (Ok(()), None) => tell_figures(&*store, &intake).await,
    };
    // Whatever became of the rest: what was rejected is told.
    let rejections = report::rejections(io::stderr().lock(), intake.rejections());
    taken_in?;
    told?;
    Ok(rejections?)
}

fn taken_in_already(schema: &str) -> Box<dyn Error> {
    format!(
        "the schema {schema} holds invoices already; name another with --schema, \
         or begin anew with: DROP SCHEMA \"{schema}\" CASCADE"
    )
    .into()
}

async fn tell_figures(store: &dyn EventStore, intake: &Intake) -> Result<(), Box<dyn Error>> {
    let figures = Figures::follow(store).await?;
    let mut out = io::stdout().lock();
    report::figures(&mut out, &figures, intake)?;
    Ok(out.flush()?)
}

async fn tell_history(
    invoices: &Repository<Invoice>,
    number: &InvoiceNumber,
) -> Result<(), Box<dyn Error>> {
    let audit = Audit::of(invoices, number).await?;
    let mut out = io::stdout().lock();
    write!(out, "{audit}")?;
    Ok(out.flush()?)
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
