use super::{
    Fixture,
    doing::Doing,
    trial::{CUSTOMERS, POSTMAN, Trial, fenced, position, positions},
};
use crate::{
    EventId, FollowerStore,
    followers::{BuildId, Claim, Command, FailureKind, MemberId, Note, NotedFailure},
};

/// A failure of the event at `at`, of sequence `anna`.
pub(super) fn failed(at: u64) -> NotedFailure {
    NotedFailure {
        position: position(at),
        event_id: Some(EventId::new()),
        sequence: "anna".into(),
        kind: FailureKind::Error,
        reason: format!("failed at {at}"),
        stops: false,
    }
}

/// That what lies between was looked at.
pub(super) fn passed(from: u64, to: u64) -> Note {
    Note::Passed { from: position(from), to: position(to) }
}

/// Stops the part of a claim in front of the event at `at`.
pub(super) async fn stop<F: Fixture>(trial: &Trial<F>, claim: &Claim, at: u64) {
    trial.noted(claim, Note::Failed(NotedFailure { stops: true, ..failed(at) })).await;
}

pub(super) async fn failures_are_counted<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let first = failed(3);
    trial.noted(&claim, Note::Failed(first.clone())).await;
    let [once] = &trial.all_failures(claim.part.build).await[..] else { panic!("one failure") };
    assert_eq!(
        (once.part, once.position, once.event_id),
        (claim.part, position(3), first.event_id)
    );
    assert_eq!(
        (&once.sequence, &once.reason, once.kind),
        (&first.sequence, &first.reason, first.kind)
    );
    assert_eq!((once.count, once.first_at), (1, once.last_at));
    assert!(once.last_at <= trial.beat(None).await.now);

    let last = NotedFailure {
        event_id: Some(EventId::new()),
        sequence: "é\"'".into(),
        kind: FailureKind::Timeout,
        reason: "it took\ntoo long".into(),
        ..first
    };
    trial.noted(&claim, Note::Failed(failed(3))).await;
    trial.noted(&claim, Note::Failed(last.clone())).await;
    let [thrice] = &trial.all_failures(claim.part.build).await[..] else { panic!("one failure") };
    assert_eq!((thrice.count, thrice.first_at), (3, once.first_at));
    assert!(thrice.last_at >= once.last_at);
    assert_eq!((thrice.event_id, &thrice.sequence), (last.event_id, &last.sequence));
    assert_eq!(
        (thrice.kind, &thrice.reason),
        (FailureKind::Timeout, &last.reason),
        "the last word"
    );
    assert_eq!(trial.live(CUSTOMERS).await.last_failure.as_ref(), Some(thrice));
    assert_eq!(positions(&trial.live(CUSTOMERS).await), [0], "a failure moves nothing");

    trial.stepped(&claim, Doing::from_to(0, 3).events(1)).await;
    assert_eq!(trial.all_failures(claim.part.build).await.as_slice(), std::slice::from_ref(thrice));
}

pub(super) async fn every_kind_of_failure_is_kept<F: Fixture>(trial: Trial<F>) {
    use FailureKind::{Ahead, Error, Panic, Refused, Timeout, TooManyParked, Unreadable};
    let claim = trial.running(POSTMAN).await;
    let kinds = [Error, Panic, Timeout, Unreadable, Refused, Ahead, TooManyParked];
    for (at, kind) in (1..).zip(kinds) {
        trial.noted(&claim, Note::Failed(NotedFailure { kind, ..failed(at) })).await;
    }
    let unblamed = NotedFailure {
        position: position(0),
        event_id: None,
        sequence: String::new(),
        reason: String::new(),
        ..failed(0)
    };
    trial.noted(&claim, Note::Failed(unblamed)).await;
    let mut found = trial.all_failures(claim.part.build).await;
    found.sort_by_key(|failure| failure.position);
    let [unblamed, found @ ..] = &found[..] else { panic!("there are failures") };
    assert_eq!((unblamed.event_id, &*unblamed.sequence, &*unblamed.reason), (None, "", ""));
    assert_eq!(found.iter().map(|failure| failure.kind).collect::<Vec<_>>(), kinds);
}

pub(super) async fn a_reason_may_hold_nul<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(POSTMAN).await;
    let reason = "a \0 in it".to_owned();
    let note = Note::Failed(NotedFailure { reason: reason.clone(), ..failed(1) });
    trial.noted(&claim, note).await;
    let [kept] = &trial.all_failures(claim.part.build).await[..] else { panic!("one failure") };
    assert!(kept.reason == reason || kept.reason == r"a \0 in it", "{:?}", kept.reason);
    let stopping = NotedFailure { reason, stops: true, ..failed(2) };
    trial.noted(&claim, Note::Failed(stopping)).await;
    assert!(trial.part(claim.part).await.stopped.is_some());
}

pub(super) async fn failures_come_latest_first<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let build = claim.part.build;
    assert_eq!(trial.all_failures(build).await, []);
    for at in [5, 3, 9, 3, 7] {
        trial.noted(&claim, Note::Failed(failed(at))).await;
    }
    let all = trial.all_failures(build).await;
    assert_eq!(all.len(), 4);
    assert!(all.windows(2).all(|two| match two {
        [one, next] => one.last_at >= next.last_at,
        _ => false,
    }));
    let two = trial.failures(build, 2).await;
    assert_eq!(two.ok().as_deref(), all.get(..2));
    assert!(trial.failures(build, 0).await.is_ok_and(|none| none.is_empty()));
    let last = trial.live(CUSTOMERS).await.last_failure;
    assert_eq!(last.map(|last| last.last_at), all.first().map(|first| first.last_at));
    assert_eq!(trial.all_failures(BuildId::new(build.get() + 1_000)).await, []);
}

pub(super) async fn a_note_needs_a_claim_that_holds<F: Fixture>(trial: Trial<F>) {
    let old = trial.running(CUSTOMERS).await;
    let owner = trial.part(old.part).await.owner.unwrap_or_else(MemberId::new);
    let new = trial.claim_part(owner, old.part).await;
    let before = trial.follower(CUSTOMERS).await;
    let stopping = NotedFailure { stops: true, ..failed(1) };
    for note in [Note::Failed(failed(1)), Note::Failed(stopping), passed(0, 9)] {
        fenced(trial.note(&old, &note).await);
    }
    assert_eq!(trial.follower(CUSTOMERS).await, before);
    assert_eq!(trial.all_failures(old.part.build).await, []);
    trial.noted(&new, passed(0, 9)).await;
}

pub(super) async fn a_note_of_what_was_passed_moves_forwards_only<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.noted(&claim, passed(0, 5)).await;
    let part = trial.part(claim.part).await;
    assert_eq!((part.position, part.events, part.fence), (position(5), 0, claim.fence));
    assert!(part.advanced_at.is_some());
    trial.noted(&claim, passed(0, 5)).await;
    trial.noted(&claim, passed(5, 5)).await;
    assert_eq!(trial.part(claim.part).await, part, "sent again, it changes nothing");
    for to in [4, 0] {
        fenced(trial.note(&claim, &passed(0, to)).await);
        assert_eq!(trial.part(claim.part).await, part);
    }
    trial.noted(&claim, passed(0, 7)).await;
    assert_eq!(positions(&trial.live(CUSTOMERS).await), [7], "from where a lost answer left it");
    trial.stepped(&claim, Doing::from_to(7, 8)).await;
}

pub(super) async fn a_note_passes_over_nothing_that_was_lost<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 5).events(1)).await;
    let part = trial.part(claim.part).await;
    // So it would be if the server had lost a step to there.
    for from in [6, 8, 100] {
        for to in [from, 200] {
            fenced(trial.note(&claim, &passed(from, to)).await);
            assert_eq!(trial.part(claim.part).await, part, "noted from {from} to {to}");
        }
    }
    trial.noted(&claim, passed(5, 9)).await;
    trial.stepped(&claim, Doing::from_to(9, 10)).await;
}

pub(super) async fn a_part_that_stops_cannot_be_claimed<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    let [stopped, other] = &claims[..] else { panic!("two parts") };
    trial.noted(stopped, Note::Failed(failed(1))).await;
    stop(&trial, stopped, 1).await;
    let part = trial.part(stopped.part).await;
    assert_eq!((part.owner, part.owner_is_alive), (None, false));
    assert_ne!(part.fence, stopped.fence);
    let told = part.stopped.unwrap_or_else(|| panic!("it has stopped"));
    assert_eq!((told.position, told.count, &*told.reason), (position(1), 2, "failed at 1"));
    assert_eq!(Some(&told), trial.all_failures(stopped.part.build).await.first());
    fenced(trial.step(stopped, Doing::from_to(0, 1)).await);
    fenced(trial.note(stopped, &Note::Failed(failed(1))).await);
    let member = trial.member().await;
    assert_eq!(trial.claims(member, &[stopped.part]).await, []);
    trial.stepped(other, Doing::from_to(0, 1)).await;

    trial.told(CUSTOMERS, Command::Resume).await;
    assert_eq!(trial.part(stopped.part).await.stopped, None);
    let claim = trial.claim_part(member, stopped.part).await;
    trial.stepped(&claim, Doing::from_to(0, 1)).await;
    trial.stepped(other, Doing::from_to(1, 2)).await;
    let kept = trial.all_failures(stopped.part.build).await;
    assert_eq!(kept.iter().map(|failure| failure.count).collect::<Vec<_>>(), [2]);
}
