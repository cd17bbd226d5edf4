use super::{
    Fixture,
    doing::Doing,
    failures::failed,
    trial::{CUSTOMERS, LONG, Trial, position},
};
use crate::{
    EventId,
    followers::{BuildId, Command, FailureKind, MemberId, Note, NotedFailure, ParkedEvent},
};

/// `sequence position` of each.
fn told(parked: &[ParkedEvent]) -> Vec<String> {
    parked.iter().map(|event| format!("{} {}", event.sequence, event.position)).collect()
}

fn to_retry(parked: &[ParkedEvent]) -> Vec<String> {
    told(&parked.iter().filter(|event| event.retry).cloned().collect::<Vec<_>>())
}

pub(super) async fn parked_events_come_by_sequence_and_position<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let id = EventId::new();
    let doing = Doing::from_to(0, 9).park("b", 9, false).park("a", 9, true);
    trial.stepped(&claim, doing.park_event("b", 2, true, id).park("B", 3, true)).await;
    trial.stepped(&claim, Doing::from_to(9, 11).park("", 10, true).park("é'", 11, true)).await;
    let parked = trial.all_parked(claim.part.build).await;
    assert_eq!(told(&parked), [" 10", "B 3", "a 9", "b 2", "b 9", "é' 11"]);
    let event = parked.iter().find(|event| event.position == position(2));
    let event = event.unwrap_or_else(|| panic!("it was parked"));
    assert_eq!((event.event_id, event.is_cause, event.retry), (id, true, false));
    assert!(event.parked_at <= trial.beat(None).await.now);
    assert_eq!(event.failure, None, "nothing is known about it");
    let live = trial.live(CUSTOMERS).await;
    assert_eq!((live.parked, live.to_retry), (6, 0), "one in two sequences counts twice");
    assert_eq!(trial.part(claim.part).await.position, position(11));
    assert_eq!(trial.all_parked(BuildId::new(claim.part.build.get() + 1_000)).await, []);
}

pub(super) async fn what_is_parked_already_stays_as_it_is<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 1).park("a", 1, true)).await;
    let before = trial.all_parked(claim.part.build).await;
    trial.stepped(&claim, Doing::from_to(1, 2).park("a", 1, false).park("a", 2, false)).await;
    let after = trial.all_parked(claim.part.build).await;
    assert_eq!(told(&after), ["a 1", "a 2"]);
    assert_eq!(after.first(), before.first());
}

pub(super) async fn a_settled_event_is_done_with<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let doing = Doing::from_to(0, 2).park("a", 1, true).park("b", 1, true).park("a", 2, false);
    trial.stepped(&claim, doing).await;
    let doing = Doing::from_to(2, 2).events(1).settle("a", 1).settle("none", 1).settle("b", 7);
    trial.stepped(&claim, doing).await;
    assert_eq!(told(&trial.all_parked(claim.part.build).await), ["a 2", "b 1"]);
    assert_eq!(trial.live(CUSTOMERS).await.parked, 2);
}

pub(super) async fn what_failed_is_told_of_the_event_that_did<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let kind = FailureKind::Unreadable;
    trial.noted(&claim, Note::Failed(NotedFailure { kind, ..failed(3) })).await;
    trial.noted(&claim, Note::Failed(failed(7))).await;
    let doing = Doing::from_to(0, 5).park("anna", 3, true).park("bob", 3, false);
    trial.stepped(&claim, doing.park("anna", 5, false)).await;
    let parked = trial.all_parked(claim.part.build).await;
    let failures: Vec<_> = parked
        .iter()
        .map(|event| event.failure.as_ref().map(|failure| (failure.position, failure.kind)))
        .collect();
    assert_eq!(failures, [Some((position(3), kind)), None, None]);
}

pub(super) async fn a_sequence_is_tried_again_on_command<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    let shadow = trial.rebuilding(CUSTOMERS).await.remove(0);
    for claim in [&live, &shadow] {
        let doing = Doing::from_to(0, 3).park("anna", 1, true).park("anna", 2, false);
        trial.stepped(claim, doing.park("bob", 3, true)).await;
    }
    let retry =
        |sequence: Option<&str>| Command::RetryParked { sequence: sequence.map(Into::into) };
    trial.told(CUSTOMERS, retry(Some("nobody"))).await;
    trial.told(CUSTOMERS, retry(Some("anna"))).await;
    for claim in [&live, &shadow] {
        let parked = trial.all_parked(claim.part.build).await;
        assert_eq!(to_retry(&parked), ["anna 1", "anna 2"], "in either build");
    }
    assert_eq!(trial.live(CUSTOMERS).await.to_retry, 2);
    assert_eq!(trial.shadow(CUSTOMERS).await.to_retry, 2);

    let doing = Doing::from_to(3, 5).park("anna", 4, false).park("bob", 5, false);
    trial.stepped(&live, doing).await;
    let parked = trial.all_parked(live.part.build).await;
    assert_eq!(to_retry(&parked), ["anna 1", "anna 2", "anna 4"], "a new one is as those there");

    trial.noted(&live, Note::Failed(failed(1))).await;
    assert_eq!(to_retry(&trial.all_parked(live.part.build).await), [""; 0], "it failed again");
    let parked = trial.all_parked(shadow.part.build).await;
    assert_eq!(to_retry(&parked), ["anna 1", "anna 2"], "of its own build only");

    trial.told(CUSTOMERS, retry(None)).await;
    let parked = trial.all_parked(live.part.build).await;
    assert_eq!(to_retry(&parked), ["anna 1", "anna 2", "anna 4", "bob 3", "bob 5"]);
    trial.noted(&live, Note::Failed(failed(2))).await;
    assert_eq!(to_retry(&trial.all_parked(live.part.build).await), ["bob 3", "bob 5"]);
}

pub(super) async fn what_is_parked_outlives_its_owner<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 2).park("a", 1, true).park("a", 2, false)).await;
    let heir = MemberId::new();
    trial.lives(heir, LONG).await;
    let owner = trial.part(claim.part).await.owner.unwrap_or(heir);
    trial.lives(owner, std::time::Duration::ZERO).await;
    let claim = trial.claim_part(heir, claim.part).await;
    assert_eq!(told(&trial.all_parked(claim.part.build).await), ["a 1", "a 2"]);
    trial.stepped(&claim, Doing::from_to(2, 2).settle("a", 1)).await;
    assert_eq!(told(&trial.all_parked(claim.part.build).await), ["a 2"]);
}
