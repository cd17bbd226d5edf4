//! Commands on one entity share appends, and each is answered for itself.

use std::{future::Future, sync::Arc};

use annals::{
    CommandError, EventStoreExt, Executed, ExpectedVersion, MemoryStore, Metadata, Position,
    Refusal, Repository, RetryPolicy, StoreError, TryStreamExt, Version,
};
use futures_util::future::{join_all, poll_immediate};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent, Command, Declined, anna},
    gate::Gate,
};

type Answer = Result<Executed<Account>, CommandError<Declined>>;

struct Bank {
    store: MemoryStore,
    gate: Arc<Gate>,
    accounts: Repository<Account>,
    /// Of somebody else, on the same store.
    others: Repository<Account>,
}

impl Bank {
    /// Anna has 100 cents, which the repository knows; nothing goes through the gate.
    async fn closed() -> Self {
        let store = MemoryStore::new();
        let gate = Arc::new(Gate::new(store.clone()));
        let accounts = Repository::new(Arc::clone(&gate)).with_retry(
            RetryPolicy::default().with_first_pause(std::time::Duration::from_micros(1)),
        );
        accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
        gate.append_arrives().await;
        gate.close();
        gate.take_appends();
        gate.take_reads();
        Self { others: Repository::new(store.clone()), store, gate, accounts }
    }

    /// Runs a command in a task of its own, up to where it waits.
    async fn send(&self, command: Command) -> JoinHandle<Answer> {
        self.send_with(command, ExpectedVersion::Any).await
    }

    async fn send_with(&self, command: Command, expected: ExpectedVersion) -> JoinHandle<Answer> {
        let accounts = self.accounts.clone();
        let by = Metadata::by(format!("{command:?}"));
        started(async move {
            let id = anna();
            let execute = accounts.execute(&id, &command).with_metadata(by);
            execute.with_expected_version(expected).await
        })
        .await
    }

    /// Sends commands while the append of the first one is on its way.
    async fn send_all(
        &self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<JoinHandle<Answer>> {
        let mut sent = Vec::new();
        for command in commands {
            sent.push(self.send(command).await);
        }
        self.gate.append_arrives().await;
        sent
    }

    async fn log(&self) -> Vec<annals::Recorded<AccountEvent>> {
        self.store.events_after(Position::START).try_collect().await.unwrap()
    }
}

/// The task has been polled once, and waits.
async fn started(running: impl Future<Output = Answer> + Send + 'static) -> JoinHandle<Answer> {
    let mut running = Box::pin(running);
    assert!(poll_immediate(&mut running).await.is_none(), "it has to wait");
    tokio::spawn(running)
}

async fn answers(sent: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    join_all(sent).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn commands_that_come_meanwhile_go_together_and_have_their_own_answers() {
    let bank = Bank::closed().await;
    let commands = [
        Command::Deposit(1),
        Command::DepositTwice(2),
        Command::Look,
        Command::Withdraw(105),
        Command::Withdraw(1),
        Command::Deposit(7),
    ];
    let sent = bank.send_all(commands).await;
    bank.gate.let_through(2);
    let answers = answers(sent).await;
    assert_eq!(bank.gate.take_appends(), [1, 4], "one that was on its way, and all others");
    assert!(bank.gate.take_reads().is_empty());

    let told = |answer: &Answer| match answer {
        Ok(done) => (done.state.cents, done.version.get(), done.events.len()),
        Err(CommandError::Rejected(Declined::TooLittle(cents))) => (*cents, 0, 0),
        Err(error) => panic!("{error:?}"),
    };
    let told: Vec<_> = answers.iter().map(told).collect();
    assert_eq!(told, [(101, 2, 1), (105, 4, 2), (105, 4, 0), (0, 5, 1), (0, 0, 0), (7, 6, 1)]);

    let log = bank.log().await;
    for done in answers.iter().flatten().filter(|done| !done.events.is_empty()) {
        let last = &log[done.version.get() as usize - 1];
        assert_eq!(done.event_ids.last(), Some(&last.id));
        assert_eq!(done.metadata, last.metadata);
        assert_eq!(done.metadata.correlation_id, Some(done.event_ids[0].into()));
        assert!(last.position <= done.position, "whoever has followed up to there has seen it");
    }
    assert_eq!(answers[1].as_ref().unwrap().position, Position::new(6), "that of the append");
    assert_eq!(bank.accounts.load(&anna()).await.unwrap().position, Position::new(6));
}

#[tokio::test]
async fn what_rests_on_a_decision_that_fell_is_decided_anew() {
    // The withdrawal leaves nothing, but it is not stored: somebody else was faster, or the store has failed.
    for fails in [false, true] {
        let bank = Bank::closed().await;
        let sent = bank
            .send_all([Command::Withdraw(100), Command::Withdraw(60), Command::Open("A".into())])
            .await;
        if fails {
            bank.gate.failures.lock().unwrap().push(StoreError::Failed("the disk is full".into()));
        } else {
            bank.others.execute(&anna(), &Command::Deposit(5)).await.unwrap();
        }
        bank.gate.let_through(100);
        let [first, second, third] = &answers(sent).await[..] else { panic!() };
        let (second, third) = (second.as_ref(), third.as_ref().unwrap());
        if fails {
            assert!(matches!(first, Err(CommandError::Store(StoreError::Failed(_)))), "{first:?}");
            assert_eq!(second.unwrap().state.cents, 40);
            assert_eq!(bank.log().await.len(), 3);
        } else {
            // Whichever of them comes first now, the other one is declined.
            assert_ne!(first.is_ok(), second.is_ok(), "{first:?}, {second:?}");
            assert_eq!(bank.log().await.len(), 4);
        }
        assert!(third.state.owner.is_some());
        assert_eq!(bank.gate.take_reads().first(), Some(&2), "only what is new");
    }
}

#[tokio::test]
async fn a_pinned_version_is_held_against_what_was_decided_before() {
    let bank = Bank::closed().await;
    let pin = |version: u64| ExpectedVersion::from(Version::new(version));
    let first = bank.send_with(Command::Deposit(1), pin(1)).await;
    bank.gate.append_arrives().await;
    let late = bank.send_with(Command::Deposit(1), pin(1)).await;
    let next = bank.send_with(Command::Deposit(1), pin(2)).await;
    bank.gate.let_through(2);
    let answers = answers(vec![first, late, next]).await;
    let versions: Vec<_> = answers.iter().flatten().map(|done| done.version.get()).collect();
    assert_eq!(versions, [2, 3]);
    match &answers[1] {
        Err(CommandError::Conflict(conflict)) => {
            assert_eq!((conflict.expected, conflict.actual), (pin(1), Version::new(2)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_that_the_store_refuses_fails_its_own_command_only() {
    let bank = Bank::closed().await;
    let sent = bank.send_all([1, 2, 13, 4, 13, 6].map(Command::Deposit)).await;
    bank.gate.let_through(100);
    for (nth, answer) in answers(sent).await.iter().enumerate() {
        match answer {
            Ok(done) if nth % 2 == 0 || nth == 1 => assert!(done.version.get() > 1),
            Ok(_) if nth == 3 || nth == 5 => {}
            Err(CommandError::Store(StoreError::Refused(Refusal::Limit(_))))
                if nth == 2 || nth == 4 => {}
            other => panic!("{nth}: {other:?}"),
        }
    }
    let cents: u64 = bank.accounts.load(&anna()).await.unwrap().state.cents;
    assert_eq!(cents, 100 + 1 + 2 + 4 + 6);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_for_all() {
    let bank = Bank::closed().await;
    let lost = || StoreError::OutcomeUnknown("connection reset by peer".into());
    let sent = bank.send_all([1, 2, 3].map(Command::Deposit)).await;
    bank.gate.let_through(1);
    bank.gate.append_arrives().await;
    bank.gate.failures.lock().unwrap().extend([lost(), lost()]);
    bank.gate.let_through(3);
    assert!(answers(sent).await.iter().all(Result::is_ok));
    assert_eq!(bank.gate.take_appends(), [1, 2, 2, 2]);

    // And if it never comes, the outcome is unknown to all.
    let bank = Bank::closed().await;
    let sent = bank.send_all([1, 2, 3].map(Command::Deposit)).await;
    bank.gate.let_through(1);
    bank.gate.append_arrives().await;
    bank.gate.failures.lock().unwrap().extend((0..17).map(|_| lost()));
    bank.gate.let_through(17);
    let [first, others @ ..] = &answers(sent).await[..] else { panic!() };
    assert!(first.is_ok());
    for other in others {
        let is_unknown = matches!(other, Err(CommandError::Store(StoreError::OutcomeUnknown(_))));
        assert!(is_unknown, "{other:?}");
    }
}

#[tokio::test]
async fn whoever_is_dropped_or_not_polled_keeps_nobody_waiting() {
    for is_dropped in [true, false] {
        let bank = Bank::closed().await;
        let (id, command) = (anna(), Command::Deposit(1));
        let mut first = bank.accounts.execute(&id, &command).into_future();
        assert!(poll_immediate(&mut first).await.is_none());
        bank.gate.append_arrives().await;
        let others = bank.send(Command::Deposit(2)).await;
        let mut first = Some(first);
        if is_dropped {
            first = None;
        }
        bank.gate.let_through(2);
        let done = others.await.unwrap().unwrap();
        assert_eq!((done.state.cents, done.version), (103, Version::new(3)));
        if let Some(first) = first {
            assert_eq!(first.await.unwrap().version, Version::new(2));
        }
    }
}

#[tokio::test]
async fn a_runtime_that_ends_leaves_nobody_of_another_waiting() {
    let bank = Bank::closed().await;
    let accounts = bank.accounts.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let first = runtime.spawn(async move { accounts.execute(&anna(), &Command::Deposit(1)).await });
    bank.gate.append_arrives().await;
    let second = bank.send(Command::Deposit(2)).await;
    runtime.shutdown_background();
    assert!(first.await.unwrap_err().is_cancelled());
    bank.gate.let_through(100);
    let done = second.await.unwrap().unwrap();
    assert_eq!(done.state.cents, 102, "the first one was on its way, and did not arrive");
}

#[tokio::test]
async fn commands_under_a_key_stand_in_the_same_line() {
    let bank = Bank::closed().await;
    let mut sent = bank.send_all([Command::Deposit(1), Command::Deposit(2)]).await;
    for key in [1, 2, 1] {
        let accounts = bank.accounts.clone();
        let key = Uuid::from_u128(key);
        let keyed = async move {
            accounts.execute(&anna(), &Command::Deposit(10)).with_idempotency_key(key).await
        };
        sent.push(started(keyed).await);
    }
    bank.gate.let_through(100);
    let answers: Vec<_> = answers(sent).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[2], answers[4], "the same key, the same answer");
    assert_eq!(bank.accounts.load(&anna()).await.unwrap().state.cents, 123);
    for done in answers {
        let then = bank.others.load_at(&anna(), done.version).await.unwrap();
        assert_eq!(done.state, then.state);
    }
}

#[tokio::test]
async fn what_rests_on_a_key_that_somebody_else_was_first_to_use_is_decided_anew() {
    let bank = Bank::closed().await;
    let key = Uuid::from_u128(1);
    let _on_its_way = bank.send_all([Command::Deposit(1)]).await;
    let accounts = bank.accounts.clone();
    let keyed = async move {
        accounts.execute(&anna(), &Command::Withdraw(101)).with_idempotency_key(key).await
    };
    let keyed = started(keyed).await;
    let declined = bank.send(Command::Withdraw(60)).await;
    bank.gate.let_through(1);
    bank.gate.append_arrives().await;
    let (id, deposit) = (anna(), Command::Deposit(5));
    let other = bank.others.execute(&id, &deposit).with_idempotency_key(key).await.unwrap();
    bank.gate.let_through(100);
    assert_eq!(keyed.await.unwrap().unwrap(), other);
    let done = declined.await.unwrap().expect("nobody has withdrawn what would be missing");
    assert_eq!(done.state.cents, 100 + 1 + 5 - 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_repositories_on_one_account_lose_nothing() {
    let store = MemoryStore::new();
    let repositories = [(); 2].map(|()| {
        Repository::<Account>::new(store.clone())
            .with_retry(RetryPolicy::default().with_retries(1_000))
    });
    let tasks = (0..16_usize).map(|task| {
        let accounts = repositories[task % 2].clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(Result::unwrap);
    for accounts in repositories {
        assert_eq!(accounts.load(&anna()).await.unwrap().state.cents, 800);
    }
}
