//! One account on which many tasks deposit at once.

use std::{sync::Arc, time::Instant};

use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{Single, table},
    command::{Decides, Loads},
    contender::Ledger,
    ground::{Ground, Outcome},
    load::load,
    rate::median,
    table::{Table, against, per_second},
};

const TASKS: u64 = 16;
const DEPOSITS: u64 = 2_000;
/// As a multiple of what is done by hand.
const GOAL: f64 = 50.0;

pub(crate) async fn measure(ground: &Ground) -> Outcome {
    let pool = table(ground).await?;
    let ledger = Arc::new(Single(pool.clone()));
    let by_hand: Arc<dyn Ledger> = Arc::new(Loads { pool: pool.clone(), ledger });
    let decides = Arc::new(Decides::on(ground.store().await?));
    let by_annals: Arc<dyn Ledger> = decides.clone();
    let mut figures = [const { Vec::new() }; 2];
    let mut tries = Vec::new();
    for _ in 0..ground.rounds {
        let account = Uuid::now_v7();
        ground.settle().await?;
        let (rate, tried) = run(&by_hand, account).await?;
        figures[0].push(rate);
        tries.push(tried);
        assert_eq!(load(&pool, account).await?.0.cents, balance());
        ground.settle().await?;
        figures[1].push(run(&by_annals, account).await?.0);
        assert_eq!(decides.balance(account).await?, balance());
    }
    let [by_hand, by_annals] = figures.map(median);
    let title =
        format!("hot: deposits per second by {TASKS} tasks on one account, {DEPOSITS} in all");
    let columns = ["", "by hand", "tries each", "annals", "ratio", "goal"];
    let mut table = Table::new(title, &columns);
    let [ratio, goal] = against(by_annals / by_hand, Some(GOAL));
    let tries = format!("{:.1}", median(tries));
    table.row(&[&"hot", &per_second(by_hand), &tries, &per_second(by_annals), &ratio, &goal]);
    table.print();
    ground.clear().await
}

fn balance() -> u64 {
    (0..DEPOSITS).map(|nth| nth % 10_000).sum()
}

/// Deposits per second, and how often each was tried: again at once, for as long as others are faster.
async fn run(ledger: &Arc<dyn Ledger>, account: Uuid) -> Outcome<(f64, f64)> {
    ledger.append(account, 0, AccountEvent::opened(0)).await?;
    let begin = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let ledger = Arc::clone(ledger);
        tokio::spawn(async move {
            let mut tries = 0_u64;
            for nth in (task..DEPOSITS).step_by(TASKS as usize) {
                tries += 1;
                while ledger.append(account, 0, AccountEvent::deposited(nth)).await.is_err() {
                    tries += 1;
                }
            }
            tries
        })
    });
    let tries: u64 = try_join_all(tasks).await?.into_iter().sum();
    Ok((DEPOSITS as f64 / begin.elapsed().as_secs_f64(), tries as f64 / DEPOSITS as f64))
}
