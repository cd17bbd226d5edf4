//! The smallest complete program: an account, its rules, its tests.
//!
//! Run it with `cargo run --example bank`, test it with `cargo test --example bank`.

use annals::{
    Aggregate, Context, Event, EventStoreExt, MemoryStore, Metadata, Position, Repository, TryStreamExt,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")] // stored as account.opened, account.deposited …
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

enum AccountCommand {
    Open { owner: String },
    Deposit { cents: u64 },
    Withdraw { cents: u64 },
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("there is an account already")]
    AlreadyOpen,
    #[error("there is no account")]
    NotOpen,
    #[error("no account holds that much")]
    TooMuch,
    #[error("{missing} cents are missing")]
    TooLittle { missing: u64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Account {
    open: bool,
    cents: u64,
}

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
            AccountCommand::Deposit { cents } if self.cents.checked_add(cents).is_none() => {
                Err(AccountError::TooMuch)
            }
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
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let anna = "anna".to_owned();

    accounts.execute(&anna, &AccountCommand::Open { owner: "Anna".into() }).await?;
    accounts.execute(&anna, &AccountCommand::Deposit { cents: 2_000 }).await?;
    let withdraw = AccountCommand::Withdraw { cents: 500 };
    let done = accounts.execute(&anna, &withdraw).with_metadata(Metadata::by("teller 7")).await?;
    println!("anna has {} cents at version {}", done.state.cents, done.version);

    let refused = accounts.execute(&anna, &AccountCommand::Withdraw { cents: 9_999 }).await;
    println!("withdrawing 9999: {}", refused.err().map_or("accepted".into(), |error| error.to_string()));

    println!("\naudit of anna");
    let mut history = accounts.history(&anna);
    while let Some(change) = history.try_next().await? {
        let (version, event) = (change.recorded.version, change.recorded.event);
        println!("{version}  {} -> {} cents  {event:?}", change.before.cents, change.after.cents);
    }

    println!("\nthe global stream");
    let mut events = store.events_after::<AccountEvent>(Position::START);
    while let Some(recorded) = events.try_next().await? {
        println!("{}  {}  {}", recorded.position, recorded.stream, recorded.event.name());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use annals::testing::Scenario;

    use super::*;

    fn account() -> Scenario<Account> {
        Scenario::new("anna")
    }

    fn opened() -> AccountEvent {
        AccountEvent::Opened { owner: "Anna".into() }
    }

    #[test]
    fn an_account_opens_once() {
        let open = || AccountCommand::Open { owner: "Anna".into() };
        account().given_nothing().when(open()).then([opened()]);
        account().given([opened()]).when(open()).then_rejected(AccountError::AlreadyOpen);
    }

    #[test]
    fn nothing_comes_from_an_account_that_is_not_open() {
        account()
            .given_nothing()
            .when(AccountCommand::Deposit { cents: 1 })
            .then_rejected(AccountError::NotOpen);
    }

    #[test]
    fn an_account_holds_no_more_than_it_can_count() {
        account()
            .given([opened(), AccountEvent::Deposited { cents: 1 }])
            .when(AccountCommand::Deposit { cents: u64::MAX })
            .then_rejected(AccountError::TooMuch);
    }

    #[test]
    fn what_was_deposited_can_be_withdrawn_and_no_more() {
        let deposited = || account().given([opened(), AccountEvent::Deposited { cents: 500 }]);
        deposited()
            .when(AccountCommand::Withdraw { cents: 500 })
            .then([AccountEvent::Withdrawn { cents: 500 }])
            .then_state(Account { open: true, cents: 0 });
        deposited()
            .when(AccountCommand::Withdraw { cents: 501 })
            .then_rejected(AccountError::TooLittle { missing: 1 });
    }
}
