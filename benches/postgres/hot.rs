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
const DEPOSITS_IN_A_QUICK_RUN: u64 = 500;
/// As a multiple of what is done by hand.
const GOAL: f64 = 50.0;

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let pool = table(ground).await?;
    let ledger = Arc::new(Single(pool.clone()));
    let by_hand: Arc<dyn Ledger> = Arc::new(Loads { pool: pool.clone(), ledger });
    let decides = Arc::new(Decides::on(ground.store().await?));
    let by_annals: Arc<dyn Ledger> = decides.clone();
    let deposits = if ground.run.quick { DEPOSITS_IN_A_QUICK_RUN } else { DEPOSITS };
    let mut figures = [const { Vec::new() }; 2];
    let mut tries = Vec::new();
    for _ in 0..ground.rounds {
        let account = Uuid::now_v7();
        ground.settle().await?;
        let (rate, tried) = run(&by_hand, account, deposits).await?;
        figures[0].push(rate);
        tries.push(tried);
        assert_eq!(load(&pool, account).await?.0.cents, balance(deposits));
        ground.settle().await?;
        figures[1].push(run(&by_annals, account, deposits).await?.0);
        assert_eq!(decides.balance(account).await?, balance(deposits));
    }
    ground.clear().await?;

    let [by_hand, by_annals] = figures;
    let title = format!("{deposits} deposits on one account by {TASKS} tasks");
    let figure = Figure::new("deposits", Unit::PerSecond)
        .by("by hand", by_hand)
        .by("annals", by_annals)
        .ratio("annals", "by hand")
        .at_least(GOAL);
    let tries = Figure::new("tries for each", Unit::Number).by("by hand", tries);
    Ok(Part::new("hot", title).with(figure).with(tries))
}

fn balance(deposits: u64) -> u64 {
    (0..deposits).map(|nth| nth % 10_000).sum()
}

/// Deposits per second, and how often each was tried: again at once, for as long as others are faster.
async fn run(ledger: &Arc<dyn Ledger>, account: Uuid, deposits: u64) -> Outcome<(f64, f64)> {
    ledger.append(account, 0, AccountEvent::opened(0)).await?;
    let begin = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let ledger = Arc::clone(ledger);
        tokio::spawn(async move {
            let mut tries = 0_u64;
            for nth in (task..deposits).step_by(TASKS as usize) {
                tries += 1;
                while ledger.append(account, 0, AccountEvent::deposited(nth)).await.is_err() {
                    tries += 1;
                }
            }
            tries
        })
    });
    let tries: u64 = try_join_all(tasks).await?.into_iter().sum();
    Ok((deposits as f64 / begin.elapsed().as_secs_f64(), tries as f64 / deposits as f64))
}
