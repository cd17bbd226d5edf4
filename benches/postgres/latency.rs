//! How long it takes from the answer to an append until a read model is handed its event, and until who waited for it
//! knows that the step is committed.

use std::{
    collections::HashMap,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use annals::{
    EventStore, Followers, Position, PostgresStore, ReadModel, Recorded, Running, StreamId,
};
use serde::{Deserialize, Serialize};

use crate::{
    account::AccountEvent,
    ground::{Ground, Outcome},
    pace::{ACCOUNTS, Answered, deposit, now},
    rate::median,
    table::{Table, span},
};

const PER_SECOND: u32 = 200;
const GOALS: [f64; 2] = [0.002, 0.015];

/// When the read model was handed the events of each position.
static HANDED: Mutex<Vec<(u64, Duration)>> = Mutex::new(Vec::new());

/// How many events an account has; and it looks at the clock.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Activity {
    events: u64,
}

impl ReadModel for Activity {
    const NAME: &'static str = "activity";
    type Event = AccountEvent;
    type Key = StreamId;

    fn keys(recorded: &Recorded<AccountEvent>) -> impl IntoIterator<Item = StreamId> {
        [recorded.stream.clone()]
    }

    fn apply(&mut self, _: &StreamId, recorded: &Recorded<AccountEvent>) {
        self.events += 1;
        HANDED.lock().unwrap().push((recorded.position.get(), now()));
    }
}

/// Where the events are appended: where the read model is, or not.
#[derive(Debug, Clone, Copy)]
enum From {
    Here,
    AnotherProcess,
}

pub(crate) async fn measure(ground: &Ground) -> Outcome {
    let store = ground.store().await?;
    let running = Followers::new(store.clone()).read_model::<Activity>().start().await?;
    running.wait_until_live(Duration::from_secs(60)).await?;
    let count = (ground.duration.as_secs_f64() * f64::from(PER_SECOND)) as usize;
    let mut figures = [const { [const { [const { Vec::new() }; 3] }; 2] }; 2];
    for round in 0..ground.rounds {
        for nth in [round % 2, (round + 1) % 2] {
            ground.settle().await?;
            let from = [From::Here, From::AnotherProcess][nth];
            let latencies = from.latencies(ground, &store, &running, count).await?;
            for (figures, latencies) in figures[nth].iter_mut().zip(latencies) {
                for (figures, share) in figures.iter_mut().zip([0.5, 0.99, 1.0]) {
                    let last = latencies.len() - 1;
                    figures.push(latencies[(last as f64 * share) as usize].as_secs_f64());
                }
            }
        }
    }
    running.shutdown().await;

    let title = format!("latency: from the answer to an append, {PER_SECOND} a second");
    let columns = ["appended", "until", "p50", "p99", "longest", "goal of p99"];
    let mut table = Table::new(title, &columns);
    let names = ["in the same process", "in another process"];
    for (name, (figures, goal)) in names.iter().zip(figures.into_iter().zip(GOALS)) {
        for (until, figures) in ["handed over", "committed"].iter().zip(figures) {
            let [p50, p99, longest] = figures.map(median);
            let verdict = if p99 <= goal { "met" } else { "missed" };
            let [p50, p99, longest, goal] =
                [p50, p99, longest, goal].map(|seconds| span(Duration::from_secs_f64(seconds)));
            table.row(&[name, until, &p50, &p99, &longest, &format!("{goal} {verdict}")]);
        }
    }
    table.print();
    ground.clear().await
}

impl From {
    /// Until an event was handed over, and until it was committed; each sorted.
    async fn latencies(
        self,
        ground: &Ground,
        store: &PostgresStore,
        running: &Running<PostgresStore>,
        count: usize,
    ) -> Outcome<[Vec<Duration>; 2]> {
        let before = store.head().await?.get();
        let appended = async {
            match self {
                Self::Here => deposit(store, count, PER_SECOND).await,
                Self::AnotherProcess => elsewhere(ground, store.schema(), count).await,
            }
        };
        let (answered, committed) =
            tokio::try_join!(appended, committed(running, before, ACCOUNTS + count))?;
        let handed: HashMap<_, _> = HANDED.lock().unwrap().drain(..).collect();
        let handed = |at: &Answered| handed[&at.position].saturating_sub(at.at);
        let committed = |at: &Answered| {
            let nth = (at.position - before - 1) as usize;
            committed[nth].saturating_sub(at.at)
        };
        let mut latencies =
            [answered.iter().map(handed).collect(), answered.iter().map(committed).collect()];
        latencies.iter_mut().for_each(|latencies: &mut Vec<_>| latencies.sort_unstable());
        Ok(latencies)
    }
}

/// When each of the `count` events after position `after` was committed, as who waits for it learns.
async fn committed(
    running: &Running<PostgresStore>,
    after: u64,
    count: usize,
) -> Outcome<Vec<Duration>> {
    let mut committed = Vec::with_capacity(count);
    for position in (after + 1..).take(count) {
        let patience = Duration::from_secs(60);
        running.wait_for(Activity::NAME, Position::new(position), patience).await?;
        committed.push(now());
    }
    Ok(committed)
}

/// What [`append`] said in a process of its own.
async fn elsewhere(ground: &Ground, schema: &str, count: usize) -> Outcome<Vec<Answered>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--append-to", schema, "--appends", &count.to_string()]);
    command.env("ANNALS_TEST_DATABASE_URL", ground.url()).stdout(Stdio::piped());
    let child = command.spawn()?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    if !output.status.success() {
        return Err("the other process has failed".into());
    }
    let answered = |line: &str| -> Outcome<Answered> {
        let (position, at) = line.split_once(' ').ok_or("half a line")?;
        Ok(Answered { position: position.parse()?, at: Duration::from_micros(at.parse()?) })
    };
    String::from_utf8(output.stdout)?.lines().map(answered).collect()
}

/// In the other process: appends to the store in `schema`, and says when each was answered.
pub(crate) async fn append(schema: &str, count: usize) -> Outcome {
    let url = std::env::var("ANNALS_TEST_DATABASE_URL")?;
    let store = PostgresStore::builder().with_schema(schema).connect(&url).await?;
    for Answered { position, at } in deposit(&store, count, PER_SECOND).await? {
        println!("{position} {}", at.as_micros());
    }
    store.shutdown().await;
    Ok(())
}
