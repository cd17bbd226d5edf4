//! The typed layer on the memory store: commands, state, history, and the global stream.
#![cfg(all(feature = "macros", feature = "memory"))]

mod account;
mod executing;
mod faults;
mod following;
mod history;
mod properties;
mod retrying;
