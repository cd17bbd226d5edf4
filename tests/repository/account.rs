//! The aggregate that these tests run on.

use annals::{Aggregate, Context, Event, Snapshot, SnapshotPolicy};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
pub(crate) enum AccountEvent {
    Opened {
        owner: String,
    },
    Deposited {
        cents: u64,
    },
    Withdrawn {
        cents: u64,
    },
    #[event(version = 2, upcast(from = 1, with = one_each))]
    NoteAdded {
        note: f64,
    },
    Audited {
        at: chrono::DateTime<chrono::Utc>,
        by: Option<String>,
        version: u64,
        ticket: Uuid,
    },
}

/// Version 1 held several notes.
fn one_each(old: serde_json::Value) -> Vec<serde_json::Value> {
    old["notes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|note| serde_json::json!({ "note": note }))
        .collect()
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Open(String),
    Deposit(u64),
    /// As two events.
    DepositTwice(u64),
    Withdraw(u64),
    Note(f64),
    Audit,
    /// Leads to nothing.
    Look,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Declined {
    #[error("there is an account already")]
    AlreadyOpen,
    #[error("the balance is only {0}")]
    TooLittle(u64),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) owner: Option<String>,
    pub(crate) cents: u64,
    pub(crate) notes: Vec<f64>,
}

/// Often, so that short histories have some.
impl Snapshot for Account {
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(2);
}

impl Aggregate for Account {
    type Id = String;
    type Command = Command;
    type Event = AccountEvent;
    type Error = Declined;

    fn handle(&self, command: &Command, cx: &Context<Self>) -> Result<Vec<AccountEvent>, Declined> {
        Ok(match *command {
            Command::Open(_) if self.owner.is_some() => return Err(Declined::AlreadyOpen),
            Command::Withdraw(cents) if cents > self.cents => {
                return Err(Declined::TooLittle(self.cents));
            }
            Command::Open(ref owner) => vec![AccountEvent::Opened { owner: owner.clone() }],
            Command::Deposit(cents) => vec![AccountEvent::Deposited { cents }],
            Command::DepositTwice(cents) => vec![AccountEvent::Deposited { cents }; 2],
            Command::Withdraw(cents) => vec![AccountEvent::Withdrawn { cents }],
            Command::Note(note) => vec![AccountEvent::NoteAdded { note }],
            Command::Audit => vec![AccountEvent::Audited {
                at: cx.now(),
                by: cx.actor().map(str::to_owned),
                version: cx.version().get(),
                ticket: cx.new_id(),
            }],
            Command::Look => vec![],
        })
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
            AccountEvent::NoteAdded { note } => self.notes.push(*note),
            AccountEvent::Audited { .. } => {}
        }
    }
}

pub(crate) fn anna() -> String {
    "anna".to_owned()
}
