//! Handlers that do what they should not, and what comes of it.

use annals::{
    FollowerStore, Position,
    followers::{FailureKind, FollowerKind, PartId, StepError},
};
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;

use super::{
    CREATE, Careless, HANDLE, SALES, Sql, books, claim, declaration, live, make, member, orders,
    projection, refusal, shadow, worked,
};
use crate::fresh::{connection, fresh_store, run};

/// Members that take the part from each other, all the time: each step counts once, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_members_do_to_one_part_counts_once() {
    let store = fresh_store().await;
    let build = projection(&store).await.part.build;
    let member_of = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut done, part) = (0, PartId { build, part: 0 });
            while done < 10 {
                // Nobody has a lease, so everybody may take it.
                let Some(claim) = store.claim(member(), &[part]).await.unwrap().pop() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                tokio::task::yield_now().await;
                match worked(&store, &claim, claim.position.get(), &mut Sql(HANDLE)).await {
                    Ok(()) => done += 1,
                    Err(StepError::Fenced) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    };
    for outcome in join_all((0..4).map(member_of)).await {
        outcome.unwrap();
    }
    let part = live(&store).await.parts.remove(0);
    assert_eq!((part.position, part.events), (Position::new(40), 40));
    assert_eq!(orders(&store).await, 40);
}

#[tokio::test]
async fn a_handler_that_swallows_an_error_has_failed() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    let outcome = worked(&store, &held, 0, &mut Careless).await;
    let Err(StepError::Handler(failed)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failed.kind, FailureKind::Error);
    assert!(failed.report().contains("has not passed that error on"), "{}", failed.report());
    assert_eq!(live(&store).await.parts[0].position, Position::START);
}

#[tokio::test]
async fn a_handler_that_ends_the_transaction_is_refused() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    for end in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"] {
        let at = live(&store).await.parts[0].position.get();
        let told = refusal(worked(&store, &held, at, &mut Sql(end)).await);
        assert!(told.starts_with("it has ended the transaction"), "{end}: {told}");
    }
}

#[tokio::test]
async fn a_shadow_writes_to_what_it_made_and_to_nothing_else() {
    let store = fresh_store().await;
    let mut connection = connection().await;
    run(&mut connection, &store, "CREATE TABLE IF NOT EXISTS public.annals_totals (n bigint)")
        .await
        .unwrap();
    let live = projection(&store).await;
    let elsewhere = "INSERT INTO public.annals_totals VALUES (1)";
    worked(&store, &live, 0, &mut Sql(elsewhere)).await.unwrap();
    let shadow = shadow(&store).await;
    make(&store, &shadow, CREATE).await.unwrap();
    worked(&store, &shadow, 0, &mut Sql(HANDLE)).await.unwrap();
    assert_eq!(orders(&store).await, 0, "it is out of sight");
    let told = refusal(worked(&store, &shadow, 1, &mut Sql(elsewhere)).await);
    assert!(told.starts_with("it writes to public.annals_totals"), "{told}");
    let temporary = "CREATE TEMPORARY TABLE t (n bigint) ON COMMIT DROP; INSERT INTO t SELECT count(*) FROM sales";
    worked(&store, &shadow, 1, &mut Sql(temporary)).await.unwrap();
    let made_late = "CREATE TABLE late (n bigint)";
    let told = refusal(worked(&store, &shadow, 2, &mut Sql(made_late)).await);
    assert!(told.contains("_build.late, which its create() does not make"), "{told}");
}

#[tokio::test]
async fn what_a_swap_could_not_move_is_not_made() {
    let store = fresh_store().await;
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    let held = claim(&store, &live(&store).await).await;
    for (create, because) in [
        ("SELECT 1", "create() has made no table"),
        ("CREATE TABLE sales (n int); CREATE TYPE mood AS ENUM ('ok')", "makes the type mood"),
        (
            "CREATE TABLE sales (n int); CREATE MATERIALIZED VIEW m AS SELECT * FROM sales",
            "makes the materialized view m",
        ),
        (
            "CREATE TABLE sales (n int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "makes the function f",
        ),
        (
            "CREATE TABLE public.annals_sales (n int)",
            "create() makes or changes public.annals_sales",
        ),
    ] {
        let told = refusal(make(&store, &held, create).await);
        assert!(told.contains(because), "{create}: {told}");
        assert!(!live(&store).await.is_made);
    }
    let fine = "CREATE TABLE sales (id bigserial PRIMARY KEY, n int CHECK (n > 0)); CREATE INDEX ON sales (n);
        CREATE SEQUENCE numbers; CREATE VIEW many AS SELECT * FROM sales WHERE n > 10;
        INSERT INTO sales (n) VALUES (11)";
    make(&store, &held, fine).await.unwrap();
    let mut connection = connection().await;
    let schema = store.schema();
    let moved =
        format!("SELECT n FROM {schema}_read.many; SELECT nextval('{schema}_read.numbers')");
    sqlx::raw_sql(AssertSqlSafe(moved)).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn two_followers_do_not_share_a_name_of_a_table() {
    let store = fresh_store().await;
    projection(&store).await;
    store.declare(&declaration("zales", FollowerKind::Projection)).await.unwrap();
    let other = books(&store).await.followers.remove(1).live;
    let held = claim(&store, &other).await;
    let told = refusal(make(&store, &held, CREATE).await);
    assert!(told.contains("the name sales is taken"), "{told}");
}
