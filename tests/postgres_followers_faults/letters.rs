//! A reactor that writes down outside of the database what it was given, and then sends a letter about it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    num::NonZeroU16,
    path::Path,
};

use annals::{
    Aggregate, Context, Event, EventId, HandlerError, Options, PostgresStore, Reaction, Reactor,
    Recorded, Repository,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::orders::Ordered;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "letter")]
pub(crate) enum Letter {
    Sent { order: u64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Letters;

#[derive(Debug)]
pub(crate) struct Send {
    order: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub(crate) struct Never;

impl Aggregate for Letters {
    type Id = String;
    type Command = Send;
    type Event = Letter;
    type Error = Never;

    fn handle(&self, send: &Send, _: &Context<Self>) -> Result<Vec<Letter>, Never> {
        Ok(vec![Letter::Sent { order: send.order }])
    }

    fn apply(&mut self, _: &Letter) {}
}

/// What the reactor was given, by its own account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Met {
    pub(crate) id: EventId,
    pub(crate) position: u64,
    pub(crate) order: u64,
    /// Which process it was.
    pub(crate) by: String,
}

pub(crate) struct Write {
    letters: Repository<Letters>,
    /// Written to the end of, a line at a time, so that a process that is killed leaves whole lines.
    met: File,
    by: String,
    parts: NonZeroU16,
}

impl Write {
    pub(crate) fn new(store: PostgresStore, met: &Path, by: String, parts: u16) -> Self {
        let met = OpenOptions::new().create(true).append(true).open(met).unwrap();
        let parts = NonZeroU16::new(parts).unwrap();
        Self { letters: Repository::new(store), met, by, parts }
    }
}

#[async_trait]
impl Reactor for Write {
    const NAME: &'static str = "write_letters";
    type Event = Ordered;

    async fn react(&self, recorded: &Recorded<Ordered>, cx: &Reaction) -> Result<(), HandlerError> {
        let Ordered::Placed { number: order, .. } = recorded.event;
        let (id, position) = (cx.event_id(), recorded.position.get());
        let met = Met { id, position, order, by: self.by.clone() };
        (&self.met).write_all((serde_json::to_string(&met)? + "\n").as_bytes())?;
        let customer = recorded.stream.entity_id().to_owned();
        cx.execute(&self.letters, &customer, &Send { order }).await?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_partitions(self.parts)
    }
}

/// Everything that was written down, in order.
pub(crate) fn met(file: &Path) -> Vec<Met> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
