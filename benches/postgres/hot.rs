//! One account on which many tasks deposit at once.

use std::{sync::Arc, time::Instant};

use annals_figures::{Figure, Part, Unit};
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{Single, table},
    command::{Decides, Loads},
    contender::Ledger,
    ground::{Ground, Outcome},
    load::load,
};

const TASKS: u64 = 16;
const DEPOSITS: u64 = 2_000;
/// As a multiple of what is done by hand.
const GOAL: f64 = 50.0;

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
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
    ground.clear().await?;

    let [by_hand, by_annals] = figures;
    let title = format!("{DEPOSITS} deposits on one account by {TASKS} tasks");
    let deposits = Figure::new("deposits", Unit::PerSecond)
        .by("by hand", by_hand)
        .by("annals", by_annals)
        .ratio("annals", "by hand")
        .at_least(GOAL);
    let tries = Figure::new("tries for each", Unit::Number).by("by hand", tries);
    Ok(Part::new("hot", title).with(deposits).with(tries))
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
