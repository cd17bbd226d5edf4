//! What a run has done, as a table.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

use crate::{
    checker::{Checked, Evidence, outcomes},
    faults::Fault,
    job::Role,
    record::Read,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    pub(crate) rounds: u64,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) killed: BTreeMap<Role, u64>,
    /// Appends that were cut off.
    pub(crate) cuts: u64,
    pub(crate) attempts: u64,
    /// What became of requests.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) events: u64,
    pub(crate) handed: u64,
    pub(crate) reactions: u64,
    pub(crate) checks: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, evidence: &Evidence, checked: &Checked) {
        self.rounds += 1;
        self.attempts += checked.asked.iter().map(|asked| asked.attempts.len() as u64).sum::<u64>();
        self.outcomes = outcomes(&checked.asked, &evidence.log);
        self.events += evidence.log.len() as u64;
        let is_handed = |line: &&Read| matches!(line, Read::Handed { .. });
        self.handed += evidence.readers.values().flatten().filter(is_handed).count() as u64;
        self.reactions += evidence.met.len() as u64;
        self.checks += checked.checks;
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        for (fault, times) in other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        for (role, times) in other.killed {
            *self.killed.entry(role).or_default() += times;
        }
        for (outcome, times) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += times;
        }
        self.cuts += other.cuts;
        self.attempts += other.attempts;
        self.events += other.events;
        self.handed += other.handed;
        self.reactions += other.reactions;
        self.checks += other.checks;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, times: u64| writeln!(f, "  {what:<44} {times:>12}");
        row("rounds", self.rounds)?;
        for (fault, times) in &self.faults {
            row(&fault.to_string(), *times)?;
            if *fault == Fault::KillProcess {
                for (role, times) in &self.killed {
                    row(&format!("  {}s", format!("{role:?}").to_lowercase()), *times)?;
                }
            }
        }
        row("appends that were cut off", self.cuts)?;
        row("requests sent, those sent again included", self.attempts)?;
        for (outcome, times) in &self.outcomes {
            row(&format!("  {outcome}"), *times)?;
        }
        row("events in the log", self.events)?;
        row("events handed to readers", self.handed)?;
        row("orders given to reactors", self.reactions)?;
        row("checks", self.checks)
    }
}
