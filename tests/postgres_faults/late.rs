//! Statements that nobody waits for any more, and that the server carries out all the same.

use annals::{AppendError, EventStoreExt, ExpectedVersion, PostgresStore, StreamAppend, Version};
use annals_test_server::{Cut, Proxy};
use sqlx::PgPool;
use tokio::task::yield_now;

use crate::{append, evidence::History, migrated, server};

/// Waits until so many sessions wait for a lock.
async fn until_there_wait(sessions: i64, pool: &PgPool) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.unwrap() != sessions {
        yield_now().await;
    }
}

/// Begins a transaction of another process that has appended to the stream.
async fn held(
    holder: &PostgresStore,
    append: StreamAppend,
) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut transaction = holder.pool().begin().await.unwrap();
    holder.append_in(&mut transaction, vec![append]).await.unwrap();
    transaction
}

/// The server notices that a client is gone when it is to answer: until then the statement waits for its lock.
#[tokio::test]
async fn a_lost_statement_that_waits_for_the_lock_goes_before_the_next_try() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = migrated(&proxy.url()).await;
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    for (is_committed, expected) in [
        (false, ExpectedVersion::NoStream),
        (true, ExpectedVersion::Exact(Version::new(2))),
        (true, ExpectedVersion::Any),
    ] {
        let before = History::read(&direct).await.order().len();
        let transaction = held(&direct, append("late", ExpectedVersion::Any, 1)).await;
        let lost = append("late", expected, 1);
        let answer = tokio::spawn({
            let (store, lost) = (store.clone(), lost.clone());
            async move { store.append_to_stream(lost).await }
        });
        until_there_wait(1, direct.pool()).await;
        proxy.cut_all();
        until_there_wait(2, direct.pool()).await;
        match is_committed {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        }
        let answer = answer.await.unwrap().unwrap();
        let history = History::read(&direct).await;
        assert_eq!(history.order().len(), before + usize::from(is_committed) + 1);
        assert_eq!(history.order().last(), Some(&(answer.position, lost.events[0].id)));
    }
}

/// The limit: what is told holds when it is told. A version that was expected too early can be there when the statement comes.
#[tokio::test]
async fn a_statement_that_arrives_late_may_overtake_a_conflict_with_a_version_to_come() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = migrated(&proxy.url()).await;
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    store.append_to_stream(append("known", ExpectedVersion::Any, 1)).await.unwrap();
    let version = |version| ExpectedVersion::Exact(Version::new(version));
    for (name, there, expected, overtakes) in [
        ("exists", 0, ExpectedVersion::Exists, true),
        ("ahead", 0, version(1), true),
        ("behind", 2, version(1), false),
        ("no-stream", 1, ExpectedVersion::NoStream, false),
    ] {
        if there > 0 {
            direct.append_to_stream(append(name, ExpectedVersion::NoStream, there)).await.unwrap();
        }
        let before = History::read(&direct).await.order().len();
        let late = append(name, expected, 1);
        proxy.trap(&format!("load-{name}"), Cut::Late, 1);
        let error = store.append_to_stream(late.clone()).await.unwrap_err();
        assert!(matches!(error, AppendError::Conflict(_)), "{error:?}");
        assert_eq!(proxy.open(), 1);
        direct.append_to_stream(append(name, ExpectedVersion::Any, 1)).await.unwrap();
        proxy.hang_up();
        proxy.arrived().await;
        let stored = History::read(&direct).await.order().len() - before - 1;
        assert_eq!(stored, usize::from(overtakes), "{name}");
        // The same events again tell what has become of them.
        assert_eq!(store.append_to_stream(late).await.is_ok(), overtakes, "{name}");
    }
}
