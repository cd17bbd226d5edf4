//! A bank account: its rules, its history, a figure that follows from its events, and its tests.

use annals::{
    Aggregate, Context, Event, EventStoreExt, MemoryStore, Metadata, Position, Repository,
    TryStreamExt,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")] // account.opened, account.deposited … in streams account-anna …
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u32 },
    Withdrawn { cents: u32 },
}

enum AccountCommand {
    Open { owner: String },
    Deposit { cents: u32 },
    Withdraw { cents: u32 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("the account is open already")]
    AlreadyOpen,
    #[error("the account is not open")]
    NotOpen,
    #[error("the balance is only {balance} cents")]
    InsufficientFunds { balance: u64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Account {
    open: bool,
    balance: u64,
}

impl Aggregate for Account {
    type Id = String;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn handle(
        &self,
        command: &AccountCommand,
        _: &Context<Self>,
    ) -> Result<Vec<AccountEvent>, AccountError> {
        let event = match command {
            AccountCommand::Open { .. } if self.open => return Err(AccountError::AlreadyOpen),
            AccountCommand::Open { owner } => AccountEvent::Opened { owner: owner.clone() },
            _ if !self.open => return Err(AccountError::NotOpen),
            AccountCommand::Deposit { cents } => AccountEvent::Deposited { cents: *cents },
            AccountCommand::Withdraw { cents } if u64::from(*cents) > self.balance => {
                return Err(AccountError::InsufficientFunds { balance: self.balance });
            }
            AccountCommand::Withdraw { cents } => AccountEvent::Withdrawn { cents: *cents },
        };
        Ok(vec![event])
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => self.open = true,
            AccountEvent::Deposited { cents } => self.balance += u64::from(*cents),
            AccountEvent::Withdrawn { cents } => self.balance -= u64::from(*cents),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::new(); // any event store: the code above does not know which
    let accounts = Repository::<Account>::new(store.clone());
    let anna = "anna".to_owned();

    // Model: a command is decided, its events are stored, and the caller gets an answer.
    accounts.execute(&anna, &AccountCommand::Open { owner: "Anna".into() }).await?;
    accounts.execute(&anna, &AccountCommand::Deposit { cents: 2_000 }).await?;
    let withdraw = AccountCommand::Withdraw { cents: 500 };
    let by_teller = Metadata::by("teller 7");
    let done = accounts.execute(&anna, &withdraw).with_metadata(by_teller).await?;
    println!("anna has {} cents at version {}", done.state.balance, done.version);

    // Audit: everything that ever happened to one entity, and what each event changed.
    let mut history = accounts.history(&anna);
    while let Some(change) = history.try_next().await? {
        let recorded = change.recorded;
        println!("{} {:?} by {:?}", recorded.version, recorded.event, recorded.metadata.actor);
        println!("  {} cents -> {} cents", change.before.balance, change.after.balance);
    }

    // Rebuild: a read model is a fold of the global stream, from its start or from a checkpoint.
    let mut deposits = 0;
    let mut events = store.events_after::<AccountEvent>(Position::START);
    while let Some(recorded) = events.try_next().await? {
        if let AccountEvent::Deposited { cents } = recorded.event {
            deposits += u64::from(cents);
        }
    }
    println!("{deposits} cents were deposited up to position {}", done.position);
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
    fn an_account_that_is_not_open_takes_nothing() {
        let deposit = AccountCommand::Deposit { cents: 1 };
        account().given_nothing().when(deposit).then_rejected(AccountError::NotOpen);
    }

    #[test]
    fn what_was_deposited_can_be_withdrawn_and_no_more() {
        let deposited = || account().given([opened(), AccountEvent::Deposited { cents: 500 }]);
        deposited()
            .when(AccountCommand::Withdraw { cents: 500 })
            .then([AccountEvent::Withdrawn { cents: 500 }])
            .then_state(Account { open: true, balance: 0 });
        deposited()
            .when(AccountCommand::Withdraw { cents: 501 })
            .then_rejected(AccountError::InsufficientFunds { balance: 500 });
    }
}
