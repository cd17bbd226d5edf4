//! How long it takes from the answer to an append until its event is in a read model: its step is committed, and who waited
//! for it has been told.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use annals::{EventStore, Position, PostgresStore, ReadModel, Running};

use crate::{
    balance::{Balance, caught_up, followers},
    ground::{Ground, Outcome},
    pace::{ACCOUNTS, Answered, deposit, now},
    rate::median,
    table::{Table, span},
};

const PER_SECOND: u32 = 200;
const GOALS: [f64; 2] = [0.002, 0.015];

/// Where the events are appended: where the read model is, or not.
#[derive(Debug, Clone, Copy)]
enum From {
    Here,
    AnotherProcess,
}

pub(crate) async fn measure(ground: &Ground) -> Outcome {
    let store = ground.store().await?;
    let running = followers(&store, 1).start().await?;
    caught_up(&running, 1, Position::START).await?;
    let count = (ground.duration.as_secs_f64() * f64::from(PER_SECOND)) as usize;
    let mut figures = [const { [const { Vec::new() }; 3] }; 2];
    for round in 0..ground.rounds {
        for nth in [round % 2, (round + 1) % 2] {
            ground.settle().await?;
            let from = [From::Here, From::AnotherProcess][nth];
            let latencies = from.latencies(ground, &store, &running, count).await?;
            for (figures, share) in figures[nth].iter_mut().zip([0.5, 0.99, 1.0]) {
                let last = latencies.len() - 1;
                figures.push(latencies[(last as f64 * share) as usize].as_secs_f64());
            }
        }
    }
    running.shutdown().await;

    let title =
        format!("latency: from an append's answer to its read model, {PER_SECOND} a second");
    let mut table = Table::new(title, &["appended", "p50", "p99", "longest", "goal of p99"]);
    for (name, (figures, goal)) in
        ["in the same process", "in another process"].iter().zip(figures.into_iter().zip(GOALS))
    {
        let [p50, p99, longest] = figures.map(median);
        let verdict = if p99 <= goal { "met" } else { "missed" };
        let [p50, p99, longest, goal] =
            [p50, p99, longest, goal].map(|seconds| span(Duration::from_secs_f64(seconds)));
        table.row(&[name, &p50, &p99, &longest, &format!("{goal} {verdict}")]);
    }
    table.print();
    ground.clear().await
}

impl From {
    /// Sorted.
    async fn latencies(
        self,
        ground: &Ground,
        store: &PostgresStore,
        running: &Running<PostgresStore>,
        count: usize,
    ) -> Outcome<Vec<Duration>> {
        let before = store.head().await?.get();
        let appended = async {
            match self {
                Self::Here => deposit(store, count, PER_SECOND).await,
                Self::AnotherProcess => elsewhere(ground, store.schema(), count).await,
            }
        };
        let (answered, handled) =
            tokio::try_join!(appended, handled(running, before, ACCOUNTS + count))?;
        let latency = |answered: &Answered| {
            let nth = (answered.position - before - 1) as usize;
            handled[nth].saturating_sub(answered.at)
        };
        let mut latencies: Vec<_> = answered.iter().map(latency).collect();
        latencies.sort_unstable();
        Ok(latencies)
    }
}

/// When each of the `count` events after position `after` was in the read model.
async fn handled(
    running: &Running<PostgresStore>,
    after: u64,
    count: usize,
) -> Outcome<Vec<Duration>> {
    let mut handled = Vec::with_capacity(count);
    for position in (after + 1..).take(count) {
        let patience = Duration::from_secs(60);
        running.wait_for(Balance::<0>::NAME, Position::new(position), patience).await?;
        handled.push(now());
    }
    Ok(handled)
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
