//! Commands in any order, in several repositories on one store that loses, delays and is written to by others: whatever
//! is kept in memory, each answer is one that the log gives, as of a moment while the command ran.

use std::{collections::HashMap, future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use annals::{
    Aggregate, CommandError, EventStore, EventStoreExt, Executed, ExpectedVersion, MemoryStore,
    Metadata, Position, ReadStream, Recorded, Refusal, Repository, RetryPolicy, StoreError,
    TryStreamExt, Version,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent, Command, Declined},
    unsteady::{Fault, Step, Unsteady},
};

const RIVAL: AccountEvent = AccountEvent::Deposited { cents: 1 };

/// What one client does, one after the other.
type Client = Vec<Call>;

#[derive(Debug, Clone)]
struct Call {
    repository: usize,
    account: usize,
    kind: Kind,
    /// For which version, as the difference to where the stream is when the command is sent.
    pinned: Option<i64>,
    key: Option<u64>,
    /// After how many polls the caller loses interest.
    patience: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Open,
    Deposit,
    DepositTwice,
    Withdraw,
    Look,
}

impl Call {
    /// No two commands have the same amount, so that their events tell whose they are.
    fn command(&self, number: u64) -> Command {
        match self.kind {
            Kind::Open => Command::Open(number.to_string()),
            Kind::Deposit => Command::Deposit(1_000 + number),
            Kind::DepositTwice => Command::DepositTwice(1_000 + number),
            Kind::Withdraw => Command::Withdraw(1_000 + number),
            Kind::Look => Command::Look,
        }
    }

    /// The events that it may lead to.
    fn events(&self, number: u64) -> Vec<AccountEvent> {
        let cents = 1_000 + number;
        match self.kind {
            Kind::Open => vec![AccountEvent::Opened { owner: number.to_string() }],
            Kind::Deposit => vec![AccountEvent::Deposited { cents }],
            Kind::DepositTwice => vec![AccountEvent::Deposited { cents }; 2],
            Kind::Withdraw => vec![AccountEvent::Withdrawn { cents }],
            Kind::Look => vec![],
        }
    }
}

type Answer = Result<Executed<Account>, CommandError<Declined>>;

/// A command and its answer, none if the caller was gone, and the versions of the stream between which it ran.
struct Told {
    call: Call,
    number: u64,
    expected: ExpectedVersion,
    answer: Option<Answer>,
    from: u64,
    to: u64,
}

async fn version(store: &MemoryStore, account: usize) -> u64 {
    let stream = format!("account-{account}").parse().unwrap();
    let last = store.read_stream(ReadStream::backwards(stream).with_limit(1)).try_next().await;
    last.unwrap().map_or(0, |last| last.version.get())
}

async fn run_client(
    client: Client,
    first: u64,
    store: MemoryStore,
    repositories: Vec<Repository<Account>>,
) -> Vec<Told> {
    let mut all = Vec::new();
    for (call, number) in client.into_iter().zip(first..) {
        let from = version(&store, call.account).await;
        let expected = call.pinned.map_or(ExpectedVersion::Any, |difference| {
            Version::new(from.saturating_add_signed(difference)).into()
        });
        let (id, command) = (call.account.to_string(), call.command(number));
        let repository = &repositories[call.repository % repositories.len()];
        let mut execute = repository.execute(&id, &command).with_expected_version(expected);
        execute = execute.with_metadata(Metadata::by(number.to_string()));
        if let Some(key) = call.key {
            execute = execute.with_idempotency_key(Uuid::from_u64_pair(0, key));
        }
        let mut running = pin!(execute.into_future());
        let mut polls = 0;
        let answer = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if call.patience.is_some_and(|most| polls >= most) => Poll::Ready(None),
            Poll::Pending => {
                polls += 1;
                Poll::Pending
            }
        });
        let answer = answer.await;
        let to = version(&store, call.account).await;
        all.push(Told { call, number, expected, answer, from, to });
    }
    all
}

fn fold<'a>(log: impl IntoIterator<Item = &'a Recorded<AccountEvent>>) -> Account {
    let mut account = Account::default();
    log.into_iter().for_each(|recorded| account.apply(&recorded.event));
    account
}

/// What the command of `told` leads to at a version of its stream, as far as it can be told from outside.
fn decide(told: &Told, log: &[Recorded<AccountEvent>], version: u64) -> Result<usize, Declined> {
    let state = fold(&log[..version as usize]);
    match told.call.kind {
        Kind::Open if state.owner.is_some() => Err(Declined::AlreadyOpen),
        Kind::Withdraw if state.cents < 1_000 + told.number => {
            Err(Declined::TooLittle(state.cents))
        }
        _ => Ok(told.call.events(told.number).len()),
    }
}

fn check(told: &Told, log: &[Recorded<AccountEvent>], head: Position) -> Result<(), TestCaseError> {
    let Told { call, number, expected, answer, from, to } = told;
    let of_it = call.events(*number);
    let in_log: Vec<_> = log.iter().filter(|recorded| of_it.contains(&recorded.event)).collect();
    prop_assert!(in_log.is_empty() || in_log.len() == of_it.len(), "once, whole, or not at all");
    let moments = *from..=*to;
    match answer {
        None => {}
        Some(Ok(done)) => {
            let end = done.version.get() as usize;
            prop_assert_eq!(&done.state, &fold(&log[..end]));
            let stored = &log[end - done.events.len()..end];
            let events: Vec<_> = stored.iter().map(|recorded| recorded.event.clone()).collect();
            let ids: Vec<_> = stored.iter().map(|recorded| recorded.id).collect();
            prop_assert_eq!((&done.events, &done.event_ids), (&events, &ids));
            if let Some(first) = stored.first() {
                prop_assert_eq!(&done.metadata, &first.metadata);
            }
            // Under a key, another try may have been the first, and have decided something else.
            let is_of_another = call.key.is_some() && events != of_it;
            if !is_of_another {
                prop_assert_eq!(&events, &of_it);
            }
            if call.key.is_none() {
                let (first, last) = (from + events.len().min(1) as u64, *to);
                prop_assert!((first..=last).contains(&done.version.get()), "{done:?}");
                let before = Version::new((end - events.len()) as u64);
                prop_assert!(expected.check(&"account-0".parse().unwrap(), before).is_ok());
            }
            let own = end.checked_sub(1).map(|last| log[last].position);
            prop_assert!(own.is_none_or(|own| own <= done.position) && done.position <= head);
        }
        Some(Err(error)) => {
            let may_be_stored = matches!(error, CommandError::Store(StoreError::OutcomeUnknown(_)));
            prop_assert!(may_be_stored || in_log.is_empty(), "{error:?}, and it is in the log");
            let mut moments = moments;
            match error {
                CommandError::Rejected(reason) => prop_assert!(
                    moments.any(|version| decide(told, log, version).as_ref() == Err(reason)),
                    "{reason:?} at no version from {from} to {to}"
                ),
                CommandError::Conflict(conflict) => {
                    let actual = conflict.actual.get();
                    prop_assert!(
                        *expected == ExpectedVersion::Any || conflict.expected == *expected
                    );
                    prop_assert!(moments.contains(&actual), "{from}..={to}: {conflict}");
                }
                CommandError::Store(StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_)) => {
                }
                CommandError::Store(StoreError::Refused(Refusal::IdempotencyKeyTaken {
                    ..
                })) if call.key.is_some() => {}
                CommandError::Store(error) => prop_assert!(false, "{error:?}"),
            }
        }
    }
    Ok(())
}

async fn run(
    clients: Vec<Client>,
    memories: [Memory; 2],
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let store = MemoryStore::new();
    let unsteady = Arc::new(Unsteady::new(store.clone(), &RIVAL, steps));
    let retry = RetryPolicy::default().with_retries(3).with_first_pause(Duration::ZERO);
    let repositories = memories.map(|memory| {
        let store = Arc::clone(&unsteady);
        let accounts = match memory.has_snapshots {
            true => Repository::with_snapshots(store),
            false => Repository::new(store),
        };
        accounts
            .with_retry(retry.clone().with_longest_pause(Duration::ZERO))
            .with_cache(memory.cached)
    });
    let tasks: Vec<_> = clients
        .into_iter()
        .zip((0..).step_by(100))
        .map(|(client, first)| {
            tokio::spawn(run_client(client, first, store.clone(), repositories.to_vec()))
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    // What nobody waits for any more may still be on its way.
    unsteady.late_ones_arrive().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }

    let events: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    let mut logs: HashMap<usize, Vec<_>> = HashMap::new();
    for event in events {
        logs.entry(event.stream.entity_id().parse().unwrap()).or_default().push(event);
    }
    let head = store.head().await.unwrap();
    for told in &all {
        check(told, logs.entry(told.call.account).or_default(), head)?;
    }
    for (account, log) in &logs {
        for repository in &repositories {
            let loaded = repository.load(&account.to_string()).await;
            let Ok(loaded) = loaded else { continue };
            prop_assert_eq!(loaded.version.get(), log.len() as u64);
            prop_assert_eq!(loaded.state, fold(log));
        }
    }
    Ok(())
}

fn clients() -> impl Strategy<Value = Vec<Client>> {
    let kind = prop_oneof![
        1 => Just(Kind::Open),
        4 => Just(Kind::Deposit),
        2 => Just(Kind::DepositTwice),
        6 => Just(Kind::Withdraw),
        2 => Just(Kind::Look),
    ];
    let call = (
        0..2_usize,
        0..2_usize,
        kind,
        proptest::option::weighted(0.2, -1..3_i64),
        proptest::option::weighted(0.15, 0..4_u64),
        proptest::option::weighted(0.1, 0..6_usize),
    );
    let call = call.prop_map(|(repository, account, kind, pinned, key, patience)| Call {
        repository,
        account,
        kind,
        pinned,
        key,
        patience,
    });
    proptest::collection::vec(proptest::collection::vec(call, 1..8), 1..8)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Unreachable),
        1 => Just(Fault::AnswerLost),
        1 => Just(Fault::RequestLost),
        1 => Just(Fault::Late),
        1 => Just(Fault::Rival),
    ];
    proptest::collection::vec((0..6_u8, fault), 0..80)
}

/// What a repository remembers.
#[derive(Debug, Clone, Copy)]
struct Memory {
    cached: usize,
    has_snapshots: bool,
}

fn memories() -> impl Strategy<Value = [Memory; 2]> {
    let most = prop_oneof![Just(0_usize), Just(1), Just(100)];
    let memory =
        (most, any::<bool>()).prop_map(|(cached, has_snapshots)| Memory { cached, has_snapshots });
    [memory.clone(), memory]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_answer_is_one_that_the_log_gives(
        clients in clients(),
        memories in memories(),
        steps in steps(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(clients, memories, steps))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn so_it_is_with_several_threads(clients in clients(), memories in memories(), steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(run(clients, memories, steps))?;
    }
}
