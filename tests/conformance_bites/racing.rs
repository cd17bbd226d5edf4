//! Stores that append wrongly when tasks meet, or when one is dropped halfway.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use annals::{EventStore, ExpectedVersion, MemoryStore, StoreError, StreamAppend, StreamId};
use async_trait::async_trait;
use tokio::task::yield_now;

use crate::{
    appending::{Answer, GivesNewIds, TakesEveryVersion, all, version},
    wrong::Defect,
};

/// No transaction around the events.
#[derive(Default)]
pub(crate) struct AppendsEventByEvent;

#[async_trait]
impl Defect for AppendsEventByEvent {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let mut answers = Vec::new();
        for StreamAppend { stream, events, mut expected, .. } in appends {
            let mut last = None;
            for event in events {
                last = right
                    .append(vec![StreamAppend::new(stream.clone(), expected, vec![event])])
                    .await?
                    .pop();
                expected = ExpectedVersion::Any;
                yield_now().await;
            }
            answers.extend(last);
        }
        Ok(answers)
    }
}

/// Reads the version first and appends later.
#[derive(Default)]
pub(crate) struct ChecksThenActs;

#[async_trait]
impl Defect for ChecksThenActs {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        for append in &appends {
            append.expected.check(&append.stream, version(right, &append.stream).await)?;
        }
        give_way().await;
        TakesEveryVersion.append(right, appends).await
    }
}

/// Looks the ids up first and appends later.
#[derive(Default)]
pub(crate) struct ChecksIdsThenActs;

#[async_trait]
impl Defect for ChecksIdsThenActs {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let known: HashSet<_> = all(right).await.iter().map(|event| event.id).collect();
        let is_known =
            appends.iter().flat_map(|append| &append.events).any(|event| known.contains(&event.id));
        give_way().await;
        if is_known {
            right.append(appends).await
        } else {
            GivesNewIds.append(right, appends).await
        }
    }
}

/// Fails one of two appends that meet, even on different streams.
#[derive(Default)]
pub(crate) struct FailsWhenBusy {
    running: AtomicUsize,
}

#[async_trait]
impl Defect for FailsWhenBusy {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let others = self.running.fetch_add(1, Ordering::SeqCst);
        give_way().await;
        let answer = match others {
            0 => right.append(appends).await,
            _ => Err(StoreError::Unavailable("could not serialize access".into()).into()),
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

/// Locks one stream after the other in the order in which they come, and so waits forever for another
/// append that came the other way round.
#[derive(Default)]
pub(crate) struct LocksInTheOrderGiven {
    locks: Mutex<HashMap<StreamId, Arc<tokio::sync::Mutex<()>>>>,
}

#[async_trait]
impl Defect for LocksInTheOrderGiven {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let mut held = Vec::new();
        for append in &appends {
            let lock =
                Arc::clone(self.locks.lock().unwrap().entry(append.stream.clone()).or_default());
            held.push(lock.lock_owned().await);
            give_way().await;
        }
        right.append(appends).await
    }
}

/// Lets every other task that can run do so.
async fn give_way() {
    for _ in 0..100 {
        yield_now().await;
    }
}
