//! The same history gives the same state, whichever way it is read.

use annals::{
    Aggregate, CommandError, Event, EventStoreExt, ExpectedVersion, MemoryStore, Position,
    Repository, TryStreamExt, Version,
};
use proptest::prelude::*;

use crate::account::{Account, AccountEvent, Command};

fn commands() -> impl Strategy<Value = Vec<(u8, Command)>> {
    let command = prop_oneof![
        1 => "\\PC{0,8}".prop_map(Command::Open),
        4 => (0..1_000_u64).prop_map(Command::Deposit),
        2 => (0..1_000_u64).prop_map(Command::DepositTwice),
        4 => (0..1_000_u64).prop_map(Command::Withdraw),
        2 => any::<f64>().prop_map(Command::Note),
        1 => Just(Command::Look),
    ];
    proptest::collection::vec((0..3_u8, command), 0..40)
}

fn fold(events: &[AccountEvent]) -> Account {
    let mut account = Account::default();
    events.iter().for_each(|event| account.apply(event));
    account
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_way_of_reading_gives_the_fold_of_what_was_answered(commands in commands()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::new();
            let accounts = Repository::<Account>::new(store.clone());
            // What the answers say, by account: the memory of a client.
            let mut told: [Vec<AccountEvent>; 3] = Default::default();
            for (account, command) in &commands {
                let id = account.to_string();
                let told = &mut told[usize::from(*account)];
                let expected = ExpectedVersion::Exact(Version::new(told.len() as u64));
                match accounts.execute(&id, command).with_expected_version(expected).await {
                    Ok(done) => {
                        told.extend(done.events);
                        prop_assert_eq!(done.version.get(), told.len() as u64);
                        prop_assert_eq!(done.state, fold(told));
                    }
                    Err(CommandError::Rejected(_)) => {}
                    Err(CommandError::Store(_)) => prop_assert!(matches!(command, Command::Note(n) if !n.is_finite())),
                    Err(CommandError::Conflict(conflict)) => prop_assert!(false, "{conflict}"),
                }
            }

            for (account, told) in told.iter().enumerate() {
                let id = account.to_string();
                prop_assert_eq!(accounts.load(&id).await.unwrap().state, fold(told));
                for version in 0..=told.len() {
                    let loaded = accounts.load_at(&id, Version::new(version as u64)).await.unwrap();
                    prop_assert_eq!(loaded.state, fold(&told[..version]));
                }
                let history: Vec<_> = accounts.history(&id).try_collect().await.unwrap();
                prop_assert_eq!(history.len(), told.len());
                for (index, change) in history.iter().enumerate() {
                    prop_assert_eq!(&change.recorded.event, &told[index]);
                    prop_assert_eq!(&change.before, &fold(&told[..index]));
                    prop_assert_eq!(&change.after, &fold(&told[..=index]));
                }
            }

            let mut from_global: [Vec<AccountEvent>; 3] = Default::default();
            let mut events = store.events_after::<AccountEvent>(Position::START);
            while let Some(recorded) = events.try_next().await.unwrap() {
                prop_assert!(AccountEvent::EVENT_TYPES.contains(&recorded.event.event_type()));
                from_global[recorded.stream.entity_id().parse::<usize>().unwrap()].push(recorded.event);
            }
            prop_assert_eq!(from_global, told);
            Ok(())
        })?;
    }
}
