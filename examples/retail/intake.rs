//! From the log to commands: the lines written down at one time under one invoice number are one command.

use std::collections::HashSet;

use annals::{CommandError, Metadata, Repository};
use thiserror::Error;

use crate::{
    clock::LogClock,
    invoice::{Invoice, InvoiceCommand},
    line::Slip,
    log::{Entry, LogError},
    number::{InvoiceNumber, buyer},
    rules::Rejection,
};

/// Takes in a log, and remembers what was rejected.
pub(crate) struct Intake {
    invoices: Repository<Invoice>,
    clock: LogClock,
    /// The numbers that came before: what comes again is added to the first.
    known: HashSet<InvoiceNumber>,
    lines: u64,
    rejections: Vec<Rejected>,
}

/// A command that a rule forbade.
pub(crate) struct Rejected {
    pub(crate) number: InvoiceNumber,
    /// Where its lines stand in the log.
    pub(crate) at_lines: Vec<u64>,
    pub(crate) reason: Rejection,
}

#[derive(Debug, Error)]
pub(crate) enum IntakeError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("invoice {number}, line {line} of the log, cannot be taken in")]
    Command { number: InvoiceNumber, line: u64, source: Box<CommandError<Rejection>> },
}

/// The lines of one command, while more of them may follow.
struct Open {
    number: InvoiceNumber,
    slip: Slip,
    at_lines: Vec<u64>,
}

impl Intake {
    pub(crate) fn new(invoices: Repository<Invoice>, clock: LogClock) -> Self {
        Self { invoices, clock, known: HashSet::new(), lines: 0, rejections: Vec::new() }
    }

    /// One pass over the log; no more of it is held than the lines of one command.
    pub(crate) async fn take_in(
        &mut self,
        log: impl Iterator<Item = Result<Entry, LogError>>,
    ) -> Result<(), IntakeError> {
        let mut open: Option<Open> = None;
        for entry in log {
            let entry = entry?;
            self.lines += 1;
            match &mut open {
                Some(open) if open.takes(&entry) => open.push(entry),
                open => {
                    if let Some(complete) = open.replace(Open::with(entry)) {
                        self.run(complete).await?;
                    }
                }
            }
        }
        match open {
            Some(complete) => self.run(complete).await,
            None => Ok(()),
        }
    }

    async fn run(&mut self, Open { number, slip, at_lines }: Open) -> Result<(), IntakeError> {
        self.clock.set(slip.at);
        let is_known = !self.known.insert(number.clone());
        let command = command(&number, slip, is_known);
        let metadata = Metadata::by(actor(&command));
        match self.invoices.execute(&number, &command).with_metadata(metadata).await {
            Ok(_) => Ok(()),
            Err(CommandError::Rejected(reason)) => {
                self.rejections.push(Rejected { number, at_lines, reason });
                Ok(())
            }
            Err(error) => {
                let line = at_lines.first().copied().unwrap_or_default();
                Err(IntakeError::Command { number, line, source: Box::new(error) })
            }
        }
    }

    /// How many lines were read.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn rejections(&self) -> &[Rejected] {
        &self.rejections
    }
}

impl Open {
    fn with(Entry { at_line, number, at, customer, country, line }: Entry) -> Self {
        Self {
            number,
            slip: Slip { customer, country, lines: vec![line], at },
            at_lines: vec![at_line],
        }
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.number == entry.number
            && self.slip.at == entry.at
            && self.slip.customer == entry.customer
            && self.slip.country == entry.country
    }

    fn push(&mut self, entry: Entry) {
        self.slip.lines.push(entry.line);
        self.at_lines.push(entry.at_line);
    }
}

/// What the shop did, as far as the log tells: it has no column for it. Whether it may is for the invoice to say.
fn command(number: &InvoiceNumber, slip: Slip, is_known: bool) -> InvoiceCommand {
    let only_leaves_stock = slip.lines.iter().all(|line| line.quantity < 0);
    match (number.prefix(), is_known) {
        ("C", false) => InvoiceCommand::Cancel(slip),
        ("C", true) => InvoiceCommand::AddToCancellation(slip),
        ("A", _) => InvoiceCommand::AdjustBadDebt(slip),
        _ if only_leaves_stock => InvoiceCommand::WriteOffStock(slip),
        (_, false) => InvoiceCommand::PlaceOrder(slip),
        (_, true) => InvoiceCommand::AddToOrder(slip),
    }
}

/// On whose behalf.
fn actor(command: &InvoiceCommand) -> String {
    match command {
        InvoiceCommand::PlaceOrder(slip)
        | InvoiceCommand::AddToOrder(slip)
        | InvoiceCommand::Cancel(slip)
        | InvoiceCommand::AddToCancellation(slip) => buyer(slip.customer),
        InvoiceCommand::AdjustBadDebt(_) => "accounts".to_owned(),
        InvoiceCommand::WriteOffStock(_) => "warehouse".to_owned(),
    }
}
