//! One event an append, from 1 to 256 tasks: new accounts (`append`), and accounts that are there, at a version that is
//! known (`deposit`), or as a command: load, decide, append (`command`).

use std::{collections::VecDeque, sync::Arc};

use annals_figures::{Figure, Measured, Part, Unit};
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{Single, table},
    coalesced::Coalesced,
    command::{Decides, Loads, accounts_with_ten_events},
    contender::{Customer, Ledger, Run, run},
    ground::{Ground, Outcome},
};

/// How many tasks gather appends by hand: whichever is best counts. More of them than there are appends at a time
/// would only be the same again, and the best of many equals is the luckiest.
const WRITERS: [usize; 3] = [1, 2, 4];
/// By hand: an INSERT for each append, or for all that have gathered.
const SINGLE: &str = "by hand, single";
const COALESCED: &str = "by hand, coalesced";
/// How many accounts get deposits.
const ACCOUNTS: usize = 1_000;
/// How many accounts of ten events get commands: so many that they do not grow much while they are measured, which is
/// a shorter time in a quick run.
const OF_TEN_EVENTS: usize = 4_000;
const OF_TEN_EVENTS_IN_A_QUICK_RUN: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Deposit,
    Command,
}

/// One way to append, with a table of its own and what was measured of it.
struct Contender {
    name: String,
    ledger: Arc<dyn Ledger>,
    customers: Vec<Customer>,
    runs: Vec<Run>,
}

pub(crate) async fn measure(ground: &Ground, kind: Kind, tasks: &[usize]) -> Outcome<Part> {
    let (name, title, work) = match kind {
        Kind::Open => ("append", "accounts opened, each with an event to a new stream", "opened"),
        Kind::Deposit => ("deposit", "deposits on 1,000 accounts, at a known version", "deposits"),
        Kind::Command => ("command", "deposits decided on accounts of 10 events each", "deposits"),
    };
    let (mut rates, mut latencies) = (Vec::new(), Vec::new());
    for &tasks in tasks {
        let mut contenders = contenders(ground, kind, tasks).await?;
        for contender in &mut contenders {
            contender.customers = customers(ground, kind, tasks, &*contender.ledger).await?;
        }
        for round in 0..ground.rounds {
            let count = contenders.len();
            for nth in 0..count {
                let Contender { ledger, customers, runs, .. } =
                    &mut contenders[(round + nth) % count];
                ground.settle().await?;
                runs.push(run(ledger, customers, ground.duration).await?);
            }
        }
        let [single, gathering @ .., annals] = &*contenders else { unreachable!("none") };
        let coalesced = fastest(gathering);
        let figure = |work: &str, unit, of: fn(&Run) -> f64| {
            Figure::new(work, unit)
                .at_tasks(tasks)
                .by(SINGLE, single.each(of))
                .by(COALESCED, coalesced.each(of))
                .how(&coalesced.name)
                .by("annals", annals.each(of))
        };
        let better = if single.rate() > coalesced.rate() { SINGLE } else { COALESCED };
        let rate = figure(work, Unit::PerSecond, |run| run.per_second).ratio("annals", better);
        rates.push(match goal(kind, tasks) {
            Some(goal) => rate.at_least(goal),
            None => rate,
        });
        latencies.push(figure("p50 of one", Unit::Seconds, |run| run.within(0.5)));
        latencies.push(figure("p99 of one", Unit::Seconds, |run| run.within(0.99)));
        ground.clear().await?;
    }
    let part = Part::new(name, title);
    Ok(rates.into_iter().chain(latencies).fold(part, Part::with))
}

/// What annals is to reach, as a multiple of the better way by hand.
fn goal(kind: Kind, tasks: usize) -> Option<f64> {
    match (kind, tasks) {
        (Kind::Open, ..=8) => Some(0.9),
        (Kind::Open, _) => Some(0.8),
        (Kind::Command, 1) => Some(1.5),
        (Kind::Command, 64) => Some(2.5),
        _ => None,
    }
}

async fn contenders(ground: &Ground, kind: Kind, tasks: usize) -> Outcome<Vec<Contender>> {
    let mut contenders = Vec::new();
    let mut add = |name: String, ledger: Arc<dyn Ledger>| {
        contenders.push(Contender { name, ledger, customers: Vec::new(), runs: Vec::new() });
    };
    // A quick run does without the last of them.
    let most = if ground.run.quick { tasks.min(2) } else { tasks };
    let writers = WRITERS.into_iter().filter(|writers| *writers <= most);
    for writers in [0].into_iter().chain(writers) {
        let pool = table(ground).await?;
        let (name, ledger): (_, Arc<dyn Ledger>) = match writers {
            0 => ("single".to_owned(), Arc::new(Single(pool.clone()))),
            _ => (format!("by {writers}"), Arc::new(Coalesced::new(&pool, writers))),
        };
        match kind {
            Kind::Command => add(name, Arc::new(Loads { pool, ledger })),
            Kind::Open | Kind::Deposit => add(name, ledger),
        }
    }
    let store = ground.store().await?;
    match kind {
        Kind::Command => add("annals".to_owned(), Arc::new(Decides::on(store))),
        Kind::Open | Kind::Deposit => add("annals".to_owned(), Arc::new(store)),
    }
    Ok(contenders)
}

/// One customer for each task; for deposits, each with accounts that nobody else deposits on.
async fn customers(
    ground: &Ground,
    kind: Kind,
    tasks: usize,
    ledger: &dyn Ledger,
) -> Outcome<Vec<Customer>> {
    if kind == Kind::Open {
        return Ok(vec![Customer::Opens; tasks]);
    }
    let mut accounts = vec![VecDeque::new(); tasks];
    if kind == Kind::Command {
        let count = if ground.run.quick { OF_TEN_EVENTS_IN_A_QUICK_RUN } else { OF_TEN_EVENTS };
        let all = accounts_with_ten_events(ledger, count).await?;
        for (nth, account) in all.into_iter().enumerate() {
            accounts[nth % tasks].push_back((account, 10));
        }
        return Ok(accounts.into_iter().map(Customer::Deposits).collect());
    }
    for nth in 0..ACCOUNTS {
        let account = Uuid::now_v7();
        ledger.append(account, 0, AccountEvent::opened(nth as u64)).await?;
        accounts[nth % tasks].push_back((account, 1));
    }
    Ok(accounts.into_iter().map(Customer::Deposits).collect())
}

impl Contender {
    /// What was measured, run by run.
    fn each(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(of).collect()
    }

    /// The median.
    fn rate(&self) -> f64 {
        Measured::new(&*self.name, self.each(|run| run.per_second)).median
    }
}

fn fastest(contenders: &[Contender]) -> &Contender {
    let fastest = contenders.iter().max_by(|a, b| a.rate().total_cmp(&b.rate()));
    fastest.expect("there are some")
}
