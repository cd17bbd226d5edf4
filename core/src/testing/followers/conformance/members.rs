use std::{num::NonZeroU16, sync::Arc, time::Duration};

use chrono::DateTime;
use tokio::sync::Barrier;

use super::{
    Fixture,
    trial::{CUSTOMERS, LONG, NOTES, POSTMAN, Trial, eventually, position, soon},
};
use crate::followers::{Beat, Command, DeclaredVersion, MemberId, PartReport, Report};

/// Over as soon as anybody looks again, but for the beat itself.
const SHORT: Duration = Duration::from_millis(50);

pub(super) async fn a_beat_is_in_its_own_answer<F: Fixture>(trial: Trial<F>) {
    let part = trial.running(CUSTOMERS).await.part;
    let report = Report {
        declares: vec![DeclaredVersion { name: CUSTOMERS.into(), version: 1 }],
        parts: vec![PartReport {
            part,
            fence: 3,
            seen: position(7),
            rate: 0.1,
            busy_since: DateTime::from_timestamp_micros(1_123_456),
            interrupted: Some("no \"route\"".into()),
            held_by: Some("é".into()),
        }],
    };
    let member = MemberId::new();
    let beat = Beat { member, name: "shop-7".into(), lease: LONG, report };
    let books = trial.beat(Some(&beat)).await;
    let Some(found) = books.members.iter().find(|found| found.id == member) else {
        panic!("{member} has just said that it is alive: {books:?}")
    };
    assert_eq!((&found.name, &found.report), (&beat.name, &beat.report));
    let left = (found.until - books.now).to_std().unwrap_or_default();
    assert!(left.abs_diff(LONG) < Duration::from_secs(1), "alive for {left:?} instead of {LONG:?}");

    let later = Beat { name: "shop-8".into(), report: Report::default(), ..beat };
    let books = trial.beat(Some(&later)).await;
    let again: Vec<_> = books.members.iter().filter(|found| found.id == member).collect();
    let told: Vec<_> = again.iter().map(|again| (again.name.as_str(), &again.report)).collect();
    assert_eq!(told, [("shop-8", &Report::default())], "what it said last counts");
}

pub(super) async fn a_member_lives_as_long_as_its_lease<F: Fixture>(trial: Trial<F>) {
    let (short, long) = (MemberId::new(), trial.member().await);
    trial.declared(CUSTOMERS, 1, 1).await;
    trial.lives(short, LONG).await;
    let part = trial.live(CUSTOMERS).await.parts.remove(0).id;
    trial.claim_part(short, part).await;
    assert!(trial.part(part).await.owner_is_alive);
    trial.lives(short, SHORT).await;
    eventually("a lease that was cut short is over", || async {
        let books = trial.beat(None).await;
        let alive: Vec<_> = books.members.iter().map(|member| member.id).collect();
        assert!(books.members.iter().all(|member| member.until > books.now), "{books:?}");
        assert!(alive.contains(&long), "{alive:?}");
        (!alive.contains(&short)).then_some(())
    })
    .await;
    let left = trial.part(part).await;
    assert_eq!((left.owner, left.owner_is_alive), (Some(short), false), "its own until claimed");
    trial.lives(short, LONG).await;
    assert!(trial.part(part).await.owner_is_alive, "it is back");
}

pub(super) async fn a_member_that_leaves_is_forgotten<F: Fixture>(trial: Trial<F>) {
    let (leaver, other) = (trial.member().await, trial.member().await);
    trial.declared(CUSTOMERS, 1, 1).await;
    let part = trial.live(CUSTOMERS).await.parts.remove(0).id;
    trial.claim_part(leaver, part).await;
    let books = trial.lives(leaver, Duration::ZERO).await;
    assert!(books.members.iter().all(|member| member.id != leaver), "{books:?}");
    assert!(books.members.iter().any(|member| member.id == other), "{books:?}");
    assert!(!trial.part(part).await.owner_is_alive);
    trial.claim_part(other, part).await;
    trial.lives(MemberId::new(), Duration::ZERO).await;
}

pub(super) async fn the_books_are_in_order<F: Fixture>(trial: Trial<F>) {
    for name in [POSTMAN, "a_b", NOTES, "a1", "ab", CUSTOMERS] {
        trial.declared(name, 1, 12).await;
        trial.member().await;
    }
    let books = trial.beat(None).await;
    let names: Vec<_> = books.followers.iter().map(|follower| &*follower.name).collect();
    assert_eq!(names, ["a1", "a_b", "ab", CUSTOMERS, NOTES, POSTMAN], "bytewise");
    assert!(books.members.iter().map(|member| member.id).is_sorted(), "{:?}", books.members);
    for follower in books.followers {
        let numbers = follower.live.parts.iter().map(|part| part.id.part);
        assert_eq!(numbers.collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    }
}

pub(super) async fn the_books_are_one_snapshot<F: Fixture>(trial: Trial<F>) {
    const DIVISIONS: usize = 40;
    trial.declared(POSTMAN, 1, 2).await;
    // Each division is made while somebody looks.
    let round = Arc::new(Barrier::new(2));
    let dividing = tokio::spawn({
        let (trial, round) = (trial.clone(), Arc::clone(&round));
        async move {
            for parts in [3, 2].into_iter().cycle().take(DIVISIONS).filter_map(NonZeroU16::new) {
                round.wait().await;
                trial.told(POSTMAN, Command::Repartition(parts)).await;
            }
        }
    });
    for _ in 0..DIVISIONS {
        soon("the next division begins", round.wait()).await;
        for _ in 0..3 {
            let live = trial.live(POSTMAN).await;
            let of_one_moment =
                matches!((live.floors.len(), live.parts.len()), (0 | 3, 2) | (2, 3));
            assert!(of_one_moment, "{live:?}");
            tokio::task::yield_now().await;
        }
    }
    dividing.await.unwrap_or_else(|error| panic!("{error}"));
}
