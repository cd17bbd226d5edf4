use annals::{Aggregate, Context, Event, EventStoreExt, MemoryStore, Metadata, Position, Repository, TryStreamExt};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")] // stored as account.opened, account.deposited, account.withdrawn
enum AccountEvent { Opened { owner: String }, Deposited { cents: u64 }, Withdrawn { cents: u64 } }

enum AccountCommand { Open { owner: String }, Deposit { cents: u64 }, Withdraw { cents: u64 } }

#[derive(Debug, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("there is an account already")] AlreadyOpen,
    #[error("there is no account")] NotOpen,
    #[error("{missing} cents are missing")] TooLittle { missing: u64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Account { open: bool, cents: u64 }

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn handle(&self, command: &AccountCommand, _: &Context<Self>) -> Result<Vec<AccountEvent>, AccountError> {
        match *command {
            AccountCommand::Open { .. } if self.open => Err(AccountError::AlreadyOpen),
            AccountCommand::Open { ref owner } => Ok(vec![AccountEvent::Opened { owner: owner.clone() }]),
            _ if !self.open => Err(AccountError::NotOpen),
            AccountCommand::Deposit { cents } => Ok(vec![AccountEvent::Deposited { cents }]),
            AccountCommand::Withdraw { cents } if cents > self.cents => {
                Err(AccountError::TooLittle { missing: cents - self.cents })
            }
            AccountCommand::Withdraw { cents } => Ok(vec![AccountEvent::Withdrawn { cents }]),
        }
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => self.open = true,
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::new(); // any `EventStore`: the domain code above does not know which
    let accounts = Repository::<Account>::new(store.clone());
    let anna = "anna".to_owned();

    // Model: a command is decided, its events are stored, and it has an answer.
    accounts.execute(&anna, &AccountCommand::Open { owner: "Anna".into() }).await?;
    accounts.execute(&anna, &AccountCommand::Deposit { cents: 2_000 }).await?;
    let withdraw = AccountCommand::Withdraw { cents: 500 };
    let done = accounts.execute(&anna, &withdraw).with_metadata(Metadata::by("teller 7")).await?;
    assert_eq!((done.state.cents, done.version.get()), (1_500, 3));

    // Audit: everything that ever happened to one entity, and what each event changed.
    let mut history = accounts.history(&anna);
    while let Some(change) = history.try_next().await? {
        println!("{} {:?}: {} -> {}", change.recorded.version, change.recorded.event, change.before.cents, change.after.cents);
    }

    // Rebuild: a read model is a fold of the global stream, from the start or from a checkpoint.
    let events = store.events_after::<AccountEvent>(Position::START);
    let deposits = events.try_fold(0, async |sum, recorded| match recorded.event {
        AccountEvent::Deposited { cents } => Ok(sum + cents),
        _ => Ok(sum),
    });
    assert_eq!(deposits.await?, 2_000);
    Ok(())
}

#[test]
fn nobody_withdraws_more_than_there_is() {
    annals::testing::Scenario::<Account>::new("anna")
        .given([AccountEvent::Opened { owner: "Anna".into() }, AccountEvent::Deposited { cents: 500 }])
        .when(AccountCommand::Withdraw { cents: 501 })
        .then_rejected(AccountError::TooLittle { missing: 1 });
}
