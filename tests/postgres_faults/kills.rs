//! `kill -9`: of the server, and of the process that writes.

use std::{
    collections::HashMap,
    env,
    time::{Duration, Instant},
};

use annals::{EventStoreExt, ExpectedVersion, Position, PostgresStore, TryStreamExt};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, spawn_blocking},
};

use crate::{
    Load, append,
    evidence::{Acknowledged, History, Process, say, until_told_to_end},
    load::{Caller, followed},
    migrated, server,
};

const KILLS: usize = 20;
const CALLERS: usize = 64;
/// Up to so many appends are acknowledged before the next kill.
const BETWEEN_KILLS: usize = 300;
/// So short that callers are told of a lost server.
const RETRY_FOR: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_server_is_killed_20_times() {
    let mut server = server();
    let store = PostgresStore::builder().with_retry_for(RETRY_FOR);
    let store = store.connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let last = append("end", ExpectedVersion::NoStream, 1);
    let end = last.events[0].id;
    let follower = tokio::spawn(followed(store.clone(), end));

    let (over, is_over) = watch::channel(false);
    let (lost, mut is_lost) = watch::channel(0);
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let name = format!("caller-{number}");
        let caller = Caller { store: store.clone(), name, lost: lost.clone() };
        let tell = tell.clone();
        callers.spawn(caller.run(is_over.clone(), move |appends| drop(tell.send(appends))));
    }
    drop(tell);

    let mut acknowledged = Vec::new();
    let mut down = Vec::new();
    for kill in 1..=KILLS {
        for _ in 0..fastrand::usize(1..=BETWEEN_KILLS) {
            acknowledged.extend(told.recv().await.unwrap());
        }
        server = spawn_blocking(|| {
            server.kill().unwrap();
            server
        })
        .await
        .unwrap();
        let begin = Instant::now();
        if kill % 5 == 0 {
            // Down for so long that callers hear of it.
            is_lost.mark_unchanged();
            is_lost.changed().await.unwrap();
        }
        server = spawn_blocking(|| {
            server.restart().unwrap();
            server
        })
        .await
        .unwrap();
        down.push(begin.elapsed());
    }
    for _ in 0..BETWEEN_KILLS {
        acknowledged.extend(told.recv().await.unwrap());
    }
    over.send(true).unwrap();
    while let Some(appends) = told.recv().await {
        acknowledged.extend(appends);
    }
    callers.join_all().await;
    store.append_to_stream(last).await.unwrap();

    let (followed, interruptions) = follower.await.unwrap();
    followed.holds(&acknowledged);
    followed.is_exactly(ids(&acknowledged).chain([end]));
    let fresh = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(History::read(&fresh).await.order(), followed.order());
    let recoveries = server.log().matches("automatic recovery in progress").count();
    assert_eq!(recoveries, KILLS);
    let lost = *lost.borrow();
    assert!(lost > 0, "nobody noticed");
    println!(
        "{KILLS} kills of the server, down for {:?} in all: {} appends acknowledged, {} events; callers were told \
         {lost} times that the store is lost, the follower {interruptions} times",
        down.iter().sum::<Duration>(),
        acknowledged.len(),
        followed.order().len(),
    );
}

fn ids(acknowledged: &[Acknowledged]) -> impl Iterator<Item = annals::EventId> {
    acknowledged.iter().flat_map(|append| append.ids.iter().copied())
}

const SERVER: &str = "ANNALS_TEST_CALLERS_SERVER";
const NAME: &str = "ANNALS_TEST_CALLERS_NAME";
const CALLERS_OF_PROCESS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the test of killed processes starts"]
async fn process() {
    let server = env::var(SERVER).expect("only the test of killed processes starts this");
    let name = env::var(NAME).unwrap();
    let store = PostgresStore::connect(&server).await.unwrap();
    let is_over = until_told_to_end();
    let (lost, _) = watch::channel(0);
    let mut callers = JoinSet::new();
    for number in 0..CALLERS_OF_PROCESS {
        let name = format!("{name}-{number}");
        let caller = Caller { store: store.clone(), name, lost: lost.clone() };
        callers.spawn(caller.run(is_over.clone(), |appends| say(&Said { appends })));
    }
    callers.join_all().await;
    store.shutdown().await;
}

/// What such a process says.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Said {
    appends: Vec<Acknowledged>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_writing_process_is_killed_20_times() {
    let server = server();
    let store = migrated(&server.url()).await;
    let last = append("end", ExpectedVersion::NoStream, 1);
    let end = last.events[0].id;
    let follower = tokio::spawn(followed(store.clone(), end));

    let mut acknowledged = Vec::new();
    for kill in 0..=KILLS {
        let url = server.url();
        let said = spawn_blocking(move || {
            let environment = [(SERVER, &*url), (NAME, &*format!("process-{kill}"))];
            let process = Process::<Said>::start("kills::process", &environment);
            let heard = (0..fastrand::usize(1..=BETWEEN_KILLS)).map(|_| process.hear());
            let mut said: Vec<_> = heard.collect();
            // The last one ends in order.
            said.extend(if kill < KILLS { process.kill() } else { process.end() });
            said
        });
        acknowledged.extend(said.await.unwrap().into_iter().flat_map(|said| said.appends));
    }
    store.append_to_stream(last).await.unwrap();

    let (followed, interruptions) = follower.await.unwrap();
    assert_eq!(interruptions, 0, "nothing happens to other processes");
    followed.holds(&acknowledged);
    assert_eq!(History::read(&store).await.order(), followed.order());

    // A killed caller may have stored one append more than it was told of, but none twice, and nothing after it.
    let events: Vec<_> = store.events_after::<Load>(Position::START).try_collect().await.unwrap();
    let known: std::collections::HashSet<_> = ids(&acknowledged).chain([end]).collect();
    let mut written = HashMap::<_, Vec<_>>::new();
    for event in &events {
        let Load::Written { writer, number } = &event.event;
        written.entry(writer).or_default().push((*number, known.contains(&event.id)));
    }
    let mut untold = 0;
    for (writer, mut numbers) in written {
        numbers.sort_unstable();
        assert!(numbers.iter().map(|(number, _)| *number).eq(0..numbers.len() as u64), "{writer}");
        let told = numbers.partition_point(|(_, is_told)| *is_told);
        let rest = &numbers[told..];
        assert!(rest.iter().all(|(_, is_told)| !is_told), "{writer}: {numbers:?}");
        assert!(rest.len() <= 4, "{writer} had one append of up to four events under way");
        assert!(rest.is_empty() || !writer.starts_with(&format!("process-{KILLS}-")), "{writer}");
        untold += rest.len();
    }
    println!(
        "{KILLS} kills of the writing process: {} appends acknowledged, {} events, {untold} of them stored without \
         their caller's knowledge",
        acknowledged.len(),
        events.len(),
    );
}
