//! How long it takes from the answer to an append until a read model is handed its event, and until who waited for it
//! knows that the step is committed. How long the appends took themselves says what the disk was like meanwhile: a step
//! waits for it as an append does, and the next event for the step. The same of a follower by hand says what the machine allows.

use std::{
    collections::HashMap,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use annals::{
    EventStore, Followers, Position, PostgresStore, ReadModel, Recorded, Running, StreamId,
};
use annals_figures::{Figure, Part, Unit};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::mpsc::unbounded_channel;

use crate::{
    account::AccountEvent,
    contender::within,
    follow_by_hand::{self, Followed},
    ground::{Ground, Outcome},
    pace::{Answered, Pace, now},
};

/// The most that p99 may be, in seconds: in one process, and across.
const GOALS: [f64; 2] = [0.002, 0.015];
/// What is measured of each event.
const MEASURED: [&str; 3] = ["an append", "until handed over", "until committed"];
/// So many times as long as other work is measured: of 400 events, four that one pause of the machine held up are p99.
const LONGER: f64 = 4.0;

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

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let pace = Pace::Deposits;
    let title = format!("from the answer to an append, at {} a second", pace.per_second());
    Ok(figures(ground, pace).await?.into_iter().fold(Part::new("latency", title), Part::with))
}

/// How late a read model is while events are appended at this pace: a figure for each way and each share.
pub(crate) async fn figures(ground: &Ground, pace: Pace) -> Outcome<Vec<Figure>> {
    let store = ground.store().await?;
    let running = Followers::new(store.clone()).read_model::<Activity>().start().await?;
    running.wait_until_live(Duration::from_secs(60)).await?;
    let seconds = LONGER * ground.duration.as_secs_f64();
    let count = (seconds * f64::from(pace.per_second())) as usize;
    let by_hand =
        ByHand { store: ground.store().await?, pool: follow_by_hand::tables(ground).await? };
    let mut figures = [const { [const { [const { Vec::new() }; 3] }; 3] }; 3];
    for round in 0..ground.rounds {
        for nth in (0..3).map(|nth| (nth + round) % 3) {
            ground.settle().await?;
            let latencies = match nth {
                0 => From::Here.latencies(ground, &store, &running, pace, count).await?,
                1 => From::AnotherProcess.latencies(ground, &store, &running, pace, count).await?,
                _ => by_hand.latencies(pace, count).await?,
            };
            for (figures, latencies) in figures[nth].iter_mut().zip(latencies) {
                for (figures, share) in figures.iter_mut().zip([0.5, 0.99, 1.0]) {
                    figures.push(within(&latencies, share));
                }
            }
        }
    }
    running.shutdown().await;
    ground.clear().await?;

    let mut all = Vec::new();
    let ways = [
        ("same process", "annals", Some(GOALS[0])),
        ("another process", "annals", Some(GOALS[1])),
        ("told by hand", "by hand", None),
    ];
    for ((name, who, goal), figures) in ways.into_iter().zip(figures) {
        for (measured, figures) in MEASURED.iter().zip(figures) {
            for (share, rounds) in ["p50", "p99", "longest"].iter().zip(figures) {
                let work = format!("{name}, {measured}: {share}");
                let figure = Figure::new(work, Unit::Seconds).by(who, rounds);
                let goal = goal.filter(|_| *share == "p99" && *measured != MEASURED[0]);
                all.push(match goal {
                    Some(goal) => figure.at_most(goal),
                    None => figure,
                });
            }
        }
    }
    Ok(all)
}

impl From {
    /// What is [`MEASURED`] of each event; each sorted.
    async fn latencies(
        self,
        ground: &Ground,
        store: &PostgresStore,
        running: &Running<PostgresStore>,
        pace: Pace,
        count: usize,
    ) -> Outcome<[Vec<Duration>; 3]> {
        let before = store.head().await?.get();
        let appended = async {
            match self {
                Self::Here => pace.append(store, count, None).await,
                Self::AnotherProcess => elsewhere(ground, store.schema(), pace, count).await,
            }
        };
        let (answered, committed) =
            tokio::try_join!(appended, committed(running, before, pace.accounts() + count))?;
        let handed: HashMap<_, _> = HANDED.lock().unwrap().drain(..).collect();
        let followed = |position| Followed {
            handed: handed[&position],
            committed: committed[(position - before - 1) as usize],
        };
        Ok(measured(&answered, followed))
    }
}

/// Who follows by hand, and a store in which nobody else follows.
struct ByHand {
    store: PostgresStore,
    pool: PgPool,
}

impl ByHand {
    /// What is [`MEASURED`] of each event; each sorted.
    async fn latencies(&self, pace: Pace, count: usize) -> Outcome<[Vec<Duration>; 3]> {
        let (tell, told) = unbounded_channel();
        let follow = follow_by_hand::follow(self.pool.clone(), told, pace.accounts());
        let follow = tokio::spawn(follow);
        let answered = pace.append(&self.store, count, Some(tell)).await?;
        let followed = follow.await??;
        Ok(measured(&answered, |position| followed[&position]))
    }
}

/// What is [`MEASURED`] of each event; each sorted.
fn measured(answered: &[Answered], followed: impl Fn(u64) -> Followed) -> [Vec<Duration>; 3] {
    let each = |took: &dyn Fn(&Answered) -> Duration| {
        let mut all: Vec<_> = answered.iter().map(took).collect();
        all.sort_unstable();
        all
    };
    [
        each(&|at| at.at.saturating_sub(at.sent)),
        each(&|at| followed(at.position).handed.saturating_sub(at.at)),
        each(&|at| followed(at.position).committed.saturating_sub(at.at)),
    ]
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
async fn elsewhere(
    ground: &Ground,
    schema: &str,
    pace: Pace,
    count: usize,
) -> Outcome<Vec<Answered>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--append-to", schema, "--appends", &count.to_string(), "--pace", pace.name()]);
    command.env("ANNALS_TEST_DATABASE_URL", ground.url()).stdout(Stdio::piped());
    let child = command.spawn()?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    if !output.status.success() {
        return Err("the other process has failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// In the other process: appends to the store in `schema`, and says when each was answered.
pub(crate) async fn append(schema: &str, pace: Pace, count: usize) -> Outcome {
    let url = std::env::var("ANNALS_TEST_DATABASE_URL")?;
    let store = PostgresStore::builder().with_schema(schema).connect(&url).await?;
    println!("{}", serde_json::to_string(&pace.append(&store, count, None).await?)?);
    store.shutdown().await;
    Ok(())
}
