//! Swaps while steps and reads go on as fast as they can.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use annals::followers::Swap;
use annals_test_server::{Binaries, Server};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::{sync::Notify, time::MissedTickBehavior};

use crate::books::{Follower, QUIET, SALES};

/// Event p is of part p % PARTS.
const PARTS: i64 = 4;
const SWAPS: usize = 20;
/// What comes a second, over all parts.
const RATE: u64 = 2_000;

fn events_of(part: i64, position: i64) -> i64 {
    (1..=PARTS)
        .rev()
        .find_map(|back| {
            let last = position - PARTS + back;
            (last % PARTS == part && last > 0).then(|| (last - 1) / PARTS + 1)
        })
        .unwrap_or(0)
}

struct Load {
    follower: Follower,
    /// Where the log ends.
    head: AtomicI64,
    grown: Notify,
    steps: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// Lets the log grow.
    async fn append(self: Arc<Self>) {
        let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
        while !self.ended.load(SeqCst) {
            pace.tick().await;
            self.head.fetch_add(1, SeqCst);
            self.grown.notify_waiters();
        }
    }

    /// Runs a part of a build, as whoever owns it would: event by event when it is live, all there is when it is not.
    async fn run(self: Arc<Self>, build: i64, part: i64) {
        let mut connection = self.follower.connection().await;
        let mut position = 0;
        let mut is_live = build == self.follower.live;
        while !self.ended.load(SeqCst) {
            let grown = self.grown.notified();
            let next = position + (part - position - 1).rem_euclid(PARTS) + 1;
            let head = self.head.load(SeqCst);
            let to = if is_live { next.min(head) } else { head };
            if to == position || is_live && to < next {
                let _ = tokio::time::timeout(Duration::from_millis(5), grown).await;
                continue;
            }
            let events = events_of(part, to) - events_of(part, position);
            match self.step(&mut connection, (build, part), (position, to), events).await {
                Some(live) => is_live = live,
                None => return, // fenced
            }
            position = to;
            if is_live {
                self.steps.fetch_add(1, SeqCst);
            }
        }
    }

    /// The store's step: the part's row first, then the tables, by their plain names.
    async fn step(
        &self,
        connection: &mut PgConnection,
        (build, part): (i64, i64),
        (from, to): (i64, i64),
        events: i64,
    ) -> Option<bool> {
        let mut transaction = connection.begin().await.unwrap();
        let advance = self.follower.fill(
            "UPDATE $schema.parts SET position = $4 WHERE build = $1 AND part = $2 AND position = $3
             RETURNING is_live, set_config('search_path', CASE WHEN is_live THEN '$read' ELSE '$build, $read' END, true)",
        );
        let advance =
            sqlx::query(AssertSqlSafe(advance)).bind(build).bind(part).bind(from).bind(to);
        let advanced = advance.fetch_optional(&mut *transaction).await.unwrap()?;
        for sql in [
            "INSERT INTO total AS t VALUES ($1, $2 + 0 * $3) ON CONFLICT (part) DO UPDATE SET n = t.n + excluded.n",
            "INSERT INTO days AS d VALUES ($1 * 1000 + $3 % 50, $2) ON CONFLICT (day) DO UPDATE SET n = d.n + excluded.n",
        ] {
            sqlx::query(sql)
                .bind(part)
                .bind(events)
                .bind(to)
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
        Some(advanced.get(0))
    }

    /// Reads until the end, and answers when each read began and how long it took.
    async fn read(self: Arc<Self>, reads: &'static [&'static str]) -> Vec<(Instant, Duration)> {
        let mut connection = self.follower.connection().await;
        let mut took = Vec::new();
        let texts: Vec<_> = reads.iter().map(|sql| self.follower.fill(sql)).collect();
        let mut pace = tokio::time::interval(Duration::from_millis(4));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.ended.load(SeqCst) {
            pace.tick().await;
            let mut transaction = connection.begin().await.unwrap();
            for text in &texts {
                let began = Instant::now();
                let row = sqlx::query(AssertSqlSafe(text.clone()))
                    .fetch_one(&mut *transaction)
                    .await
                    .unwrap();
                took.push((began, began.elapsed()));
                let (days, total): (i64, i64) = (row.get(0), row.get(1));
                assert_eq!(days, total, "a mix of two builds: {text}");
            }
            transaction.commit().await.unwrap();
        }
        took
    }
}

const READS: [&[&str]; 5] = [
    &[
        "SELECT (SELECT coalesce(sum(n), 0)::bigint FROM $read.days), (SELECT coalesce(sum(n), 0)::bigint FROM $read.total)",
    ],
    &["SELECT coalesce(sum(d), 0)::bigint, coalesce(sum(t), 0)::bigint
       FROM (SELECT n AS t, 0 AS d FROM $read.total UNION ALL SELECT 0, n FROM $read.days) x"],
    &["SELECT days, total FROM $schema.both"],
    &["SELECT o.days, (SELECT coalesce(sum(n), 0)::bigint FROM $read.total) FROM $schema.over o"],
    // Each statement of a transaction on its own: steps come between them, and swaps once it has ended.
    &[
        "SELECT (SELECT coalesce(sum(n), 0)::bigint FROM $read.total), (SELECT coalesce(sum(n), 0)::bigint FROM $read.days)",
        "SELECT days, total FROM $schema.both",
        "SELECT (SELECT coalesce(sum(n), 0)::bigint FROM $read.days), (SELECT coalesce(sum(n), 0)::bigint FROM $read.total)",
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_one_build_or_the_other_and_hardly_wait() {
    let _alone = QUIET.write().await;
    // A server that waits for the disk, as others do.
    let server = Server::start(&Binaries::find().unwrap()).unwrap();
    let follower = Follower::at(&server.url(), SALES, i32::try_from(PARTS).unwrap()).await;
    follower.run("CREATE VIEW $schema.both AS SELECT (SELECT coalesce(sum(n), 0)::bigint FROM $read.days) AS days,
                      (SELECT coalesce(sum(n), 0)::bigint FROM $read.total) AS total;
                  CREATE VIEW $schema.over AS SELECT days FROM $schema.both").await;
    let live = follower.live;
    let load = Arc::new(Load {
        follower,
        head: AtomicI64::new(0),
        grown: Notify::new(),
        steps: AtomicU64::new(0),
        ended: AtomicBool::new(false),
    });
    let mut parts: Vec<_> =
        (0..PARTS).map(|part| tokio::spawn(Arc::clone(&load).run(live, part))).collect();
    let appending = tokio::spawn(Arc::clone(&load).append());
    let readers: Vec<_> =
        READS.iter().map(|reads| tokio::spawn(Arc::clone(&load).read(reads))).collect();
    let began = Instant::now();
    let (mut attempts, mut outcomes) = (Vec::new(), std::collections::BTreeMap::<&str, u32>::new());
    for _ in 0..SWAPS {
        let shadow = load.follower.shadow(SALES).await;
        parts.extend((0..PARTS).map(|part| tokio::spawn(Arc::clone(&load).run(shadow, part))));
        loop {
            let begin = Instant::now();
            let swap = load.follower.swap(shadow).await;
            attempts.push((begin, Instant::now()));
            let name = match &swap {
                Swap::Swapped => "swapped",
                Swap::Held { .. } => "held",
                Swap::Behind => "behind",
                other => panic!("{other:?}"),
            };
            *outcomes.entry(name).or_default() += 1;
            if swap == Swap::Swapped {
                break;
            }
            // As long as the keeper pauses.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let rate = load.steps.load(SeqCst) as f64 / began.elapsed().as_secs_f64();
    load.ended.store(true, SeqCst);
    appending.await.unwrap();
    let mut reads = Vec::new();
    for reader in readers {
        reads.extend(reader.await.unwrap());
    }
    for part in parts {
        part.await.unwrap();
    }

    // Nothing is lost, nothing is twice.
    let rows = load.follower.ask("SELECT p.part, p.position, t.n FROM $schema.parts p JOIN $read.total t USING (part) ORDER BY 1").await;
    assert_eq!(rows.len(), usize::try_from(PARTS).unwrap());
    for row in rows {
        let row: Vec<i64> = row.split(',').map(|number| number.parse().unwrap()).collect();
        assert_eq!(row[2], events_of(row[0], row[1]), "part {} at {}", row[0], row[1]);
    }

    // What each attempt kept a reader waiting for at the most.
    let mut pauses: Vec<Duration> = attempts
        .iter()
        .filter_map(|&(from, to)| {
            let met = reads.iter().filter(|&&(begin, took)| begin <= to && begin + took >= from);
            met.map(|&(_, took)| took).max()
        })
        .collect();
    pauses.sort_unstable();
    let (median, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    println!(
        "{SWAPS} swaps at {rate:.0} steps/s ({outcomes:?}) among {} reads: the longest pause of an attempt is \
         {median:?} at the median, {longest:?} at the most",
        reads.len(),
    );
    // At the median, since whatever else the machine does makes some read wait.
    assert!(median < Duration::from_millis(50), "{pauses:?}");
}
