//! An event that the database will not take.

use annals::{AppendError, EventStoreExt, ExpectedVersion, StoreError};
use futures_util::future::join_all;
use sqlx::Executor;

use crate::{append, evidence::History, migrated, server};

/// Somebody has added a rule of their own to the table.
const RULE: &str = r"ALTER TABLE annals.events ADD CONSTRAINT few CHECK (version < 3)";

#[tokio::test]
async fn an_event_that_the_database_refuses_fails_nobody_elses_append() {
    const APPENDS: usize = 200;
    let server = server();
    let store = migrated(&server.url()).await;
    store.pool().execute(RULE).await.unwrap();
    let appends = (0..APPENDS).map(|n| {
        let is_refused = n % 40 == 20;
        append(n, ExpectedVersion::NoStream, if is_refused { 3 } else { 1 })
    });
    let answers = join_all(appends.map(|append| store.append_to_stream(append))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(_) => assert_ne!(n % 40, 20),
            Err(AppendError::Store(StoreError::Failed(source))) => {
                assert_eq!(n % 40, 20, "{source:?}");
                assert!(format!("{source:?}").contains("few"), "{source:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(History::read(&store).await.order().len(), APPENDS - APPENDS / 40);
}
