//! How large an append may be, and which are small enough to share a statement.

use annals_core::{Refusal, StreamAppend};

use super::columns::bytes_of;

/// What one event may take, payload and metadata together: 64 MiB.
const EVENT_BYTES: usize = 64 << 20;
/// What one append may take: 256 MiB. Postgres takes a statement of up to 1 GiB.
const APPEND_BYTES: usize = 256 << 20;
/// Up to here, appends share a statement, so that nobody's answer waits for somebody's bulk.
const SHARED: Size = Size { events: 512, bytes: 1 << 20 };

/// Events, and the bytes of their payloads and metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Size {
    /// The size of `appends`, if this store can take them.
    pub(crate) fn of(appends: &[StreamAppend]) -> Result<Self, Refusal> {
        let mut size = Self::default();
        for event in appends.iter().flat_map(|append| &append.events) {
            let bytes = bytes_of(event);
            let limit = |limit| Refusal::Limit(Box::new(limit));
            if bytes > EVENT_BYTES {
                return Err(limit(Limit::Event { id: event.id.to_string(), bytes }));
            }
            if i32::try_from(event.event.schema_version).is_err() {
                return Err(limit(Limit::SchemaVersion {
                    id: event.id.to_string(),
                    version: event.event.schema_version,
                }));
            }
            size.add(Self { events: 1, bytes });
        }
        if size.bytes > APPEND_BYTES || i32::try_from(size.events).is_err() {
            return Err(Refusal::Limit(Box::new(Limit::Append { bytes: size.bytes })));
        }
        Ok(size)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    pub(crate) fn is_small(self) -> bool {
        self.events <= SHARED.events && self.bytes <= SHARED.bytes
    }
}

/// Which limit an append exceeds.
#[derive(Debug, thiserror::Error)]
enum Limit {
    #[error(
        "event {id} takes {bytes} bytes with its metadata; store up to {EVENT_BYTES} in an event, and keep larger content elsewhere"
    )]
    Event { id: String, bytes: usize },
    #[error("event {id} has schema version {version}; the largest is {max}", max = i32::MAX)]
    SchemaVersion { id: String, version: u32 },
    #[error("the append takes {bytes} bytes; one append takes up to {APPEND_BYTES}, so split it")]
    Append { bytes: usize },
}
