//! One task a process: its beats, its parts, its attempts to swap.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Beat, Books, Claim, Declaration, DeclaredVersion, FollowerStore, PartId, PartReport, Report,
    decide::{Action, Mine, builds, decide},
    member::{Control, End, Followed, Gauge, LiveBuild, Member, Place, Reading, Sight},
    rebuild::Attempts,
    runner::Runner,
};
use crate::{
    observe::{Here, ObservedMember},
    report::report,
};

/// How often the books are looked at while a shadow must keep up with a live build that holds still.
const WATCHFUL: Duration = Duration::from_millis(20);

pub(super) struct Keeper<S: FollowerStore> {
    member: Arc<Member<S>>,
    parts: BTreeMap<PartId, Part>,
    attempts: Attempts,
    observed: ObservedMember,
    /// True once it is to end.
    stop: watch::Receiver<bool>,
}

/// A part that runs here.
struct Part {
    control: watch::Sender<Control>,
    gauge: Arc<Gauge>,
    sight: watch::Sender<Sight>,
    task: JoinHandle<()>,
    /// The checkpoint, as it was when the books were last asked for.
    left: Place,
    /// Events handled a second, and when and from how many it was taken.
    rate: f64,
    measured: (Instant, u64),
}

impl<S: FollowerStore> Keeper<S> {
    pub(super) fn new(member: Arc<Member<S>>, stop: watch::Receiver<bool>) -> Self {
        let (attempts, observed) = (Attempts::default(), ObservedMember::default());
        Self { member, parts: BTreeMap::new(), attempts, observed, stop }
    }

    /// Keeps its parts running until it is told to stop, then gives them back.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let mut is_over = false;
        while !is_over {
            let next = Instant::now() + self.member.lease / 10;
            self.beat().await;
            loop {
                let watchful = self.attempts.are_under_way();
                let wake = if watchful { next.min(Instant::now() + WATCHFUL) } else { next };
                let wake = self.attempts.next().map_or(wake, |at| wake.min(at.max(Instant::now())));
                tokio::select! {
                    () = sleep_until(wake) => {}
                    () = self.member.nudge.notified() => break,
                    // Also when nobody is left to say so.
                    _ = stop.wait_for(|stop| *stop) => {
                        is_over = true;
                        break;
                    }
                }
                if !watchful || Instant::now() >= next {
                    break;
                }
                if let Ok(Ok(books)) =
                    timeout(self.member.lease / 2, self.member.store.books(None)).await
                {
                    self.tell(&books);
                }
            }
        }
        self.end().await;
    }

    /// Says that this member is alive, and does what the books ask of it. When the store does not answer, the
    /// next beat is the next try.
    async fn beat(&mut self) {
        self.reap().await;
        let lease = self.member.lease.mul_f64(0.6);
        let sent = Instant::now();
        let declares = self.member.declares();
        let Some(books) = self.say(lease, declares).await else { return };
        self.tell(&books);
        self.end_set_back(&books);
        let running: Vec<_> = self.parts.keys().copied().collect();
        let mut claims = Vec::new();
        for action in decide(&books, &Mine { id: self.member.id, running: &running }) {
            match action {
                Action::Claim(part) => claims.push(part),
                Action::Release(part) => self.end_part(part, End::Release),
                Action::End(part) => self.end_part(part, End::Lost),
            }
        }
        // Only now, so that a process that was frozen for longer than its lease ends first what others run by now.
        self.member.good_until.send_replace(sent + lease);
        if !claims.is_empty() {
            let (member, patience) = (&self.member, self.member.lease / 2);
            let claimed = timeout(patience, member.store.claim(member.id, &claims)).await;
            // What was claimed and is not known to be is in the next books as this member's.
            for claim in claimed.ok().and_then(Result::ok).unwrap_or_default() {
                self.start(&books, claim);
            }
        }
        let parts = &self.parts;
        let is_at_end =
            |part| parts.get(&part).is_some_and(|part: &Part| part.gauge.read().is_at_end);
        let refused = self.attempts.attend(&self.member, &books, is_at_end, &self.stop).await;
        for (part, reason) in refused {
            if let Some(part) = self.parts.get(&part) {
                part.control.send_modify(|control| control.refused = Some(reason));
            }
        }
        self.observe(&books).await;
    }

    /// Tells what the books say to those who watch from outside.
    async fn observe(&mut self, books: &Books) {
        let Self { member, parts, attempts, observed, .. } = self;
        attempts.builds().for_each(|build| observed.caught_up(build));
        let declares = |name: &str| {
            let followed = member.followed(name)?;
            Some((followed.declaration.name, &followed.filter))
        };
        let here = |part| {
            let Reading { seen, oldest, .. } = parts.get(&part)?.gauge.read();
            Some(Here { seen, oldest })
        };
        let patience = member.lease / 10;
        observed.beat(&member.store, (member.id, books), declares, here, patience).await;
    }

    async fn say(&mut self, lease: Duration, declares: Vec<DeclaredVersion>) -> Option<Books> {
        let (member, name) = (self.member.id, self.member.name.clone());
        let said = Report { declares, parts: self.reports() };
        let beat = Beat { member, name, lease, report: said };
        match timeout(self.member.lease / 2, self.member.store.books(Some(&beat))).await {
            Ok(Ok(books)) => return Some(books),
            Ok(Err(error)) => self.observed.beat_failed(&report(&error)),
            Err(late) => self.observed.beat_failed(&late.to_string()),
        }
        None
    }

    fn reports(&mut self) -> Vec<PartReport> {
        let now = Instant::now();
        let report = |(id, part): (&PartId, &mut Part)| {
            let reading = part.gauge.read();
            part.measure(now, reading.events);
            part.left = Place { fence: reading.fence, position: reading.checkpoint };
            PartReport {
                part: *id,
                fence: reading.fence,
                seen: reading.seen,
                rate: part.rate,
                busy_since: reading.busy_since,
                interrupted: reading.interrupted,
                held_by: self.attempts.held_by(*id),
            }
        };
        self.parts.iter_mut().map(report).collect()
    }

    /// Tells those who wait, and the runners, what the books say.
    fn tell(&self, books: &Books) {
        self.member.see(books);
        for follower in &books.followers {
            for build in builds(follower) {
                let is_live = build.id == follower.live.id;
                for part in &build.parts {
                    let Some(running) = self.parts.get(&part.id) else { continue };
                    let beside =
                        follower.live.parts.iter().find(|live| live.id.part == part.id.part);
                    let clamp = beside.filter(|_| build.verify.is_some()).map(|live| live.position);
                    running.control.send_if_modified(|control| {
                        let before = control.clone();
                        (control.is_live, control.clamp) = (is_live, clamp);
                        control.retries += u64::from(build.to_retry > 0);
                        *control != before
                    });
                }
            }
        }
    }

    fn start(&mut self, books: &Books, claim: Claim) {
        let build = claim.part.build;
        let follower =
            books.followers.iter().find(|follower| builds(follower).any(|b| b.id == build));
        let followed = follower.and_then(|follower| self.member.followed(&follower.name));
        let Some(followed) = followed.cloned() else { return };
        let (control, told) =
            watch::channel(Control { is_live: claim.is_live, ..Control::default() });
        let (gauge, part) = (Arc::new(Gauge::default()), claim.part);
        let Declaration { name, version, .. } = followed.declaration;
        self.observed.claimed(name, version, &claim);
        let left = Place { fence: claim.fence, position: claim.position };
        gauge.set(|reading| {
            reading.fence = left.fence;
            (reading.checkpoint, reading.seen) = (left.position, left.position);
        });
        let (member, sight) = (Arc::clone(&self.member), followed.sight.clone());
        let runner = Runner::new(member, followed, claim, told, Arc::clone(&gauge));
        let task = tokio::spawn(runner.run());
        let measured = (Instant::now(), 0);
        self.parts.insert(part, Part { control, gauge, sight, task, left, rate: 0.0, measured });
    }

    /// A server that crashed, or another one in its place, may have lost the last steps of a part, or its claim, and the part may have
    /// had nothing to do since. It is claimed again.
    fn end_set_back(&self, books: &Books) {
        for follower in &books.followers {
            for part in builds(follower).flat_map(|build| &build.parts) {
                let Some(Part { left, .. }) = self.parts.get(&part.id) else { continue };
                if (part.fence, part.position) < (left.fence, left.position) {
                    self.observed.set_back(&follower.name, part, left.position);
                    self.end_part(part.id, End::Lost);
                }
            }
        }
    }

    fn end_part(&self, part: PartId, end: End) {
        if let Some(part) = self.parts.get(&part) {
            part.control.send_modify(|control| control.end = Some(end));
        }
    }

    /// Forgets the parts whose runners have ended. What is this member's still, by the books, is claimed again.
    async fn reap(&mut self) {
        for (id, part) in self.parts.extract_if(.., |_, part| part.task.is_finished()) {
            if part.task.await.is_err() {
                // It panicked, and could not say itself that it is gone.
                part.sight.send_modify(|sight| {
                    sight.seen.remove(&id);
                });
            }
        }
    }

    async fn end(&mut self) {
        let parts: Vec<_> = self.parts.keys().copied().collect();
        parts.into_iter().for_each(|part| self.end_part(part, End::Release));
        self.attempts.end().await;
        let tasks = std::mem::take(&mut self.parts).into_values().map(|part| part.task);
        let mut ending = std::pin::pin!(join_all(tasks));
        loop {
            tokio::select! {
                _ended = &mut ending => break,
                () = tokio::time::sleep(self.member.lease / 10) => {}
            }
            // A long step must not be lost at the last moment, and nobody should leave parts to a member that takes no more.
            let _books = self.say(self.member.lease.mul_f64(0.6), Vec::new()).await;
        }
        // If this gets lost, the lease runs out.
        let _left = self.say(Duration::ZERO, Vec::new()).await;
        self.observed.ended();
    }
}

impl Part {
    fn measure(&mut self, now: Instant, events: u64) {
        let (at, from) = self.measured;
        let elapsed = now.duration_since(at).as_secs_f64();
        if elapsed < 0.1 {
            return;
        }
        let handled = u32::try_from(events.saturating_sub(from)).unwrap_or(u32::MAX);
        let rate = f64::from(handled) / elapsed;
        let weight = (elapsed / 3.0).clamp(0.1, 1.0);
        self.rate = if from == 0 { rate } else { self.rate + (rate - self.rate) * weight };
        self.measured = (now, events);
    }
}

impl<S: FollowerStore> Member<S> {
    fn declares(&self) -> Vec<DeclaredVersion> {
        let declared = |followed: &Arc<Followed<S::Connection>>| DeclaredVersion {
            name: followed.declaration.name.to_owned(),
            version: followed.declaration.version,
        };
        self.followed.iter().map(declared).collect()
    }

    /// What declares the follower `name` here.
    pub(super) fn followed(&self, name: &str) -> Option<&Arc<Followed<S::Connection>>> {
        self.followed.iter().find(|followed| followed.declaration.name == name)
    }

    fn see(&self, books: &Books) {
        for follower in &books.followers {
            if let Some(followed) = self.followed(&follower.name) {
                let live = LiveBuild::new(books, follower);
                followed.sight.send_modify(|sight| sight.live = Some(live));
            }
        }
    }

    /// The first beat, before anything runs.
    pub(super) async fn first_beat(&self) -> Result<(), crate::StoreError> {
        let report = Report { declares: self.declares(), parts: Vec::new() };
        let lease = self.lease.mul_f64(0.6);
        let beat = Beat { member: self.id, name: self.name.clone(), lease, report };
        let sent = Instant::now();
        let books = self.store.books(Some(&beat)).await?;
        self.good_until.send_replace(sent + lease);
        self.see(&books);
        Ok(())
    }
}
