//! What a process is told to be, and how it learns that it shall end.

use std::{
    io::Read,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use annals::{PostgresStore, PostgresStoreBuilder, SynchronousCommit};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::sleep};

use crate::{Trouble, breaks::Break};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Role {
    Writer,
    Reader,
    Follower,
}

/// One life of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) role: Role,
    /// Which of its role it is.
    pub(crate) number: u64,
    /// How often it was killed before.
    pub(crate) life: u64,
    pub(crate) url: String,
    pub(crate) schema: String,
    /// Where everything is written down.
    pub(crate) folder: PathBuf,
    pub(crate) seed: u64,
    pub(crate) broken: Option<Break>,
}

impl Job {
    pub(crate) fn name(&self) -> String {
        format!("{}-{}.{}", format!("{:?}", self.role).to_lowercase(), self.number, self.life)
    }

    /// The file it writes to.
    pub(crate) fn record(&self) -> PathBuf {
        record(&self.folder, &self.name())
    }

    /// The file that it wrote in its life before.
    pub(crate) fn record_before(&self) -> Option<PathBuf> {
        let life = self.life.checked_sub(1)?;
        Some(Self { life, ..self.clone() }.record())
    }

    /// How it opens the store.
    pub(crate) fn builder(&self) -> PostgresStoreBuilder {
        let builder = PostgresStore::builder().with_schema(&self.schema);
        match self.broken {
            Some(Break::AcknowledgedBeforeDisk) => {
                builder.with_synchronous_commit(SynchronousCommit::Off)
            }
            _ => builder,
        }
    }

    /// Opens the store as soon as the server can be reached; none if it is told to end before.
    pub(crate) async fn open(
        &self,
        builder: PostgresStoreBuilder,
        is_over: &watch::Receiver<bool>,
    ) -> Option<PostgresStore> {
        while !*is_over.borrow() {
            if let Ok(store) = builder.clone().connect(&self.url).await {
                return Some(store);
            }
            sleep(Duration::from_millis(50)).await;
        }
        None
    }
}

pub(crate) fn record(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.jsonl"))
}

/// Turns true when this process shall end, also because whoever started it has ended.
pub(crate) fn until_told_to_end() -> Result<watch::Receiver<bool>, Trouble> {
    let (sender, is_over) = watch::channel(false);
    thread::Builder::new().spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        let _ = sender.send(true);
    })?;
    Ok(is_over)
}
