use std::{collections::BTreeSet, time::Duration};

use super::{
    Fixture,
    doing::Doing,
    failures::passed,
    trial::{CUSTOMERS, LONG, NOTES, POSTMAN, Trial, at_once, eventually, fenced, position, soon},
};
use crate::{
    FollowerStore,
    followers::{BuildId, MemberId, PartId},
};

pub(super) async fn a_claim_tells_part_and_position<F: Fixture>(trial: Trial<F>) {
    let member = trial.member().await;
    trial.declared(NOTES, 1, 3).await;
    let live = trial.live(NOTES).await;
    for claim in trial.claim_build(member, &live).await {
        assert_eq!((claim.parts.get(), claim.position.get(), claim.is_live), (3, 0, true));
        let part = trial.part(claim.part).await;
        assert_eq!((part.owner, part.owner_is_alive), (Some(member), true));
        assert_eq!(part.fence, claim.fence);
    }
    trial.declared(NOTES, 2, 3).await;
    let shadow = trial.shadow(NOTES).await;
    let claims = trial.claim_build(member, &shadow).await;
    assert!(claims.iter().all(|claim| !claim.is_live), "{claims:?}");
}

pub(super) async fn a_part_of_another_who_lives_is_left_out<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    let other = trial.member().await;
    let parts: Vec<_> = claims.iter().map(|claim| claim.part).collect();
    let before = trial.live(CUSTOMERS).await;
    assert_eq!(trial.claims(other, &parts).await, []);
    assert_eq!(trial.live(CUSTOMERS).await, before);
    let (Some(first), Some(second)) = (claims.first(), claims.last()) else { return };
    assert!(trial.release(std::slice::from_ref(second)).await.is_ok());
    let claimed = trial.claims(other, &parts).await;
    assert_eq!(claimed.iter().map(|claim| claim.part).collect::<Vec<_>>(), [second.part]);
    trial.stepped(first, Doing::from_to(0, 1)).await;
}

pub(super) async fn a_part_whose_owner_is_gone_can_be_claimed<F: Fixture>(trial: Trial<F>) {
    let (gone, heir) = (MemberId::new(), trial.member().await);
    trial.lives(gone, LONG).await;
    trial.declared(POSTMAN, 1, 1).await;
    let part = trial.live(POSTMAN).await.parts.remove(0).id;
    let old = trial.claim_part(gone, part).await;
    trial.stepped(&old, Doing::from_to(0, 3)).await;
    trial.lives(gone, Duration::from_millis(50)).await;
    let new = eventually("the part of a member that is gone is claimed", || async {
        trial.claims(heir, &[part]).await.pop()
    })
    .await;
    assert_eq!(new.position, position(3));
    assert_ne!(new.fence, old.fence);
    fenced(trial.step(&old, Doing::from_to(3, 4)).await);
    trial.stepped(&new, Doing::from_to(3, 4)).await;
    trial.lives(gone, LONG).await;
    fenced(trial.step(&old, Doing::from_to(4, 5)).await);
    assert_eq!(trial.claims(gone, &[part]).await, [], "it is another's now");
}

pub(super) async fn a_member_that_never_beat_keeps_nobody_out<F: Fixture>(trial: Trial<F>) {
    trial.declared(POSTMAN, 1, 1).await;
    let part = trial.live(POSTMAN).await.parts.remove(0).id;
    let old = trial.claim_part(MemberId::new(), part).await;
    assert!(!trial.part(part).await.owner_is_alive);
    let new = trial.claim_part(trial.member().await, part).await;
    fenced(trial.step(&old, Doing::from_to(0, 1)).await);
    trial.stepped(&new, Doing::from_to(0, 1)).await;
}

pub(super) async fn an_owner_that_claims_again_learns_the_truth<F: Fixture>(trial: Trial<F>) {
    let member = trial.member().await;
    trial.declared(POSTMAN, 1, 1).await;
    let part = trial.live(POSTMAN).await.parts.remove(0).id;
    let first = trial.claim_part(member, part).await;
    trial.stepped(&first, Doing::from_to(0, 3)).await;
    let second = trial.claim_part(member, part).await;
    assert_ne!(second.fence, first.fence);
    assert_eq!(second.position, position(3), "the step was committed");
    fenced(trial.step(&first, Doing::from_to(3, 4)).await);
    let third = trial.claim_part(member, part).await;
    assert_eq!(third.position, position(3), "the step was not");
    trial.stepped(&third, Doing::from_to(3, 4)).await;
}

pub(super) async fn a_part_that_was_given_back_is_free<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    let other = trial.member().await;
    assert!(trial.release(&claims).await.is_ok());
    for claim in &claims {
        let part = trial.part(claim.part).await;
        assert_eq!((part.owner, part.owner_is_alive), (None, false));
        assert_ne!(part.fence, claim.fence);
        fenced(trial.step(claim, Doing::from_to(0, 1)).await);
        fenced(trial.note(claim, &passed(0, 1)).await);
    }
    let live = trial.live(CUSTOMERS).await;
    let now = trial.claim_build(other, &live).await;
    assert!(trial.release(&claims).await.is_ok(), "claims that do not hold are passed over");
    for claim in &now {
        assert_eq!(trial.part(claim.part).await.owner, Some(other));
        trial.stepped(claim, Doing::from_to(0, 1)).await;
    }
    assert!(trial.release(&[]).await.is_ok());
}

pub(super) async fn what_does_not_exist_is_not_claimed<F: Fixture>(trial: Trial<F>) {
    let member = trial.member().await;
    trial.declared(POSTMAN, 1, 2).await;
    let build = trial.live(POSTMAN).await.id;
    let none = BuildId::new(build.get() + 1_000);
    let parts = [(build, 2), (none, 0), (build, 1), (build, u16::MAX)];
    let claims = trial.claims(member, &parts.map(|(build, part)| PartId { build, part })).await;
    let claimed: Vec<_> = claims.iter().map(|claim| claim.part).collect();
    assert_eq!(claimed, [PartId { build, part: 1 }]);
    assert_eq!(trial.claims(member, &[]).await, []);
}

pub(super) async fn of_many_who_claim_a_part_one_gets_it<F: Fixture>(trial: Trial<F>) {
    trial.declared(POSTMAN, 1, 2).await;
    for round in 0..5 {
        let parts: Vec<_> = trial.live(POSTMAN).await.parts.iter().map(|part| part.id).collect();
        let claims = at_once(16, |_| {
            let (trial, parts) = (trial.clone(), parts.clone());
            async move { trial.claims(trial.member().await, &parts).await }
        })
        .await
        .concat();
        let mut claimed: Vec<_> = claims.iter().map(|claim| claim.part).collect();
        claimed.sort_unstable();
        assert!(claimed.windows(2).all(|two| two.first() != two.last()), "{claims:?}");
        let mut missed = trial.live(POSTMAN).await.parts;
        missed.retain(|part| part.owner.is_none());
        assert_eq!(missed.len() + claimed.len(), parts.len(), "{claims:?} and {missed:?}");
        for claim in &claims {
            trial.stepped(claim, Doing::from_to(round, round + 1)).await;
        }
        for part in missed {
            let claim = trial.claim_part(trial.member().await, part.id).await;
            trial.stepped(&claim, Doing::from_to(round, round + 1)).await;
            assert!(trial.release(&[claim]).await.is_ok());
        }
        assert!(trial.release(&claims).await.is_ok());
    }
}

pub(super) async fn a_number_is_never_given_twice<F: Fixture>(trial: Trial<F>) {
    let member = trial.member().await;
    let mut parts = Vec::new();
    for name in [CUSTOMERS, NOTES, POSTMAN] {
        trial.declared(name, 1, 3).await;
        parts.extend(trial.live(name).await.parts.iter().map(|part| part.id));
    }
    let rounds = at_once(8, |_| {
        let (trial, parts) = (trial.clone(), parts.clone());
        async move {
            let mut given = Vec::new();
            for _ in 0..5 {
                let claims = trial.claims(member, &parts).await;
                given.extend(claims.iter().map(|claim| claim.fence));
                assert!(trial.release(&claims).await.is_ok());
            }
            given
        }
    })
    .await
    .concat();
    let different: BTreeSet<_> = rounds.iter().collect();
    assert_eq!(different.len(), rounds.len(), "{rounds:?}");
}

pub(super) async fn a_claim_does_not_wait_for_a_step<F: Fixture>(trial: Trial<F>) {
    let old = trial.running(NOTES).await;
    let (mut work, gate) = trial.writing("slow").gated();
    let stepping = tokio::spawn({
        let (trial, old) = (trial.clone(), old.clone());
        async move { trial.work(&old, Doing::from_to(0, 1), &mut work).await }
    });
    soon("the work is called", gate.reached).await.unwrap_or_else(|_| panic!("not called"));
    let owner = trial.part(old.part).await.owner.unwrap_or_else(MemberId::new);
    let part = [old.part];
    let claiming = trial.claims(owner, &part);
    let claimed = soon("a claim is answered while a step is running", claiming).await.pop();
    assert!(gate.open.send(()).is_ok());
    let answer = soon("the step ends", stepping).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    match claimed {
        // The store passed the part over, since the step held it.
        None => assert!(answer.is_ok(), "nobody took the part away: {answer:?}"),
        Some(new) => {
            assert_eq!(new.position, position(0));
            fenced(answer);
            assert_eq!(trial.read_notes().await, [""; 0]);
            trial.wrote(&new, Doing::from_to(0, 1), "again").await;
        }
    }
}
