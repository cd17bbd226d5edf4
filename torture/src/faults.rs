//! What is done to processes, connections and the server, and how often.

use std::fmt;

use annals_test_server::Cut;
use fastrand::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL, and another life.
    KillProcess,
    /// SIGSTOP, for up to three leases.
    FreezeProcess,
    /// SIGSTOP for a process with followers, until its lease is over and another has taken them.
    FreezeOwner,
    /// SIGKILL for all of the server's processes, and a restart.
    KillServer,
    /// As an operator does it.
    RestartServer,
    /// SIGSTOP for a session's process in the server, with whatever it holds.
    FreezeSession,
    /// SIGSTOP for what writes the log or the tables to the disk.
    FreezeWriteback,
    /// Each commit takes longer, as on a slow disk.
    SlowCommits,
    /// All connections are cut.
    CutAll,
    /// The next append is cut off, before or after the server has it.
    CutAppend(Cut),
    /// Members' leases end sooner or later than they should, as when the clock of the database is set.
    MoveLeases,
    /// A follower is built anew beside what serves, and swapped.
    Rebuild,
    /// Somebody tries to change what happened.
    Meddle,
    /// Somebody looks at what followers show.
    Look,
}

const CUTS: [Cut; 5] =
    [Cut::BeforeTheServer, Cut::UnderWay, Cut::BeforeTheAnswer, Cut::Silently, Cut::Late];

impl Fault {
    pub(crate) fn draw(random: &mut Rng) -> Self {
        match random.u8(..100) {
            ..22 => Self::KillProcess,
            22..38 => Self::FreezeProcess,
            38..42 => Self::FreezeOwner,
            42..49 => Self::KillServer,
            49..51 => Self::RestartServer,
            51..59 => Self::FreezeSession,
            59..62 => Self::FreezeWriteback,
            62..65 => Self::SlowCommits,
            65..70 => Self::CutAll,
            70..80 => random.choice(CUTS).map_or(Self::CutAll, Self::CutAppend),
            80..84 => Self::MoveLeases,
            84..87 => Self::Rebuild,
            87..90 => Self::Meddle,
            _ => Self::Look,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KillProcess => "processes killed",
            Self::FreezeProcess => "processes frozen",
            Self::FreezeOwner => "owners of followers frozen beyond their lease",
            Self::KillServer => "servers killed",
            Self::RestartServer => "servers restarted",
            Self::FreezeSession => "sessions of the server frozen",
            Self::FreezeWriteback => "writers of the server frozen",
            Self::SlowCommits => "times of slow commits",
            Self::CutAll => "times all connections cut",
            Self::CutAppend(Cut::BeforeTheServer) => "appends cut before the server had them",
            Self::CutAppend(Cut::UnderWay) => "appends cut under way",
            Self::CutAppend(Cut::BeforeTheAnswer) => "appends cut before the answer",
            Self::CutAppend(Cut::Silently) => "appends cut silently",
            Self::CutAppend(Cut::Late) => "appends that came late",
            Self::MoveLeases => "times leases were moved",
            Self::Rebuild => "rebuilds",
            Self::Meddle => "tries to change what happened",
            Self::Look => "looks at what followers show",
        })
    }
}
