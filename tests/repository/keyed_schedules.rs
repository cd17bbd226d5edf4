//! Tries under a few keys, in any order, on a store that loses and delays: each key's events are in the log once, and
//! every answer tells what is in the log.

use std::{sync::Arc, time::Duration};

use annals::{
    Aggregate, CommandError, Context, Event, EventId, EventStoreExt, Executed, ExpectedVersion,
    IdempotencyKey, MemoryStore, Metadata, Position, Recorded, Refusal, Repository, RetryPolicy,
    Snapshot, SnapshotPolicy, StoreError, TryStreamExt, Version, testing::SequentialIds,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::unsteady::{Fault, Step, Unsteady};

const RIVAL: RaffleEvent = RaffleEvent::Drawn { ticket: 0 };

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "raffle")]
enum RaffleEvent {
    Drawn { ticket: u128 },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Raffle {
    tickets: Vec<u128>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("not now")]
struct NotNow;

struct Draw;

/// Decides differently each time: as a decision may that looks at the time, or runs in another version of a program.
impl Aggregate for Raffle {
    type Id = usize;
    type Command = Draw;
    type Event = RaffleEvent;
    type Error = NotNow;

    fn handle(&self, _: &Draw, cx: &Context<Self>) -> Result<Vec<RaffleEvent>, NotNow> {
        let ticket = cx.new_id().as_u128();
        match ticket.wrapping_mul(0x9e37_79b9) >> 8 & 7 {
            7 => Err(NotNow),
            events => Ok(vec![RaffleEvent::Drawn { ticket }; events as usize / 2]),
        }
    }

    fn apply(&mut self, RaffleEvent::Drawn { ticket }: &RaffleEvent) {
        self.tickets.push(*ticket);
    }
}

impl Snapshot for Raffle {
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(2);
}

/// One client: what it sends under which key, and for which version if it says so.
#[derive(Debug, Clone)]
struct Client {
    raffle: usize,
    key: u128,
    pinned: Option<u64>,
}

type Answer = Result<Told, CommandError<NotNow>>;

/// All that an answer says.
#[derive(Debug, PartialEq)]
struct Told {
    state: Raffle,
    version: Version,
    position: Position,
    events: Vec<RaffleEvent>,
    event_ids: Vec<EventId>,
    metadata: Metadata,
}

impl From<Executed<Raffle>> for Told {
    fn from(done: Executed<Raffle>) -> Self {
        let Executed { state, version, position, events, event_ids, metadata, .. } = done;
        Self { state, version, position, events, event_ids, metadata }
    }
}

impl Client {
    fn key(&self) -> IdempotencyKey {
        Uuid::from_u128(self.key).into()
    }

    /// Sends its command until it knows what became of it.
    async fn run(self, number: usize, raffles: Repository<Raffle>) -> (Self, Answer) {
        for _ in 0..100 {
            let draw = raffles.execute(&self.raffle, &Draw).with_idempotency_key(self.key());
            let draw = draw.with_metadata(Metadata::by(format!("client {number}")));
            let expected = self.pinned.map_or(ExpectedVersion::Any, |version| {
                ExpectedVersion::Exact(Version::new(version))
            });
            match draw.with_expected_version(expected).await {
                Err(CommandError::Store(
                    StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_),
                )) => {}
                Err(CommandError::Conflict(_)) if self.pinned.is_none() => {}
                answer => return (self, answer.map(Told::from)),
            }
        }
        panic!("{self:?} never learns what became of its command");
    }
}

async fn run(
    clients: Vec<Client>,
    cached: Option<usize>,
    steps: Vec<Step>,
) -> (MemoryStore, Vec<(Client, Answer)>) {
    let store = MemoryStore::new();
    let unsteady = Arc::new(Unsteady::new(store.clone(), &RIVAL, steps));
    let retry = RetryPolicy::default().with_retries(2).with_first_pause(Duration::ZERO);
    let raffles = match cached {
        Some(entities) => Repository::with_snapshots(Arc::clone(&unsteady)).with_cache(entities),
        None => Repository::new(Arc::clone(&unsteady)),
    };
    let raffles = raffles
        .with_retry(retry.with_longest_pause(Duration::ZERO))
        .with_ids(SequentialIds::default());
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, client)| tokio::spawn(client.run(number, raffles.clone())))
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    unsteady.late_ones_arrive().await;
    (store, answers)
}

/// What the log says of a key: the answer that its command has to have.
fn in_the_log(log: &[Recorded<RaffleEvent>], key: IdempotencyKey) -> Option<Told> {
    let ids: Vec<_> = (0..4).map(|index| key.event_id(index)).collect();
    let of_key: Vec<_> = log.iter().filter(|recorded| ids.contains(&recorded.id)).collect();
    let (first, last) = (of_key.first()?, of_key.last()?);
    for (recorded, (index, id)) in of_key.iter().zip(ids.iter().enumerate()) {
        assert_eq!((&recorded.stream, recorded.id), (&first.stream, *id), "one append");
        assert_eq!(recorded.version.get(), first.version.get() + index as u64, "one append");
        assert_eq!(recorded.metadata, first.metadata, "one append");
    }
    let mut state = Raffle::default();
    let until = log.iter().filter(|e| e.stream == first.stream && e.version <= last.version);
    until.for_each(|recorded| state.apply(&recorded.event));
    Some(Told {
        state,
        version: last.version,
        position: last.position,
        events: of_key.iter().map(|recorded| recorded.event.clone()).collect(),
        event_ids: of_key.iter().map(|recorded| recorded.id).collect(),
        metadata: first.metadata.clone(),
    })
}

fn clients() -> impl Strategy<Value = Vec<Client>> {
    let client = (0..10_usize, 1..4_u128, proptest::option::weighted(0.2, 0..4_u64)).prop_map(
        |(raffle, key, pinned)| Client {
            // Mostly one raffle for a key; now and then a key is used for another.
            raffle: if raffle == 0 { 1 } else { (key == 3).into() },
            key,
            pinned,
        },
    );
    proptest::collection::vec(client, 2..12)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![
        8 => Just(Fault::None),
        1 => Just(Fault::Unreachable),
        1 => Just(Fault::AnswerLost),
        1 => Just(Fault::RequestLost),
        1 => Just(Fault::Late),
        1 => Just(Fault::Rival),
    ];
    proptest::collection::vec((0..6_u8, fault), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn each_key_is_in_the_log_once_and_every_answer_tells_what_is_there(
        clients in clients(),
        // How many are kept in memory beside snapshots, if there are any.
        cached in proptest::option::of(prop_oneof![Just(0_usize), Just(100)]),
        steps in steps(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (store, answers) = run(clients, cached, steps).await;
            let log: Vec<Recorded<RaffleEvent>> =
                store.events_after(Position::START).try_collect().await.unwrap();
            let mut known = log.iter().filter(|e| e.event == RIVAL).count();
            for key in 1..4 {
                known += in_the_log(&log, Uuid::from_u128(key).into()).map_or(0, |told| told.events.len());
            }
            prop_assert_eq!(log.len(), known, "nothing else is in the log");

            for (client, answer) in answers {
                let told = in_the_log(&log, client.key());
                match answer {
                    Ok(done) if done.events.is_empty() => {}
                    Ok(done) => {
                        prop_assert_eq!(log[done.position.get() as usize - 1].stream.entity_id(), client.raffle.to_string());
                        prop_assert_eq!(Some(done), told);
                    }
                    Err(CommandError::Rejected(NotNow)) => {}
                    Err(CommandError::Conflict(_)) => prop_assert!(client.pinned.is_some()),
                    Err(CommandError::Store(StoreError::Refused(Refusal::IdempotencyKeyTaken { key, stream, version }))) => {
                        prop_assert_eq!(key, client.key());
                        prop_assert_ne!(stream.entity_id(), client.raffle.to_string());
                        let there = log.iter().find(|e| e.stream == stream && e.version == version).map(|e| e.id);
                        prop_assert!(told.is_some_and(|told| told.event_ids.contains(&there.unwrap())));
                    }
                    Err(CommandError::Store(error)) => prop_assert!(false, "{error:?}"),
                }
            }
            Ok(())
        })?;
    }
}
