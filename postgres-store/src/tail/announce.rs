//! Tells other processes that there is something new: after the appends, outside them, and not for each of them. A
//! NOTIFY inside an append would let commits wait for each other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::PgConnection;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::tailer::POLL_LISTENING;
use crate::{database::Database, failure::Failure};

/// How far apart two notifications are at the least.
const APART: Duration = Duration::from_millis(5);
/// For how long a connection is kept for the next one, if the pool has others.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Announcer(Arc<State>);

#[derive(Debug)]
struct State {
    /// Who tells: a store has no use for what it tells itself.
    name: String,
    is_news: AtomicBool,
    is_running: AtomicBool,
    news: Notify,
}

/// The channel of one schema; channels are shared by the whole database.
pub(super) async fn channel(
    database: &Database,
    connection: &mut PgConnection,
) -> Result<String, Failure> {
    let mut kinds = database.kinds.known();
    if kinds.schema_id == 0 {
        kinds = database.kinds.reload(connection, &database.statements).await?;
    }
    Ok(format!("annals_{}", kinds.schema_id.cast_unsigned()))
}

impl Announcer {
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            name: Uuid::now_v7().simple().to_string(),
            is_news: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
            news: Notify::new(),
        }))
    }

    /// What all that it tells is signed with.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn announce(&self, database: &Arc<Database>) {
        if self.0.is_news.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.news.notify_one();
        if !self.0.is_running.swap(true, Ordering::AcqRel) {
            tokio::spawn(run(Arc::clone(&self.0), Arc::clone(database)));
        }
    }

    /// Tells what may not have been told yet, and waits for that, for as long as it is of use: others look for themselves.
    pub(super) async fn finish(&self, database: &Database) {
        // While the task runs, it may be about to tell.
        let State { is_news, is_running, name, .. } = &*self.0;
        if !is_news.load(Ordering::Acquire) && !is_running.load(Ordering::Acquire) {
            return;
        }
        let told = async {
            let mut connection = database.connection().await?;
            let channel = channel(database, &mut connection).await?;
            notify(database, &channel, name, &mut connection).await
        };
        if let Ok(Err(failure)) = timeout(POLL_LISTENING, told).await {
            not_told(database, &failure);
        }
    }
}

async fn run(state: Arc<State>, database: Arc<Database>) {
    loop {
        if let Err(failure) = announce(&state, &database).await {
            not_told(&database, &failure);
            // They look for themselves, and the next append tells them again.
            state.is_news.store(false, Ordering::Release);
        }
        state.is_running.store(false, Ordering::Release);
        // News that came while this task was ending has nobody else.
        if !state.is_news.load(Ordering::Acquire) || state.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        sleep(APART).await;
    }
}

/// Announces until there has been nothing to announce for a while.
async fn announce(state: &State, database: &Database) -> Result<(), Failure> {
    let mut connection = database.connection().await?;
    let channel = channel(database, &mut connection).await?;
    while state.is_news.swap(false, Ordering::AcqRel) {
        notify(database, &channel, &state.name, &mut connection).await?;
        sleep(APART).await;
        while !state.is_news.load(Ordering::Acquire) {
            if database.is_used_up() || timeout(LINGER, state.news.notified()).await.is_err() {
                break;
            }
        }
    }
    Ok(())
}

async fn notify(
    database: &Database,
    channel: &str,
    name: &str,
    connection: &mut PgConnection,
) -> Result<(), Failure> {
    let announce = database.statements.announce.query();
    let announce = announce.bind(channel.to_owned()).bind(name.to_owned());
    announce.execute(connection).await.map(drop).map_err(Failure::before_sending)
}

fn not_told(database: &Database, failure: &Failure) {
    tracing::warn!(schema = %database.schema, error = %failure.source, "other processes could not be told of new events");
}
