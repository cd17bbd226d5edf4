//! A swap that is killed or cancelled has happened in whole or not at all.

use std::time::{Duration, Instant};

use annals::followers::Swap;

use crate::books::{Follower, SALES};

#[tokio::test]
async fn a_swap_that_is_killed_at_any_moment_leaves_the_old_build_or_the_new_one() {
    let create = |round: u32| {
        let marks = (1..=5).map(|n| format!("CREATE TABLE mark{n} AS SELECT {round} AS round"));
        format!(
            "{SALES}; {}; CREATE VIEW own AS SELECT round FROM mark3",
            marks.collect::<Vec<_>>().join("; ")
        )
    };
    let marks = "SELECT a.round, b.round, c.round, d.round, e.round, own.round, v.round
                 FROM $read.mark1 a, $read.mark2 b, $read.mark3 c, $read.mark4 d, $read.mark5 e, $read.own, $schema.outside v";
    let all = |round: u32| vec![vec![round.to_string(); 7].join(",")];
    let sales = Follower::new(&create(0)).await;
    sales.run("CREATE VIEW $schema.outside AS SELECT a.round FROM $read.mark4 a JOIN $read.mark2 b USING (round)").await;
    let (mut live, mut killed, mut whole) = (0, 0, Duration::from_millis(50));
    for round in 1..=30_u32 {
        let shadow = sales.shadow(&create(round)).await;
        let swap = tokio::spawn({
            let store = sales.store.clone();
            let id = annals::followers::BuildId::new(shadow.cast_unsigned());
            async move { annals::FollowerStore::swap(&store, id, Duration::from_secs(2)).await }
        });
        let how = if round % 2 == 0 { "pg_terminate_backend" } else { "pg_cancel_backend" };
        // The moment is random; nothing depends on which it is.
        let kill = sales.fill(&format!(
            "SELECT {how}(pid) FROM pg_stat_activity WHERE query LIKE '%$schema%.swap_build({shadow},%' AND pid <> pg_backend_pid() AND state = 'active'"
        ));
        let moment = whole.mul_f64(fastrand::f64() * 1.2);
        let mut connection = sales.connection().await;
        loop {
            let found = sales.fill(&format!("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%$schema%.swap_build({shadow},%' AND pid <> pg_backend_pid()"));
            let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(found))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if found > 0 || swap.is_finished() {
                break;
            }
        }
        tokio::time::sleep(moment).await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(kill)).execute(&mut connection).await.unwrap();
        let answer = swap.await.unwrap();
        // The session may take a moment to undo it, in which it holds its locks: whoever asks, waits.
        let books = sales.ask("SELECT build FROM $schema.builds WHERE is_live").await;
        let swapped = books == [shadow.to_string()];
        match answer {
            Ok(Swap::Swapped) => assert!(swapped),
            Ok(other) => panic!("{other:?}"),
            Err(_) => killed += 1,
        }
        if swapped {
            live = round;
        }
        assert_eq!(sales.ask(marks).await, all(live), "round {round}");
        let rest = "SELECT n.nspname::text || count(c.oid) FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
                    WHERE n.nspname IN ('$build', '$swap') GROUP BY n.nspname ORDER BY 1";
        let tables = if swapped { 0 } else { 7 };
        assert_eq!(
            sales.ask(rest).await,
            [sales.fill(&format!("$build{tables}")), sales.fill("$swap0")]
        );
        if !swapped {
            let began = Instant::now();
            assert_eq!(sales.swap(shadow).await, Swap::Swapped);
            whole = began.elapsed();
            live = round;
            assert_eq!(sales.ask(marks).await, all(live));
        }
    }
    println!("{killed} of 30 swaps were killed before their answer");
    assert!((1..30).contains(&killed), "the moments are all too late, or all too early");
}
