use std::time::Duration;

use super::{
    Fixture,
    doing::Doing,
    failures::{failed, passed, stop},
    trial::{CUSTOMERS, NOTES, SOON, Trial, at_once, fenced, positions, row, soon},
};
use crate::FollowerStore;
use crate::followers::{
    BuildId, Claim, Command, LastRebuild, MemberId, Note, Outcome, Swap, Verify,
};

/// No time to wait for anybody.
const AT_ONCE: Duration = Duration::ZERO;

/// A live build with a row at 5, and a shadow with another row at `shadow`.
async fn two_builds<F: Fixture>(trial: &Trial<F>, shadow: u64) -> (Claim, Claim) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 5).put(row("a", "1"))).await;
    let claim = trial.rebuilding(CUSTOMERS).await.remove(0);
    trial.stepped(&claim, Doing::from_to(0, shadow).events(2).put(row("b", "2"))).await;
    (live, claim)
}

pub(super) async fn a_shadow_takes_the_place_of_the_live_build<F: Fixture>(trial: Trial<F>) {
    let (live, shadow) = two_builds(&trial, 5).await;
    trial.noted(&live, Note::Failed(failed(6))).await;
    trial.noted(&shadow, Note::Failed(failed(7))).await;
    trial.stepped(&live, Doing::from_to(5, 5).park("anna", 5, true)).await;
    let before = trial.shadow(CUSTOMERS).await;
    assert_eq!(trial.swapped(shadow.part.build, SOON).await, Swap::Swapped);
    assert_eq!(trial.list(None).await, ["b=2"]);
    let now = trial.beat(None).await.now;
    let follower = trial.follower(CUSTOMERS).await;
    assert_eq!(follower.live, before, "with its parts, claims and failures");
    assert_eq!(follower.shadow, None);
    let last = follower.last_rebuild.unwrap_or_else(|| panic!("a rebuild has ended"));
    let LastRebuild { build, version, ended_at, outcome } = last;
    assert_eq!((build, version, outcome), (Some(before.id), 1, Outcome::Swapped));
    assert!(ended_at <= now);
    fenced(trial.step(&live, Doing::from_to(5, 6)).await);
    fenced(trial.note(&live, &passed(5, 6)).await);
    assert_eq!(trial.claims(MemberId::new(), &[live.part]).await, []);
    assert_eq!(trial.all_failures(live.part.build).await, []);
    assert_eq!(trial.all_parked(live.part.build).await, []);
    assert_eq!(trial.all_failures(shadow.part.build).await.len(), 1);
    trial.stepped(&shadow, Doing::from_to(5, 6).put(row("c", "3"))).await;
    assert_eq!(trial.list(None).await, ["b=2", "c=3"]);
    let owner = trial.part(shadow.part).await.owner.unwrap_or_else(MemberId::new);
    assert!(trial.claim_part(owner, shadow.part).await.is_live);
}

pub(super) async fn what_work_wrote_serves_after_the_swap<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(NOTES).await;
    trial.wrote(&live, Doing::from_to(0, 1), "live").await;
    for round in 0..3 {
        let shadow = trial.rebuilding(NOTES).await.remove(0);
        trial.wrote(&shadow, Doing::from_to(0, 1), &format!("shadow {round}")).await;
        trial.stepped(&shadow, Doing::from_to(1, 2)).await;
        assert_eq!(trial.swapped(shadow.part.build, SOON).await, Swap::Swapped);
        assert_eq!(trial.read_notes().await, [format!("shadow {round}")]);
        let mut work = trial.writing("t more");
        assert!(trial.work(&shadow, Doing::from_to(2, 2), &mut work).await.is_ok());
        assert_eq!(trial.read_notes().await, [format!("shadow {round}"), "t more".into()]);
    }
}

pub(super) async fn a_new_version_serves_with_its_own_columns<F: Fixture>(trial: Trial<F>) {
    let (live, _) = two_builds(&trial, 5).await;
    trial.told(CUSTOMERS, Command::EndRebuild { build: None, outcome: Outcome::Cancelled }).await;
    trial.declared(CUSTOMERS, 2, 1).await;
    let shadow = trial.shadow(CUSTOMERS).await;
    let claim = trial.made(CUSTOMERS, &shadow).await.remove(0);
    trial.stepped(&claim, Doing::from_to(0, 6)).await;
    trial.stepped(&live, Doing::from_to(5, 6)).await;
    assert_eq!(trial.swapped(shadow.id, SOON).await, Swap::Swapped);
    let follower = trial.follower(CUSTOMERS).await;
    assert_eq!((follower.live.version, follower.declared), (2, 2));
    trial.declared(CUSTOMERS, 2, 1).await;
    assert_eq!(trial.follower(CUSTOMERS).await.shadow, None);
}

pub(super) async fn a_shadow_that_is_behind_does_not_serve<F: Fixture>(trial: Trial<F>) {
    let (live, shadow) = two_builds(&trial, 4).await;
    let before = trial.follower(CUSTOMERS).await;
    for patience in [AT_ONCE, Duration::from_millis(20)] {
        assert_eq!(trial.swapped(shadow.part.build, patience).await, Swap::Behind);
        assert_eq!(trial.follower(CUSTOMERS).await, before, "nothing happened");
        assert_eq!(trial.list(None).await, ["a=1"]);
    }
    trial.stepped(&live, Doing::from_to(5, 6)).await;
    trial.stepped(&shadow, Doing::from_to(4, 7)).await;
    assert_eq!(trial.swapped(shadow.part.build, SOON).await, Swap::Swapped, "it is ahead");
}

pub(super) async fn every_part_must_have_passed_the_live_build<F: Fixture>(trial: Trial<F>) {
    let live = trial.running_parts(CUSTOMERS, 2).await;
    let shadow = trial.rebuilding(CUSTOMERS).await;
    let build = trial.shadow(CUSTOMERS).await.id;
    let [one, other] = &shadow[..] else { panic!("two parts") };
    for (claim, to) in live.iter().zip([3, 5]) {
        trial.stepped(claim, Doing::from_to(0, to)).await;
    }
    trial.stepped(one, Doing::from_to(0, 9)).await;
    trial.stepped(other, Doing::from_to(0, 4)).await;
    assert_eq!(trial.swapped(build, AT_ONCE).await, Swap::Behind);
    trial.stepped(other, Doing::from_to(4, 5)).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Swapped);
    assert_eq!(positions(&trial.live(CUSTOMERS).await), [9, 5]);
}

pub(super) async fn a_shadow_that_is_not_made_does_not_serve<F: Fixture>(trial: Trial<F>) {
    trial.running(CUSTOMERS).await;
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    let shadow = trial.shadow(CUSTOMERS).await;
    assert_eq!(trial.swapped(shadow.id, AT_ONCE).await, Swap::Behind);
    assert_eq!(trial.list(None).await, [""; 0]);
    trial.made(CUSTOMERS, &shadow).await;
    assert_eq!(trial.swapped(shadow.id, SOON).await, Swap::Swapped, "both are at the beginning");
}

pub(super) async fn the_live_build_holds_still_for_the_shadow<F: Fixture>(trial: Trial<F>) {
    let (live, shadow) = two_builds(&trial, 4).await;
    let build = shadow.part.build;
    // The live build goes on as long as it can. If it could until the end, the shadow would never be there.
    let (stepped, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let running_on = tokio::spawn({
        let trial = trial.clone();
        async move {
            for at in 5.. {
                trial.step(&live, Doing::from_to(at, at + 1)).await?;
                let _ = stepped.send(at + 1);
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let mut swapping = Box::pin({
        let trial = trial.clone();
        async move { trial.swapped(build, SOON).await }
    });
    let at_first = tokio::time::timeout(Duration::from_millis(20), &mut swapping).await;
    assert!(at_first.is_err(), "the shadow is behind, and was waited for for less than {SOON:?}");
    let swapping = tokio::spawn(swapping);
    let mut at = 4;
    while !swapping.is_finished() {
        let mut to = at.max(5);
        while let Ok(next) = steps.try_recv() {
            to = next;
        }
        if to > at {
            soon("the shadow goes on", trial.stepped(&shadow, Doing::from_to(at, to))).await;
            at = to;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let swap = swapping.await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(swap, Swap::Swapped);
    let ran_on = soon("the old build is told", running_on).await;
    fenced(ran_on.unwrap_or_else(|error| panic!("{error}")));
    trial.stepped(&shadow, Doing::from_to(at, at + 1)).await;
}

pub(super) async fn a_swap_that_gave_up_lets_the_live_build_go_on<F: Fixture>(trial: Trial<F>) {
    let (live, shadow) = two_builds(&trial, 4).await;
    let build = shadow.part.build;
    assert_eq!(trial.swapped(build, Duration::from_millis(20)).await, Swap::Behind);
    soon("the live build", trial.stepped(&live, Doing::from_to(5, 6))).await;
    let patience = Duration::from_secs(1);
    let dropped = tokio::time::timeout(Duration::from_millis(20), trial.swapped(build, patience));
    assert!(dropped.await.is_err(), "the shadow is behind");
    soon("the live build", trial.stepped(&live, Doing::from_to(6, 7))).await;
    trial.stepped(&shadow, Doing::from_to(4, 7)).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Swapped);
}

pub(super) async fn parked_events_keep_a_shadow_waiting<F: Fixture>(trial: Trial<F>) {
    let (_, shadow) = two_builds(&trial, 4).await;
    let build = shadow.part.build;
    trial.stepped(&shadow, Doing::from_to(4, 5).park("a", 5, true).park("b", 5, true)).await;
    let before = trial.follower(CUSTOMERS).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Parked { events: 2 });
    assert_eq!(trial.follower(CUSTOMERS).await, before, "nothing happened");
    trial.told(CUSTOMERS, Command::Swap).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Swapped);
    assert_eq!(trial.live(CUSTOMERS).await.parked, 2, "they are of the build");

    let next = trial.rebuilding(CUSTOMERS).await.remove(0);
    trial.stepped(&next, Doing::from_to(0, 5).park("a", 5, true)).await;
    assert_eq!(trial.swapped(next.part.build, SOON).await, Swap::Parked { events: 1 });
    trial.stepped(&next, Doing::from_to(5, 5).settle("a", 5)).await;
    assert_eq!(trial.swapped(next.part.build, SOON).await, Swap::Swapped);
}

pub(super) async fn what_is_no_shadow_does_not_serve<F: Fixture>(trial: Trial<F>) {
    let (live, shadow) = two_builds(&trial, 5).await;
    let build = shadow.part.build;
    assert_eq!(trial.swapped(live.part.build, SOON).await, Swap::Gone, "it is the live one");
    assert_eq!(trial.swapped(BuildId::new(build.get() + 1_000), SOON).await, Swap::Gone);
    stop(&trial, &shadow, 6).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Gone, "a part has stopped");
    trial.told(CUSTOMERS, Command::EndRebuild { build: None, outcome: Outcome::Cancelled }).await;
    assert_eq!(trial.swapped(build, SOON).await, Swap::Gone, "it is cancelled");
    trial.told(CUSTOMERS, Command::Rebuild { verify: Some(Verify::Report) }).await;
    let reporting = trial.shadow(CUSTOMERS).await;
    let claim = trial.made(CUSTOMERS, &reporting).await.remove(0);
    trial.stepped(&claim, Doing::from_to(0, 5)).await;
    assert_eq!(trial.swapped(reporting.id, SOON).await, Swap::Gone, "it only reports");
    assert_eq!(trial.live(CUSTOMERS).await.id, live.part.build);
    assert_eq!(trial.list(None).await, ["a=1"]);
    trial.stepped(&live, Doing::from_to(5, 6)).await;
}

pub(super) async fn a_shadow_that_was_compared_can_serve<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 5)).await;
    trial.told(CUSTOMERS, Command::Rebuild { verify: Some(Verify::SwapIfEqual) }).await;
    let shadow = trial.shadow(CUSTOMERS).await;
    let claim = trial.made(CUSTOMERS, &shadow).await.remove(0);
    trial.stepped(&claim, Doing::from_to(0, 5)).await;
    assert_eq!(trial.swapped(shadow.id, SOON).await, Swap::Swapped);
    assert_eq!(trial.live(CUSTOMERS).await.verify, None, "none in a live build");
}

pub(super) async fn of_many_swaps_one_happens<F: Fixture>(trial: Trial<F>) {
    let (_, shadow) = two_builds(&trial, 5).await;
    let build = shadow.part.build;
    let swaps = at_once(8, |_| {
        let trial = trial.clone();
        async move { trial.swapped(build, SOON).await }
    })
    .await;
    let happened = swaps.iter().filter(|swap| **swap == Swap::Swapped).count();
    assert_eq!(happened, 1, "{swaps:?}");
    let others = swaps.iter().filter(|swap| **swap != Swap::Swapped);
    assert!(others.clone().all(|swap| matches!(swap, Swap::Gone | Swap::Held { .. })), "{swaps:?}");
    assert_eq!(trial.live(CUSTOMERS).await.id, build);
}

pub(super) async fn readers_see_one_build_in_full<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    let keys: Vec<_> = (0..50).map(|number| format!("{number:02}")).collect();
    let rows = |state: &'static str| keys.iter().map(move |key| row(key, state));
    trial.stepped(&live, Doing::from_to(0, 5).put_all(rows("0"))).await;
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (trial, done) = (trial.clone(), done.clone());
            tokio::spawn(async move {
                let mut last = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let rows = trial.list(None).await;
                    let states: Vec<u64> =
                        rows.iter().filter_map(|row| row.split_once('=')?.1.parse().ok()).collect();
                    assert_eq!(states.len(), 50, "{rows:?}");
                    let first = states.first().copied().unwrap_or(0);
                    assert!(states.iter().all(|state| *state == first), "a mix: {rows:?}");
                    assert!(first >= last, "from {last} back to {first}");
                    last = first;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for state in ["1", "2", "3", "4", "5"] {
        let shadow = trial.rebuilding(CUSTOMERS).await.remove(0);
        tokio::task::yield_now().await;
        trial.stepped(&shadow, Doing::from_to(0, 5).put_all(rows(state))).await;
        tokio::task::yield_now().await;
        let swapped = async {
            loop {
                match trial.swapped(shadow.part.build, SOON).await {
                    Swap::Swapped => break,
                    Swap::Held { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        soon("a swap under readers", swapped).await;
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap_or_else(|error| panic!("a reader failed: {error}"));
    }
    assert!(trial.list(None).await.iter().all(|row| row.ends_with("=5")));
}
