//! One event an append, from 1 to 256 tasks: new accounts (`append`), and accounts that are there, at a version that is
//! known (`deposit`), or as a command: load, decide, append (`command`).

use std::{collections::VecDeque, sync::Arc};

use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{Single, table},
    coalesced::Coalesced,
    command::{Decides, Loads, accounts_with_ten_events},
    contender::{Customer, Ledger, Run, run},
    ground::{Ground, Outcome},
    table::{Table, against, per_second, span},
};

/// How many tasks gather appends by hand: whichever is best counts. More of them than there are appends at a time
/// would only be the same again, and the best of many equals is the luckiest.
const WRITERS: [usize; 3] = [1, 2, 4];
/// How many accounts get deposits.
const ACCOUNTS: usize = 1_000;

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

pub(crate) async fn measure(ground: &Ground, kind: Kind, tasks: &[usize]) -> Outcome {
    let title = match kind {
        Kind::Open => "append: accounts opened per second",
        Kind::Deposit => "deposit: deposits per second on 1,000 accounts",
        Kind::Command => "command: deposits per second, decided on accounts of 10 events each",
    };
    let columns = ["tasks", "single", "coalesced", "better", "annals", "ratio", "goal"];
    let mut rates = Table::new(title, &columns);
    let columns = ["tasks", "better p50", "p99", "annals p50", "p99"];
    let mut latencies = Table::new("latency of an append", &columns);
    for &tasks in tasks {
        let mut contenders = contenders(ground, kind, tasks).await?;
        for contender in &mut contenders {
            contender.customers = customers(kind, tasks, &*contender.ledger).await?;
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
        let medians: Vec<(String, Run)> = contenders.into_iter().map(Contender::median).collect();
        let [single, gathering @ .., annals] = &*medians else { unreachable!("{medians:?}") };
        let coalesced = fastest(gathering);
        let better = fastest([single, coalesced]);
        let (ratio, goal) = (annals.1.per_second / better.1.per_second, goal(kind, tasks));
        let [ratio, goal] = against(ratio, goal);
        rates.row(&[
            &tasks,
            &per_second(single.1.per_second),
            &format!("{} ({})", per_second(coalesced.1.per_second), coalesced.0),
            &per_second(better.1.per_second),
            &per_second(annals.1.per_second),
            &ratio,
            &goal,
        ]);
        let [p50, p99] =
            [0.5, 0.99].map(|share| [&better.1, &annals.1].map(|run| span(run.within(share))));
        latencies.row(&[&tasks, &p50[0], &p99[0], &p50[1], &p99[1]]);
        ground.clear().await?;
    }
    rates.print();
    latencies.print();
    Ok(())
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
    let writers = WRITERS.into_iter().filter(|writers| *writers <= tasks);
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
async fn customers(kind: Kind, tasks: usize, ledger: &dyn Ledger) -> Outcome<Vec<Customer>> {
    if kind == Kind::Open {
        return Ok(vec![Customer::Opens; tasks]);
    }
    let mut accounts = vec![VecDeque::new(); tasks];
    if kind == Kind::Command {
        for (nth, account) in accounts_with_ten_events(ledger).await?.into_iter().enumerate() {
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
    fn median(mut self) -> (String, Run) {
        self.runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let middle = self.runs.len() / 2;
        (self.name, self.runs.swap_remove(middle))
    }
}

fn fastest<'a>(named: impl IntoIterator<Item = &'a (String, Run)>) -> &'a (String, Run) {
    let fastest = named.into_iter().max_by(|a, b| a.1.per_second.total_cmp(&b.1.per_second));
    fastest.expect("there are some")
}
