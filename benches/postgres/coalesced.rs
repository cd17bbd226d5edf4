//! What a good engineer writes when many append at once: a task that owns a connection and sends what has gathered
//! while its last statement was on the way. It waits for nothing else, and answers each append for itself.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{OPEN_EACH, RAISE_EACH, Row, insert},
    contender::Ledger,
    ground::Outcome,
};

/// The most rows of one statement.
const BATCH: usize = 1024;

/// A row, and who waits for its position.
type Request = (Row, oneshot::Sender<Outcome<i64>>);

/// One or more such tasks; each account always has the same one.
#[derive(Debug)]
pub(crate) struct Coalesced(Vec<mpsc::Sender<Request>>);

impl Coalesced {
    pub(crate) fn new(pool: &PgPool, writers: usize) -> Self {
        let start = || {
            let (sender, requests) = mpsc::channel(BATCH);
            tokio::spawn(write(pool.clone(), requests));
            sender
        };
        Self((0..writers).map(|_| start()).collect())
    }
}

impl Ledger for Coalesced {
    fn append(
        &self,
        account: Uuid,
        expected: i64,
        event: AccountEvent,
    ) -> BoxFuture<'_, Outcome<i64>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let writer = account.as_u128() as usize % self.0.len();
            self.0[writer].send((Row::new(account, expected, &event)?, answer)).await?;
            answered.await?
        })
    }
}

/// Sends what is there, until nobody can ask any more.
async fn write(pool: PgPool, mut requests: mpsc::Receiver<Request>) -> Outcome {
    let mut connection = pool.acquire().await?;
    let mut gathered = Vec::with_capacity(BATCH);
    while requests.recv_many(&mut gathered, BATCH).await > 0 {
        let (opens, raises): (Vec<_>, Vec<_>) =
            gathered.drain(..).partition(|(row, _)| row.expected == 0);
        for (statement, requests) in [(OPEN_EACH, opens), (RAISE_EACH, raises)] {
            if !requests.is_empty() {
                send(statement, requests, &mut connection).await?;
            }
        }
    }
    Ok(())
}

async fn send(
    statement: &'static str,
    requests: Vec<Request>,
    connection: &mut PgConnection,
) -> Outcome {
    let rows: Vec<_> = requests.iter().map(|(row, _)| row).collect();
    let stored = insert(statement, &rows, connection).await?;
    let stored: HashMap<_, _> = stored.into_iter().collect();
    for (row, answer) in requests {
        let position = stored.get(&row.id).copied();
        drop(answer.send(position.ok_or_else(|| format!("conflict in {}", row.stream).into())));
    }
    Ok(())
}
