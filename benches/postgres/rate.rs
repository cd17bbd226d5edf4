//! How often something can be done in a second, for contenders that take turns.

use std::time::Instant;

use crate::ground::{Ground, Outcome};

/// One contender: what to do once, which answers how many events that was.
pub(crate) type Once<'a> = Box<dyn Fn() -> tokio::task::JoinHandle<Outcome<u64>> + 'a>;

/// The rates of each contender, in events per second, round by round.
pub(crate) async fn rates<const N: usize>(
    ground: &Ground,
    contenders: [Once<'_>; N],
) -> Outcome<[Vec<f64>; N]> {
    let mut all = [const { Vec::new() }; N];
    for once in &contenders {
        once().await??;
    }
    for round in 0..ground.rounds {
        for nth in (0..N).map(|nth| (nth + round) % N) {
            let (begin, mut events) = (Instant::now(), 0);
            while begin.elapsed() < ground.duration {
                events += contenders[nth]().await??;
            }
            all[nth].push(events as f64 / begin.elapsed().as_secs_f64());
        }
    }
    Ok(all)
}
