//! Connections that are lost: before, during and after a commit, and while nobody looks.

use std::time::{Duration, Instant, SystemTime};

use annals::{
    AppendError, EventData, EventStore, EventStoreExt, ExpectedVersion, Position, PostgresStore,
    ReadStream, StoreError, TryStreamExt, Version,
};
use annals_test_server::{Cut, Proxy};
use futures_util::future::{join_all, try_join_all};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::timeout;

use crate::{acknowledged, append, evidence::History, migrated, server, stream};

const CUTS: [Cut; 3] = [Cut::BeforeTheServer, Cut::UnderWay, Cut::BeforeTheAnswer];

#[tokio::test]
async fn an_append_whose_connection_is_cut_is_stored_once_and_answered() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = migrated(&proxy.url()).await;
    let mut told = Vec::new();
    for cut in CUTS {
        let version = |version| ExpectedVersion::Exact(Version::new(version));
        let steps = [
            vec![append(format!("{cut:?}"), ExpectedVersion::NoStream, 2)],
            vec![append(format!("{cut:?}"), version(2), 1)],
            vec![append(format!("{cut:?}"), ExpectedVersion::Any, 3)],
            vec![append(format!("{cut:?}"), ExpectedVersion::Exists, 1)],
            vec![
                append(format!("{cut:?}"), version(7), 1),
                append(format!("{cut:?}-too"), ExpectedVersion::NoStream, 2),
            ],
        ];
        for appends in steps {
            proxy.trap(&format!("{cut:?}"), cut, 1);
            let began = SystemTime::now();
            let answers = store.append(appends.clone()).await.unwrap();
            assert_eq!(proxy.open(), 1);
            told.extend(acknowledged(&appends, &answers, began));
            let history = History::read(&store).await;
            history.holds(&told);
            history.is_exactly(told.iter().flat_map(|append| append.ids.clone()));
        }
    }
}

#[tokio::test]
async fn appends_that_share_a_lost_statement_are_each_stored_once_and_answered() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = migrated(&proxy.url()).await;
    let mut told = Vec::new();
    for cut in CUTS {
        let appends: Vec<_> = (0..200)
            .map(|n| append(format!("{cut:?}-{n}"), ExpectedVersion::NoStream, 2))
            .collect();
        proxy.trap(&format!("{cut:?}-"), cut, 3);
        let began = SystemTime::now();
        let answers =
            try_join_all(appends.iter().map(|append| store.append_to_stream(append.clone())));
        let answers = answers.await.unwrap();
        assert_eq!(proxy.open(), 3);
        told.extend(acknowledged(&appends, &answers, began));
        let history = History::read(&store).await;
        history.holds(&told);
        history.is_exactly(told.iter().flat_map(|append| append.ids.clone()));
    }
}

/// Which of them the connection was lost by makes no difference to what they are told.
#[tokio::test]
async fn all_appends_of_a_lost_statement_are_told_why() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(Duration::ZERO);
    let store = store.connect(&proxy.url()).await.unwrap();
    store.migrate().await.unwrap();
    store.append_to_stream(append("known", ExpectedVersion::Any, 1)).await.unwrap();
    proxy.trap("lost-", Cut::BeforeTheServer, usize::MAX);
    let appends = (0..50).map(|n| append(format!("lost-{n}"), ExpectedVersion::NoStream, 1));
    for answer in join_all(appends.map(|append| store.append_to_stream(append))).await {
        let Err(AppendError::Store(StoreError::OutcomeUnknown(source))) = answer else {
            panic!("{answer:?}");
        };
        assert!(source.to_string().contains("communicating with database"), "{source}");
    }
    assert!(proxy.open() < 50, "they should have shared statements");
}

/// However many appends hang, fewer that come later do not wait until they are as many.
#[tokio::test]
async fn a_crowd_that_hangs_keeps_no_others_waiting() {
    const CROWD: usize = 100;
    const LATER: usize = 10;
    const BOUND: Duration = Duration::from_secs(20);
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = migrated(&proxy.url()).await;
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    let mut told = Vec::new();
    let known = append("known", ExpectedVersion::Any, 1);
    let began = SystemTime::now();
    let answer = store.append_to_stream(known.clone()).await.unwrap();
    told.extend(acknowledged(&[known], &[answer], began));

    proxy.trap("hanging-", Cut::Silently, usize::MAX);
    let hanging: Vec<_> =
        (0..CROWD).map(|n| append(format!("hanging-{n}"), ExpectedVersion::NoStream, 1)).collect();
    let crowd_began = SystemTime::now();
    let crowd = tokio::spawn({
        let (store, appends) = (store.clone(), hanging.clone());
        async move {
            try_join_all(appends.into_iter().map(|append| store.append_to_stream(append))).await
        }
    });
    let mut stored = direct.follow::<EventData>(Position::START);
    for _ in 0..=CROWD {
        timeout(BOUND, stored.try_next()).await.expect("all are sent").unwrap().unwrap();
    }
    for n in 0..LATER {
        let later = append(format!("later-{n}"), ExpectedVersion::NoStream, 1);
        let began = SystemTime::now();
        let answer = timeout(BOUND, store.append_to_stream(later.clone()));
        let answer = answer.await.expect("it waits for nobody").unwrap();
        told.extend(acknowledged(&[later], &[answer], began));
    }
    assert!(!crowd.is_finished());

    assert!(proxy.open() > 0);
    proxy.hang_up();
    let answers = timeout(BOUND, crowd).await.expect("they are settled").unwrap().unwrap();
    told.extend(acknowledged(&hanging, &answers, crowd_began));
    let history = History::read(&direct).await;
    history.holds(&told);
    history.is_exactly(told.iter().flat_map(|append| append.ids.clone()));
    assert_eq!(history.order().len(), 1 + CROWD + LATER);
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_settled_by_the_same_events() {
    let server = server();
    let proxy = Proxy::to(&server).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(Duration::from_millis(100));
    let store = store.connect(&proxy.url()).await.unwrap();
    store.migrate().await.unwrap();
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    for cut in CUTS {
        let append = append(format!("{cut:?}"), ExpectedVersion::NoStream, 2);
        let ids = append.events.iter().map(|event| event.id);
        let before = History::read(&direct).await;
        proxy.trap(&format!("{cut:?}"), cut, usize::MAX);
        let error = store.append_to_stream(append.clone()).await.unwrap_err();
        assert!(matches!(error, AppendError::Store(StoreError::OutcomeUnknown(_))), "{error:?}");
        assert!(proxy.open() > 1, "it should have tried again");
        let after = History::read(&direct).await;
        match cut {
            Cut::BeforeTheServer => assert_eq!(after.order(), before.order()),
            Cut::UnderWay | Cut::Late => {}
            Cut::BeforeTheAnswer | Cut::Silently => {
                assert_eq!(after.order().len(), before.order().len() + 2)
            }
        }
        let answer = store.append_to_stream(append.clone()).await.unwrap();
        assert_eq!(answer.version, Version::new(2));
        assert_eq!(store.append_to_stream(append.clone()).await.unwrap(), answer);
        let settled = History::read(&direct).await;
        settled.is_exactly(before.order().iter().map(|(_, id)| *id).chain(ids));
        assert_eq!(settled.last(), answer.position);
    }
}

/// Opens all connections that the pool may have, and leaves them idle.
async fn fill(pool: &PgPool) {
    let most = pool.options().get_max_connections();
    while pool.num_idle() < most as usize {
        let connections = join_all((0..most).map(|_| pool.acquire())).await;
        assert!(connections.iter().all(Result::is_ok), "{connections:?}");
        drop(connections);
        while pool.num_idle() < pool.size() as usize {
            tokio::task::yield_now().await; // they are on their way back
        }
    }
}

/// Nothing tells a pool that the server behind its connections is another one by now.
#[tokio::test]
async fn an_append_after_a_restart_of_the_server_is_stored() {
    let mut server = server();
    let store = migrated(&server.url()).await;
    for round in 1..=3 {
        fill(store.pool()).await;
        if round % 2 == 0 { server.kill() } else { server.stop() }.unwrap();
        server.restart().unwrap();
        let append = append("here", ExpectedVersion::Exact(Version::new(round - 1)), 1);
        let answer = store.append_to_stream(append).await.unwrap();
        assert_eq!(answer.version, Version::new(round));
    }
}

#[tokio::test]
async fn reads_after_a_restart_of_the_server_find_a_connection_that_lives() {
    let mut server = server();
    let store = migrated(&server.url()).await;
    let stored = store.append_to_stream(append("here", ExpectedVersion::Any, 1)).await.unwrap();
    for way in 0..4 {
        fill(store.pool()).await;
        if way % 2 == 0 { server.stop() } else { server.kill() }.unwrap();
        server.restart().unwrap();
        let position = match way {
            0 => store.head().await.unwrap(),
            1 => store.status().await.unwrap().head,
            2 => History::read(&store).await.last(),
            _ => {
                let mut events = store.read_stream(ReadStream::forwards(stream("here")));
                events.try_next().await.unwrap().unwrap().position
            }
        };
        assert_eq!(position, stored.position);
    }
}

/// Each is told in about the time that its store tries for, however many there are.
#[tokio::test]
async fn many_appends_to_a_server_that_is_down_are_told_in_time() {
    let mut server = server();
    let limit = Duration::from_millis(500);
    let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(limit);
    let pool = pool.connect(&server.url()).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(limit).open(pool).await.unwrap();
    store.migrate().await.unwrap();
    store.append_to_stream(append("known", ExpectedVersion::Any, 1)).await.unwrap();
    server.stop().unwrap();
    let begin = Instant::now();
    let appends = (0..256).map(|n| append(n, ExpectedVersion::NoStream, 1));
    let answers = join_all(appends.map(|append| store.append_to_stream(append))).await;
    let took = begin.elapsed();
    for answer in answers {
        assert!(matches!(
            answer,
            Err(AppendError::Store(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)))
        ));
    }
    assert!(took < 10 * limit, "{took:?}");
    server.restart().unwrap();
    let append = append("known", ExpectedVersion::Exact(Version::new(1)), 1);
    store.append_to_stream(append).await.unwrap();
    assert_eq!(History::read(&store).await.order().len(), 2);
}
