//! What one follower and many of them ask of the store while they follow: by the statistics that Postgres keeps of the
//! store's tables.

use std::time::{Duration, Instant};

use annals::EventStore;
use annals_figures::{Figure, Part, Unit};
use sqlx::Row;

use crate::{
    balance::{MANY, caught_up, followers},
    ground::{Ground, Outcome},
    pace::{ACCOUNTS, deposit},
};

const PER_SECOND: u32 = 500;
/// The most that many followers may read, as a multiple of what one does.
const GOAL: f64 = 1.5;

/// What was asked of the store $1: scans of its events, rows that they gave, and checkpoints that were moved.
const ASKED: &str = "
    SELECT (SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'events'),
           (SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'events'),
           (SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'parts')";

/// All per event.
#[derive(Debug, Clone, Copy)]
struct Asked {
    scans: f64,
    rows: f64,
    steps: f64,
    /// How long after the last append all followers had everything.
    behind: Duration,
}

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let none = asked(ground, 0).await?;
    let one = asked(ground, 1).await?;
    let many = asked(ground, MANY).await?;
    ground.clear().await?;

    let figure = |work: &str, unit, of: fn(&Asked) -> f64| {
        Figure::new(work, unit)
            .by("no follower", vec![of(&none)])
            .by("one", vec![of(&one)])
            .by(format!("{MANY}"), vec![of(&many)])
    };
    // Appends read, too.
    let [one, many] = [&one, &many].map(|asked| vec![asked.rows - none.rows]);
    let read = Figure::new("rows read per event, for the followers alone", Unit::Number)
        .by("one", one)
        .by(format!("{MANY}"), many)
        .ratio(&format!("{MANY}"), "one")
        .at_most(GOAL);
    let title = format!("what followers ask of the store, at {PER_SECOND} events a second");
    Ok(Part::new("followers", title)
        .with(figure("scans of events per event", Unit::Number, |asked| asked.scans))
        .with(figure("rows read per event", Unit::Number, |asked| asked.rows))
        .with(figure("steps per event", Unit::Number, |asked| asked.steps))
        .with(figure("behind by", Unit::Seconds, |asked| asked.behind.as_secs_f64()))
        .with(read))
}

async fn asked(ground: &Ground, number: usize) -> Outcome<Asked> {
    let store = ground.store().await?;
    let running = followers(&store, number).start().await?;
    running.wait_until_live(Duration::from_secs(60)).await?;
    let count = (ground.duration.as_secs_f64() * f64::from(PER_SECOND)) as usize;
    deposit(&store, count, PER_SECOND, None).await?;
    let begin = Instant::now();
    caught_up(&running, number, store.head().await?).await?;
    let behind = begin.elapsed();
    running.shutdown().await;
    store.shutdown().await;
    // A session reports what it has counted when it ends, at the latest.
    store.pool().close().await;
    let pool = ground.pool().await?;
    let row = sqlx::query(ASKED).bind(store.schema()).fetch_one(&pool).await?;
    let per_event = |index| {
        Ok::<_, sqlx::Error>(row.try_get::<i64, _>(index)? as f64 / (ACCOUNTS + count) as f64)
    };
    Ok(Asked { scans: per_event(0)?, rows: per_event(1)?, steps: per_event(2)?, behind })
}
