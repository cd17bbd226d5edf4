use std::collections::HashMap;

use async_trait::async_trait;

use super::{
    BatchState, Blamed, Failed, Handler, Judged, Lease, Prepared, Taking, Trouble,
    guard::{decode, pure},
};
use crate::{
    Payload, Position, Recorded, RecordedEvent, StreamId,
    followers::{
        Columns, FailureKind, HandlerError, HandlerFailed, Make, ReadError, ReadModel, RowChanges,
        TableShape, Upsert,
    },
};

/// The most rows that one step writes.
const MAX_DIRTY: usize = 10_000;
/// The most rows that are remembered over steps.
const MAX_CACHED: usize = 10_000;

/// Folds events into the rows of a [`ReadModel`], and keeps the rows it has met until there are too many.
///
/// Loading and folding happen outside of the step: only the owner of a part writes its rows, and whoever has
/// lost the part is fenced by the step.
pub(in crate::followers) struct Folding<M: ReadModel> {
    columns: Columns<M>,
    table: TableShape,
    state: BatchState,
    rows: HashMap<String, Cached<M>>,
    /// Whether a row that is not in `rows` does not exist.
    is_complete: bool,
    dirty: Vec<String>,
    upserts: Vec<Upsert>,
    deletes: Vec<String>,
}

struct Cached<M> {
    /// None: there is no such row.
    row: Option<M>,
    is_dirty: bool,
}

/// Rows of an event, each by the text of its key, and none twice.
type Keys<M> = Vec<(String, <M as ReadModel>::Key)>;

/// A record, decoded, with the rows that each of its events concerns.
struct Keyed<M: ReadModel> {
    record: Blamed,
    events: Vec<(Recorded<M::Event>, Keys<M>)>,
}

impl<M: ReadModel> Folding<M> {
    /// `table` is that of the model's columns.
    pub(in crate::followers) fn new(table: TableShape) -> Self {
        Self {
            columns: M::columns(),
            table,
            state: BatchState::default(),
            rows: HashMap::new(),
            is_complete: false,
            dirty: Vec::new(),
            upserts: Vec::new(),
            deletes: Vec::new(),
        }
    }

    fn clear_batch(&mut self) {
        self.state = BatchState::default();
        self.dirty.clear();
        self.upserts.clear();
        self.deletes.clear();
    }

    /// Decodes `event`, and sorts its rows into those to handle and those that are parked. None if it is of no
    /// concern to this part.
    fn sort(&mut self, event: RecordedEvent, cx: &Taking<'_>) -> Result<Option<Keyed<M>>, Failed> {
        let at = self.state.taken;
        let record = Blamed::new(&event, event.stream.as_str());
        let failed = |kind, reason| Failed {
            at: Some(at),
            is_alone: at == 0,
            // Without its rows it is not known what would have to wait for it.
            can_be_parked: false,
            event: Some(record.clone()),
            kind,
            reason: HandlerFailed { at: None, kind, reason }.report(),
        };
        let decoded = decode::<M::Event>(event.clone());
        let decoded = decoded.map_err(|(kind, reason)| failed(kind, reason))?;
        let (mut concerns, mut events) = (false, Vec::with_capacity(decoded.len()));
        for recorded in decoded {
            let keys = pure(|| {
                let keys = M::keys(&recorded).into_iter();
                keys.map(|key| (key.to_string(), key)).collect::<Vec<_>>()
            });
            let keys = keys.map_err(|panic| failed(FailureKind::Panic, panic.into()))?;
            let mut handled: Keys<M> = Vec::with_capacity(keys.len());
            for (text, key) in keys {
                match cx.judge(&text, event.position) {
                    Judged::Pass => continue,
                    Judged::Park => {
                        let park = cx.park(&text, &event);
                        if !self.state.park.contains(&park) {
                            self.state.park.push(park);
                        }
                    }
                    Judged::Handle => {
                        check(&text).map_err(|error| failed(FailureKind::Error, error))?;
                        if !handled.iter().any(|(known, _)| *known == text) {
                            handled.push((text, key));
                        }
                    }
                }
                concerns = true;
            }
            events.push((recorded, handled));
        }
        Ok(concerns.then_some(Keyed { record, events }))
    }

    /// Makes sure that all rows of `keyed` are in memory.
    async fn load(&mut self, keyed: &[Keyed<M>], cx: &Taking<'_>) -> Result<(), Trouble> {
        let mut missing: Vec<String> = Vec::new();
        let keys = keyed.iter().flat_map(|keyed| &keyed.events).flat_map(|(_, keys)| keys);
        for (key, _) in keys {
            if !self.rows.contains_key(key) {
                self.rows.insert(key.clone(), Cached { row: None, is_dirty: false });
                missing.push(key.clone());
            }
        }
        if self.is_complete || missing.is_empty() {
            return Ok(());
        }
        let stored = cx.rows.rows(&self.table, &missing).await.map_err(|error| match error {
            ReadError::Store(error) => Trouble::Store(error),
            other => Trouble::Store(crate::StoreError::Failed(other.into())),
        })?;
        for stored in stored {
            let row = pure(|| stored.state.decode::<M>()).map_err(|panic| {
                let reason = panic.into();
                Trouble::Failed(self.unfit(&stored.key, keyed, FailureKind::Panic, reason))
            })?;
            let row = row.map_err(|error| {
                let reason: HandlerError = format!(
                    "row {:?} of {} does not fit its type ({error}); raise ReadModel::VERSION",
                    stored.key,
                    M::NAME
                )
                .into();
                Trouble::Failed(self.unfit(&stored.key, keyed, FailureKind::Error, reason))
            })?;
            self.rows.insert(stored.key, Cached { row: Some(row), is_dirty: false });
        }
        Ok(())
    }

    /// The row `key`, which the events in `keyed` concern, failed before they were folded into it.
    fn unfit(
        &self,
        key: &str,
        keyed: &[Keyed<M>],
        kind: FailureKind,
        reason: HandlerError,
    ) -> Failed {
        let index = keyed.iter().position(|keyed| {
            keyed.events.iter().any(|(_, keys)| keys.iter().any(|(text, _)| text == key))
        });
        let at = index.map(|index| self.state.taken + index);
        let record = index.and_then(|index| keyed.get(index)).map(|keyed| &keyed.record);
        Failed {
            at,
            is_alone: at == Some(0),
            can_be_parked: true,
            event: record.map(|record| Blamed { sequence: key.to_owned(), ..record.clone() }),
            kind,
            reason: HandlerFailed { at: None, kind, reason }.report(),
        }
    }

    fn fold(&mut self, keyed: Keyed<M>) -> Result<(), Failed> {
        let mut handled = false;
        for (recorded, keys) in &keyed.events {
            for (text, key) in keys {
                let Some(cached) = self.rows.get_mut(text) else { continue };
                let applied = pure(|| {
                    let row = cached.row.get_or_insert_default();
                    row.apply(key, recorded);
                    if row.is_deleted() {
                        cached.row = None;
                    }
                });
                if let Err(panic) = applied {
                    let at = self.state.taken;
                    return Err(Failed {
                        at: Some(at),
                        is_alone: at == 0,
                        can_be_parked: true,
                        event: Some(Blamed { sequence: text.clone(), ..keyed.record.clone() }),
                        kind: FailureKind::Panic,
                        reason: panic,
                    });
                }
                if !cached.is_dirty {
                    cached.is_dirty = true;
                    self.dirty.push(text.clone());
                }
                handled = true;
                let sequence = text.clone();
                let first = || Blamed { sequence, ..keyed.record.clone() };
                self.state.first.get_or_insert_with(first);
            }
        }
        self.state.handled += u64::from(handled);
        self.state.taken += 1;
        Ok(())
    }

    /// Puts the row `key` into what the step writes.
    fn write(&mut self, key: &str) -> Result<(), (FailureKind, HandlerError)> {
        let Some(row) = self.rows.get(key).and_then(|cached| cached.row.as_ref()) else {
            self.deletes.push(key.to_owned());
            return Ok(());
        };
        let upsert = pure(|| -> Result<_, HandlerError> {
            Ok((Payload::encode(row)?, self.columns.values(row)?))
        });
        let (state, values) = upsert
            .map_err(|panic| (FailureKind::Panic, panic.into()))?
            .map_err(|error| (FailureKind::Error, error))?;
        self.upserts.push(Upsert { key: key.to_owned(), state, values });
        Ok(())
    }
}

#[async_trait]
impl<M: ReadModel, C: ?Sized + Send> Handler<C> for Folding<M> {
    fn make(&mut self) -> Make<'_, C> {
        Make::Table(&self.table)
    }

    fn begin(&mut self, position: Position, is_first: bool) {
        self.clear_batch();
        self.rows.clear();
        self.is_complete = is_first && position == Position::START;
    }

    async fn take(&mut self, events: Vec<RecordedEvent>, cx: &Taking<'_>) -> Result<(), Trouble> {
        let taken = self.state.taken;
        let mut keyed = Vec::with_capacity(events.len());
        for event in events {
            if let Some(event) = self.sort(event, cx).map_err(Trouble::Failed)? {
                self.state.taken += 1;
                keyed.push(event);
            }
        }
        self.state.taken = taken;
        self.load(&keyed, cx).await?;
        keyed.into_iter().try_for_each(|keyed| self.fold(keyed)).map_err(Trouble::Failed)
    }

    fn batch(&self) -> &BatchState {
        &self.state
    }

    fn room(&self) -> usize {
        if self.dirty.len() >= MAX_DIRTY { 0 } else { usize::MAX }
    }

    async fn prepare(&mut self, _: &(dyn Lease + '_)) -> Result<Prepared<'_, C>, Trouble> {
        self.upserts.clear();
        self.deletes.clear();
        let dirty = std::mem::take(&mut self.dirty);
        for key in &dirty {
            self.write(key).map_err(|(kind, reason)| {
                let event = self.state.first.clone();
                Trouble::Failed(Failed {
                    at: None,
                    is_alone: self.state.handled <= 1,
                    can_be_parked: true,
                    event: event.map(|first| Blamed { sequence: key.clone(), ..first }),
                    kind,
                    reason: HandlerFailed { at: None, kind, reason }.report(),
                })
            })?;
        }
        self.dirty = dirty;
        let Self { table, upserts, deletes, state, .. } = self;
        let is_empty = upserts.is_empty() && deletes.is_empty();
        let rows = (!is_empty).then_some(RowChanges { table, upserts, deletes });
        let (park, handled) = (&*state.park, state.handled);
        Ok(Prepared { rows, work: None, park, handled, ends_at: None })
    }

    fn committed(&mut self) {
        for key in &self.dirty {
            if let Some(cached) = self.rows.get_mut(key) {
                cached.is_dirty = false;
            }
        }
        self.clear_batch();
        if self.rows.len() > MAX_CACHED {
            self.rows.clear();
            self.is_complete = false;
        }
    }

    fn undone(&mut self) {
        self.clear_batch();
        self.rows.clear();
        self.is_complete = false;
    }
}

/// Whether every store can keep `key`, and in an index.
fn check(key: &str) -> Result<(), HandlerError> {
    if key.contains('\0') {
        return Err(format!("the key {key:?} holds NUL").into());
    }
    if key.len() > StreamId::MAX_BYTES {
        let (length, max) = (key.len(), StreamId::MAX_BYTES);
        return Err(format!("the key takes {length} bytes; at most {max} are allowed").into());
    }
    Ok(())
}
