//! All that followed from one first command, in whatever service.

use std::collections::HashMap;

use annals::{
    CorrelationId, EventData, EventStore, EventStoreExt, Position, StoreError, TryStreamExt,
};

/// One event of a course of events.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) position: Position,
    pub(crate) event: String,
    pub(crate) actor: String,
    /// The event that it follows from.
    pub(crate) because_of: Option<Position>,
}

/// The course of events that `correlation` names. It reads the global stream: as `EventData`, since it knows no
/// service's types.
pub(crate) async fn course(
    store: &impl EventStore,
    correlation: CorrelationId,
) -> Result<Vec<Link>, StoreError> {
    let (mut links, mut met) = (Vec::new(), HashMap::new());
    let mut events = store.events_after::<EventData>(Position::START);
    while let Some(recorded) = events.try_next().await? {
        if recorded.metadata.correlation_id != Some(correlation) {
            continue;
        }
        met.insert(recorded.id.as_uuid(), recorded.position);
        let cause = recorded.metadata.causation_id;
        links.push(Link {
            position: recorded.position,
            event: recorded.event.event_type.to_string(),
            actor: recorded.metadata.actor.as_deref().unwrap_or_default().to_owned(),
            because_of: cause.and_then(|cause| met.get(&cause.as_uuid()).copied()),
        });
    }
    Ok(links)
}
