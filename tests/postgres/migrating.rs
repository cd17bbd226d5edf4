//! How a schema comes to be: by any number of processes at once, and by hand.

use std::{env, process::Command};

use annals::{ExpectedVersion::NoStream, PostgresStore};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row};

use crate::{
    asking::{append, events, read, to},
    fresh::{builder, connection, fresh_store, name, url},
};

const SCHEMA: &str = "ANNALS_TEST_SCHEMA";
const PROCESSES: usize = 10;
/// In each of the processes.
const STORES: usize = 4;

/// Opens the schema by so many stores and migrates with all of them at once.
async fn migrate_at_once(schema: &str, stores: usize) {
    let (builder, url) = (PostgresStore::builder().with_schema(schema), url());
    let open = || async { builder.clone().connect(&url).await.unwrap() };
    let stores = join_all((0..stores).map(|_| open())).await;
    let tasks =
        stores.iter().cloned().map(|store| tokio::spawn(async move { store.migrate().await }));
    for outcome in join_all(tasks).await {
        outcome.unwrap().unwrap();
    }
    for (number, store) in stores.iter().enumerate() {
        let stream = format!("test-{}-{number}", std::process::id());
        append(store, to(&stream, NoStream, events(1))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_start_at_once_make_one_schema() {
    let schema = name();
    migrate_at_once(&schema, 10).await;
    assert_eq!(catalog(&schema, &mut connection().await).await, catalog_of_migrate().await);
}

/// One of several processes that start at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the test of processes runs it"]
async fn one_process() {
    migrate_at_once(&env::var(SCHEMA).unwrap(), STORES).await;
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_schema() {
    let schema = name();
    let start = || {
        let mut process = Command::new(env::current_exe().unwrap());
        process.args(["--exact", "migrating::one_process", "--ignored", "--nocapture"]);
        process.env(SCHEMA, &schema).spawn().unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let mut connection = connection().await;
    assert_eq!(catalog(&schema, &mut connection).await, catalog_of_migrate().await);
    let store = PostgresStore::builder().with_schema(&*schema).connect(&url()).await.unwrap();
    let head = store.status().await.unwrap().head.get();
    assert_eq!(head, (PROCESSES * STORES) as u64, "each of the stores appended");
}

/// A session of the server remembers what it did not find, until it is made to look.
#[tokio::test]
async fn a_schema_that_is_made_while_its_turn_is_waited_for_is_found() {
    let pool = PgPool::connect(&url()).await.unwrap();
    let until_idle = async || {
        while pool.num_idle() == 0 {
            tokio::task::yield_now().await; // its one connection is on its way back
        }
    };
    let session = "SELECT pg_backend_pid()";
    let session: i32 = sqlx::query_scalar(session).fetch_one(&pool).await.unwrap();
    until_idle().await;
    let other = builder().open(pool.clone()).await.unwrap();
    // What it looks up on the way is in its memory then.
    for _ in 0..2 {
        until_idle().await;
        other.migrate().await.unwrap();
    }
    until_idle().await;

    let schema = name();
    let builder = PostgresStore::builder().with_schema(&*schema);
    let store = builder.clone().open(pool.clone()).await.unwrap();
    until_idle().await;
    let mut first = connection().await;
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('annals migrates \"{schema}\"', 0))"
    );
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut first).await.unwrap();
    let migration = tokio::spawn({
        let store = store.clone();
        async move { store.migrate().await }
    });
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)";
    while !sqlx::query_scalar::<_, bool>(waits).bind(session).fetch_one(&mut first).await.unwrap() {
        assert!(!migration.is_finished(), "it should wait for its turn, on the one connection");
    }
    let sql = builder.migration_sql().unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut first).await.unwrap();
    migration.await.unwrap().unwrap();
    append(&store, to("test-a", NoStream, events(1))).await;
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let store = fresh_store().await;
    append(&store, to("test-a", NoStream, events(1))).await;
    let mut connection = connection().await;
    let before = catalog(store.schema(), &mut connection).await;
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(catalog(store.schema(), &mut connection).await, before);
    assert_eq!(read(&store, "test-a").await.len(), 1);
}

#[tokio::test]
async fn the_sql_run_by_hand_makes_the_same_schema() {
    for schema in [name(), format!("By-Hand-{}", name())] {
        let builder = PostgresStore::builder().with_schema(&*schema);
        let mut connection = connection().await;
        let sql = builder.migration_sql().unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        let by_hand = catalog(&schema, &mut connection).await;
        assert_eq!(by_hand, catalog_of_migrate().await);
        let store = builder.connect(&url()).await.unwrap();
        append(&store, to("test-a", NoStream, events(1))).await;
        store.migrate().await.unwrap();
        assert_eq!(catalog(&schema, &mut connection).await, by_hand);
        assert_eq!(read(&store, "test-a").await.len(), 1);
    }
}

/// The SQL is one transaction: where something is in the way, nothing of it stays.
#[tokio::test]
async fn the_sql_run_twice_by_hand_fails_and_changes_nothing() {
    let builder = builder();
    let sql = builder.migration_sql().unwrap();
    let store = builder.connect(&url()).await.unwrap();
    store.migrate().await.unwrap();
    let before = catalog(store.schema(), &mut connection().await).await;
    let again = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection().await).await;
    assert!(again.is_err());
    assert_eq!(catalog(store.schema(), &mut connection().await).await, before);
}

/// The SQL that made version 1, from nothing.
fn first_version(schema: &str) -> String {
    let sql = PostgresStore::builder().with_schema(schema).migration_sql().unwrap();
    let applied = format!("INSERT INTO \"{schema}\".migrations (version) VALUES (1);");
    let (first, rest) = sql.split_once(&applied).unwrap();
    assert!(rest.contains("VALUES (2);"), "{rest}");
    format!("{first}{applied} COMMIT;")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_version_1_is_brought_to_the_latest_by_ten_at_once() {
    let schema = name();
    let mut connection = connection().await;
    let sql = first_version(&schema);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let store = PostgresStore::builder().with_schema(&*schema).connect(&url()).await.unwrap();
    append(&store, to("test-before", NoStream, events(3))).await;
    migrate_at_once(&schema, 10).await;
    assert_eq!(catalog(&schema, &mut connection).await, catalog_of_migrate().await);
    assert_eq!(read(&store, "test-before").await.len(), 3);
    let status = store.status().await.unwrap();
    assert_eq!(status.head.get(), 13, "what was there, and what each of the ten appended");
}

/// A role that may make no schemas upgrades where somebody else has made them.
#[tokio::test]
async fn schemas_that_are_there_are_taken() {
    let (schema, role) = (name(), name());
    let mut connection = connection().await;
    let mut sql = first_version(&schema);
    sql.push_str(&format!(
        "CREATE ROLE {role} LOGIN; ALTER SCHEMA {schema} OWNER TO {role};
         GRANT SELECT, INSERT ON {schema}.migrations TO {role};"
    ));
    for beside in ["read", "build", "swap"] {
        sql.push_str(&format!("CREATE SCHEMA {schema}_{beside} AUTHORIZATION {role};"));
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let url = url().replace("//postgres@", &format!("//{role}@"));
    let store = PostgresStore::builder().with_schema(&*schema).connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(catalog(&schema, &mut connection).await, catalog_of_migrate().await);
}

async fn catalog_of_migrate() -> Vec<String> {
    let store = fresh_store().await;
    catalog(store.schema(), &mut connection().await).await
}

/// All that the database knows of a schema, with `$schema` for its name.
async fn catalog(schema: &str, connection: &mut PgConnection) -> Vec<String> {
    const CATALOG: &str = "
        WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = ANY (ARRAY[$1, $1 || '_read', $1 || '_build', $1 || '_swap'])),
        relations AS (SELECT * FROM pg_class WHERE relnamespace IN (SELECT oid FROM here))
        SELECT format('%s %s %s', relkind, relname, reloptions) FROM relations
        UNION ALL
        SELECT format('schema %s', nspname) FROM pg_namespace WHERE oid IN (SELECT oid FROM here)
        UNION ALL
        SELECT format('column %s.%s %s %s %s %s %s %s', relname, attnum, attname, format_type(atttypid, atttypmod),
            attnotnull, attidentity, attcollation::regcollation, pg_get_expr(adbin, adrelid))
        FROM relations c JOIN pg_attribute a ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
        WHERE attnum > 0
        UNION ALL
        SELECT pg_get_indexdef(c.oid) FROM relations c WHERE relkind = 'i'
        UNION ALL
        SELECT pg_get_viewdef(c.oid) FROM relations c WHERE relkind = 'v'
        UNION ALL
        SELECT format('sequence %s %s %s %s %s %s %s', relname, seqtypid, seqstart, seqincrement, seqmax, seqcache, seqcycle)
        FROM relations c JOIN pg_sequence ON seqrelid = c.oid
        UNION ALL
        SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace IN (SELECT oid FROM here)
        UNION ALL
        SELECT format('%s %s', pg_get_triggerdef(t.oid), tgenabled) FROM relations c JOIN pg_trigger t ON tgrelid = c.oid
        WHERE NOT tgisinternal
        UNION ALL
        SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace IN (SELECT oid FROM here)
        ORDER BY 1";
    let rows = sqlx::query(CATALOG).bind(schema).fetch_all(&mut *connection).await.unwrap();
    let mut catalog: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let versions = format!("SELECT version FROM \"{schema}\".migrations ORDER BY 1");
    let rows = sqlx::query(AssertSqlSafe(versions)).fetch_all(connection).await.unwrap();
    catalog.extend(rows.iter().map(|row| format!("version {}", row.get::<i32, _>(0))));
    assert!(catalog.len() > 60, "{catalog:#?}");
    let quoted = format!("\"{schema}\"");
    catalog
        .iter()
        .map(|entry| entry.replace(&quoted, "$schema").replace(schema, "$schema"))
        .collect()
}
