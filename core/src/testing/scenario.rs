use std::{borrow::Borrow, error::Error, fmt::Debug, sync::Arc};

use chrono::{DateTime, Utc};

use super::{SequentialIds, diff::diff};
use crate::{Aggregate, Context, Event, EventData, Metadata, StreamId, Version};

/// A test of an aggregate's decisions: given what happened, when a command comes, then this follows.
///
/// Time and ids are fixed: it is 2026-01-01 00:00 UTC unless [`with_time`](Self::with_time) says otherwise, and
/// [`Context::new_id`] counts from 1. Every event in a scenario is also taken through its stored form
/// and back, so that an event that would not survive storage fails the test.
#[doc = include_str!("../docs/scenario.md")]
#[derive(Debug, Clone)]
pub struct Scenario<A: Aggregate> {
    id: A::Id,
    now: DateTime<Utc>,
    metadata: Metadata,
}

/// A [`Scenario`] whose past is set.
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
    result: Result<Vec<A::Event>, A::Error>,
}

impl<A: Aggregate> Scenario<A> {
    /// A scenario of the entity `id`.
    ///
    /// # Panics
    /// When no stream can have this id.
    #[must_use]
    #[track_caller]
    pub fn new(id: impl Into<A::Id>) -> Self {
        let id = id.into();
        if let Err(invalid) = StreamId::new(A::CATEGORY, &id) {
            panic!("{invalid}");
        }
        Self { id, now: begin_of_2026(), metadata: Metadata::default() }
    }

    /// The command comes in at this time.
    #[must_use]
    pub fn with_time(mut self, now: DateTime<Utc>) -> Self {
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
    ///
    /// # Panics
    /// When an event does not survive storage.
    #[must_use]
    #[track_caller]
    pub fn given(self, events: impl IntoIterator<Item = A::Event>) -> Given<A>
    where
        A::Event: Debug + PartialEq,
    {
        let mut stored = Vec::new();
        for event in events {
            through_storage(&event);
            stored.extend(event.encode());
        }
        self.given_stored(stored)
    }

    /// These events are in the store, oldest first, as an older build may have written them: a test of
    /// aliases and upcasters.
    ///
    /// ```
    /// # use annals::{Aggregate, EventData, EventType, Payload, testing::{Given, Scenario}};
    /// # fn old<A: Aggregate<Id = String>>() -> Result<Given<A>, Box<dyn std::error::Error>> {
    /// let v1 = EventData::new("account.opened".parse()?, Payload::parse(r#"{"name":"Anna Bell"}"#)?);
    /// let given = Scenario::<A>::new("anna").given_stored([v1]);
    /// # Ok(given)
    /// # }
    /// ```
    ///
    /// # Panics
    /// When the aggregate's events cannot read one of them.
    #[must_use]
    #[track_caller]
    pub fn given_stored(self, stored: impl IntoIterator<Item = EventData>) -> Given<A> {
        let Self { id, now, metadata } = self;
        let (mut state, mut version) = (A::default(), Version::NONE);
        for data in stored {
            match data.decode::<A::Event>() {
                Ok(events) => events.iter().for_each(|event| state.apply(event)),
                Err(error) => panic!("{data:?} cannot be read: {}", with_sources(&error)),
            }
            version = version.next();
        }
        let ids = Arc::new(SequentialIds::default());
        Given { state, cx: Context { id, version, now, metadata, ids } }
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
    ///
    /// # Panics
    /// When an event that follows does not survive storage.
    #[must_use = "say what should follow, with `then` or `then_rejected`"]
    #[track_caller]
    pub fn when(self, command: impl Borrow<A::Command>) -> Decided<A>
    where
        A::Event: Debug + PartialEq,
    {
        let Self { mut state, cx } = self;
        let result = state.handle(command.borrow(), &cx);
        for event in result.iter().flatten() {
            through_storage(event);
            state.apply(event);
        }
        Decided { state, result }
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
        match &self.result {
            Ok(actual) if *actual == expected => {}
            Ok(actual) => {
                panic!("the events differ from those expected:\n{}", diff(&expected, actual))
            }
            Err(error) => panic!(
                "the command was rejected ({error}), but these events were expected: {expected:#?}"
            ),
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
        match &self.result {
            Err(actual) if actual == expected => {}
            Err(actual) => {
                panic!("the command was rejected for another reason:\n{}", diff(expected, actual))
            }
            Ok(actual) => {
                panic!(
                    "the command was accepted with {actual:#?}, but the rejection {expected:?} was expected"
                )
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
        if let Err(error) = &self.result {
            panic!(
                "the command was rejected ({error}), but this state was expected: {:#?}",
                expected.borrow()
            );
        }
        if self.state != *expected.borrow() {
            panic!(
                "the state differs from the one expected:\n{}",
                diff(expected.borrow(), &self.state)
            );
        }
        self
    }

    /// What the command led to, for checks of your own.
    ///
    /// # Errors
    /// When it was rejected.
    pub fn into_result(self) -> Result<Vec<A::Event>, A::Error> {
        self.result
    }
}

/// When a test takes place that does not say when: 2026-01-01 00:00 UTC.
pub(super) fn begin_of_2026() -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_767_225_600_000_000_000)
}

/// Takes the event through its stored form and back, which must change nothing.
#[track_caller]
pub(super) fn through_storage<E: Event + Debug + PartialEq>(event: &E) {
    let data = match event.encode() {
        Ok(data) => data,
        Err(error) => panic!("{event:?}: {}", with_sources(&error)),
    };
    match data.decode::<E>() {
        Ok(back) if back.len() == 1 && back.first() == Some(event) => {}
        Ok(back) => {
            panic!(
                "storage changes an event:\n{}",
                diff(&[event][..], &back.iter().collect::<Vec<_>>())
            )
        }
        Err(error) => {
            panic!("{event:?} is stored as {}, but: {}", data.payload, with_sources(&error))
        }
    }
}

/// What went wrong, and why.
pub(super) fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_sources(source)),
        None => error.to_string(),
    }
}
