use std::{borrow::Borrow, fmt::Debug, sync::Arc};

use chrono::{DateTime, Utc};

use super::{IdsInOrder, diff::diff};
use crate::{Aggregate, Context, Metadata, Version};

/// A test of an aggregate's decisions: given what happened, when a command comes, then this follows.
///
/// Time and ids are fixed: it is 2026-01-01 00:00 UTC unless [`at`](Self::at) says otherwise, and
/// [`Context::new_id`] counts from 1. Every event in a scenario is also taken through its stored form
/// and back, so that an event that would not survive storage fails the test.
#[doc = include_str!("../docs/scenario.md")]
#[derive(Debug, Clone)]
pub struct Scenario<A: Aggregate> {
    id: A::Id,
    now: DateTime<Utc>,
    metadata: Metadata,
}

/// A [`Scenario`] after its past was told.
#[derive(Debug)]
pub struct Given<A: Aggregate> {
    state: A,
    cx: Context<A>,
}

/// A [`Scenario`] after its command was decided.
#[derive(Debug)]
pub struct Decided<A: Aggregate> {
    /// After the events, if the command was accepted.
    state: A,
    answer: Result<Vec<A::Event>, A::Error>,
}

impl<A: Aggregate> Scenario<A> {
    /// A scenario of the entity `id`.
    #[must_use]
    pub fn new(id: impl Into<A::Id>) -> Self {
        Self {
            id: id.into(),
            now: DateTime::from_timestamp_nanos(1_767_225_600_000_000_000),
            metadata: Metadata::default(),
        }
    }

    /// The command comes in at this time.
    #[must_use]
    pub fn at(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }

    /// The command carries this metadata, its actor for instance.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// These events have happened, oldest first.
    #[must_use]
    #[track_caller]
    pub fn given(self, events: impl IntoIterator<Item = A::Event>) -> Given<A>
    where
        A::Event: Debug + PartialEq,
    {
        let Self { id, now, metadata } = self;
        let (mut state, mut version) = (A::default(), Version::NONE);
        for event in events {
            state.apply(&through_storage(&event));
            version = version.next();
        }
        let ids = Arc::new(IdsInOrder::default());
        Given { state, cx: Context { id, version, now, metadata: Arc::new(metadata), ids } }
    }

    /// Nothing has happened yet.
    #[must_use]
    pub fn given_nothing(self) -> Given<A>
    where
        A::Event: Debug + PartialEq,
    {
        self.given([])
    }
}

impl<A: Aggregate> Given<A> {
    /// This command comes.
    #[must_use = "say what should follow, with `then` or `then_rejected`"]
    pub fn when(self, command: impl Borrow<A::Command>) -> Decided<A> {
        let Self { mut state, cx } = self;
        let answer = state.handle(command.borrow(), &cx);
        answer.iter().flatten().for_each(|event| state.apply(event));
        Decided { state, answer }
    }
}

impl<A: Aggregate> Decided<A> {
    /// Exactly these events follow, in this order.
    ///
    /// # Panics
    /// When others follow, or the command is rejected.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Self
    where
        A::Event: Debug + PartialEq,
    {
        let expected: Vec<_> = expected.into_iter().collect();
        match &self.answer {
            Ok(came) if *came == expected => {
                for event in came {
                    through_storage(event);
                }
            }
            Ok(came) => panic!("other events came than expected:\n{}", diff(&expected, came)),
            Err(error) => panic!("the command was rejected ({error}), expected were {expected:#?}"),
        }
        self
    }

    /// The command succeeds, and nothing follows.
    ///
    /// # Panics
    /// When an event follows, or the command is rejected.
    #[track_caller]
    pub fn then_nothing(self) -> Self
    where
        A::Event: Debug + PartialEq,
    {
        self.then([])
    }

    /// The command is rejected for this reason.
    ///
    /// # Panics
    /// When it is accepted, or rejected for another reason.
    #[track_caller]
    pub fn then_rejected(self, expected: impl Borrow<A::Error>)
    where
        A::Event: Debug,
        A::Error: PartialEq,
    {
        let expected = expected.borrow();
        match &self.answer {
            Err(came) if came == expected => {}
            Err(came) => panic!("the command was rejected for another reason:\n{}", diff(expected, came)),
            Ok(came) => {
                panic!("the command was accepted with {came:#?}, expected was the rejection {expected:?}")
            }
        }
    }

    /// After its events the entity looks like this.
    ///
    /// # Panics
    /// When it looks different, or the command is rejected.
    #[track_caller]
    pub fn then_state(self, expected: impl Borrow<A>) -> Self
    where
        A: Debug + PartialEq,
    {
        if let Err(error) = &self.answer {
            panic!("the command was rejected ({error}), expected was the state {:#?}", expected.borrow());
        }
        if self.state != *expected.borrow() {
            panic!("the state is another than expected:\n{}", diff(expected.borrow(), &self.state));
        }
        self
    }
}

/// The event as it comes back from a store.
#[track_caller]
fn through_storage<E: crate::Event + Debug + PartialEq>(event: &E) -> E {
    let data = event
        .encode()
        .unwrap_or_else(|error| panic!("{event:?} cannot be stored: {}: {}", error, error.source));
    let mut back = Vec::new();
    if let Err(error) = E::decode_into(&data, &mut back) {
        panic!("{event:?} is stored as {} and cannot be read again: {error:?}", data.payload);
    }
    match <[E; 1]>::try_from(back) {
        Ok([back]) if back == *event => back,
        Ok([back]) => panic!("an event comes back from storage as another:\n{}", diff(event, &back)),
        Err(back) => panic!(
            "an event comes back from storage as {} events:\n{}",
            back.len(),
            diff(&vec![event], &back.iter().collect())
        ),
    }
}
