use std::{num::NonZeroU16, time::Duration};

use super::{
    Fixture,
    doing::Doing,
    failures::{failed, passed, stop},
    trial::{CUSTOMERS, NOTES, POSTMAN, Trial, fenced, position, positions, row, soon},
};
use crate::followers::{
    BuildId, Command, CommandRefused, Differences, LastRebuild, Note, Outcome, ReadError, Verify,
};
use crate::{FollowerStore, Query};

fn cancel(build: Option<BuildId>) -> Command {
    Command::EndRebuild { build, outcome: Outcome::Cancelled }
}

fn divide(parts: u16) -> Command {
    Command::Repartition(NonZeroU16::new(parts).unwrap_or(NonZeroU16::MIN))
}

pub(super) async fn a_follower_that_is_unknown_is_told_nothing<F: Fixture>(trial: Trial<F>) {
    trial.declared(CUSTOMERS, 1, 1).await;
    for command in [
        Command::Pause,
        Command::Resume,
        Command::Rebuild { verify: None },
        Command::Swap,
        cancel(None),
        divide(2),
        Command::RetryParked { sequence: None },
    ] {
        let refused = trial.refused("nobody", command).await;
        assert!(
            matches!(&refused, CommandRefused::Unknown { name } if name == "nobody"),
            "{refused:?}"
        );
    }
}

pub(super) async fn nobody_runs_what_is_paused<F: Fixture>(trial: Trial<F>) {
    let live = trial.running_parts(CUSTOMERS, 2).await;
    let shadow = trial.rebuilding(CUSTOMERS).await;
    let postman = trial.running(POSTMAN).await;
    trial.told(CUSTOMERS, Command::Pause).await;
    let follower = trial.follower(CUSTOMERS).await;
    assert!(follower.is_paused);
    let builds = [Some(follower.live), follower.shadow].into_iter().flatten();
    let parts: Vec<_> = builds.flat_map(|build| build.parts).collect();
    assert!(parts.iter().all(|part| part.owner.is_none()), "{parts:?}");
    let member = trial.member().await;
    let ids: Vec<_> = parts.iter().map(|part| part.id).collect();
    assert_eq!(trial.claims(member, &ids).await, []);
    for claim in live.iter().chain(&shadow) {
        fenced(trial.step(claim, Doing::from_to(0, 1)).await);
        fenced(trial.note(claim, &passed(0, 1)).await);
    }
    trial.stepped(&postman, Doing::from_to(0, 1)).await;
    trial.told(CUSTOMERS, Command::Pause).await;
    trial.declared(CUSTOMERS, 1, 2).await;
    assert!(trial.follower(CUSTOMERS).await.is_paused, "a start does not end a pause");

    trial.told(CUSTOMERS, Command::Resume).await;
    assert!(!trial.follower(CUSTOMERS).await.is_paused);
    for claim in live.iter().chain(&shadow) {
        fenced(trial.step(claim, Doing::from_to(0, 1)).await);
    }
    for claim in trial.claims(member, &ids).await {
        trial.stepped(&claim, Doing::from_to(0, 1)).await;
    }
    assert_eq!(positions(&trial.shadow(CUSTOMERS).await), [1, 1]);
    trial.told(CUSTOMERS, Command::Resume).await;
}

/// Whatever takes the parts away: what was running when it was asked for is over when it is answered.
async fn ends_steps<F: Fixture>(trial: Trial<F>, command: Command) {
    let claim = trial.running(NOTES).await;
    let (claim, is_live) = match command {
        Command::EndRebuild { .. } => (trial.rebuilding(NOTES).await.remove(0), false),
        _ => (claim, true),
    };
    let (mut work, gate) = trial.writing("slow").gated();
    let stepping = tokio::spawn({
        let (trial, claim) = (trial.clone(), claim.clone());
        async move { trial.work(&claim, Doing::from_to(0, 1), &mut work).await }
    });
    soon("the work is called", gate.reached).await.unwrap_or_else(|_| panic!("not called"));
    let telling = trial.told(NOTES, command.clone());
    let mut telling = std::pin::pin!(telling);
    // A store that takes the part away at once answers now; one that waits for the step, afterwards.
    let answered = tokio::time::timeout(Duration::from_millis(100), &mut telling).await.is_ok();
    let then =
        if answered { Some((trial.live(NOTES).await, trial.read_notes().await)) } else { None };
    assert!(gate.open.send(()).is_ok());
    let answer = soon("the step ends", stepping).await;
    let answer = answer.unwrap_or_else(|error| panic!("the step panicked: {error}"));
    match then {
        Some((live, notes)) => {
            fenced(answer);
            assert_eq!(trial.live(NOTES).await, live, "after {command:?} was answered");
            assert_eq!(trial.read_notes().await, notes);
        }
        None => {
            soon("the command is answered once the step is over", telling).await;
            if is_live {
                let expected = if answer.is_ok() { (vec![1], 1) } else { (vec![0], 0) };
                let live = trial.live(NOTES).await;
                let mut there = positions(&live);
                there.dedup();
                assert_eq!((there, trial.read_notes().await.len()), expected, "{answer:?}");
            }
        }
    }
    for from in [0, 1] {
        fenced(trial.step(&claim, Doing::from_to(from, 2)).await);
    }
}

pub(super) async fn no_step_commits_after_a_pause<F: Fixture>(trial: Trial<F>) {
    ends_steps(trial, Command::Pause).await;
}

pub(super) async fn no_step_commits_after_a_rebuild_was_ended<F: Fixture>(trial: Trial<F>) {
    ends_steps(trial, cancel(None)).await;
}

pub(super) async fn no_step_commits_after_a_division<F: Fixture>(trial: Trial<F>) {
    ends_steps(trial, divide(3)).await;
}

pub(super) async fn all_that_stopped_is_resumed<F: Fixture>(trial: Trial<F>) {
    let live = trial.running_parts(CUSTOMERS, 2).await;
    let shadow = trial.rebuilding(CUSTOMERS).await;
    for claim in live.iter().chain(&shadow) {
        stop(&trial, claim, 1).await;
    }
    trial.told(CUSTOMERS, Command::Resume).await;
    let member = trial.member().await;
    let ids: Vec<_> = live.iter().chain(&shadow).map(|claim| claim.part).collect();
    let claims = trial.claims(member, &ids).await;
    assert_eq!(claims.len(), 4);
    for claim in claims {
        trial.stepped(&claim, Doing::from_to(0, 1)).await;
    }
}

pub(super) async fn a_rebuild_begins_at_the_beginning<F: Fixture>(trial: Trial<F>) {
    for verify in [None, Some(Verify::Report), Some(Verify::SwapIfEqual)] {
        let claims = trial.running_parts(CUSTOMERS, 3).await;
        let at = claims.first().map_or(0, |claim| claim.position.get());
        for claim in &claims {
            trial.stepped(claim, Doing::from_to(at, at + 5)).await;
        }
        trial.told(CUSTOMERS, Command::Rebuild { verify }).await;
        let shadow = trial.shadow(CUSTOMERS).await;
        assert_eq!((shadow.version, shadow.verify), (1, verify));
        assert!(!shadow.is_made && !shadow.may_swap_parked);
        assert_eq!(positions(&shadow), [0, 0, 0], "as many parts as the live build");
        assert!(shadow.parts.iter().all(|part| part.owner.is_none() && part.events == 0));
        let refused = trial.refused(CUSTOMERS, Command::Rebuild { verify: None }).await;
        let is_told = matches!(&refused, CommandRefused::Rebuilding { name, version: 1 } if name == CUSTOMERS);
        assert!(is_told, "{refused:?}");
        assert_eq!(trial.shadow(CUSTOMERS).await, shadow);
        for claim in &claims {
            trial.stepped(claim, Doing::from_to(at + 5, at + 6)).await;
        }
        assert!(trial.release(&claims).await.is_ok());
        trial.told(CUSTOMERS, cancel(None)).await;
    }
}

pub(super) async fn a_reactor_is_never_rebuilt<F: Fixture>(trial: Trial<F>) {
    trial.running(POSTMAN).await;
    let before = trial.follower(POSTMAN).await;
    for verify in [None, Some(Verify::Report)] {
        let refused = trial.refused(POSTMAN, Command::Rebuild { verify }).await;
        let is_told = matches!(&refused, CommandRefused::Reactor { name } if name == POSTMAN);
        assert!(is_told, "{refused:?}");
    }
    assert_eq!(trial.follower(POSTMAN).await, before);
}

pub(super) async fn only_the_same_version_is_compared<F: Fixture>(trial: Trial<F>) {
    trial.declared(CUSTOMERS, 2, 1).await;
    trial.declared(CUSTOMERS, 1, 1).await;
    for verify in [Verify::Report, Verify::SwapIfEqual] {
        let refused = trial.refused(CUSTOMERS, Command::Rebuild { verify: Some(verify) }).await;
        let is_told = matches!(
            &refused,
            CommandRefused::OtherVersion { name, live: 2, declared: 1 } if name == CUSTOMERS
        );
        assert!(is_told, "{refused:?}");
    }
    assert_eq!(trial.follower(CUSTOMERS).await.shadow, None);
}

pub(super) async fn a_rebuild_that_is_ended_leaves_nothing<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 1).put(row("a", "1"))).await;
    let differences = Differences {
        position: position(1),
        count: 0,
        rows: Vec::new(),
        ignored_columns: vec!["customers.id".into()],
    };
    for outcome in [Outcome::Cancelled, Outcome::Compared(differences)] {
        let shadow = trial.rebuilding(CUSTOMERS).await.remove(0);
        let build = shadow.part.build;
        trial.noted(&shadow, Note::Failed(failed(1))).await;
        trial.stepped(&shadow, Doing::from_to(0, 1).put(row("b", "2")).park("a", 1, true)).await;
        for other in [live.part.build, BuildId::new(build.get() + 1_000)] {
            let refused = trial.refused(CUSTOMERS, cancel(Some(other))).await;
            assert!(matches!(refused, CommandRefused::NoRebuild { .. }), "{refused:?}");
        }
        assert_eq!(trial.shadow(CUSTOMERS).await.id, build);
        let command = Command::EndRebuild { build: Some(build), outcome: outcome.clone() };
        trial.told(CUSTOMERS, command).await;
        let books = trial.beat(None).await;
        let follower = trial.follower(CUSTOMERS).await;
        assert_eq!(follower.shadow, None);
        let last = follower.last_rebuild;
        let LastRebuild { build: ended, version, ended_at, outcome: told } =
            last.unwrap_or_else(|| panic!("a rebuild has ended"));
        assert_eq!((ended, version, told), (Some(build), 1, outcome));
        assert!(ended_at <= books.now);
        fenced(trial.step(&shadow, Doing::from_to(1, 2)).await);
        let gone = trial.query(Some(&shadow), &Query::all()).await;
        assert!(matches!(gone, Err(ReadError::NotMade { .. })), "{gone:?}");
        assert_eq!(trial.all_failures(build).await, []);
        assert_eq!(trial.all_parked(build).await, []);
        let member = trial.member().await;
        assert_eq!(trial.claims(member, &[shadow.part]).await, []);
        let refused = trial.refused(CUSTOMERS, cancel(None)).await;
        assert!(matches!(refused, CommandRefused::NoRebuild { .. }), "{refused:?}");
    }
    assert_eq!(trial.list(None).await, ["a=1"]);
    trial.stepped(&live, Doing::from_to(1, 2)).await;
}

pub(super) async fn a_shadow_may_be_told_to_swap<F: Fixture>(trial: Trial<F>) {
    trial.running(CUSTOMERS).await;
    let refused = trial.refused(CUSTOMERS, Command::Swap).await;
    let is_told = matches!(&refused, CommandRefused::NoRebuild { name } if name == CUSTOMERS);
    assert!(is_told, "{refused:?}");
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    for _ in 0..2 {
        trial.told(CUSTOMERS, Command::Swap).await;
        assert!(trial.shadow(CUSTOMERS).await.may_swap_parked);
    }
}

pub(super) async fn a_division_begins_where_the_last_part_was<F: Fixture>(trial: Trial<F>) {
    let old = trial.running_parts(CUSTOMERS, 3).await;
    for (claim, to) in old.iter().zip([7, 4, 9]) {
        let row = row(&to.to_string(), "1");
        trial.stepped(claim, Doing::from_to(0, to).events(to).put(row).park("a", to, true)).await;
    }
    let build = trial.live(CUSTOMERS).await.id;
    trial.told(CUSTOMERS, divide(2)).await;
    let live = trial.live(CUSTOMERS).await;
    assert_eq!((live.id, live.version, live.is_made), (build, 1, true));
    assert_eq!(live.floors, [7, 4, 9].map(position));
    assert_eq!(positions(&live), [4, 4]);
    assert_eq!(live.parts.iter().map(|part| part.events).collect::<Vec<_>>(), [20, 0]);
    assert!(live.parts.iter().all(|part| part.owner.is_none() && part.stopped.is_none()));
    let numbers: Vec<_> = live.parts.iter().map(|part| part.id.part).collect();
    assert_eq!(numbers, [0, 1]);
    assert_eq!((trial.list(None).await.len(), live.parked), (3, 3), "what is there stays");
    for (claim, from) in old.iter().zip([7, 4, 9]) {
        fenced(trial.step(claim, Doing::from_to(from, 10)).await);
    }
    let new = trial.claim_build(trial.member().await, &live).await;
    for claim in &new {
        assert_eq!((claim.parts.get(), claim.position), (2, position(4)));
        assert!(old.iter().all(|old| old.fence != claim.fence));
        trial.stepped(claim, Doing::from_to(4, 10)).await;
    }
    trial.told(CUSTOMERS, divide(5)).await;
    let live = trial.live(CUSTOMERS).await;
    assert_eq!(live.floors, [10, 10].map(position));
    assert_eq!(positions(&live), [10; 5]);
}

pub(super) async fn a_division_waits_until_the_last_one_has_settled<F: Fixture>(trial: Trial<F>) {
    let old = trial.running_parts(POSTMAN, 2).await;
    for (claim, to) in old.iter().zip([3, 8]) {
        trial.stepped(claim, Doing::from_to(0, to)).await;
    }
    trial.told(POSTMAN, divide(3)).await;
    let live = trial.live(POSTMAN).await;
    let new = trial.claim_build(trial.member().await, &live).await;
    for to in [7, 8] {
        let before = trial.live(POSTMAN).await;
        let refused = trial.refused(POSTMAN, divide(1)).await;
        let is_told = matches!(&refused, CommandRefused::Settling { name } if name == POSTMAN);
        assert!(is_told, "{refused:?}");
        assert_eq!(trial.live(POSTMAN).await, before);
        for claim in &new {
            let from = if to == 7 { 3 } else { 7 };
            trial.stepped(claim, Doing::from_to(from, to)).await;
        }
    }
    trial.told(POSTMAN, divide(1)).await;
    assert_eq!(positions(&trial.live(POSTMAN).await), [8]);
}

pub(super) async fn what_is_rebuilt_or_stopped_is_not_divided<F: Fixture>(trial: Trial<F>) {
    let claims = trial.running_parts(CUSTOMERS, 2).await;
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    let before = trial.follower(CUSTOMERS).await;
    let refused = trial.refused(CUSTOMERS, divide(3)).await;
    let is_told =
        matches!(&refused, CommandRefused::Rebuilding { name, version: 1 } if name == CUSTOMERS);
    assert!(is_told, "{refused:?}");
    assert_eq!(trial.follower(CUSTOMERS).await, before);
    trial.told(CUSTOMERS, cancel(None)).await;
    for claim in claims.iter().take(1) {
        stop(&trial, claim, 1).await;
    }
    let before = trial.follower(CUSTOMERS).await;
    let refused = trial.refused(CUSTOMERS, divide(3)).await;
    let is_told = matches!(&refused, CommandRefused::Stopped { name } if name == CUSTOMERS);
    assert!(is_told, "{refused:?}");
    assert_eq!(trial.follower(CUSTOMERS).await, before);
    trial.told(CUSTOMERS, Command::Resume).await;
    trial.told(CUSTOMERS, divide(3)).await;
    assert_eq!(trial.live(CUSTOMERS).await.parts.len(), 3);
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    assert_eq!(trial.shadow(CUSTOMERS).await.parts.len(), 3);
}
