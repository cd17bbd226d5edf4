//! The loop of one part: the same when it catches up, follows, and rebuilds.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    Claim, FollowerStore, Limits, Note, StepError,
    failing::Tries,
    handler::{Handler, Sequences},
    member::{Control, End, Followed, Gauge, Member, Place},
    parts::Division,
    reading::Reading,
};
use crate::{Position, ReadAll, RetryPolicy, StoreError, observe::ObservedPart, report::report};

/// A quiet follower's checkpoint is written when it is so far behind what was looked at.
const QUIET_POSITIONS: u64 = 10_000;
/// Or so old.
const QUIET_FOR: Duration = Duration::from_secs(60);
/// For how long the log may seem to end before a checkpoint: an open append can keep a head down that another process, or this
/// one in its life before, has seen further up.
pub(super) const AHEAD_FOR: Duration = Duration::from_secs(10);

/// What runs one part, from its claim until it is told to end or loses the part.
pub(super) struct Runner<S: FollowerStore> {
    pub(super) member: Arc<Member<S>>,
    pub(super) followed: Arc<Followed<S::Connection>>,
    pub(super) handler: Box<dyn Handler<S::Connection>>,
    pub(super) claim: Claim,
    pub(super) control: watch::Receiver<Control>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) observed: ObservedPart,
    /// Known once the part is ready; asked for again with each claim.
    pub(super) division: Option<Arc<Division>>,
    /// The checkpoint.
    pub(super) position: Position,
    /// Everything up to here was looked at.
    pub(super) seen: Position,
    pub(super) sequences: Sequences,
    /// How many events of the build are parked, as far as is known.
    pub(super) parked: usize,
    /// The last [`Control::retries`] that was done with.
    pub(super) retried: u64,
    pub(super) tries: Tries,
    /// Whether it must not go past the live build, with which it is to be compared.
    pub(super) is_compared: bool,
    pauses: Box<dyn Iterator<Item = Duration> + Send>,
    written_at: Instant,
}

/// Why the work in hand is left.
#[derive(Debug)]
pub(super) enum Halt {
    /// Go on from the checkpoint.
    Again,
    /// End.
    Ended,
}

impl<S: FollowerStore> Runner<S> {
    pub(super) fn new(
        member: Arc<Member<S>>,
        followed: Arc<Followed<S::Connection>>,
        claim: Claim,
        control: watch::Receiver<Control>,
        gauge: Arc<Gauge>,
    ) -> Self {
        let (handler, position) = ((followed.handler)(), claim.position);
        Self {
            handler,
            observed: ObservedPart::claimed(followed.declaration.name, &claim),
            tries: Tries::new(&followed.options),
            member,
            followed,
            claim,
            control,
            gauge,
            division: None,
            position,
            seen: position,
            sequences: Sequences::default(),
            parked: 0,
            retried: 0,
            is_compared: false,
            pauses: Box::new(std::iter::empty()),
            written_at: Instant::now(),
        }
    }

    /// Runs until it ends. The part is given back if that is what it was told.
    pub(super) async fn run(mut self) {
        while !matches!(self.turn().await, Err(Halt::Ended)) {}
        let part = self.claim.part;
        self.followed.sight.send_modify(|sight| {
            sight.seen.remove(&part);
        });
        let end = self.control.borrow().end;
        if end == Some(End::Release) {
            // If either fails, the part is free once this member has left, or claims it again.
            if self.division.is_some() && self.seen > self.position {
                let _unwritten = self.member.store.note(&self.claim, &self.passed()).await;
            }
            let _unreleased = self.member.store.release(std::slice::from_ref(&self.claim)).await;
        }
        self.observed.ended(end == Some(End::Release), self.position);
    }

    async fn turn(&mut self) -> Result<(), Halt> {
        self.told().await?;
        let (division, begun) = match &self.division {
            Some(division) => (Arc::clone(division), None),
            None => self.get_ready().await?,
        };
        self.retry_parked(&division).await?;
        let mut reading = match begun {
            Some(reading) => reading,
            None => {
                let head = self.wait().await?;
                Reading::up_to(head, &self.member.store, self.unseen())
            }
        };
        loop {
            let gathered = self.gather(&mut reading, &division).await?;
            let went_on = self.step(gathered.to).await?;
            if !went_on {
                return Ok(());
            }
            if gathered.is_end {
                return self.at_the_end().await;
            }
            if self.control.has_changed().unwrap_or(true) {
                return Ok(());
            }
            // A store in memory never makes a task wait.
            tokio::task::yield_now().await;
        }
    }

    /// What was not looked at yet.
    pub(super) fn unseen(&self) -> ReadAll {
        ReadAll::after(self.seen).with_filter(self.followed.filter.clone())
    }

    /// Looks at what the keeper has to say.
    pub(super) async fn told(&mut self) -> Result<(), Halt> {
        let refused = {
            let control = self.control.borrow_and_update();
            if control.end.is_some() {
                return Err(Halt::Ended);
            }
            self.observed.is_live(control.is_live);
            self.claim.is_live |= control.is_live;
            control.refused.clone()
        };
        match refused {
            Some(reason) => Err(self.stop_refused(reason).await),
            None => Ok(()),
        }
    }

    /// Waits until there is something to read, and answers up to where.
    async fn wait(&mut self) -> Result<Position, Halt> {
        let (mut end, mut past) = (None, self.seen);
        if self.is_compared && !self.control.borrow().is_live {
            match self.end_of_reading(Position::START) {
                // Another process may be there whose store knows of a head that this one is yet to see: what is read
                // would end before.
                Some(clamp) if clamp > self.seen => {
                    (end, past) = (Some(clamp), Position::new(clamp.get() - 1));
                }
                known => {
                    // The claim came after the last step, and it was not known yet how far that may go.
                    if known.is_some() && !self.gauge.read().is_at_end {
                        self.at_the_end().await?;
                    }
                    let changed = self.control.changed().await;
                    return changed.map_err(|_| Halt::Ended).and(Err(Halt::Again));
                }
            }
        }
        let head = tokio::select! {
            head = self.member.store.wait_for_head(past) => head,
            changed = self.control.changed() => {
                return changed.map_err(|_| Halt::Ended).and(Err(Halt::Again));
            }
        };
        match head {
            Ok(head) => Ok(end.unwrap_or(head)),
            Err(error) => Err(self.interrupted(&error).await),
        }
    }

    /// Up to where it may read while the log ends at `head`; none if that is not known yet.
    pub(super) fn end_of_reading(&self, head: Position) -> Option<Position> {
        let control = self.control.borrow();
        if self.is_compared && !control.is_live { control.clamp } else { Some(head) }
    }

    /// Everything that may be read was. A shadow says so in the books, where a swap looks for it.
    pub(super) async fn at_the_end(&mut self) -> Result<(), Halt> {
        let is_quiet = self.seen.get() - self.position.get() >= QUIET_POSITIONS
            || self.written_at.elapsed() >= QUIET_FOR;
        let is_live = self.control.borrow().is_live;
        if self.seen > self.position && (!is_live || is_quiet) {
            match self.member.store.note(&self.claim, &self.passed()).await {
                Ok(()) => {
                    self.position = self.seen;
                    self.written_at = Instant::now();
                    self.gauge.set(|reading| reading.checkpoint = self.position);
                }
                Err(StepError::Store(error)) => return Err(self.interrupted(&error).await),
                Err(_) => return Err(Halt::Ended),
            }
        }
        let was_at_end = self.gauge.read().is_at_end;
        self.gauge.set(|reading| (reading.is_at_end, reading.oldest) = (true, None));
        if !is_live && !was_at_end {
            self.member.nudge.notify_one();
        }
        Ok(())
    }

    /// What was looked at since the checkpoint.
    fn passed(&self) -> Note {
        Note::Passed { from: self.position, to: self.seen }
    }

    /// The part is at `to`: who waits for it learns that.
    pub(super) fn reached(&mut self, to: Position, is_written: bool, handled: u64) {
        self.seen = to;
        if is_written {
            self.position = to;
            self.written_at = Instant::now();
        }
        self.went_well();
        self.gauge.set(|reading| reading.events += handled);
        self.publish();
    }

    pub(super) fn publish(&self) {
        let Claim { part, fence, .. } = self.claim;
        let place = Place { fence, position: self.seen };
        self.gauge.set(|reading| {
            (reading.fence, reading.seen) = (place.fence, place.position);
            reading.checkpoint = self.position;
            reading.busy_since = None;
        });
        self.followed.sight.send_modify(|sight| {
            sight.seen.insert(part, place);
        });
    }

    pub(super) fn went_well(&mut self) {
        self.pauses = Box::new(std::iter::empty());
        self.gauge.set(|reading| reading.interrupted = None);
    }

    /// The store failed, not the follower: pauses, for longer each time.
    pub(super) async fn interrupted(
        &mut self,
        error: &(dyn std::error::Error + Send + Sync + 'static),
    ) -> Halt {
        self.handler.undone();
        let reason = report(error);
        self.observed.interrupted(&reason);
        self.gauge.set(|reading| {
            (reading.interrupted, reading.busy_since) = (Some(reason), None);
        });
        let pause = self.pauses.next().unwrap_or_else(|| {
            let policy = RetryPolicy::default()
                .with_retries(usize::MAX)
                .with_first_pause(Duration::from_millis(100))
                .with_longest_pause(Duration::from_millis(2_500));
            self.pauses = Box::new(policy.pauses());
            self.pauses.next().unwrap_or(Duration::from_secs(5))
        });
        self.pause(pause).await
    }

    /// Waits, unless it is told to end.
    pub(super) async fn pause(&mut self, pause: Duration) -> Halt {
        let mut control = self.control.clone();
        tokio::select! {
            () = sleep(pause) => Halt::Again,
            _ = control.wait_for(|control| control.end.is_some()) => Halt::Ended,
        }
    }

    /// A step's outcome is unknown. Whoever claims the part again learns it from the checkpoint: whether it is
    /// at `to` by now. Nothing is remembered of a step that did not happen.
    pub(super) async fn claim_again(&mut self, error: &StoreError) -> Result<(), Halt> {
        let reason = report(error);
        self.observed.interrupted(&reason);
        self.gauge.set(|reading| reading.interrupted = Some(reason));
        loop {
            let claimed = self.member.store.claim(self.member.id, &[self.claim.part]).await;
            // None: the lost transaction holds the part still, or it is somebody else's, and the keeper says so.
            if let Some(claim) = claimed.ok().and_then(|mut claims| claims.pop()) {
                self.claim = claim;
                return Ok(());
            }
            if matches!(self.pause(Duration::from_millis(100)).await, Halt::Ended) {
                return Err(Halt::Ended);
            }
        }
    }

    /// Forgets everything but the claim, and what failed after its checkpoint.
    pub(super) fn begin_again(&mut self) -> Halt {
        self.handler.undone();
        self.division = None;
        (self.position, self.seen) = (self.claim.position, self.claim.position);
        // Another process may have gone past what failed here.
        self.sequences.passed(self.claim.position);
        Halt::Again
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { statement: self.followed.options.timeout, idle: self.member.lease / 2 }
    }

    /// How long a step may take as a whole, against a network that swallows what is sent.
    pub(super) fn patience(&self) -> Duration {
        self.followed.options.timeout * 2 + Duration::from_secs(10)
    }
}

/// What is said of a checkpoint at `at` while the log ends at `head`.
pub(super) fn ahead(at: Position, head: Position) -> String {
    format!("it is at {at}, and the log ends at {head}")
}

/// What a step that never ended is taken for.
pub(super) fn overdue() -> StepError {
    StoreError::OutcomeUnknown("the step took too long".into()).into()
}
