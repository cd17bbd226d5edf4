//! What is not reacted to because the lease is over is not passed over.

use std::{
    num::NonZeroU16,
    sync::atomic::{AtomicUsize, Ordering},
};

use chrono::DateTime;

use super::*;
use crate::{
    EventData, EventType, Payload, Version,
    followers::{
        Build, BuildId, HandlerError, PartId, ReadError, Row, TableShape,
        handler::{Rows, Sequences},
        parts::Division,
    },
};

/// Reacts to everything, and to nothing that matters.
struct Listen;

#[async_trait]
impl Reactor for Listen {
    const NAME: &'static str = "listen";
    type Event = EventData;

    async fn react(&self, _: &Recorded<EventData>, _: &Reaction) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// A lease that is over after it was asked so often.
struct Ends(AtomicUsize);

impl Lease for Ends {
    fn is_good(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

struct NoRows;

#[async_trait]
impl Rows for NoRows {
    async fn rows(&self, _: &TableShape, _: &[String]) -> Result<Vec<Row>, ReadError> {
        Ok(Vec::new())
    }
}

fn event(position: u64) -> RecordedEvent {
    Recorded {
        id: crate::EventId::new(),
        stream: "order-1".parse().unwrap(),
        version: Version::new(position),
        position: Position::new(position),
        recorded_at: DateTime::UNIX_EPOCH,
        event: EventData::new(EventType::from_static("order.placed"), Payload::from_stored("{}")),
        metadata: Arc::default(),
    }
}

/// A batch of the events at positions 1 to 3.
async fn batch() -> Reacting<Listen> {
    let (part, parts) = (PartId { build: BuildId::new(1), part: 0 }, NonZeroU16::MIN);
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
    let division = Division::new(part, parts, &build);
    let taking = Taking {
        division: &division,
        parked: &Sequences::default(),
        rows: &NoRows,
        retrying: None,
    };
    let mut reacting = Reacting::new(Arc::new(Listen));
    let taken = Handler::<()>::take(&mut reacting, (1..=3).map(event).collect(), &taking).await;
    taken.unwrap();
    reacting
}

#[tokio::test]
async fn a_step_ends_where_the_lease_did() {
    for reacted in 0..=4 {
        let mut batch = batch().await;
        let lease = Ends(AtomicUsize::new(reacted));
        let prepared: Result<Prepared<'_, ()>, _> = batch.prepare(&lease).await;
        match (reacted, prepared) {
            (0, Err(Trouble::Lease)) => {}
            (1 | 2, Ok(prepared)) => {
                let end = Some(Position::new(reacted as u64));
                assert_eq!((prepared.handled, prepared.ends_at), (reacted as u64, end));
            }
            (3 | 4, Ok(prepared)) => assert_eq!((prepared.handled, prepared.ends_at), (3, None)),
            (_, Ok(prepared)) => {
                panic!("{reacted}: {} to {:?}", prepared.handled, prepared.ends_at)
            }
            (_, Err(trouble)) => panic!("{reacted}: {trouble:?}"),
        }
    }
}
