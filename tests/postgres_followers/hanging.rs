//! What hangs on the tables, and cannot be carried over.

use annals::followers::Swap;

use crate::{
    books::{Follower, SALES},
    fresh,
};

#[tokio::test]
async fn what_cannot_be_carried_over_is_refused_by_name() {
    let cases = [
        ("CREATE TABLE $own.orders (day bigint CONSTRAINT of_day REFERENCES $read.days)", "foreign key of_day on x_own.orders on days"),
        ("CREATE MATERIALIZED VIEW $own.kept AS SELECT * FROM $read.days", "materialized view x_own.kept on days"),
        ("CREATE FUNCTION $own.none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
          CREATE TRIGGER tells AFTER INSERT ON $read.days EXECUTE FUNCTION $own.none()", "trigger tells on days on days"),
        ("CREATE INDEX days_by_n ON $read.days (n)", "index days_by_n on days"),
        ("CREATE POLICY nobody ON $read.total USING (false)", "policy nobody on total on total"),
        ("CREATE RULE twice AS ON INSERT TO $read.days DO ALSO NOTIFY x", "rule twice on days on days"),
        ("CREATE TABLE $own.t (); CREATE RULE too AS ON DELETE TO $own.t DO ALSO DELETE FROM $read.days", "rule too on x_own.t on days"),
        ("ALTER TABLE $read.days ADD CONSTRAINT few CHECK (n < 1000)", "table constraint few on days on days"),
        ("CREATE STATISTICS $own.seen ON day, n FROM $read.days", "statistics object x_own.seen on days"),
        ("CREATE PUBLICATION $own FOR TABLE $read.days", "publication relation days in publication x_own on days"),
        ("CREATE TABLE $own.child () INHERITS ($read.total)", "table x_own.child on total"),
        ("CREATE FUNCTION $own.rows(days $read.days) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'", "function x_own.rows(x_read.days) on days"),
        ("CREATE TABLE $own.wide (day $read.days)", "table x_own.wide on days"),
    ];
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(SALES).await;
    for (made, expected) in cases {
        let made = made.replace("$own", "$schema_own");
        sales.run(&format!("CREATE SCHEMA $schema_own; {made}")).await;
        assert_eq!(sales.dependents().await, [expected], "{made}");
        let Swap::Refused(refused) = sales.swap(shadow).await else {
            panic!("{expected}: swapped")
        };
        let told = refused[0].to_string().replace(sales.store.schema(), "x");
        let (what, on) = expected.rsplit_once(" on ").unwrap();
        assert!(told.starts_with(&format!("{what} hangs on {on}")), "{told}, not {expected}");
        sales.run("DROP SCHEMA $schema_own CASCADE; DROP INDEX IF EXISTS $read.days_by_n;
            DROP TRIGGER IF EXISTS tells ON $read.days; DROP POLICY IF EXISTS nobody ON $read.total;
            DROP RULE IF EXISTS twice ON $read.days; ALTER TABLE $read.days DROP CONSTRAINT IF EXISTS few;
            DROP PUBLICATION IF EXISTS $schema_own").await;
        assert_eq!(sales.dependents().await, [""; 0]);
    }
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
}

#[tokio::test]
async fn views_that_cannot_be_written_anew_are_refused_with_the_reason() {
    let sales = Follower::new(SALES).await;
    let shadow = sales.shadow(&SALES.replace("n bigint NOT NULL", "units bigint NOT NULL")).await;
    sales.run("CREATE VIEW $schema.sold AS SELECT n FROM $read.days").await;
    assert_eq!(sales.dependents().await, [""; 0]);
    let Swap::Refused(refused) = sales.swap(shadow).await else { panic!("it has no column n") };
    let told = refused[0].to_string().replace(sales.store.schema(), "x");
    // Servers name the column in their own ways.
    let reasons = ["days.n", "\"n\""]
        .map(|column| format!("view x.sold hangs on days (column {column} does not exist)"));
    assert!(reasons.contains(&told), "{told}");
    // A text with the schema in it: the name in a CTE hides the table's, so Postgres writes the table's in full.
    sales
        .run(
            "DROP VIEW $schema.sold;
        CREATE VIEW $schema.sold AS WITH days AS (SELECT 1) SELECT d.day FROM $read.days d, days",
        )
        .await;
    let Swap::Refused(refused) = sales.swap(shadow).await else { panic!("it names the schema") };
    let told = refused[0].to_string().replace(sales.store.schema(), "x");
    assert_eq!(told, "view x.sold hangs on days (its text does not come to mean the new tables)");
    sales.run("DROP VIEW $schema.sold").await;
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
}

#[tokio::test]
async fn what_is_made_while_a_swap_waits_is_found() {
    for (made, outcomes) in [
        ("CREATE VIEW $schema.late AS SELECT * FROM $read.days", ["held", "swapped"]),
        (
            "CREATE MATERIALIZED VIEW $schema.late AS SELECT * FROM $read.days",
            ["refused", "refused"],
        ),
    ] {
        let sales = Follower::new(SALES).await;
        let shadow = sales.shadow(SALES).await;
        let mut step = sales.connection().await;
        sales
            .run_on(&mut step, "BEGIN; SELECT FROM $schema.parts WHERE is_live FOR UPDATE")
            .await
            .unwrap();
        let swap = format!("SELECT outcome FROM $schema.swap_build({shadow}, 5000, 400)");
        let meanwhile = async {
            sales.until_somebody_waits_for(&mut step).await;
            sales.run(made).await;
            // What would be lost without a word cannot be made now.
            let mut late = sales.connection().await;
            let index = "SET lock_timeout = 1; CREATE INDEX late ON $read.days (n)";
            assert!(sales.run_on(&mut late, index).await.is_err());
            sales.run_on(&mut step, "COMMIT").await.unwrap();
        };
        let (outcome, ()) = tokio::join!(sales.ask(&swap), meanwhile);
        assert_eq!(outcome, [outcomes[0]]);
        assert_eq!(sales.ask(&swap).await, [outcomes[1]]);
    }
}

#[tokio::test]
async fn names_that_others_have_are_refused() {
    let sales = Follower::new(SALES).await;
    sales.run("CREATE TABLE $read.others (n bigint); CREATE INDEX busy ON $read.others (n)").await;
    let shadow = sales.shadow(&format!("{SALES}; CREATE INDEX busy ON days (n)")).await;
    let Swap::Refused(refused) = sales.swap(shadow).await else { panic!("swapped") };
    let told = refused[0].to_string().replace(sales.store.schema(), "x");
    assert_eq!(told, "index x_read.busy hangs on days (it has a name that the new build has, too)");
}

#[tokio::test]
async fn views_of_others_are_refused_and_views_of_roles_that_one_is_a_member_of_are_not() {
    let sales = Follower::new(SALES).await;
    let (app, team, stranger) = (fresh::name(), fresh::name(), fresh::name());
    let sql = "CREATE ROLE $app; CREATE ROLE $team; CREATE ROLE $stranger; GRANT $team TO $app; CREATE SCHEMA $schema_own;
        GRANT ALL ON SCHEMA $schema, $read, $build, $swap TO $app; GRANT ALL ON ALL TABLES IN SCHEMA $schema TO $app;
        GRANT USAGE ON SCHEMA $read TO $team, $stranger; GRANT SELECT ON ALL TABLES IN SCHEMA $read TO $team, $stranger;
        GRANT USAGE, CREATE ON SCHEMA $schema_own TO $team, $stranger;
        ALTER TABLE $read.days OWNER TO $app; ALTER TABLE $read.total OWNER TO $app;
        SET ROLE $team; CREATE VIEW $schema_own.ours AS SELECT * FROM $read.days;
        SET ROLE $stranger; CREATE VIEW $schema_own.theirs AS SELECT * FROM $read.days";
    let roles = |sql: &str| {
        sql.replace("$app", &app).replace("$team", &team).replace("$stranger", &stranger)
    };
    sales.run(&roles(sql)).await;
    let shadow = sales.shadow(SALES).await;
    sales
        .run(&roles(
            "ALTER TABLE $build.days OWNER TO $app; ALTER TABLE $build.total OWNER TO $app",
        ))
        .await;
    let mut connection = sales.connection().await;
    sales.run_on(&mut connection, &roles("SET ROLE $app")).await.unwrap();
    let swap = sales.fill(&format!("SELECT outcome || coalesce(' ' || detail::text, '') FROM $schema.swap_build({shadow}, 1000, 20)"));
    let answer: String = sqlx::query_scalar(sqlx::AssertSqlSafe(swap.clone()))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(
        answer.contains(&format!(
            "_own.theirs\", \"on\" : \"days\", \"reason\" : \"it belongs to {stranger}\""
        )),
        "{answer}"
    );
    assert!(!answer.contains("ours"), "{answer}");
    sales.run("DROP VIEW $schema_own.theirs").await;
    let answer: String =
        sqlx::query_scalar(sqlx::AssertSqlSafe(swap)).fetch_one(&mut connection).await.unwrap();
    assert_eq!(answer, "swapped");
    sales.run(&roles("SET ROLE $team; SELECT * FROM $schema_own.ours")).await;
    sales.run(&roles("DROP SCHEMA $schema_own CASCADE; DROP OWNED BY $app, $team, $stranger; DROP ROLE $app, $team, $stranger")).await;
}
