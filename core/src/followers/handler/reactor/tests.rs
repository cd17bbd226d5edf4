//! However a lease comes and goes and whatever fails, no event is passed over that was not reacted to.

use std::{
    num::NonZeroU16,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::DateTime;

use super::*;
use crate::{
    EventData, EventType, Payload, Version,
    followers::{
        Build, BuildId, FailureKind, HandlerError, PartId, ReadError, Row, TableShape,
        handler::{Rows, Sequences},
        parts::Division,
    },
};

/// The events of a batch, at the positions from 1 on.
const EVENTS: u64 = 3;

/// Writes down what it reacts to, and fails at the positions whose bits are set.
#[derive(Default)]
struct Listen {
    fails: u32,
    reacted: Mutex<Vec<u64>>,
}

#[async_trait]
impl Reactor for Listen {
    const NAME: &'static str = "listen";
    type Event = EventData;

    async fn react(&self, event: &Recorded<EventData>, _: &Reaction) -> Result<(), HandlerError> {
        let position = event.position.get();
        if is_set(self.fails, position) {
            return Err("no".into());
        }
        self.reacted.lock().unwrap().push(position);
        Ok(())
    }
}

fn is_set(bits: u32, position: u64) -> bool {
    bits >> (position - 1) & 1 == 1
}

/// A lease that answers by the bits of a number, one look after the other, the lowest first.
struct Flickers(AtomicU32);

impl Lease for Flickers {
    fn is_good(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |looks| Some(looks >> 1)).unwrap()
            & 1
            == 1
    }
}

struct NoRows;

#[async_trait]
impl Rows for NoRows {
    async fn rows(&self, _: &TableShape, _: &[String]) -> Result<Vec<Row>, ReadError> {
        Ok(Vec::new())
    }
}

/// Each event is of a stream of its own.
fn stream(position: u64) -> String {
    format!("order-{position}")
}

fn event(position: u64) -> RecordedEvent {
    Recorded {
        id: crate::EventId::new(),
        stream: stream(position).parse().unwrap(),
        version: Version::new(1),
        position: Position::new(position),
        recorded_at: DateTime::UNIX_EPOCH,
        event: EventData::new(EventType::from_static("order.placed"), Payload::from_stored("{}")),
        metadata: crate::Metadata::default(),
    }
}

fn division() -> Division {
    let part = PartId { build: BuildId::new(1), part: 0 };
    let build = Build {
        id: part.build,
        version: 1,
        is_made: true,
        verify: None,
        may_swap_parked: false,
        floors: Vec::new(),
        parts: Vec::new(),
        parked: 0,
        to_retry: 0,
        last_failure: None,
        started_at: DateTime::UNIX_EPOCH,
    };
    Division::new(part, NonZeroU16::MIN, &build)
}

/// What comes of a batch in which the streams of the positions `parked` are parked.
async fn prepare(fails: u32, parked: u32, looks: u32) {
    let listen = Arc::new(Listen { fails, ..Listen::default() });
    let mut reacting = Reacting::new(Arc::clone(&listen));
    let mut sequences = Sequences::default();
    let positions = || 1..=EVENTS;
    sequences.replace(positions().filter(|at| is_set(parked, *at)).map(stream).collect());
    let (division, rows) = (division(), NoRows);
    let taking = Taking { division: &division, parked: &sequences, rows: &rows, retrying: None };
    let taken = Handler::<()>::take(&mut reacting, positions().map(event).collect(), &taking).await;
    taken.unwrap();

    let lease = Flickers(AtomicU32::new(looks));
    let prepared: Result<Prepared<'_, ()>, _> = reacting.prepare(&lease).await;
    let reacted = listen.reacted.lock().unwrap().clone();
    let case = format!("fails {fails:b}, parked {parked:b}, lease {looks:b}: {reacted:?}");
    let to_react: Vec<_> = positions().filter(|at| !is_set(parked, *at)).collect();
    match prepared {
        Ok(Prepared { park, handled, ends_at, .. }) => {
            let end = ends_at.map_or(EVENTS, Position::get);
            let passed: Vec<_> = to_react.into_iter().take_while(|at| *at <= end).collect();
            assert_eq!(reacted, passed, "{case}, up to {end}");
            assert_eq!(handled, passed.len() as u64, "{case}");
            let aside: Vec<_> = park.iter().map(|park| park.position.get()).collect();
            let parked: Vec<_> =
                positions().filter(|at| is_set(parked, *at) && *at <= end).collect();
            assert_eq!(aside, parked, "{case}");
            assert!(handled > 0 || !park.is_empty(), "{case}: what has nothing in it is passed");
        }
        // Nothing was done that a step has to keep.
        Err(Trouble::Lease) => assert!(reacted.is_empty(), "{case}"),
        Err(Trouble::Failed(Failed { event: Some(blamed), kind: FailureKind::Error, .. })) => {
            assert!(reacted.is_empty(), "{case}");
            assert_eq!(Some(&blamed.position.get()), to_react.first(), "{case}");
        }
        Err(trouble) => panic!("{case}: {trouble:?}"),
    }
}

#[tokio::test]
async fn nothing_is_passed_over_that_was_not_reacted_to() {
    let all = 1 << EVENTS;
    for (fails, parked) in (0..all).flat_map(|fails| (0..all).map(move |parked| (fails, parked))) {
        // As many looks at the lease as if it were asked twice for each event.
        for looks in 0..1 << (2 * EVENTS) {
            prepare(fails, parked, looks).await;
        }
    }
}
