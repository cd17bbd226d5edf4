//! What is told of the work, for whoever listens: spans and events of `tracing`, metrics of `metrics`. All of it is
//! here, so that the code that is watched names what has happened and no more. Without the features there is nothing
//! to it: each call is an empty function on a type without content that counts.
//!
//! The names, fields, labels and units are listed in `docs/observing.md`, for users.
#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(dead_code, unused_imports, unused_variables, reason = "what only the absent one wants")
)]

/// Code that is there with the feature `tracing`.
macro_rules! traced {
    ($($code:tt)*) => {
        #[cfg(feature = "tracing")]
        {
            $($code)*
        }
    };
}

/// Code that is there with the feature `metrics`.
macro_rules! counted {
    ($($code:tt)*) => {
        #[cfg(feature = "metrics")]
        {
            $($code)*
        }
    };
}

mod command;
#[cfg(feature = "metrics")]
mod descriptions;
mod lagging;
mod member;
mod part;
mod snapshot;
mod span;

#[cfg(feature = "metrics")]
pub use self::descriptions::describe_metrics;
pub(crate) use self::{
    command::ObservedCommand,
    member::{Here, ObservedMember},
    part::ObservedPart,
    snapshot::{ObservedSnapshot, snapshot_ignored},
    span::Span,
};
