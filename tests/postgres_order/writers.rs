//! A process with twelve writers, which do what writers do: append, alone and to several streams, by themselves and
//! inside transactions that stay open for a while and are rolled back at times.

use std::{
    env,
    time::{Duration, SystemTime},
};

use annals::{
    Appended, EventId, EventStore, ExpectedVersion, PostgresStore, StreamAppend, Version,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::sleep;

use crate::{
    Stock, event,
    evidence::{Acknowledged, Process, say, until_told_to_end},
};

pub(crate) const WRITERS: u32 = 12;
const SHARED_STREAMS: u32 = 6;
/// The longest that a transaction is held open after its append.
const HOLD: Duration = Duration::from_millis(30);
const SERVER: &str = "ANNALS_TEST_WRITERS_SERVER";
const NAME: &str = "ANNALS_TEST_WRITERS_NAME";

/// What a process of writers says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    Acknowledged(Vec<Acknowledged>),
    RolledBack(Vec<EventId>),
}

/// Starts a process of writers.
pub(crate) fn start(server: &str, name: &str) -> Process<Said> {
    Process::start("writers::process", &[(SERVER, server), (NAME, name)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the test of the crowd starts"]
async fn process() {
    let server = env::var(SERVER).expect("only the test of the crowd starts this");
    let name = env::var(NAME).unwrap();
    let store = PostgresStore::connect(&server).await.unwrap();
    let pool = PgPoolOptions::new().max_connections(WRITERS).connect(&server).await.unwrap();
    let is_over = until_told_to_end();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (store, pool, is_over) = (store.clone(), pool.clone(), is_over.clone());
            let own = format!("stock-{name}-{number}");
            tokio::spawn(async move {
                let mut writer = Writer { store, pool, own, version: Version::default() };
                while !*is_over.borrow() {
                    writer.write().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    store.shutdown().await;
}

struct Writer {
    store: PostgresStore,
    pool: PgPool,
    /// A stream of its own, appended to at exactly the version it knows; the others are shared by all.
    own: String,
    version: Version,
}

impl Writer {
    async fn write(&mut self) {
        let appends = self.appends();
        let began = SystemTime::now();
        let is_in_transaction = fastrand::bool();
        let answers = if is_in_transaction {
            let mut transaction = self.pool.begin().await.unwrap();
            let answers = self.store.append_in(&mut transaction, appends.clone()).await.unwrap();
            sleep(HOLD.mul_f64(fastrand::f64())).await;
            if fastrand::u32(0..10) == 0 {
                transaction.rollback().await.unwrap();
                let events = appends.into_iter().flat_map(|append| append.events);
                return say(&Said::RolledBack(events.map(|event| event.id).collect()));
            }
            transaction.commit().await.unwrap();
            answers
        } else {
            self.store.append(appends.clone()).await.unwrap()
        };
        self.acknowledged(appends, answers, began);
    }

    fn acknowledged(
        &mut self,
        appends: Vec<StreamAppend>,
        answers: Vec<Appended>,
        began: SystemTime,
    ) {
        let ended = SystemTime::now();
        let parts = appends.into_iter().zip(answers).map(|(append, answer)| {
            if append.stream.to_string() == self.own {
                self.version = answer.version;
            }
            Acknowledged {
                stream: append.stream,
                version: answer.version,
                position: answer.position,
                ids: append.events.iter().map(|event| event.id).collect(),
                began,
                ended,
            }
        });
        say(&Said::Acknowledged(parts.collect()));
    }

    /// One to three events each for one to three streams.
    fn appends(&self) -> Vec<StreamAppend> {
        let mut streams = Vec::new();
        if fastrand::bool() {
            streams.push((self.own.clone(), ExpectedVersion::from(self.version)));
        }
        let first = fastrand::u32(0..SHARED_STREAMS);
        let least = u32::from(streams.is_empty());
        let most = if fastrand::u32(0..4) == 0 { 2 } else { least };
        for stream in (first..).take(most as usize) {
            let stream = format!("stock-{}", stream % SHARED_STREAMS);
            streams.push((stream, ExpectedVersion::Any));
        }
        fastrand::shuffle(&mut streams);
        let appends = streams.into_iter().map(|(stream, expected)| {
            let events = (0..fastrand::usize(1..=3)).map(|_| {
                let pieces = fastrand::u32(1..9);
                event(&match fastrand::bool() {
                    true => Stock::Received { pieces },
                    false => Stock::Sold { pieces },
                })
            });
            StreamAppend::new(stream.parse().unwrap(), expected, events.collect())
        });
        appends.collect()
    }
}
