//! Followers of the global stream: read models, projections and reactors, and what a store does for them.
//!
//! A **follower** is a named consumer of the global stream. One filling of its tables from the first event on
//! is a **build**: one build is *live* and serves, at most one more is the *shadow* that is to take its place.
//! A build consists of one or more **parts**, each with a checkpoint, an owner and a fence of its own. A
//! **member** is a process that runs followers. The **books** say who does what.
//!
//! Users implement [`ReadModel`], [`Projection`] or [`Reactor`]; authors of stores implement
//! [`FollowerStore`]. The rest is the data that passes between them.

mod batch;
mod books;
mod columns;
mod command;
mod decide;
mod error;
mod failing;
mod failure;
mod follower;
mod forward;
mod handler;
mod keeper;
mod member;
mod name;
mod options;
mod outcome;
mod parked;
mod parts;
mod projection;
mod query;
mod reactor;
mod read_model;
mod reader;
mod reading;
mod ready;
mod rebuild;
mod runner;
mod running;
mod standing;
mod status;
mod step;
mod store;
mod table;
mod waiting;

pub use self::{
    books::{
        Beat, Books, Build, BuildId, Claim, Declaration, DeclaredVersion, FollowerBooks,
        FollowerKind, Member, PartId, PartReport, PartState, Report,
    },
    columns::{ColumnValue, Columns, InvalidColumns, UnstorableColumn},
    command::{Command, CommandRefused},
    error::{
        HandlerError, HandlerFailed, ReadError, StartError, StepError, VerifyError, WaitError,
    },
    failure::{Failure, FailureKind, Note, NotedFailure, Park, ParkedEvent, ParkedId},
    follower::{Follower, FollowerStoreExt},
    name::UnknownName,
    options::{FailurePolicy, Options, Start},
    outcome::{Compared, Dependent, Difference, Differences, LastRebuild, Outcome, Swap, Verify},
    projection::{Batch, Projection},
    query::{Comparison, Condition, Cursor, InvalidCursor, InvalidQuery, Order, Page, Query},
    reactor::{Reaction, Reactor},
    read_model::ReadModel,
    reader::Reader,
    running::{Followers, Running},
    status::{FollowerStatus, Lag, PartStatus, Progress, ProgressState, State},
    step::{Limits, Make, RowChanges, Step, Upsert, Work},
    store::{FollowerStore, Row, RowsOf, WhichRows},
    table::{ColumnShape, ColumnType, InvalidValue, TableShape, Value},
};
pub(crate) use self::{decide::builds, member::seen};
pub use crate::ids::MemberId;
