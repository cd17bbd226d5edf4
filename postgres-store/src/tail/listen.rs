//! Hears from other processes that there is something new. A notification is a hint, never data: one that is lost
//! costs a poll.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::PgListener;
use tokio::{sync::Notify, task::JoinSet, time::sleep};

use super::announce::channel;
use crate::{database::Database, failure::Failure};

/// How long to go without notifications after they could not be had.
const PAUSE: Duration = Duration::from_secs(5);

/// A task that listens on a connection of its own, and ends with this; none where nothing can be heard.
#[derive(Debug)]
pub(super) struct Listener {
    ear: Arc<Ear>,
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Ear {
    heard: Notify,
    is_listening: AtomicBool,
}

impl Listener {
    /// Hears what others than `own` tell.
    pub(super) fn new(database: &Arc<Database>, own: &str) -> Self {
        let ear = Arc::<Ear>::default();
        let mut task = JoinSet::new();
        if database.listens {
            task.spawn(listen(Arc::clone(&ear), Arc::clone(database), own.to_owned()));
        }
        Self { ear, _task: task }
    }

    pub(super) fn is_listening(&self) -> bool {
        self.ear.is_listening.load(Ordering::Relaxed)
    }

    pub(super) async fn heard(&self) {
        self.ear.heard.notified().await;
    }
}

async fn listen(ear: Arc<Ear>, database: Arc<Database>, own: String) {
    loop {
        if let Err(failure) = listen_once(&ear, &database, &own).await {
            tracing::warn!(schema = %database.schema, error = %failure.source, "no notifications; new events are looked for instead");
        }
        ear.is_listening.store(false, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
}

async fn listen_once(ear: &Ear, database: &Database, own: &str) -> Result<(), Failure> {
    let channel = channel(database, &mut *database.connection().await?).await?;
    let mut listener =
        PgListener::connect_with(&database.pool).await.map_err(Failure::before_sending)?;
    listener.listen(&channel).await.map_err(Failure::before_sending)?;
    ear.is_listening.store(true, Ordering::Relaxed);
    // For whatever was said before.
    ear.heard.notify_one();
    loop {
        let told = listener.try_recv().await.map_err(Failure::before_sending)?;
        // None: the connection was lost, and is back.
        if told.is_none_or(|told| told.payload() != own) {
            ear.heard.notify_one();
        }
    }
}
