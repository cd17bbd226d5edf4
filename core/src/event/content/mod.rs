//! The content of an enum's variant as JSON and back, the variant's name kept apart from it.

mod read;
mod write;

pub(super) use self::{read::read, write::write};
