//! Who polls the flight of a command: the command itself, until somebody else depends on it.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use annals::{
    AppendError, Appended, EventStore, MemoryStore, Position, Repository, StreamAppend, Version,
    forward,
};
use async_trait::async_trait;
use futures_util::future::poll_immediate;
use tokio::{runtime::Handle, task::yield_now, time::timeout};

use crate::{
    account::{Account, Command, anna},
    gate::Gate,
};

/// Anna has 100 cents, which the repository knows; nothing goes through the gate.
async fn closed() -> (Arc<Gate>, Repository<Account>) {
    let gate = Arc::new(Gate::new(MemoryStore::new()));
    let accounts = Repository::new(Arc::clone(&gate));
    accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    gate.append_arrives().await;
    gate.close();
    (gate, accounts)
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_command_that_nobody_else_waits_for_needs_no_task() {
    let (gate, accounts) = closed().await;
    let (id, commands) = (anna(), [Command::Deposit(1), Command::Deposit(2)]);
    let [mut first, mut second] =
        commands.each_ref().map(|command| accounts.execute(&id, command).into_future());

    assert!(poll_immediate(&mut first).await.is_none());
    assert_eq!(tasks(), 0);
    assert!(poll_immediate(&mut second).await.is_none());
    assert_eq!(tasks(), 1, "the second one cannot rely on it that the first one is polled");
    gate.let_through(2);
    assert_eq!(second.await.unwrap().state.cents, 103);
    assert_eq!(first.await.unwrap().state.cents, 101);
    assert_eq!(tasks(), 0);
}

#[tokio::test]
async fn the_flight_of_a_command_that_is_dropped_lands_by_itself() {
    let (gate, accounts) = closed().await;
    let (id, command) = (anna(), Command::Deposit(1));
    let mut dropped = accounts.execute(&id, &command).into_future();
    assert!(poll_immediate(&mut dropped).await.is_none());
    drop(dropped);
    assert_eq!(tasks(), 1);
    gate.let_through(1);
    let landed = async {
        while tasks() > 0 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), landed).await.expect("it lands");
    assert_eq!(gate.head().await.unwrap(), Position::new(2));
}

#[tokio::test]
async fn who_has_carried_its_flight_is_still_told() {
    let (gate, accounts) = closed().await;
    let carrier = accounts.clone();
    let first =
        tokio::spawn(async move { carrier.execute(&anna(), &Command::Deposit(1)).await.unwrap() });
    gate.append_arrives().await;
    let (id, command) = (anna(), Command::Deposit(2));
    let mut second = accounts.execute(&id, &command).into_future();
    assert!(poll_immediate(&mut second).await.is_none());
    // Until the flight's own task has been polled, and with it the last trace of the carrier is gone from the gate.
    yield_now().await;
    gate.let_through(2);
    let first = timeout(Duration::from_secs(60), first).await.expect("an answer").unwrap();
    assert_eq!(first.version, Version::new(2));
    assert_eq!(second.await.unwrap().version, Version::new(3));
}

#[tokio::test]
async fn who_was_told_long_ago_does_not_take_the_flight_of_another() {
    let (gate, accounts) = closed().await;
    let (id, command) = (anna(), Command::Deposit(1));
    let mut first = accounts.execute(&id, &command).into_future();
    assert!(poll_immediate(&mut first).await.is_none());
    let mut second = accounts.execute(&id, &command).into_future();
    assert!(poll_immediate(&mut second).await.is_none());
    gate.let_through(2);
    second.await.unwrap();
    gate.append_arrives().await;
    gate.append_arrives().await;

    let carrier = accounts.clone();
    let third = tokio::spawn(async move {
        let done = carrier.execute(&anna(), &Command::Deposit(1)).await;
        done.unwrap()
    });
    gate.append_arrives().await;
    assert_eq!(first.await.unwrap().version, Version::new(2));
    assert_eq!(tasks(), 1, "the third command, which carries its flight");
    gate.let_through(1);
    let third = timeout(Duration::from_secs(60), third).await.expect("an answer").unwrap();
    assert_eq!(third.version, Version::new(4));
}

/// Does something on the next append, before that is under way.
struct Meanwhile {
    gate: Arc<Gate>,
    what: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl EventStore for Meanwhile {
    forward!(self => self.gate; read_all, read_stream, head, wait_for_head);

    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let what = self.what.lock().unwrap().take();
        if let Some(what) = what {
            what();
        }
        self.gate.append(appends).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_the_flight_is_polled_does_not_rely_on_its_command() {
    let gate = Arc::new(Gate::new(MemoryStore::new()));
    let store = Arc::new(Meanwhile { gate: Arc::clone(&gate), what: Mutex::default() });
    let accounts = Repository::<Account>::new(Arc::clone(&store));
    accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    gate.close();

    let (waits, has_come) = mpsc::channel();
    let (told, second) = tokio::sync::oneshot::channel();
    let (runtime, others) = (Handle::current(), accounts.clone());
    *store.what.lock().unwrap() = Some(Box::new(move || {
        runtime.spawn(async move {
            let (id, command) = (anna(), Command::Deposit(2));
            let mut second = others.execute(&id, &command).into_future();
            let done = poll_fn(|cx| {
                let polled = second.as_mut().poll(cx);
                let _ = waits.send(());
                polled
            });
            let _ = told.send(done.await);
        });
        has_come.recv_timeout(Duration::from_secs(60)).expect("the second command");
    }));
    let (id, command) = (anna(), Command::Deposit(1));
    let mut first = accounts.execute(&id, &command).into_future();
    assert!(poll_immediate(&mut first).await.is_none());
    gate.let_through(2);
    let second = timeout(Duration::from_secs(60), second).await.expect("an answer").unwrap();
    assert_eq!(second.unwrap().version, Version::new(3));
    assert_eq!(first.await.unwrap().version, Version::new(2));
}
