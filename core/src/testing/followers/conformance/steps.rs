use std::sync::Arc;

use futures_util::{
    FutureExt,
    future::{Either, poll_immediate, select},
};
use tokio::{sync::Barrier, task::yield_now};

use super::{
    Fixture,
    doing::Doing,
    trial::{
        CUSTOMERS, NOTES, POSTMAN, Trial, at_once, eventually, fenced, position, positions, row,
        soon,
    },
};
use crate::{
    FollowerStore,
    followers::{Claim, Command, FailureKind, HandlerFailed, MemberId, PartId, StepError},
};

/// Claims a part that a step or a making, dropped in the middle, may still hold for a moment.
pub(super) async fn claimed_at_last<F: Fixture>(
    trial: &Trial<F>,
    member: MemberId,
    part: PartId,
) -> Claim {
    let claim = || async { trial.claims(member, &[part]).await.pop() };
    eventually("a part whose step was dropped is free again", claim).await
}

pub(super) async fn a_step_moves_the_checkpoint_and_counts<F: Fixture>(trial: Trial<F>) {
    for name in [CUSTOMERS, NOTES, POSTMAN] {
        let claim = trial.running(name).await;
        trial.stepped(&claim, Doing::from_to(0, 5).events(3)).await;
        let books = trial.beat(None).await;
        let part = trial.part(claim.part).await;
        assert_eq!((part.position, part.events), (position(5), 3));
        assert!(part.advanced_at.is_some_and(|at| at <= books.now), "{part:?}");
        assert_eq!(part.fence, claim.fence, "a step leaves its claim as it is");
        trial.stepped(&claim, Doing::from_to(5, 9).events(1)).await;
        let part = trial.part(claim.part).await;
        assert_eq!((part.position, part.events), (position(9), 4));
    }
}

pub(super) async fn a_step_may_stay_where_it_is<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 5)).await;
    let before = trial.part(claim.part).await;
    trial.stepped(&claim, Doing::from_to(5, 5).events(2).put(row("a", "1"))).await;
    let part = trial.part(claim.part).await;
    assert_eq!((part.position, part.events), (position(5), 2));
    assert_eq!(part.advanced_at, before.advanced_at, "it has not moved");
    assert_eq!(trial.list(None).await, ["a=1"]);
}

pub(super) async fn the_fence_is_checked_before_the_work<F: Fixture>(trial: Trial<F>) {
    let old = trial.running(NOTES).await;
    let owner = trial.part(old.part).await.owner.unwrap_or_else(MemberId::new);
    let new = trial.claim_part(owner, old.part).await;
    let mut work = trial.writing("late");
    fenced(trial.work(&old, Doing::from_to(0, 1).events(1), &mut work).await);
    assert_eq!(work.calls, 0, "the work was called without a claim");
    assert_eq!(trial.read_notes().await, [""; 0]);
    assert_eq!(trial.part(new.part).await.events, 0);
    trial.wrote(&new, Doing::from_to(0, 1), "in time").await;
    assert_eq!(trial.read_notes().await, ["in time"]);
}

pub(super) async fn the_checkpoint_must_be_where_the_step_begins<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(NOTES).await;
    trial.wrote(&claim, Doing::from_to(0, 5), "five").await;
    for from in [0, 4, 6, 100] {
        let mut work = trial.writing("elsewhere");
        fenced(trial.work(&claim, Doing::from_to(from, 200), &mut work).await);
        assert_eq!(work.calls, 0, "the work was called from {from}");
    }
    assert_eq!(positions(&trial.live(NOTES).await), [5]);
    assert_eq!(trial.read_notes().await, ["five"]);
    trial.wrote(&claim, Doing::from_to(5, 6), "six").await;
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 5).put(row("a", "5"))).await;
    for from in [0, 4, 6, 100] {
        fenced(trial.step(&claim, Doing::from_to(from, 200).put(row("a", "200"))).await);
    }
    assert_eq!(positions(&trial.live(CUSTOMERS).await), [5]);
    assert_eq!(trial.list(None).await, ["a=5"]);
}

pub(super) async fn a_fenced_step_leaves_nothing<F: Fixture>(trial: Trial<F>) {
    let old = trial.running(CUSTOMERS).await;
    trial.stepped(&old, Doing::from_to(0, 1).put(row("a", "1")).park("a", 1, true)).await;
    assert!(trial.release(std::slice::from_ref(&old)).await.is_ok());
    let before = trial.live(CUSTOMERS).await;
    let rows = || Doing::from_to(1, 2).events(1).put(row("a", "2")).put(row("b", "2")).delete("c");
    fenced(trial.step(&old, rows()).await);
    fenced(trial.step(&old, rows().park("b", 2, true).settle("a", 1)).await);
    assert_eq!(trial.live(CUSTOMERS).await, before);
    assert_eq!(trial.list(None).await, ["a=1"]);
    let parked = trial.all_parked(old.part.build).await;
    assert_eq!(parked.iter().map(|event| &*event.sequence).collect::<Vec<_>>(), ["a"]);
}

pub(super) async fn a_step_that_fails_is_undone_whole<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(NOTES).await;
    trial.wrote(&claim, Doing::from_to(0, 1).park("a", 1, true), "one").await;
    let before = trial.live(NOTES).await;
    let parked = trial.all_parked(claim.part.build).await;
    for (kind, at) in [
        (FailureKind::Error, Some(3)),
        (FailureKind::Error, None),
        (FailureKind::Panic, Some(0)),
        (FailureKind::Timeout, None),
        (FailureKind::Refused, None),
    ] {
        let mut work = trial.writing("two").failing(kind, at);
        let doing = Doing::from_to(1, 2).events(1).park("b", 2, true).settle("a", 1);
        match trial.work(&claim, doing, &mut work).await {
            Err(StepError::Handler(HandlerFailed { at: told, kind: as_what, reason })) => {
                assert_eq!((told, as_what, &*reason.to_string()), (at, kind, "it had to fail"));
            }
            other => panic!("work that fails was answered with {other:?}"),
        }
        assert_eq!(work.calls, 1, "work is called at most once");
        assert_eq!(trial.live(NOTES).await, before);
        assert_eq!(trial.read_notes().await, ["one"]);
        assert_eq!(trial.all_parked(claim.part.build).await, parked);
    }
    trial.wrote(&claim, Doing::from_to(1, 2), "two").await;
    assert_eq!(trial.read_notes().await, ["one", "two"]);
}

pub(super) async fn work_and_checkpoint_come_together<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(NOTES).await;
    let (mut work, gate) = trial.writing("one").gated();
    let stepping = tokio::spawn({
        let (trial, claim) = (trial.clone(), claim.clone());
        async move { trial.work(&claim, Doing::from_to(0, 1), &mut work).await }
    });
    soon("the work is called", gate.reached).await.unwrap_or_else(|_| panic!("not called"));
    let reading = soon("readers do not wait for a step", trial.read_notes());
    assert_eq!(reading.await, [""; 0], "it is not committed yet");
    let looking = soon("the books do not wait for a step", trial.live(NOTES));
    assert_eq!(positions(&looking.await), [0]);
    assert!(gate.open.send(()).is_ok());
    let answer = soon("the step ends", stepping).await;
    assert!(matches!(answer, Ok(Ok(()))), "{answer:?}");
    assert_eq!(trial.read_notes().await, ["one"]);
    assert_eq!(positions(&trial.live(NOTES).await), [1]);
}

pub(super) async fn rows_and_checkpoint_come_together<F: Fixture>(trial: Trial<F>) {
    const STEPS: u64 = 30;
    let claim = trial.running(CUSTOMERS).await;
    let keys: Vec<_> = (0..20).map(|number| format!("key-{number:02}")).collect();
    // Each step is made while somebody looks.
    let round = Arc::new(Barrier::new(2));
    let writer = tokio::spawn({
        let (trial, keys, claim) = (trial.clone(), keys.clone(), claim.clone());
        let round = Arc::clone(&round);
        async move {
            for step in 0..STEPS {
                let rows = keys.iter().map(|key| row(key, &(step + 1).to_string()));
                round.wait().await;
                trial.stepped(&claim, Doing::from_to(step, step + 1).put_all(rows)).await;
            }
        }
    });
    let look = async || {
        let before = trial.part(claim.part).await.position.get();
        let rows = trial.list(None).await;
        let after = trial.part(claim.part).await.position.get();
        let states: Vec<u64> =
            rows.iter().filter_map(|row| row.split_once('=')?.1.parse().ok()).collect();
        let first = states.first().copied().unwrap_or(0);
        assert!(states.iter().all(|state| *state == first), "half a step: {rows:?}");
        assert!(states.len() == if first == 0 { 0 } else { keys.len() }, "{rows:?}");
        assert!((before..=after).contains(&first), "{first} is not {before} to {after}");
        after
    };
    for _ in 0..STEPS {
        soon("the next step begins", round.wait()).await;
        for _ in 0..3 {
            look().await;
            yield_now().await;
        }
    }
    writer.await.unwrap_or_else(|error| panic!("the writer failed: {error}"));
    assert_eq!(look().await, STEPS);
}

pub(super) async fn a_claim_lost_in_the_middle_commits_nothing<F: Fixture>(trial: Trial<F>) {
    let old = trial.running(NOTES).await;
    let owner = trial.part(old.part).await.owner.unwrap_or_else(MemberId::new);
    let (mut work, gate) = trial.writing("old").gated();
    let stepping = tokio::spawn({
        let (trial, old) = (trial.clone(), old.clone());
        async move { trial.work(&old, Doing::from_to(0, 1), &mut work).await }
    });
    soon("the work is called", gate.reached).await.unwrap_or_else(|_| panic!("not called"));
    trial.lives(owner, std::time::Duration::ZERO).await;
    let heir = trial.member().await;
    let early = soon("a claim is answered", trial.claims(heir, &[old.part])).await.pop();
    assert!(gate.open.send(()).is_ok());
    let answer = soon("the step ends", stepping).await;
    let answer = answer.unwrap_or_else(|error| panic!("the step panicked: {error}"));
    let was_early = early.is_some();
    let new = match early {
        Some(new) => new,
        None => claimed_at_last(&trial, heir, old.part).await,
    };
    match answer {
        Ok(()) => {
            assert!(!was_early, "the step was committed although the part was claimed");
            assert_eq!(new.position, position(1));
            assert_eq!(trial.read_notes().await, ["old"]);
        }
        answer => {
            fenced(answer);
            assert_eq!(new.position, position(0));
            assert_eq!(trial.read_notes().await, [""; 0]);
        }
    }
    let from = new.position.get();
    trial.wrote(&new, Doing::from_to(from, from + 1), "new").await;
}

pub(super) async fn a_step_dropped_within_its_work_leaves_nothing<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(NOTES).await;
    let owner = trial.part(claim.part).await.owner.unwrap_or_else(MemberId::new);
    let (mut work, gate) = trial.writing("lost").gated();
    let working = trial.work(&claim, Doing::from_to(0, 1), &mut work).boxed();
    match select(working, gate.reached).await {
        Either::Left((answer, _)) => panic!("it waits, and answers {answer:?}"),
        Either::Right((reached, dropped)) => {
            assert!(reached.is_ok());
            drop(dropped);
        }
    }
    let new = claimed_at_last(&trial, owner, claim.part).await;
    assert_eq!(new.position, position(0));
    assert_eq!(trial.read_notes().await, [""; 0]);
    trial.wrote(&new, Doing::from_to(0, 1), "again").await;
    assert_eq!(trial.read_notes().await, ["again"]);
}

pub(super) async fn a_dropped_step_happened_whole_or_not_at_all<F: Fixture>(trial: Trial<F>) {
    let mut claim = trial.running(NOTES).await;
    let owner = trial.part(claim.part).await.owner.unwrap_or_else(MemberId::new);
    let mut written = Vec::new();
    for round in 0..20 {
        let (from, note) = (claim.position.get(), format!("note-{round:02}"));
        let mut work = trial.writing(&note);
        let doing = Doing::from_to(from, from + 1).events(1);
        let mut dropped = trial.work(&claim, doing, &mut work).boxed();
        for _ in 0..round {
            if poll_immediate(&mut dropped).await.is_some() {
                break;
            }
            yield_now().await;
        }
        drop(dropped);
        claim = claimed_at_last(&trial, owner, claim.part).await;
        if claim.position.get() > from {
            written.push(note);
        }
        assert_eq!(trial.read_notes().await, written, "at {}", claim.position);
        assert_eq!(trial.part(claim.part).await.events, written.len() as u64);
    }
}

pub(super) async fn of_two_steps_from_one_place_one_is_committed<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(NOTES).await;
    for round in 0..5 {
        let answers = at_once(2, |number| {
            let (trial, claim) = (trial.clone(), claim.clone());
            async move {
                let mut work = trial.writing(&format!("{round}-{number}"));
                trial.work(&claim, Doing::from_to(round, round + 1).events(1), &mut work).await
            }
        })
        .await;
        let committed = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(committed, 1, "{answers:?}");
        answers.into_iter().filter(Result::is_err).for_each(fenced);
        assert_eq!(trial.read_notes().await.len() as u64, round + 1);
        assert_eq!(trial.part(claim.part).await.events, round + 1);
    }
}

pub(super) async fn a_step_does_not_wait_for_another_part<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(POSTMAN, 2).await;
    let notes = trial.running(NOTES).await;
    let (mut work, gate) = trial.writing("slow").gated();
    let stepping = tokio::spawn({
        let trial = trial.clone();
        async move { trial.work(&notes, Doing::from_to(0, 1), &mut work).await }
    });
    soon("the work is called", gate.reached).await.unwrap_or_else(|_| panic!("not called"));
    for claim in &claims {
        soon("another's step", trial.stepped(claim, Doing::from_to(0, 1))).await;
    }
    assert!(gate.open.send(()).is_ok());
    let answer = soon("the step ends", stepping).await;
    assert!(matches!(answer, Ok(Ok(()))), "{answer:?}");
}

pub(super) async fn work_sees_the_tables_of_its_own_build<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(NOTES).await;
    trial.wrote(&live, Doing::from_to(0, 1), "live").await;
    let shadow = trial.rebuilding(NOTES).await.remove(0);
    trial.wrote(&shadow, Doing::from_to(0, 1), "shadow").await;
    for (claim, own) in [(&live, "live"), (&shadow, "shadow")] {
        let mut work = trial.writing("more");
        assert!(trial.work(claim, Doing::from_to(1, 2), &mut work).await.is_ok());
        assert_eq!(work.saw, [own], "under its plain name");
    }
    assert_eq!(trial.read_notes().await, ["live", "more"]);
    let outcome = crate::followers::Outcome::Cancelled;
    trial.told(NOTES, Command::EndRebuild { build: None, outcome }).await;
    assert_eq!(trial.read_notes().await, ["live", "more"]);
}
