//! What is written down outside of the system: what was asked before it is asked, and the answer before anything else is
//! asked. A line is whole or not there, and it outlives the process, however that ends.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
};

use annals::{Appended, Conflict, ExpectedVersion, StreamId, Version};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::Trouble;

/// A moment of the machine's monotonic clock, in nanoseconds: the same for all processes, and never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn now() -> Self {
        let time = clock_gettime(ClockId::Monotonic);
        Self(time.tv_sec * 1_000_000_000 + time.tv_nsec)
    }
}

/// A line of a process that writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Line {
    Sent { attempt: u64, at: Moment, request: Request },
    Answered { attempt: u64, at: Moment, answer: Answer },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Events whose ids were given to them by the sender. Sent again, it has the same tag and the same ids.
    Append { tag: Uuid, parts: Vec<Part>, way: Way },
    /// A command, whose tag is its key if it has one.
    Command { tag: Uuid, stream: StreamId, cents: i64, is_keyed: bool },
}

impl Request {
    pub(crate) fn tag(&self) -> Uuid {
        match self {
            Self::Append { tag, .. } | Self::Command { tag, .. } => *tag,
        }
    }
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) stream: StreamId,
    pub(crate) expected: Expected,
    pub(crate) ids: Vec<Uuid>,
    /// What each event adds.
    pub(crate) cents: i64,
}

/// [`ExpectedVersion`], to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expected {
    Any,
    None,
    Exists,
    Exact(u64),
}

impl Expected {
    pub(crate) fn version(self) -> ExpectedVersion {
        match self {
            Self::Any => ExpectedVersion::Any,
            Self::None => ExpectedVersion::NoStream,
            Self::Exists => ExpectedVersion::Exists,
            Self::Exact(version) => ExpectedVersion::Exact(Version::new(version)),
        }
    }

    /// Whether a stream at this version meets it.
    pub(crate) fn is_met(self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::None => version == 0,
            Self::Exists => version > 0,
            Self::Exact(exact) => version == exact,
        }
    }
}

impl From<ExpectedVersion> for Expected {
    fn from(expected: ExpectedVersion) -> Self {
        match expected {
            ExpectedVersion::Any => Self::Any,
            ExpectedVersion::NoStream => Self::None,
            ExpectedVersion::Exists => Self::Exists,
            ExpectedVersion::Exact(version) => Self::Exact(version.get()),
        }
    }
}

/// How events get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// `EventStore::append`.
    Store,
    /// `append_in`, in a transaction that is held for a while and then ends.
    Transaction { holds: u64, commits: bool },
}

/// What became of one stream's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) version: u64,
    pub(crate) position: i64,
}

impl From<Appended> for Place {
    fn from(appended: Appended) -> Self {
        let position = appended.position.get().cast_signed();
        Self { version: appended.version.get(), position }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Acknowledged: where the last event of each part is.
    Stored(Vec<Place>),
    /// Acknowledged, with what the command has led to.
    Executed { at: Place, ids: Vec<Uuid>, balance: i64 },
    /// The stream is not at the version that was expected: nothing is stored.
    Conflict { stream: StreamId, expected: Expected, actual: u64 },
    /// The aggregate said no: nothing is stored.
    Rejected,
    /// The sender has rolled back: nothing is stored.
    RolledBack,
    /// The store could not do it, and says that nothing is stored.
    Nothing(String),
    /// Stored or not.
    Unknown(String),
    /// An answer that must not come, whatever is killed.
    Wrong(String),
}

impl Answer {
    pub(crate) fn conflict(conflict: &Conflict) -> Self {
        let Conflict { stream, expected, actual } = conflict;
        let (stream, expected) = (stream.clone(), Expected::from(*expected));
        Self::Conflict { stream, expected, actual: actual.get() }
    }

    /// Whether it says that the events are there.
    pub(crate) fn is_acknowledgement(&self) -> bool {
        matches!(self, Self::Stored(_) | Self::Executed { .. })
    }

    /// Whether it leaves open what became of the events.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Wrong(_))
    }
}

/// A line of a process that reads the global stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Read {
    /// A reader begins after this position; it is given events of this category, or all.
    Begins { reader: u64, after: i64, category: Option<String> },
    /// It was handed an event.
    Handed { reader: u64, position: i64, id: Uuid },
    /// It was handed everything up to this position.
    Passed { reader: u64, position: i64 },
}

/// What a reactor was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Met {
    pub(crate) id: Uuid,
    pub(crate) position: i64,
    pub(crate) by: String,
}

/// The file that one process writes to the end of.
#[derive(Debug)]
pub(crate) struct Recorder(File);

impl Recorder {
    pub(crate) fn create(path: &Path) -> Result<Self, Trouble> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// The line is out of this process when this returns.
    pub(crate) fn write(&self, line: &impl Serialize) -> Result<(), Trouble> {
        let line = serde_json::to_string(line)? + "\n";
        (&self.0).write_all(line.as_bytes())?;
        Ok(())
    }
}

/// All whole lines of a file.
pub(crate) fn lines<L: DeserializeOwned>(path: &Path) -> Result<Vec<L>, Trouble> {
    let text = fs::read_to_string(path)?;
    // A process may have been killed amid its last line.
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
