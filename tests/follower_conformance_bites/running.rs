//! Stores that claim, step, make and note wrongly.

use std::time::Duration;

use annals::{
    FollowerStore, MemoryStore, Tables,
    followers::{
        Beat, Books, Claim, FailureKind, HandlerFailed, Limits, Make, MemberId, Note, NotedFailure,
        PartId, Report, RowChanges, Step, StepError, Work,
    },
};
use async_trait::async_trait;

use crate::wrong::{Defect, books, builds, holding, part};

type Stepped = Result<(), StepError>;

/// A defect in one method.
macro_rules! defects {
    ($($(#[$doc:meta])* $defect:ident: $method:ident($right:ident, $($argument:ident: $type:ty),*) -> $answer:ty $body:block)*) => {
        $(
            $(#[$doc])*
            #[derive(Default)]
            pub(crate) struct $defect;

            #[async_trait]
            impl Defect for $defect {
                async fn $method(&self, $right: &MemoryStore, $($argument: $type),*) -> $answer $body
            }
        )*
    };
}
pub(crate) use defects;

/// A step like `step`, without what it does.
fn bare<'b, 'a: 'b>(step: &Step<'a, Tables>) -> Step<'b, Tables> {
    Step {
        claim: step.claim,
        from: step.from,
        to: step.to,
        events: step.events,
        rows: None,
        work: None,
        park: &[],
        settle: &[],
        limits: step.limits,
    }
}

/// The same step, for less long: for what a defect puts in.
fn shorter<'b, 'a: 'b>(step: Step<'a, Tables>) -> Step<'b, Tables> {
    let Step { claim, from, to, events, rows, work, park, settle, limits } = step;
    let work = work.map(|work| work as &mut dyn Work<Tables>);
    Step { claim, from, to, events, rows, work, park, settle, limits }
}

struct Twice<'a>(&'a mut dyn Work<Tables>);

#[async_trait]
impl Work<Tables> for Twice<'_> {
    async fn run(&mut self, tables: &mut Tables) -> Result<(), HandlerFailed> {
        let mut lost = tables.clone();
        self.0.run(&mut lost).await?;
        self.0.run(tables).await
    }
}

struct Unfailing<'a>(&'a mut dyn Work<Tables>);

#[async_trait]
impl Work<Tables> for Unfailing<'_> {
    async fn run(&mut self, tables: &mut Tables) -> Result<(), HandlerFailed> {
        let _ = self.0.run(tables).await;
        Ok(())
    }
}

defects! {
    /// Takes every claim for one that holds.
    IgnoresFences: commit(right, step: Step<'_, Tables>) -> Stepped {
        let claim = holding(right, step.claim).await;
        right.commit(Step { claim: &claim, ..shorter(step) }).await
    }
    /// Begins wherever the checkpoint is.
    IgnoresTheBeginning: commit(right, step: Step<'_, Tables>) -> Stepped {
        let from = part(right, step.claim.part).await.map_or(step.from, |part| part.position);
        right.commit(Step { from, ..step }).await
    }
    /// Works first, and finds out later whether it may.
    ChecksTheFenceLast: commit(right, step: Step<'_, Tables>) -> Stepped {
        let Step { work, claim, from, to, events, rows, park, settle, limits } = step;
        if let Some(work) = work {
            work.run(&mut Tables::default()).await?;
            return right.commit(Step { work: None, claim, from, to, events, rows, park, settle, limits }).await;
        }
        right.commit(Step { work, claim, from, to, events, rows, park, settle, limits }).await
    }
    /// Commits the checkpoint before the work.
    CommitsTheCheckpointFirst: commit(right, step: Step<'_, Tables>) -> Stepped {
        right.commit(bare(&step)).await?;
        tokio::task::yield_now().await;
        right.commit(Step { from: step.to, events: 0, ..step }).await
    }
    /// Commits the checkpoint after the work.
    CommitsTheWorkFirst: commit(right, step: Step<'_, Tables>) -> Stepped {
        let rest = bare(&step);
        right.commit(Step { to: step.from, events: 0, ..step }).await?;
        tokio::task::yield_now().await;
        right.commit(rest).await
    }
    /// Puts rows one by one.
    CommitsRowByRow: commit(right, step: Step<'_, Tables>) -> Stepped {
        if let Some(RowChanges { table, upserts, .. }) = step.rows {
            for upserts in upserts.chunks(1) {
                let rows = Some(RowChanges { table, upserts, deletes: &[] });
                right.commit(Step { to: step.from, events: 0, rows, ..bare(&step) }).await?;
                tokio::task::yield_now().await;
            }
        }
        right.commit(step).await
    }
    /// Parks in a transaction of its own.
    ParksApart: commit(right, step: Step<'_, Tables>) -> Stepped {
        let (park, settle) = (step.park, step.settle);
        right.commit(Step { park, settle, to: step.from, events: 0, ..bare(&step) }).await?;
        right.commit(step).await
    }
    /// Tries work again by itself.
    WorksTwice: commit(right, step: Step<'_, Tables>) -> Stepped {
        let mut twice = step.work.map(Twice);
        let work = twice.as_mut().map(|work| work as &mut dyn Work<Tables>);
        let Step { claim, from, to, events, rows, park, settle, limits, .. } = step;
        right.commit(Step { claim, from, to, events, rows, work, park, settle, limits }).await
    }
    /// Says that all work failed in one way.
    TellsOneKindOfFailure: commit(right, step: Step<'_, Tables>) -> Stepped {
        right.commit(step).await.map_err(|error| match error {
            StepError::Handler(failed) => HandlerFailed { kind: FailureKind::Error, at: None, ..failed }.into(),
            other => other,
        })
    }
    /// Does not know how many events were handled.
    CountsNoEvents: commit(right, step: Step<'_, Tables>) -> Stepped {
        right.commit(Step { events: 0, ..step }).await
    }
    /// Removes nothing.
    KeepsDeletedRows: commit(right, step: Step<'_, Tables>) -> Stepped {
        let rows = step.rows.map(|rows| RowChanges { deletes: &[], ..rows });
        right.commit(Step { rows, ..step }).await
    }
    /// Thinks that a step without a way to go is nothing.
    SkipsStepsThatStay: commit(right, step: Step<'_, Tables>) -> Stepped {
        if step.from == step.to { Ok(()) } else { right.commit(step).await }
    }
    /// Parks without a look at what is there.
    ParksAnew: commit(right, step: Step<'_, Tables>) -> Stepped {
        let settle: Vec<_> = step.park.iter().map(|park| annals::followers::ParkedId {
            sequence: park.sequence.clone(),
            position: park.position,
        }).collect();
        right.commit(Step { settle: &settle, to: step.from, events: 0, ..bare(&step) }).await?;
        right.commit(step).await
    }
    /// Never settles.
    KeepsSettledEvents: commit(right, step: Step<'_, Tables>) -> Stepped {
        right.commit(Step { settle: &[], ..step }).await
    }
    /// Gives parts to whoever asks.
    ClaimsWhatIsAnothers: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        for id in parts {
            if let Some(part) = part(right, *id).await {
                let claim = Claim { part: *id, parts: 1.try_into().unwrap(), fence: part.fence, position: part.position, is_live: true };
                right.release(&[claim]).await.unwrap();
            }
        }
        right.claim(member, parts).await.unwrap()
    }
    /// Looks who owns a part, and takes it later.
    LooksThenClaims: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let free = right.claim(member, parts).await.unwrap();
        right.release(&free).await.unwrap();
        tokio::task::yield_now().await;
        let parts: Vec<_> = free.iter().map(|claim| claim.part).collect();
        ClaimsWhatIsAnothers.claim(right, member, &parts).await
    }
    /// Leaves out what is owned, by whomever.
    LeavesOutTheOwner: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let mut free = Vec::new();
        for id in parts {
            if part(right, *id).await.is_some_and(|part| part.owner != Some(member)) {
                free.push(*id);
            }
        }
        right.claim(member, &free).await.unwrap()
    }
    /// Claims one part at the most.
    ClaimsOne: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        right.claim(member, parts.get(..1).unwrap_or_default()).await.unwrap()
    }
    /// Comes back to a number after a while.
    RepeatsNumbers: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let mut claims = right.claim(member, parts).await.unwrap();
        claims.iter_mut().for_each(|claim| claim.fence %= 64);
        claims
    }
    /// Does not know where a part is.
    ClaimsFromTheBeginning: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let mut claims = right.claim(member, parts).await.unwrap();
        claims.iter_mut().for_each(|claim| claim.position = annals::Position::START);
        claims
    }
    /// Takes every build for the live one.
    ClaimsAsLive: claim(right, member: MemberId, parts: &[PartId]) -> Vec<Claim> {
        let mut claims = right.claim(member, parts).await.unwrap();
        claims.iter_mut().for_each(|claim| claim.is_live = true);
        claims
    }
    /// Keeps what is given back.
    KeepsWhatIsReleased: release(right, claims: &[Claim]) -> () {
        let _ = (right, claims);
    }
    /// Takes a part from its owner when anybody who ever had it gives it back.
    ReleasesForAnybody: release(right, claims: &[Claim]) -> () {
        for claim in claims {
            right.release(&[holding(right, claim).await]).await.unwrap();
        }
    }

    /// Lets everybody live for ever.
    LeasesNeverEnd: books(right, beat: Option<Beat>) -> Books {
        let lease = Duration::from_secs(100_000);
        let beat = beat.map(|beat| Beat { lease: beat.lease.max(lease), ..beat });
        books(right, beat.as_ref()).await
    }
    /// Keeps members that leave until their time is over.
    NobodyLeaves: books(right, beat: Option<Beat>) -> Books {
        books(right, beat.filter(|beat| !beat.lease.is_zero()).as_ref()).await
    }
    /// Answers with the books as they were.
    AnswersBeforeTheBeat: books(right, beat: Option<Beat>) -> Books {
        let before = books(right, None).await;
        books(right, beat.as_ref()).await;
        before
    }
    /// Loses what members say.
    ForgetsReports: books(right, beat: Option<Beat>) -> Books {
        let beat = beat.map(|beat| Beat { report: Report::default(), ..beat });
        books(right, beat.as_ref()).await
    }
    /// Has no order.
    ListsBackwards: books(right, beat: Option<Beat>) -> Books {
        let mut books = books(right, beat.as_ref()).await;
        books.members.reverse();
        books.followers.reverse();
        builds(&mut books).for_each(|build| build.parts.reverse());
        books
    }
    /// Forgets the owner with its lease.
    ForgetsOwners: books(right, beat: Option<Beat>) -> Books {
        let mut books = books(right, beat.as_ref()).await;
        let parts = builds(&mut books).flat_map(|build| &mut build.parts);
        parts.filter(|part| !part.owner_is_alive).for_each(|part| part.owner = None);
        books
    }
    /// Asks twice, once for the builds and once for the divisions.
    ReadsTheBooksTwice: books(right, beat: Option<Beat>) -> Books {
        let mut first = books(right, beat.as_ref()).await;
        tokio::task::yield_now().await;
        let mut second = books(right, None).await;
        for (first, second) in builds(&mut first).zip(builds(&mut second)) {
            first.floors = std::mem::take(&mut second.floors);
        }
        first
    }
    /// Numbers the builds of each follower from 1 on.
    NumbersEachFollower: books(right, beat: Option<Beat>) -> Books {
        let mut books = books(right, beat.as_ref()).await;
        builds(&mut books).for_each(|build| build.id = annals::followers::BuildId::new(1));
        books
    }
    /// Does not count what is parked, and to be retried.
    CountsNothingParked: books(right, beat: Option<Beat>) -> Books {
        let mut books = books(right, beat.as_ref()).await;
        builds(&mut books).for_each(|build| (build.parked, build.to_retry) = (0, 0));
        books
    }
    /// Cannot say when a part moved last.
    ForgetsWhenItMoved: books(right, beat: Option<Beat>) -> Books {
        let mut books = books(right, beat.as_ref()).await;
        builds(&mut books).flat_map(|build| &mut build.parts).for_each(|part| part.advanced_at = None);
        books
    }

    /// Writes down what anybody says.
    NotesWithoutAClaim: note(right, claim: &Claim, note: Note) -> Stepped {
        right.note(&holding(right, claim).await, &note).await
    }
    /// Passes from wherever the checkpoint is.
    PassesFromAnywhere: note(right, claim: &Claim, note: Note) -> Stepped {
        let note = match note {
            Note::Passed { from, to } => {
                let at = part(right, claim.part).await.map_or(from, |part| part.position);
                Note::Passed { from: at, to }
            }
            failed => failed,
        };
        right.note(claim, &note).await
    }
    /// Does not know a note that is sent again.
    PassesOnce: note(right, claim: &Claim, note: Note) -> Stepped {
        let at = part(right, claim.part).await.map(|part| part.position);
        if matches!(note, Note::Passed { from, .. } if at.is_some_and(|at| at != from)) {
            return Err(StepError::Fenced);
        }
        right.note(claim, &note).await
    }
    /// Takes what was passed already for passed, wherever it is.
    PassesBackwards: note(right, claim: &Claim, note: Note) -> Stepped {
        let at = part(right, claim.part).await.map(|part| part.position);
        if matches!(note, Note::Passed { to, .. } if at.is_some_and(|at| to < at)) {
            return Ok(());
        }
        right.note(claim, &note).await
    }
    /// Stops nothing.
    NeverStops: note(right, claim: &Claim, note: Note) -> Stepped {
        let note = match note {
            Note::Failed(failed) => Note::Failed(NotedFailure { stops: false, ..failed }),
            passed => passed,
        };
        right.note(claim, &note).await
    }
    /// Cuts a reason at NUL.
    CutsReasons: note(right, claim: &Claim, note: Note) -> Stepped {
        let note = match note {
            Note::Failed(failed) => {
                let reason = failed.reason.split('\0').next().unwrap_or_default().to_owned();
                Note::Failed(NotedFailure { reason, ..failed })
            }
            passed => passed,
        };
        right.note(claim, &note).await
    }
    /// Knows one kind of failure.
    NotesOneKind: note(right, claim: &Claim, note: Note) -> Stepped {
        let note = match note {
            Note::Failed(failed) => Note::Failed(NotedFailure { kind: FailureKind::Error, ..failed }),
            passed => passed,
        };
        right.note(claim, &note).await
    }

    /// Makes without a look at the claim.
    MakesWithoutAClaim: make(right, claim: &Claim, tables: Make<'_, Tables>, limits: Limits) -> Stepped {
        right.make(&holding(right, claim).await, tables, limits).await
    }
    /// Calls the work before it looks whether there is anything to make.
    MakesBeforeItLooks: make(right, claim: &Claim, tables: Make<'_, Tables>, limits: Limits) -> Stepped {
        match tables {
            Make::Work(work) => {
                work.run(&mut Tables::default()).await?;
                right.make(claim, Make::Work(&mut Unfailing(work)), limits).await
            }
            table => right.make(claim, table, limits).await,
        }
    }
    /// Takes for made what failed.
    MakesInSpiteOfErrors: make(right, claim: &Claim, tables: Make<'_, Tables>, limits: Limits) -> Stepped {
        match tables {
            Make::Work(work) => right.make(claim, Make::Work(&mut Unfailing(work)), limits).await,
            table => right.make(claim, table, limits).await,
        }
    }
    /// Makes nothing.
    NeverMakes: make(right, claim: &Claim, tables: Make<'_, Tables>, limits: Limits) -> Stepped {
        let _ = (right, claim, tables, limits);
        Ok(())
    }
}
