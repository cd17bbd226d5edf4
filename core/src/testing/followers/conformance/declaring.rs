use super::{
    Fixture,
    doing::Doing,
    failures::stop,
    trial::{CUSTOMERS, NOTES, POSTMAN, Trial, at_once, declaration, fenced, position, positions},
};
use crate::{
    FollowerStore,
    followers::{
        Command, Declaration, FollowerKind, LastRebuild, Outcome, PartId, StartError, Verify,
    },
};

pub(super) async fn a_new_follower_is_on_the_books<F: Fixture>(trial: Trial<F>) {
    for (name, parts) in [(CUSTOMERS, 1), (NOTES, 3), (POSTMAN, 2)] {
        let declared = declaration(name, 4, parts);
        trial.declared(name, 4, parts).await;
        let follower = trial.follower(name).await;
        assert_eq!((follower.kind, follower.declared), (declared.kind, 4));
        assert!(!follower.is_paused && follower.shadow.is_none());
        assert_eq!(follower.last_rebuild, None);
        let live = follower.live;
        assert_eq!((live.version, live.verify, live.may_swap_parked), (4, None, false));
        assert_eq!(live.is_made, name == POSTMAN, "{name}: a reactor has no tables to make");
        assert_eq!((live.parked, live.to_retry, &live.last_failure), (0, 0, &None));
        assert_eq!(live.floors, []);
        assert_eq!(positions(&live), vec![0; usize::from(parts)]);
        for (number, part) in (0..).zip(live.parts) {
            assert_eq!(part.id, PartId { build: live.id, part: number });
            assert_eq!((part.owner, part.owner_is_alive, part.stopped), (None, false, None));
            assert_eq!((part.events, part.advanced_at), (0, None));
        }
    }
    let books = trial.beat(None).await;
    assert!(books.followers.iter().all(|follower| follower.live.started_at <= books.now));
}

pub(super) async fn a_reactor_begins_where_it_is_declared<F: Fixture>(trial: Trial<F>) {
    let start = position(7);
    let declared = Declaration { start, ..declaration(POSTMAN, 1, 2) };
    assert!(trial.declare(&declared).await.is_ok());
    assert_eq!(positions(&trial.live(POSTMAN).await), [7, 7]);
    let later = Declaration { start: position(9), ..declared };
    assert!(trial.declare(&later).await.is_ok());
    assert_eq!(positions(&trial.live(POSTMAN).await), [7, 7], "later it has no effect");
}

pub(super) async fn a_declaration_again_leaves_builds_and_parts<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 5).events(2)).await;
    let before = trial.follower(CUSTOMERS).await;
    trial.declared(CUSTOMERS, 1, 3).await;
    assert_eq!(trial.follower(CUSTOMERS).await, before);
    trial.stepped(&claim, Doing::from_to(5, 6)).await;
}

pub(super) async fn a_name_keeps_its_kind<F: Fixture>(trial: Trial<F>) {
    trial.declared(CUSTOMERS, 1, 1).await;
    let before = trial.follower(CUSTOMERS).await;
    for kind in [FollowerKind::Projection, FollowerKind::Reactor] {
        let other = Declaration { kind, ..declaration(CUSTOMERS, 2, 1) };
        match trial.declare(&other).await {
            Err(StartError::KindChanged { name, known, declared }) => {
                assert_eq!((name.as_str(), declared), (CUSTOMERS, kind));
                assert_eq!(known, FollowerKind::ReadModel);
            }
            other => panic!("another kind was answered with {other:?}"),
        }
    }
    assert_eq!(trial.follower(CUSTOMERS).await, before);
}

pub(super) async fn a_higher_version_gets_a_shadow<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    for claim in &claims {
        trial.stepped(claim, Doing::from_to(0, 5)).await;
    }
    trial.declared(CUSTOMERS, 3, 1).await;
    let follower = trial.follower(CUSTOMERS).await;
    assert_eq!((follower.declared, follower.live.version), (3, 1));
    assert_eq!(positions(&follower.live), [5, 5]);
    assert_eq!(follower.last_rebuild, None);
    let shadow = trial.shadow(CUSTOMERS).await;
    assert_ne!(shadow.id, follower.live.id);
    assert_eq!((shadow.version, shadow.verify, shadow.is_made), (3, None, false));
    assert_eq!(positions(&shadow), [0, 0], "as many parts as the live build, from the beginning");
    trial.declared(CUSTOMERS, 3, 1).await;
    assert_eq!(trial.shadow(CUSTOMERS).await.id, shadow.id, "it is there already");
    for claim in &claims {
        trial.stepped(claim, Doing::from_to(5, 6)).await;
    }
}

pub(super) async fn a_version_above_the_shadow_takes_its_place<F: Fixture>(trial: Trial<F>) {
    trial.running(CUSTOMERS).await;
    trial.declared(CUSTOMERS, 2, 1).await;
    let second = trial.shadow(CUSTOMERS).await;
    let claims = trial.made(CUSTOMERS, &second).await;
    trial.declared(CUSTOMERS, 3, 1).await;
    let third = trial.shadow(CUSTOMERS).await;
    assert_eq!(third.version, 3);
    assert_ne!(third.id, second.id);
    let last = trial.follower(CUSTOMERS).await.last_rebuild;
    let told = last.map(|LastRebuild { build, version, outcome, .. }| (build, version, outcome));
    assert_eq!(told, Some((Some(second.id), 2, Outcome::Cancelled)));
    for claim in &claims {
        fenced(trial.step(claim, Doing::from_to(0, 1)).await);
    }
}

pub(super) async fn a_lower_version_is_only_noted<F: Fixture>(trial: Trial<F>) {
    trial.declared(CUSTOMERS, 2, 1).await;
    trial.declared(CUSTOMERS, 1, 1).await;
    let follower = trial.follower(CUSTOMERS).await;
    assert_eq!((follower.declared, follower.live.version), (1, 2));
    assert_eq!(follower.shadow, None);
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    assert_eq!(trial.shadow(CUSTOMERS).await.version, 1, "what was declared last is built");
    trial.declared(CUSTOMERS, 2, 1).await;
    assert_eq!(trial.shadow(CUSTOMERS).await.version, 1, "not above both builds");
}

pub(super) async fn a_version_declared_anew_lets_its_stopped_parts_go_on<F: Fixture>(
    trial: Trial<F>,
) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    for claim in &claims {
        stop(&trial, claim, 1).await;
    }
    let parts: Vec<_> = claims.iter().map(|claim| claim.part).collect();
    let member = trial.member().await;
    trial.declared(CUSTOMERS, 2, 2).await;
    assert_eq!(trial.claims(member, &parts).await, [], "another version brings no fix");
    trial.declared(CUSTOMERS, 1, 2).await;
    assert!(trial.live(CUSTOMERS).await.parts.iter().all(|part| part.stopped.is_none()));
    assert_eq!(trial.claims(member, &parts).await.len(), 2);
}

pub(super) async fn of_many_who_declare_one_makes_the_build<F: Fixture>(trial: Trial<F>) {
    for version in [1, 2] {
        let answers = at_once(16, |_| {
            let trial = trial.clone();
            async move {
                trial.declared(CUSTOMERS, version, 2).await;
                let follower = trial.follower(CUSTOMERS).await;
                (follower.live.id, follower.shadow.map(|shadow| shadow.id))
            }
        })
        .await;
        let first = answers.first().copied();
        assert!(answers.iter().all(|answer| Some(*answer) == first), "{answers:?}");
        assert_eq!(first.is_some_and(|(_, shadow)| shadow.is_some()), version == 2);
    }
    assert_eq!(trial.follower(CUSTOMERS).await.last_rebuild, None);
}

pub(super) async fn a_build_has_a_number_of_its_own<F: Fixture>(trial: Trial<F>) {
    let mut builds = Vec::new();
    for name in [CUSTOMERS, NOTES, POSTMAN] {
        trial.declared(name, 1, 1).await;
        builds.push(trial.live(name).await.id);
    }
    for round in 0..3 {
        let verify = (round == 1).then_some(Verify::Report);
        trial.told(CUSTOMERS, Command::Rebuild { verify }).await;
        builds.push(trial.shadow(CUSTOMERS).await.id);
        let outcome = Outcome::Cancelled;
        trial.told(CUSTOMERS, Command::EndRebuild { build: None, outcome }).await;
    }
    let given = builds.len();
    builds.sort_unstable();
    builds.dedup();
    assert_eq!(builds.len(), given, "{builds:?}");
}
