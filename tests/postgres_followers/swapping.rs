//! One build takes the place of another.

use annals::{
    FollowerStore, PostgresStore,
    followers::{BuildId, Swap},
};
use sqlx::Connection;

use crate::{
    books::{Follower, PATIENCE, SALES},
    fresh,
};

fn filled(n: i32) -> String {
    format!("{SALES}; INSERT INTO days VALUES (1, {n}); INSERT INTO total VALUES (0, {n})")
}

#[tokio::test]
async fn everything_of_the_new_build_serves_and_nothing_of_the_old_one_is_left() {
    let create = |n: i32| {
        format!(
            "{}; CREATE SEQUENCE ticks; CREATE INDEX days_by_n ON days (n);
             CREATE TABLE lines (id bigint GENERATED ALWAYS AS IDENTITY, tick bigint DEFAULT nextval('ticks'),
                                 serial bigserial, day bigint REFERENCES days, CHECK (day > 0));
             CREATE VIEW best AS SELECT max(n) AS n FROM days; INSERT INTO lines (day) VALUES (1)",
            filled(n)
        )
    };
    let sales = Follower::new(&create(1)).await;
    let before = sales
        .ask("SELECT relname FROM pg_class WHERE relnamespace = '$read'::regnamespace ORDER BY 1")
        .await;
    let shadow = sales.shadow(&create(2)).await;
    assert_eq!(sales.dependents().await, [""; 0]);
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
    assert_eq!(sales.ask("SELECT n FROM $read.best").await, ["2"]);
    sales.run("INSERT INTO $read.lines (day) VALUES (1)").await;
    assert_eq!(sales.ask("SELECT * FROM $read.lines").await, ["1,1,1,1", "2,2,2,1"]);
    let left = sales.ask("SELECT relname FROM pg_class WHERE relnamespace IN ('$build'::regnamespace, '$swap'::regnamespace)").await;
    assert_eq!(left, [""; 0]);
    let after = sales
        .ask("SELECT relname FROM pg_class WHERE relnamespace = '$read'::regnamespace ORDER BY 1")
        .await;
    assert_eq!(after, before);
    let books = sales.ask("SELECT b.build, b.is_live, p.is_live, b.went_live_at IS NOT NULL FROM $schema.builds b JOIN $schema.parts p USING (build)").await;
    assert_eq!(books, [format!("{shadow},t,t,t")]);
    let last = sales.ask("SELECT last_rebuild FROM $schema.followers").await;
    let last = last[0].trim_matches('"').replace("\"\"", "\"");
    let last: annals::followers::LastRebuild = serde_json::from_str(&last).unwrap();
    assert_eq!(last.build, Some(BuildId::new(shadow.cast_unsigned())));
    assert_eq!(last.outcome, annals::followers::Outcome::Swapped);
    assert_eq!(sales.swap(shadow).await, Swap::Gone);
    // And again, with names that were there before.
    let next = sales.shadow(&create(3)).await;
    assert_eq!(sales.swap(next).await, Swap::Swapped);
    assert_eq!(sales.ask("SELECT n FROM $read.best").await, ["3"]);
}

#[tokio::test]
async fn views_are_carried_over_with_what_hangs_on_them_and_grants_stay() {
    let sales = Follower::new(&filled(1)).await;
    let (role, other) = (fresh::name(), fresh::name());
    let sql = "CREATE ROLE $role; CREATE ROLE $other; CREATE SCHEMA $schema_own;
         CREATE VIEW $schema_own.inner WITH (security_barrier, check_option = cascaded)
             AS SELECT day, n AS sold FROM $read.days WHERE n < 1000;
         CREATE VIEW $schema_own.outer AS
             WITH days AS (SELECT 7 AS seven) SELECT i.sold, t.n, seven FROM $schema_own.inner i JOIN $read.total t ON true, days;
         CREATE MATERIALIZED VIEW $schema_own.kept AS SELECT * FROM $schema_own.outer;
         GRANT USAGE ON SCHEMA $schema_own, $read TO $role;
         GRANT SELECT, UPDATE ON $schema_own.inner TO $role WITH GRANT OPTION;
         GRANT SELECT ON $schema_own.outer TO PUBLIC;
         GRANT SELECT ON $read.days TO $role WITH GRANT OPTION; GRANT UPDATE (n) ON $read.total TO $other;
         SET ROLE $role; GRANT SELECT ON $read.days TO $other";
    let sql = sql.replace("$role", &role).replace("$other", &other);
    sales.run(&sql).await;
    let shown = "SELECT c.oid::text, c.relowner, c.reloptions FROM pg_class c WHERE c.relname IN ('inner', 'outer', 'kept')
                 AND c.relnamespace = '$schema_own'::regnamespace ORDER BY 1";
    let grants = "SELECT grantee, table_name, privilege_type, is_grantable FROM information_schema.table_privileges
                  WHERE table_schema IN ('$read', '$schema_own') AND grantee <> grantor OR grantee IN ('$role', '$other')
                  UNION SELECT grantee, table_name || '.' || column_name, privilege_type, is_grantable
                  FROM information_schema.column_privileges WHERE grantee = '$other' AND privilege_type = 'UPDATE' ORDER BY 1, 2, 3";
    let grants = grants.replace("$role", &role).replace("$other", &other);
    let (objects, granted) = (sales.ask(shown).await, sales.ask(&grants).await);
    assert!(objects.len() == 3 && granted.len() >= 6, "{granted:?}");
    let shadow = sales.shadow(&filled(2)).await;
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
    assert_eq!(sales.ask(shown).await, objects);
    assert_eq!(sales.ask(&grants).await, granted);
    assert_eq!(sales.ask("SELECT * FROM $schema_own.outer").await, ["2,2,7"]);
    sales
        .run(&"SET ROLE $role; UPDATE $schema_own.inner SET sold = 3".replace("$role", &role))
        .await;
    assert_eq!(sales.ask("SELECT n FROM $read.days").await, ["3"]);
    sales.run("REFRESH MATERIALIZED VIEW $schema_own.kept").await;
    sales.run(&"DROP SCHEMA $schema_own CASCADE; DROP OWNED BY $role, $other; DROP ROLE $role; DROP ROLE $other"
        .replace("$role", &role).replace("$other", &other)).await;
}

#[tokio::test]
async fn a_shadow_that_is_behind_is_let_pass_while_the_live_one_is_held() {
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(SALES).await;
    sales.run(&format!("UPDATE $schema.parts SET position = 5 WHERE build = {}", sales.live)).await;
    let short = std::time::Duration::from_millis(50);
    let id = BuildId::new(shadow.cast_unsigned());
    assert_eq!(sales.store.swap(id, short).await.unwrap(), Swap::Behind);

    let mut step = sales.connection().await;
    sales.run_on(&mut step, &format!("BEGIN; UPDATE $schema.parts SET position = 5 WHERE build = {shadow}; INSERT INTO $build.days VALUES (1, 5)")).await.unwrap();
    let live_step = async {
        let update = format!("UPDATE $schema.parts SET position = 6 WHERE build = {}", sales.live);
        let update = sqlx::query(sqlx::AssertSqlSafe(sales.fill(&update)));
        update.execute(&mut sales.connection().await).await.unwrap().rows_affected()
    };
    let swap = sales.swap(shadow);
    let go_on = async {
        // The swap holds the live build, and waits for the shadow; the shadow's step ends.
        loop {
            let held =
                sales.ask("SELECT 1 FROM $schema.parts WHERE is_live FOR UPDATE SKIP LOCKED").await;
            if held.is_empty() {
                break;
            }
        }
        let commit = sales.run_on(&mut step, "COMMIT");
        let (live, commit) = tokio::join!(live_step, commit);
        commit.unwrap();
        live
    };
    let (swapped, live) = tokio::join!(swap, go_on);
    assert_eq!(swapped, Swap::Swapped);
    assert_eq!(live, 0, "it is fenced");
    assert_eq!(
        sales.ask("SELECT build, position FROM $schema.parts").await,
        [format!("{shadow},5")]
    );
}

#[tokio::test]
async fn a_step_that_waited_for_the_swap_finds_its_tables_where_they_serve() {
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(SALES).await;
    let mut reader = sales.connection().await;
    sales.run_on(&mut reader, "BEGIN; SELECT FROM $read.days").await.unwrap();
    let mut step = sales.connection().await;
    let held = sqlx::query_as::<_, (String, Option<String>)>(sqlx::AssertSqlSafe(sales.fill(
        &format!("SELECT outcome, detail::text FROM $schema.swap_build({shadow}, 2000, 400)"),
    )));
    let mut swapping = sales.connection().await;
    let advance = format!(
        "UPDATE $schema.parts SET position = position + 1 WHERE build = {shadow}
         RETURNING is_live, set_config('search_path', CASE WHEN is_live THEN '$read' ELSE '$build, $read' END, true)"
    );
    let advance = sqlx::query_as::<_, (bool, String)>(sqlx::AssertSqlSafe(sales.fill(&advance)));
    let stepping = async {
        sales.until_somebody_waits_for(&mut reader).await;
        let mut transaction = step.begin().await.unwrap();
        let end_of_report = async {
            sales.until_somebody_waits_for(&mut reader).await;
            reader.close().await.unwrap();
        };
        let (advanced, ()) = tokio::join!(advance.fetch_one(&mut *transaction), end_of_report);
        sqlx::query("INSERT INTO days VALUES (1, 7)").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        advanced.unwrap().0
    };
    let (swapped, is_live) = tokio::join!(held.fetch_one(&mut swapping), stepping);
    assert_eq!(swapped.unwrap().0, "swapped");
    assert!(is_live);
    assert_eq!(sales.ask("SELECT n FROM $read.days").await, ["7"]);
}

#[tokio::test]
async fn who_holds_a_table_is_named_and_nothing_happened() {
    let sales = Follower::new(&filled(1)).await;
    let shadow = sales.shadow(&filled(2)).await;
    let mut report = sales.connection().await;
    sales
        .run_on(&mut report, "SET application_name = 'report'; BEGIN; SELECT FROM $read.total")
        .await
        .unwrap();
    let pid: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut report).await.unwrap();
    let Swap::Held { by } = sales.swap(shadow).await else { panic!("it is held") };
    assert!(by.starts_with(&format!("process {pid} (report, ")) && by.ends_with(" UTC"), "{by}");
    assert_eq!(sales.ask("SELECT n FROM $read.days").await, ["1"]);
    assert_eq!(sales.ask("SELECT n FROM $build.days").await, ["2"]);
    // One that keeps the shape of the tables: a vacuum, an index that is being made.
    sales
        .run_on(&mut report, "COMMIT; BEGIN; LOCK TABLE $build.days IN SHARE UPDATE EXCLUSIVE MODE")
        .await
        .unwrap();
    let Swap::Held { by } = sales.swap(shadow).await else { panic!("it is held") };
    assert!(by.contains(&format!("process {pid} (report, ")), "{by}");
    // A step of the live build that takes its time.
    sales
        .run_on(
            &mut report,
            &format!(
                "COMMIT; BEGIN; SELECT FROM $schema.parts WHERE build = {} FOR UPDATE",
                sales.live
            ),
        )
        .await
        .unwrap();
    let id = BuildId::new(shadow.cast_unsigned());
    let short = std::time::Duration::from_millis(50);
    let Swap::Held { by } = sales.store.swap(id, short).await.unwrap() else { panic!("held") };
    assert_eq!(by, "a step of the live build");
    report.close().await.unwrap();
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
}

#[tokio::test]
async fn readers_that_take_tables_in_another_order_only_cost_the_swap_its_try() {
    let sales = Follower::new(&filled(1)).await;
    let shadow = sales.shadow(&filled(2)).await;
    for (first, second) in [("total", "days"), ("days", "total")] {
        let mut reader = sales.connection().await;
        sales.run_on(&mut reader, &format!("BEGIN; SELECT FROM $read.{first}")).await.unwrap();
        let swap = format!("SELECT outcome FROM $schema.swap_build({shadow}, 2000, 400)");
        let swap = sales.ask(&swap);
        let read = async {
            sales.until_somebody_waits_for(&mut reader).await;
            sales.run_on(&mut reader, &format!("SELECT FROM $read.{second}; COMMIT")).await
        };
        let (outcome, read) = tokio::join!(swap, read);
        read.unwrap();
        // In the order of the swap itself the reader does not meet it at all.
        assert_eq!(outcome, [if first == "total" { "held" } else { "swapped" }]);
    }
}

#[tokio::test]
async fn parked_stopped_and_reporting_shadows_are_not_swapped() {
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(SALES).await;
    sales
        .run(&format!(
            "INSERT INTO $schema.parked (build, sequence, position, event_id, is_cause)
        SELECT {shadow}, 'a', n, gen_random_uuid(), true FROM generate_series(1, 3) n"
        ))
        .await;
    assert_eq!(sales.swap(shadow).await, Swap::Parked { events: 3 });
    let updated = |set: &str| format!("UPDATE $schema.builds SET {set} WHERE build = {shadow}");
    sales.run(&updated("verify = 'report'")).await;
    assert_eq!(sales.swap(shadow).await, Swap::Gone);
    sales.run(&updated("verify = 'swap if equal', is_made = false")).await;
    assert_eq!(sales.swap(shadow).await, Swap::Behind);
    sales.run(&updated("may_swap_parked = true, is_made = true")).await;
    let stop = format!(
        "UPDATE $schema.parts SET stopped_at = now(), stopped_by = 3 WHERE build = {shadow}"
    );
    sales.run(&stop).await;
    assert_eq!(sales.swap(shadow).await, Swap::Gone);
    sales.run("UPDATE $schema.parts SET stopped_at = NULL, stopped_by = NULL").await;
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
    assert_eq!(sales.swap(shadow + 1000).await, Swap::Gone);
}

#[tokio::test]
async fn a_swap_is_read_committed_whatever_the_role_is_set_to() {
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(SALES).await;
    let url = fresh::url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let options = "options=-c%20default_transaction_isolation=serializable%20-c%20default_transaction_read_only=on";
    let store = PostgresStore::builder().with_schema(sales.store.schema());
    let store = store.connect(&format!("{url}{separator}{options}")).await.unwrap();
    let id = BuildId::new(shadow.cast_unsigned());
    assert_eq!(store.swap(id, PATIENCE).await.unwrap(), Swap::Swapped);
}
