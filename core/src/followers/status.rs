use std::{fmt, time::Duration};

use super::{BuildId, Failure, FollowerKind, LastRebuild, Outcome};
use crate::Position;

/// How a follower gets on, as data; as text, for an operator to read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FollowerStatus {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FollowerKind,
    /// The version that serves.
    pub version: u32,
    /// What it is doing.
    pub state: State,
    /// Everything up to here was handled, by the part that is furthest behind.
    pub position: Position,
    /// The last event that there is.
    pub head: Position,
    /// How far it is behind.
    pub lag: Lag,
    /// Events handled a second, by all its parts together.
    pub rate: f64,
    /// How long it takes to catch up at that rate; none if it is not getting on.
    pub eta: Option<Duration>,
    /// The names of the members that run it, each once.
    pub owners: Vec<String>,
    /// How many events are parked.
    pub parked: u64,
    /// What failed last, whether or not it has succeeded since.
    pub last_failure: Option<Failure>,
    /// The rebuild that is under way.
    pub rebuild: Option<Progress>,
    /// The rebuild that ended last.
    pub last_rebuild: Option<LastRebuild>,
    /// Its parts, by number.
    pub parts: Vec<PartStatus>,
}

/// What a follower is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is at the end of the global stream, or a moment behind.
    Following,
    /// It is behind, and works on it.
    CatchingUp,
    /// It was paused on command.
    Paused,
    /// A part of it failed, and goes on only when it is resumed.
    Stopped,
    /// It cannot work at present, and tries again by itself.
    Interrupted {
        /// Why.
        reason: String,
    },
    /// Nobody runs it: no process that is alive declares the version that serves, or none has taken it up yet.
    Waiting,
    /// Seen from a program that declares another version than serves.
    Superseded {
        /// The version that serves.
        by: u32,
    },
}

/// How far a follower is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// At most so many events: positions between it and the head, some of which may concern others or be empty.
    pub events: u64,
    /// The age of the oldest event that concerns it and that it has not handled; zero if there is none. Where the
    /// program does not declare the follower, nothing says which events concern it, so any event counts. That makes no
    /// difference to speak of while somebody runs it, and can be too much where nobody does.
    pub time: Duration,
}

/// How a part gets on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartStatus {
    /// Its number.
    pub part: u16,
    /// Everything up to here was handled.
    pub position: Position,
    /// How many events it has handled.
    pub events: u64,
    /// The name of the member that runs it.
    pub owner: Option<String>,
    /// For how long it has been handling the present batch; none while it waits.
    pub busy_for: Option<Duration>,
    /// Why it stopped, if it has.
    pub stopped: Option<Failure>,
}

/// How a rebuild gets on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The build.
    pub build: BuildId,
    /// Its version.
    pub version: u32,
    /// What it is doing.
    pub state: ProgressState,
    /// How far it is, by the average of its parts.
    pub position: Position,
    /// How far it has to go.
    pub head: Position,
    /// Events handled a second.
    pub rate: f64,
    /// How long it takes to catch up at that rate; none if it is not getting on.
    pub eta: Option<Duration>,
    /// How many of its events are parked.
    pub parked: u64,
    /// The names of the members that run it, each once.
    pub owners: Vec<String>,
}

/// What a rebuild is doing. [`Swapped`](Self::Swapped), [`Ended`](Self::Ended) and [`Failed`](Self::Failed) are
/// the last word of a stream of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressState {
    /// It reads events.
    Rebuilding,
    /// It has caught up and is about to serve, or to be compared.
    CaughtUp,
    /// It has caught up, or is within 10,000 positions of that, and waits for a command because events of it are parked: swap it
    /// all the same, try them again, or cancel it.
    Ready,
    /// It has caught up, and waits for somebody to let go of a table.
    Held {
        /// Who.
        by: String,
    },
    /// The follower is paused.
    Paused,
    /// No process that is alive declares its version, or none has taken it up yet.
    Waiting,
    /// A part of it failed: it goes on when it is resumed, and the old build serves.
    Failed(Box<Failure>),
    /// It serves.
    Swapped,
    /// It was cancelled, or compared; [`FollowerStatus::last_rebuild`] has the outcome.
    Ended,
}

impl Progress {
    /// How much of the way it has gone, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for people to look at")]
    pub fn share(&self) -> f64 {
        if self.head == Position::START {
            return 1.0;
        }
        (self.position.get() as f64 / self.head.get() as f64).min(1.0)
    }
}

/// ```text
/// daily_sales v1: following, at 40211 of 40211, 0 events behind, 210 events/s, on shop-7
///   build 9 v1: rebuilding, 61 % (24900 of 40211), 81000 events/s, 1 s left, on shop-3
///   last failure: position 311 (account-anna), 3 tries, 12:01:33: relation "sales" does not exist
/// ```
impl fmt::Display for FollowerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, state, position, head, .. } = self;
        write!(f, "{name} v{version}: {state}, at {position} of {head}, {}", self.lag)?;
        pace(f, self.rate, self.eta)?;
        owners(f, &self.owners)?;
        if self.parked > 0 {
            write!(f, "\n  parked: {}", count(self.parked))?;
        }
        if let Some(rebuild) = &self.rebuild {
            write!(f, "\n  {rebuild}")?;
        }
        if let (None, Some(last)) = (&self.rebuild, &self.last_rebuild)
            && let Outcome::Refused(dependents) = &last.outcome
        {
            let dependents: Vec<_> = dependents.iter().map(ToString::to_string).collect();
            write!(f, "\n  rebuild as v{} refused: {}", last.version, dependents.join(", "))?;
        }
        if let Some(failure) = &self.last_failure {
            write!(f, "\n  last failure: {failure}")?;
        }
        Ok(())
    }
}

/// `build 9 v1: rebuilding, 61 % (24900 of 40211), 81000 events/s, 1 s left, on shop-3`
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { build, version, state, position, head, .. } = self;
        let share = (self.share() * 100.0).floor();
        write!(f, "build {build} v{version}: {state}, {share} % ({position} of {head})")?;
        pace(f, self.rate, self.eta)?;
        if self.parked > 0 {
            write!(f, ", {} parked", count(self.parked))?;
        }
        owners(f, &self.owners)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Following => f.write_str("following"),
            Self::CatchingUp => f.write_str("catching up"),
            Self::Paused => f.write_str("paused"),
            Self::Stopped => f.write_str("stopped"),
            Self::Interrupted { reason } => write!(f, "interrupted ({reason})"),
            Self::Waiting => f.write_str("waiting for a process that runs this version"),
            Self::Superseded { by } => write!(f, "superseded by v{by}"),
        }
    }
}

impl fmt::Display for ProgressState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuilding => f.write_str("rebuilding"),
            Self::CaughtUp => f.write_str("caught up"),
            Self::Ready => f.write_str("ready, waiting for the command to swap"),
            Self::Held { by } => write!(f, "held by {by}"),
            Self::Paused => f.write_str("paused"),
            Self::Waiting => f.write_str("waiting for a process that runs this version"),
            Self::Failed(failure) => write!(f, "failed at {failure}"),
            Self::Swapped => f.write_str("swapped"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

/// `3 events behind`, and by how much time if that says more.
impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind", count(self.events))?;
        if self.time >= Duration::from_secs(1) {
            write!(f, " ({} s)", self.time.as_secs())?;
        }
        Ok(())
    }
}

fn pace(f: &mut fmt::Formatter<'_>, rate: f64, eta: Option<Duration>) -> fmt::Result {
    write!(f, ", {rate:.0} events/s")?;
    let seconds = eta.map(|eta| eta.as_secs_f64().ceil()).filter(|seconds| *seconds > 0.0);
    seconds.map_or(Ok(()), |seconds| write!(f, ", {seconds} s left"))
}

fn owners(f: &mut fmt::Formatter<'_>, owners: &[String]) -> fmt::Result {
    if owners.is_empty() { Ok(()) } else { write!(f, ", on {}", owners.join(", ")) }
}

fn count(events: u64) -> String {
    if events == 1 { "1 event".into() } else { format!("{events} events") }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::followers::{FailureKind, PartId};

    fn failure() -> Failure {
        let at = DateTime::from_timestamp(43_293, 0).unwrap();
        Failure {
            part: PartId { build: BuildId::new(8), part: 0 },
            position: Position::new(311),
            event_id: None,
            sequence: "account-anna".into(),
            kind: FailureKind::Error,
            reason: "relation \"dayly_sales\" does not exist".into(),
            count: 3,
            first_at: at,
            last_at: at,
        }
    }

    fn status() -> FollowerStatus {
        FollowerStatus {
            name: "daily_sales".into(),
            kind: FollowerKind::Projection,
            version: 1,
            state: State::Following,
            position: Position::new(40_211),
            head: Position::new(40_211),
            lag: Lag::default(),
            rate: 210.4,
            eta: None,
            owners: vec!["shop-7".into()],
            parked: 0,
            last_failure: None,
            rebuild: None,
            last_rebuild: None,
            parts: Vec::new(),
        }
    }

    fn progress() -> Progress {
        Progress {
            build: BuildId::new(9),
            version: 1,
            state: ProgressState::Rebuilding,
            position: Position::new(24_900),
            head: Position::new(40_211),
            rate: 81_000.0,
            eta: Some(Duration::from_millis(200)),
            parked: 0,
            owners: vec!["shop-3".into()],
        }
    }

    #[test]
    fn a_healthy_follower_takes_one_line() {
        assert_eq!(
            status().to_string(),
            "daily_sales v1: following, at 40211 of 40211, 0 events behind, 210 events/s, on shop-7"
        );
    }

    #[test]
    fn a_rebuild_and_the_last_failure_take_a_line_each() {
        let status = FollowerStatus {
            state: State::CatchingUp,
            lag: Lag { events: 1, time: Duration::from_millis(2_500) },
            eta: Some(Duration::from_secs(2)),
            parked: 2,
            rebuild: Some(progress()),
            last_failure: Some(failure()),
            ..status()
        };
        assert_eq!(
            status.to_string(),
            "daily_sales v1: catching up, at 40211 of 40211, 1 event behind (2 s), 210 events/s, 2 s left, on shop-7\n  \
             parked: 2 events\n  \
             build 9 v1: rebuilding, 61 % (24900 of 40211), 81000 events/s, 1 s left, on shop-3\n  \
             last failure: position 311 (account-anna), 3 tries, 12:01:33: relation \"dayly_sales\" does not exist"
        );
    }

    #[test]
    fn each_state_says_what_it_is_about() {
        let states = [
            (State::Paused, "paused"),
            (State::Stopped, "stopped"),
            (State::Interrupted { reason: "no route".into() }, "interrupted (no route)"),
            (State::Waiting, "waiting for a process that runs this version"),
            (State::Superseded { by: 2 }, "superseded by v2"),
        ];
        for (state, text) in states {
            assert_eq!(state.to_string(), text);
        }
        let ready = Progress {
            state: ProgressState::Ready,
            parked: 1,
            eta: Some(Duration::ZERO),
            owners: Vec::new(),
            position: Position::new(40_211),
            ..progress()
        };
        assert_eq!(
            ready.to_string(),
            "build 9 v1: ready, waiting for the command to swap, 100 % (40211 of 40211), 81000 events/s, 1 event parked"
        );
    }

    #[test]
    fn an_empty_log_is_followed_to_its_end() {
        let empty = Progress { position: Position::START, head: Position::START, ..progress() };
        assert!((empty.share() - 1.0).abs() < f64::EPSILON);
    }
}
