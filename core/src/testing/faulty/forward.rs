//! What a [`Faulty`] store is asked, passed on with its faults.
#![deny(clippy::missing_trait_methods)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use super::{CrashPoint, Faulty, Place};
use crate::{
    AppendError, Appended, EventId, EventStore, FollowerStore, Position, ReadAll, ReadStream,
    RecordedEvent, RecordedEvents, SnapshotStore, StoreError, StoredSnapshot, StreamAppend,
    StreamId, Version,
    followers::{
        Beat, Books, BuildId, Claim, Command, CommandRefused, Compared, Declaration, Failure,
        FailureKind, HandlerFailed, Limits, Make, MemberId, Note, ParkedEvent, PartId, ReadError,
        Row, RowsOf, StartError, Step, StepError, Swap, Work,
    },
};

#[async_trait]
impl<S: EventStore> EventStore for Faulty<S> {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.process.alive().await;
        self.store.append(appends).await
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        if self.is_dead() {
            return stream::pending().boxed();
        }
        self.timed(self.store.read_stream(read))
    }

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        if self.is_dead() {
            return stream::pending().boxed();
        }
        let point = CrashPoint::BeforeRead;
        let Some(effect) = self.process.fault(point, Place(None, read.after)) else {
            return self.timed(self.store.read_all(read));
        };
        let process = Arc::clone(&self.process);
        stream::once(async move { Err(process.strike(point, effect).await) }).boxed()
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.process.alive().await;
        self.store.head().await
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.process.alive().await;
        let head = self.store.wait_for_head(position).await?;
        let end = self.page.map(|page| Position::new(position.get().saturating_add(page)));
        Ok(end.map_or(head, |end| head.min(end)))
    }
}

#[async_trait]
impl<S: SnapshotStore> SnapshotStore for Faulty<S> {
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        self.process.alive().await;
        let (snapshot, events) = self.store.read_from_snapshot(stream, fold_version).await?;
        Ok((snapshot, self.timed(events)))
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        self.process.alive().await;
        self.store.save_snapshot(snapshot).await
    }

    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError> {
        self.process.alive().await;
        self.store.version_of(stream, id).await
    }
}

#[async_trait]
impl<S: FollowerStore> FollowerStore for Faulty<S> {
    type Connection = S::Connection;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        self.process.alive().await;
        self.store.declare(follower).await
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        self.process.alive().await;
        if let Some(beat) = beat {
            self.process.plan().beat = Some(beat.clone());
        }
        self.store.books(beat).await
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        self.process.alive().await;
        let claims = self.store.claim(member, parts).await?;
        if let Some(first) = claims.first() {
            let place = Place(Some(first.part), first.position);
            self.process.pass(CrashPoint::AfterClaim, place).await?;
        }
        Ok(claims)
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.process.alive().await;
        self.store.release(claims).await
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.process.alive().await;
        self.store.note(claim, note).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        self.process.alive().await;
        self.store.command(name, command).await
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        self.process.alive().await;
        self.store.failures(build, limit).await
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        self.process.alive().await;
        self.store.parked(build).await
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, S::Connection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.process.alive().await;
        let (point, place) = (CrashPoint::WithinMake, Place(Some(claim.part), claim.position));
        if let Some(effect) = self.process.fault(point, place) {
            if let Make::Work(work) = tables {
                let mut undone = Undone { work, has_run: false };
                let made = self.store.make(claim, Make::Work(&mut undone), limits).await;
                if !undone.has_run {
                    return made;
                }
            }
            return Err(self.process.strike(point, effect).await.into());
        }
        self.store.make(claim, tables, limits).await?;
        Ok(self.process.pass(CrashPoint::AfterMake, place).await?)
    }

    async fn commit(&self, step: Step<'_, S::Connection>) -> Result<(), StepError> {
        self.process.alive().await;
        let place = Place(Some(step.claim.part), step.from);
        self.process.pass(CrashPoint::BeforeStep, place).await?;
        let point = CrashPoint::WithinStep;
        if let Some(effect) = self.process.fault(point, place) {
            let Step { claim, from, to, events, rows, work, park, settle, limits } = step;
            if let Some(work) = work {
                let mut undone = Undone { work, has_run: false };
                let work: Option<&mut dyn Work<S::Connection>> = Some(&mut undone);
                let step = Step { claim, from, to, events, rows, work, park, settle, limits };
                let committed = self.store.commit(step).await;
                if !undone.has_run {
                    return committed;
                }
            }
            return Err(self.process.strike(point, effect).await.into());
        }
        self.store.commit(step).await?;
        Ok(self.process.pass(CrashPoint::AfterStep, place).await?)
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        self.process.alive().await;
        let place = Place(Some(PartId { build: shadow, part: 0 }), Position::START);
        self.process.pass(CrashPoint::BeforeSwap, place).await?;
        let swap = self.store.swap(shadow, patience).await?;
        if swap == Swap::Swapped {
            self.process.pass(CrashPoint::AfterSwap, place).await?;
        }
        Ok(swap)
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        self.process.alive().await;
        self.store.compare(shadow, patience).await
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.process.alive().await;
        let claim = rows
            .claim
            .map_or(Place(None, Position::START), |claim| Place(Some(claim.part), claim.position));
        self.process.pass(CrashPoint::BeforeRead, claim).await?;
        self.store.rows(rows).await
    }
}

impl<S> Faulty<S> {
    /// `events`, recorded when they are said to have been.
    fn timed(&self, events: RecordedEvents) -> RecordedEvents {
        let times = Arc::clone(&self.times);
        let timed = move |mut event: RecordedEvent| {
            event.recorded_at = times.get(&event.position).copied().unwrap_or(event.recorded_at);
            event
        };
        events.map(move |event| event.map(&timed)).boxed()
    }
}

/// Work that succeeds, and is undone all the same.
struct Undone<'a, C: ?Sized> {
    work: &'a mut dyn Work<C>,
    has_run: bool,
}

#[async_trait]
impl<C: ?Sized + Send> Work<C> for Undone<'_, C> {
    async fn run(&mut self, connection: &mut C) -> Result<(), HandlerFailed> {
        self.work.run(connection).await?;
        self.has_run = true;
        let (kind, reason) = (FailureKind::Error, "the connection was lost".into());
        Err(HandlerFailed { at: None, kind, reason })
    }
}
