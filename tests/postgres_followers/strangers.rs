//! What a shadow's step writes to besides what its build made.

use crate::books::{Follower, SALES};

#[tokio::test]
async fn a_shadow_may_write_only_to_what_it_made() {
    let create =
        format!("{SALES}; CREATE SEQUENCE ticks; CREATE TABLE lines (id bigserial, day bigint)");
    let sales = Follower::new(&create).await;
    let shadow = sales.shadow(&create).await;
    sales.run("CREATE SCHEMA $schema_own; CREATE TABLE $schema_own.totals (n bigint PRIMARY KEY); CREATE SEQUENCE $schema_own.numbers;
        CREATE TABLE $schema_own.keys (day bigint PRIMARY KEY); INSERT INTO $schema_own.keys VALUES (1);
        ALTER TABLE $build.lines ADD FOREIGN KEY (day) REFERENCES $schema_own.keys;
        CREATE FUNCTION $schema_own.also() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO $schema_own.totals VALUES (1); RETURN NULL; END'").await;
    let trigger =
        "CREATE TRIGGER also AFTER INSERT ON $build.total EXECUTE FUNCTION $schema_own.also()";
    sales.run(trigger).await;
    let cases = [
        (
            "INSERT INTO days VALUES (1, 1); INSERT INTO lines (day) VALUES (1); SELECT nextval('ticks'); DELETE FROM total",
            "",
        ),
        ("SELECT * FROM $schema_own.totals; SELECT * FROM $schema_own.keys FOR UPDATE", ""),
        ("CREATE TEMP TABLE mine (n bigint); INSERT INTO mine VALUES (1)", ""),
        ("UPDATE $schema.parts SET position = 1 WHERE NOT is_live", ""),
        ("SAVEPOINT s; INSERT INTO $schema_own.totals VALUES (1); ROLLBACK TO s", ""),
        ("INSERT INTO $schema_own.totals VALUES (1)", "x_own.totals"),
        ("TRUNCATE $schema_own.totals", "x_own.totals"),
        ("LOCK TABLE $schema_own.totals IN SHARE ROW EXCLUSIVE MODE", "x_own.totals"),
        ("SELECT nextval('$schema_own.numbers')", "x_own.numbers"),
        ("INSERT INTO total VALUES (1, 1)", "x_own.totals"),
        ("INSERT INTO $read.days VALUES (1, 1)", "x_read.days"),
        ("CREATE TABLE more (n bigint)", "x_build.more"),
        ("SELECT nextval('$schema.positions')", "x.positions"),
    ];
    for (work, expected) in cases {
        let mut step = sales.connection().await;
        sales
            .run_on(&mut step, &format!("BEGIN; SET LOCAL search_path = $build, $read; {work}"))
            .await
            .unwrap();
        let sql = sales.fill(&format!(
            "SELECT coalesce(string_agg(name, ', '), '') FROM $schema.strangers({shadow})"
        ));
        let found: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut step).await.unwrap();
        assert_eq!(found.replace(sales.store.schema(), "x"), expected, "{work}");
    }
    sales.run("DROP SCHEMA $schema_own CASCADE").await;
}
