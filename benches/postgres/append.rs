//! One event an append, from 1 to 256 tasks: new accounts (`append`), and accounts that are there (`deposit`).

use std::{collections::VecDeque, sync::Arc};

use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::Single,
    coalesced::Coalesced,
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
    };
    let columns = ["tasks", "single", "coalesced", "better", "annals", "ratio", "goal"];
    let mut rates = Table::new(title, &columns);
    let columns = ["tasks", "better p50", "p99", "annals p50", "p99"];
    let mut latencies = Table::new("latency of an append", &columns);
    for &tasks in tasks {
        let mut contenders = contenders(ground, tasks).await?;
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
        let [ratio, goal] = against(annals.1.per_second / better.1.per_second, goal(tasks));
        let goal = if kind == Kind::Open { goal } else { "-".to_owned() };
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

/// The share of the better way by hand that annals is to reach.
fn goal(tasks: usize) -> f64 {
    if tasks <= 8 { 0.9 } else { 0.8 }
}

async fn contenders(ground: &Ground, tasks: usize) -> Outcome<Vec<Contender>> {
    let mut ledgers: Vec<(String, Arc<dyn Ledger>)> =
        vec![("single".to_owned(), Arc::new(Single::new(ground).await?))];
    for writers in WRITERS.into_iter().filter(|writers| *writers <= tasks) {
        let name = format!("by {writers}");
        ledgers.push((name, Arc::new(Coalesced::new(ground, writers).await?)));
    }
    ledgers.push(("annals".to_owned(), Arc::new(ground.store().await?)));
    let contender =
        |(name, ledger)| Contender { name, ledger, customers: Vec::new(), runs: Vec::new() };
    Ok(ledgers.into_iter().map(contender).collect())
}

/// One customer for each task; for deposits, each with accounts that nobody else deposits on.
async fn customers(kind: Kind, tasks: usize, ledger: &dyn Ledger) -> Outcome<Vec<Customer>> {
    if kind == Kind::Open {
        return Ok(vec![Customer::Opens; tasks]);
    }
    let mut accounts = vec![VecDeque::new(); tasks];
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
