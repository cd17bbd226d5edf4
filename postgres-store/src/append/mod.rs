//! An append: queue → lane → one statement → answer.

mod call;
mod columns;
mod crowd;
mod flight;
mod lanes;
mod limits;
mod queue;
#[cfg(test)]
mod schedules;
mod settle;
mod transaction;
mod unchanged;

pub(crate) use self::{lanes::Lanes, unchanged::Unchanged};
