use futures_util::{
    FutureExt,
    future::{Either, select},
};

use super::{
    Fixture,
    doing::{Doing, LIMITS},
    failures::passed,
    trial::{CUSTOMERS, NOTES, Trial, fenced, row, table},
};
use crate::{
    FollowerStore,
    followers::{Command, FailureKind, Make, ReadError, StepError},
};

pub(super) async fn a_first_build_serves_once_it_is_made<F: Fixture>(trial: Trial<F>) {
    let unknown = trial.keyed(None, &["a"]).await;
    assert!(matches!(&unknown, Err(ReadError::NotMade { name }) if name == CUSTOMERS));
    trial.declared(CUSTOMERS, 1, 1).await;
    let unmade = trial.keyed(None, &["a"]).await;
    assert!(matches!(&unmade, Err(ReadError::NotMade { name }) if name == CUSTOMERS));
    let claim = trial.running(CUSTOMERS).await;
    assert!(trial.live(CUSTOMERS).await.is_made);
    assert_eq!(trial.list(None).await, [""; 0]);
    assert_eq!(trial.list(Some(&claim)).await, [""; 0]);
    assert_eq!(trial.live(CUSTOMERS).await.parts.remove(0).position.get(), 0);

    let claim = trial.running(NOTES).await;
    assert!(trial.live(NOTES).await.is_made);
    assert_eq!(trial.read_notes().await, [""; 0]);
    trial.wrote(&claim, Doing::from_to(0, 1), "one").await;
    assert_eq!(trial.read_notes().await, ["one"]);
}

pub(super) async fn what_is_made_is_left_as_it_is<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 1).put(row("a", "1"))).await;
    assert!(trial.make_table(&claim).await.is_ok());
    assert_eq!(trial.list(None).await, ["a=1"]);

    let claim = trial.running(NOTES).await;
    trial.wrote(&claim, Doing::from_to(0, 1), "one").await;
    let mut creating = trial.creating();
    assert!(trial.make_work(&claim, &mut creating).await.is_ok());
    assert_eq!(creating.calls, 0, "the work was called for a build that is made");
    assert_eq!(trial.read_notes().await, ["one"]);
}

pub(super) async fn a_making_without_a_claim_makes_nothing<F: Fixture>(trial: Trial<F>) {
    trial.declared(CUSTOMERS, 1, 1).await;
    trial.declared(NOTES, 1, 1).await;
    let member = trial.member().await;
    for name in [CUSTOMERS, NOTES] {
        let part = trial.live(name).await.parts.remove(0).id;
        let old = trial.claim_part(member, part).await;
        let new = trial.claim_part(member, part).await;
        let mut creating = trial.creating();
        if name == NOTES {
            fenced(trial.make_work(&old, &mut creating).await);
            assert_eq!(creating.calls, 0, "the fence is checked before the work");
        } else {
            fenced(trial.make_table(&old).await);
        }
        assert!(!trial.live(name).await.is_made);
        assert!(trial.release(&[new]).await.is_ok());
    }
    trial.running(CUSTOMERS).await;
    trial.running(NOTES).await;
}

pub(super) async fn a_making_that_fails_makes_nothing<F: Fixture>(trial: Trial<F>) {
    trial.declared(NOTES, 1, 1).await;
    let part = trial.live(NOTES).await.parts.remove(0).id;
    let claim = trial.claim_part(trial.member().await, part).await;
    for kind in [FailureKind::Error, FailureKind::Timeout, FailureKind::Panic] {
        let mut failing = trial.creating().failing(kind, None);
        match trial.make_work(&claim, &mut failing).await {
            Err(StepError::Handler(failed)) => {
                assert_eq!((failed.kind, failed.at), (kind, None));
                assert_eq!(failed.report(), "it had to fail");
            }
            other => panic!("a create that fails was answered with {other:?}"),
        }
        assert_eq!(failing.calls, 1);
        assert!(!trial.live(NOTES).await.is_made);
    }
    let mut creating = trial.creating();
    let made = trial.make_work(&claim, &mut creating).await;
    assert!(made.is_ok(), "what failed has left something behind: {made:?}");
    trial.wrote(&claim, Doing::from_to(0, 1), "one").await;
}

pub(super) async fn a_making_that_is_dropped_can_be_done_again<F: Fixture>(trial: Trial<F>) {
    trial.declared(NOTES, 1, 1).await;
    let part = trial.live(NOTES).await.parts.remove(0).id;
    let member = trial.member().await;
    let claim = trial.claim_part(member, part).await;
    let (mut work, gate) = trial.creating().gated();
    let making = trial.make_work(&claim, &mut work).boxed();
    match select(making, gate.reached).await {
        Either::Left((answer, _)) => panic!("it waits, and answers {answer:?}"),
        Either::Right((reached, dropped)) => {
            assert!(reached.is_ok());
            drop(dropped);
        }
    }
    assert!(!trial.live(NOTES).await.is_made);
    let claim = super::steps::claimed_at_last(&trial, member, part).await;
    let made = trial.make_work(&claim, &mut trial.creating()).await;
    assert!(made.is_ok(), "{made:?}");
    trial.wrote(&claim, Doing::from_to(0, 1), "one").await;
    assert_eq!(trial.read_notes().await, ["one"]);
}

pub(super) async fn the_tables_of_a_shadow_are_out_of_sight<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 1).put(row("a", "1"))).await;
    let shadow = trial.rebuilding(CUSTOMERS).await.remove(0);
    assert!(trial.shadow(CUSTOMERS).await.is_made);
    assert_eq!(trial.list(None).await, ["a=1"]);
    assert_eq!(trial.list(Some(&shadow)).await, [""; 0]);

    let live = trial.running(NOTES).await;
    trial.wrote(&live, Doing::from_to(0, 1), "one").await;
    trial.rebuilding(NOTES).await;
    assert_eq!(trial.read_notes().await, ["one"]);
}

pub(super) async fn a_table_has_the_shape_of_its_build<F: Fixture>(trial: Trial<F>) {
    trial.running(CUSTOMERS).await;
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    let shadow = trial.shadow(CUSTOMERS).await;
    let claim = trial.claim_build(trial.member().await, &shadow).await.remove(0);
    let mut bare = table();
    bare.columns.clear();
    bare.indexes.clear();
    let made = trial.make(&claim, Make::Table(&bare), LIMITS).await;
    assert!(made.is_ok(), "{made:?}");
    trial.noted(&claim, passed(0, 1)).await;
    let by_spent = crate::Query::all().ascending("spent");
    assert!(trial.query(None, &by_spent).await.is_ok());
    let answer = trial.query(Some(&claim), &by_spent).await;
    assert!(matches!(answer, Err(ReadError::Query(_))), "{answer:?}");
}
