mod chunk;

use std::{collections::HashMap, fmt::Write, sync::Arc};

use async_trait::async_trait;

use self::chunk::{Chunk, Fold, Record};
use super::{
    BatchState, Blamed, Failed, Handler, Judged, Lease, Prepared, Taking, Trouble,
    guard::{decode_into, pure},
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
    rows: Vec<Cached<M>>,
    /// Where each key's row is in `rows`.
    places: HashMap<Arc<str>, usize>,
    /// The place that was looked for last.
    last: usize,
    /// Whether a row that is not in `rows` does not exist.
    is_complete: bool,
    /// Places of rows that the step is to write.
    dirty: Vec<usize>,
    upserts: Vec<Upsert>,
    deletes: Vec<String>,
    /// The text of a key, while it is looked for.
    text: String,
}

struct Cached<M> {
    key: Arc<str>,
    /// None: there is no such row.
    row: Option<M>,
    is_dirty: bool,
}

impl<M: ReadModel> Folding<M> {
    /// `table` is that of the model's columns.
    pub(in crate::followers) fn new(table: TableShape) -> Self {
        Self {
            columns: M::columns(),
            table,
            state: BatchState::default(),
            rows: Vec::new(),
            places: HashMap::new(),
            last: 0,
            is_complete: false,
            dirty: Vec::new(),
            upserts: Vec::new(),
            deletes: Vec::new(),
            text: String::new(),
        }
    }

    fn clear_batch(&mut self) {
        self.state = BatchState::default();
        self.dirty.clear();
        self.upserts.clear();
        self.deletes.clear();
    }

    fn forget_rows(&mut self) {
        self.rows.clear();
        self.places.clear();
        self.is_complete = false;
    }

    /// Sorts the rows of `event`, which is `decoded`, into those to handle and those that are parked. It is left out of
    /// the chunk if it is of no concern to this part.
    fn sort(
        &mut self,
        event: RecordedEvent,
        decoded: &mut Vec<M::Event>,
        chunk: &mut Chunk<M>,
        cx: &Taking<'_>,
    ) -> Result<(), Failed> {
        let at = self.state.taken + chunk.records.len();
        decode_into(&event, decoded)
            .map_err(|(kind, reason)| unsorted(at, &event, kind, reason))?;
        let Recorded { position, id: event_id, .. } = event;
        let mut concerns = false;
        for event in event.with_events(decoded.drain(..)) {
            let begin = chunk.folds.len();
            let sorted = pure(|| {
                M::keys(&event).into_iter().try_for_each(|key| {
                    concerns |= self.sort_key(key, &event, begin, chunk, cx)?;
                    Ok(())
                })
            });
            let sorted = sorted.map_err(|panic| (FailureKind::Panic, panic.into()));
            sorted
                .and_then(|sorted| sorted.map_err(|error| (FailureKind::Error, error)))
                .map_err(|(kind, reason)| unsorted(at, &event, kind, reason))?;
            if chunk.folds.len() > begin {
                chunk.events.push(event);
            }
        }
        if concerns {
            chunk.records.push(Record { position, event_id, folds_end: chunk.folds.len() });
        }
        Ok(())
    }

    /// Decides about one row of the event that is next in the chunk, whose folds begin at `begin`. Answers whether that
    /// row is of concern to this part.
    fn sort_key(
        &mut self,
        key: M::Key,
        event: &Recorded<M::Event>,
        begin: usize,
        chunk: &mut Chunk<M>,
        cx: &Taking<'_>,
    ) -> Result<bool, HandlerError> {
        self.text.clear();
        write!(self.text, "{key}")?;
        match cx.judge(&self.text, event.position) {
            Judged::Pass => return Ok(false),
            Judged::Park => {
                let park = cx.park(&self.text, event);
                if !self.state.park.contains(&park) {
                    self.state.park.push(park);
                }
            }
            Judged::Handle => {
                let place = self.place(&mut chunk.missing)?;
                let mut folds = chunk.folds.iter().skip(begin);
                if !folds.any(|fold| fold.place == place) {
                    chunk.folds.push(Fold { event: chunk.events.len(), place, key });
                }
            }
        }
        Ok(true)
    }

    /// Where the row is whose key is `self.text`.
    fn place(&mut self, missing: &mut Vec<usize>) -> Result<usize, HandlerError> {
        // Events that were appended together follow each other, and mostly concern the same row.
        if self.rows.get(self.last).is_some_and(|cached| *cached.key == *self.text) {
            return Ok(self.last);
        }
        if let Some(place) = self.places.get(&*self.text) {
            self.last = *place;
            return Ok(*place);
        }
        check(&self.text)?;
        let (key, place) = (Arc::<str>::from(&*self.text), self.rows.len());
        self.places.insert(Arc::clone(&key), place);
        self.rows.push(Cached { key, row: None, is_dirty: false });
        missing.push(place);
        Ok(place)
    }

    /// Makes sure that all rows of `chunk` are in memory.
    async fn load(&mut self, chunk: &Chunk<M>, cx: &Taking<'_>) -> Result<(), Trouble> {
        if self.is_complete || chunk.missing.is_empty() {
            return Ok(());
        }
        let missing = chunk.missing.iter().filter_map(|place| self.rows.get(*place));
        let missing: Vec<_> = missing.map(|cached| cached.key.to_string()).collect();
        let stored = cx.rows.rows(&self.table, &missing).await.map_err(|error| match error {
            ReadError::Store(error) => Trouble::Store(error),
            other => Trouble::Store(crate::StoreError::Failed(other.into())),
        })?;
        for stored in stored {
            let Some(place) = self.places.get(&*stored.key).copied() else { continue };
            let row = pure(|| stored.state.decode::<M>()).map_err(|panic| {
                Trouble::Failed(self.unfit(place, chunk, FailureKind::Panic, panic.into()))
            })?;
            let row = row.map_err(|error| {
                let reason: HandlerError = format!(
                    "row {:?} of {} does not fit its type ({error}); raise ReadModel::VERSION",
                    stored.key,
                    M::NAME
                )
                .into();
                Trouble::Failed(self.unfit(place, chunk, FailureKind::Error, reason))
            })?;
            if let Some(cached) = self.rows.get_mut(place) {
                cached.row = Some(row);
            }
        }
        Ok(())
    }

    /// The row at `place`, which events of `chunk` concern, failed before they were folded into it.
    fn unfit(
        &self,
        place: usize,
        chunk: &Chunk<M>,
        kind: FailureKind,
        reason: HandlerError,
    ) -> Failed {
        let fold = chunk.folds.iter().position(|fold| fold.place == place);
        let index = chunk.records.partition_point(|record| Some(record.folds_end) <= fold);
        let at = fold.map(|_| self.state.taken + index);
        let record = fold.and_then(|_| chunk.records.get(index));
        let key = self.rows.get(place).map(|cached| &*cached.key);
        Failed {
            at,
            is_alone: at == Some(0),
            can_be_parked: true,
            event: record.zip(key).map(|(record, key)| record.blamed(key)),
            kind,
            reason: HandlerFailed { at: None, kind, reason }.report(),
        }
    }

    fn fold(&mut self, chunk: &Chunk<M>) -> Result<(), Failed> {
        let mut folds = chunk.folds.iter();
        let mut begin = 0;
        for record in &chunk.records {
            let own = record.folds_end - begin;
            begin = record.folds_end;
            for Fold { event, place, key } in folds.by_ref().take(own) {
                let recorded = chunk.events.get(*event);
                let Some((cached, recorded)) = self.rows.get_mut(*place).zip(recorded) else {
                    continue;
                };
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
                        event: Some(record.blamed(&cached.key)),
                        kind: FailureKind::Panic,
                        reason: panic,
                    });
                }
                if !cached.is_dirty {
                    cached.is_dirty = true;
                    self.dirty.push(*place);
                }
                self.state.first.get_or_insert_with(|| record.blamed(&cached.key));
            }
            self.state.handled += u64::from(own > 0);
            self.state.taken += 1;
        }
        Ok(())
    }

    /// Puts the row at `place` into what the step writes.
    fn write(&mut self, place: usize) -> Result<(), (FailureKind, HandlerError)> {
        let Some(Cached { key, row, .. }) = self.rows.get(place) else { return Ok(()) };
        let Some(row) = row else {
            self.deletes.push(key.to_string());
            return Ok(());
        };
        let upsert = pure(|| -> Result<_, HandlerError> {
            Ok((Payload::encode(row)?, self.columns.values(row)?))
        });
        let (state, values) = upsert
            .map_err(|panic| (FailureKind::Panic, panic.into()))?
            .map_err(|error| (FailureKind::Error, error))?;
        self.upserts.push(Upsert { key: key.to_string(), state, values });
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
        self.forget_rows();
        self.is_complete = is_first && position == Position::START;
    }

    async fn take(&mut self, events: Vec<RecordedEvent>, cx: &Taking<'_>) -> Result<(), Trouble> {
        let (mut chunk, mut decoded) = (Chunk::new(events.len()), Vec::new());
        for event in events {
            self.sort(event, &mut decoded, &mut chunk, cx).map_err(Trouble::Failed)?;
        }
        self.load(&chunk, cx).await?;
        self.fold(&chunk).map_err(Trouble::Failed)
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
        for place in &dirty {
            self.write(*place).map_err(|(kind, reason)| {
                let (first, row) = (self.state.first.clone(), self.rows.get(*place));
                let event = first.zip(row);
                Trouble::Failed(Failed {
                    at: None,
                    is_alone: self.state.handled <= 1,
                    can_be_parked: true,
                    event: event
                        .map(|(first, row)| Blamed { sequence: row.key.to_string(), ..first }),
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
        for place in &self.dirty {
            if let Some(cached) = self.rows.get_mut(*place) {
                cached.is_dirty = false;
            }
        }
        self.clear_batch();
        if self.rows.len() > MAX_CACHED {
            self.forget_rows();
        }
    }

    fn undone(&mut self) {
        self.clear_batch();
        self.forget_rows();
    }
}

/// The event `at` so many of a batch could not be sorted: which rows it concerns is not known, so neither is what would have to
/// wait for it.
fn unsorted<E>(at: usize, event: &Recorded<E>, kind: FailureKind, reason: HandlerError) -> Failed {
    Failed {
        at: Some(at),
        is_alone: at == 0,
        can_be_parked: false,
        event: Some(Blamed::new(event, event.stream.as_str())),
        kind,
        reason: HandlerFailed { at: None, kind, reason }.report(),
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
