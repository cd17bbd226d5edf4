//! What the hardest promises of a store are held against: acknowledgements written down outside of it, by processes
//! of their own, and the history that readers were given.

mod history;
mod process;

pub(crate) use self::{
    history::{Acknowledged, History},
    process::{Process, say, until_told_to_end},
};
