//! An aggregate whose state tells the order of its events and which fold made it, and histories of it that are read in every
//! way: with and without snapshots and cache, by two folds at once.

use std::{collections::HashMap, convert::Infallible};

use annals::{
    Aggregate, Context, Event, Repository, Snapshot, SnapshotPolicy, SnapshotStore, Version,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "tally")]
pub(crate) enum TallyEvent {
    Noted { number: u64 },
}

/// Notes `number` so many times.
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) times: usize,
}

/// A snapshot is due after so many events, and the state depends on the version of the fold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally<const EVERY: u64, const FOLD: u32 = 1> {
    pub(crate) noted: Vec<u64>,
}

impl<const EVERY: u64, const FOLD: u32> Aggregate for Tally<EVERY, FOLD> {
    type Id = usize;
    type Command = Note;
    type Event = TallyEvent;
    type Error = Infallible;

    fn handle(&self, note: &Note, _: &Context<Self>) -> Result<Vec<TallyEvent>, Infallible> {
        Ok(vec![TallyEvent::Noted { number: note.number }; note.times])
    }

    fn apply(&mut self, TallyEvent::Noted { number }: &TallyEvent) {
        self.noted.push(number * u64::from(FOLD));
    }
}

impl<const EVERY: u64, const FOLD: u32> Snapshot for Tally<EVERY, FOLD> {
    const VERSION: u32 = FOLD;
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(EVERY);
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Note {
        number: u64,
        times: usize,
        key: Option<u64>,
    },
    Load,
    LoadAt(u64),
    /// Whatever is under way gets some time.
    Wait(u8),
}

/// On which entity, by which repository, and what.
pub(crate) type Plan = Vec<(usize, usize, Step)>;

pub(crate) fn plan(steps: usize) -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        6 => (1..1_000_u64, 0..4_usize, proptest::option::weighted(0.3, 0..6_u64))
            .prop_map(|(number, times, key)| Step::Note { number, times, key }),
        2 => Just(Step::Load),
        2 => (0..40_u64).prop_map(Step::LoadAt),
        2 => (0..20_u8).prop_map(Step::Wait),
    ];
    proptest::collection::vec((0..2_usize, 0..4_usize, step), 1..steps)
}

pub(crate) fn caches() -> impl Strategy<Value = [usize; 3]> {
    let most = || prop_oneof![Just(0_usize), Just(1), Just(100)];
    [most(), most(), most()]
}

/// What has happened to one entity, and which keys were used up to which version.
#[derive(Default)]
struct Told {
    numbers: Vec<u64>,
    keys: HashMap<u64, u64>,
}

/// Goes through `plan` with repositories of two folds with snapshots, and one without; each answer is that of a plain fold.
pub(crate) async fn agree<const EVERY: u64>(
    store: impl SnapshotStore + Clone + 'static,
    caches: [usize; 3],
    plan: Plan,
) -> Result<(), TestCaseError> {
    let ones = || Repository::<Tally<EVERY, 1>>::with_snapshots(store.clone());
    let twos = Repository::<Tally<EVERY, 2>>::with_snapshots(store.clone());
    let plain = Repository::<Tally<EVERY, 1>>::new(store.clone()).with_cache(0);
    let (ones, others) = (ones().with_cache(caches[0]), ones().with_cache(caches[2]));
    let twos = twos.with_cache(caches[1]);
    let mut told: [Told; 2] = Default::default();
    for (entity, repository, step) in plan {
        let told = &mut told[entity];
        match repository {
            0 => take(&ones, entity, step, told).await?,
            1 => take(&twos, entity, step, told).await?,
            2 => take(&others, entity, step, told).await?,
            _ => take(&plain, entity, step, told).await?,
        }
    }
    // As a process that has just started has it.
    let fresh = Repository::<Tally<EVERY, 2>>::with_snapshots(store.clone());
    for (entity, told) in told.iter_mut().enumerate() {
        take(&fresh, entity, Step::Load, told).await?;
        take(&plain, entity, Step::Load, told).await?;
    }
    Ok(())
}

async fn take<const EVERY: u64, const FOLD: u32>(
    tallies: &Repository<Tally<EVERY, FOLD>>,
    entity: usize,
    step: Step,
    told: &mut Told,
) -> Result<(), TestCaseError> {
    let (state, version, expected) = match step {
        Step::Wait(turns) => {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            return Ok(());
        }
        Step::Load => {
            let loaded = tallies.load(&entity).await.unwrap();
            (loaded.state, loaded.version, told.numbers.len() as u64)
        }
        Step::LoadAt(version) => {
            let loaded = tallies.load_at(&entity, Version::new(version)).await.unwrap();
            (loaded.state, loaded.version, version.min(told.numbers.len() as u64))
        }
        Step::Note { number, times, key } => {
            let note = Note { number, times };
            let mut execute = tallies.execute(&entity, &note);
            if let Some(key) = key {
                execute = execute.with_idempotency_key(Uuid::from_u64_pair(entity as u64, key));
            }
            let done = execute.await.unwrap();
            let known = key.and_then(|key| told.keys.get(&key).copied());
            if known.is_none() {
                prop_assert_eq!(done.events.len(), times);
                told.numbers.extend(std::iter::repeat_n(number, times));
                if let Some(key) = key.filter(|_| times > 0) {
                    told.keys.insert(key, told.numbers.len() as u64);
                }
            }
            (done.state, done.version, known.unwrap_or(told.numbers.len() as u64))
        }
    };
    prop_assert_eq!(version.get(), expected);
    let numbers = told.numbers.iter().take(expected as usize);
    let folded: Vec<_> = numbers.map(|number| number * u64::from(FOLD)).collect();
    prop_assert_eq!(state.noted, folded);
    Ok(())
}
