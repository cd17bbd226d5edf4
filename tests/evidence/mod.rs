//! What the hardest promises of a store are held against: acknowledgements written down outside of it, by processes
//! of their own, and the history that readers were given.

mod history;
mod process;
mod writing;

pub(crate) use self::{
    history::{Acknowledged, History},
    process::{Process, say, signal, until_told_to_end},
    writing::{acknowledged, settled},
};
