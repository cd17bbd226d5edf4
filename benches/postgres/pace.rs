//! Appends at a steady pace, and when each was answered.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use annals::{PostgresStore, Repository};
use clap::ValueEnum;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc::UnboundedSender,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent},
    contender::{Customer, Ledger},
    ground::Outcome,
};

/// How many accounts are opened for deposits, as fast as that goes.
pub(crate) const ACCOUNTS: usize = 100;

/// An append that was answered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) position: u64,
    /// When it was sent, and when it was answered.
    pub(crate) sent: Duration,
    pub(crate) at: Duration,
}

/// Who is told of the position of each event as soon as its append was answered.
pub(crate) type Tell = Option<UnboundedSender<u64>>;

/// What is appended, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// 200 deposits a second, one after the other.
    Deposits,
    /// 1,000 commands a second, whether those before them are answered or not.
    Commands,
}

impl Pace {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deposits => "deposits",
            Self::Commands => "commands",
        }
    }

    pub(crate) fn per_second(self) -> u32 {
        match self {
            Self::Deposits => 200,
            Self::Commands => 1_000,
        }
    }

    /// How many accounts are opened first, with an event each.
    pub(crate) fn accounts(self) -> usize {
        match self {
            Self::Deposits => ACCOUNTS,
            Self::Commands => 1_000,
        }
    }

    /// Opens the accounts, and then appends `count` events to them at this pace.
    pub(crate) async fn append(
        self,
        store: &PostgresStore,
        count: usize,
        tell: Tell,
    ) -> Outcome<Vec<Answered>> {
        match self {
            Self::Deposits => deposit(store, count, self.per_second(), tell).await,
            Self::Commands => {
                let mut commands = Commands { tell, ..Commands::prepare(store).await? };
                commands.send(count).await?;
                commands.answered().await
            }
        }
    }
}

/// Opens [`ACCOUNTS`], and then makes `count` deposits on them, one after the other, so many a second.
pub(crate) async fn deposit(
    store: &PostgresStore,
    count: usize,
    per_second: u32,
    tell: Tell,
) -> Outcome<Vec<Answered>> {
    let mut accounts = VecDeque::new();
    for nth in 0..ACCOUNTS {
        let account = Uuid::now_v7();
        Ledger::append(store, account, 0, AccountEvent::opened(nth as u64)).await?;
        accounts.push_back((account, 1));
    }
    let mut customer = Customer::Deposits(accounts);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = Vec::with_capacity(count);
    for nth in 0..count {
        pace.tick().await;
        let sent = now();
        let position = customer.act(store, nth as u64).await?.unsigned_abs();
        answered.push(Answered::now(position, sent, &tell));
    }
    Ok(answered)
}

/// Commands on accounts in turn, at [`Pace::Commands`].
#[derive(Debug)]
pub(crate) struct Commands {
    repository: Repository<Account>,
    accounts: Vec<Uuid>,
    sent: usize,
    on_their_way: JoinSet<Outcome<Answered>>,
    tell: Tell,
}

impl Commands {
    /// Opens the accounts, by commands as well, so that the repository knows them.
    pub(crate) async fn prepare(store: &PostgresStore) -> Outcome<Self> {
        let repository = Repository::new(store.clone());
        let accounts: Vec<_> = (0..Pace::Commands.accounts()).map(|_| Uuid::now_v7()).collect();
        stream::iter(&accounts)
            .map(|account| execute(repository.clone(), *account, AccountEvent::opened(0), None))
            .buffer_unordered(64)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(Self { repository, accounts, sent: 0, on_their_way: JoinSet::new(), tell: None })
    }

    /// Sends `count` of them. A tick that comes late is made up for, so the pace holds on average.
    pub(crate) async fn send(&mut self, count: usize) -> Outcome {
        let mut pace = interval(Duration::from_secs(1) / Pace::Commands.per_second());
        for _ in 0..count {
            pace.tick().await;
            let account = self.accounts[self.sent % self.accounts.len()];
            let deposit = AccountEvent::deposited(self.sent as u64);
            let (repository, tell) = (self.repository.clone(), self.tell.clone());
            self.on_their_way.spawn(execute(repository, account, deposit, tell));
            self.sent += 1;
        }
        Ok(())
    }

    /// All answers, when the last is there.
    pub(crate) async fn answered(self) -> Outcome<Vec<Answered>> {
        self.on_their_way.join_all().await.into_iter().collect()
    }
}

async fn execute(
    accounts: Repository<Account>,
    account: Uuid,
    event: AccountEvent,
    tell: Tell,
) -> Outcome<Answered> {
    let sent = now();
    let position = accounts.execute(&account, &event).await?.position.get();
    Ok(Answered::now(position, sent, &tell))
}

impl Answered {
    fn now(position: u64, sent: Duration, tell: &Tell) -> Self {
        let answered = Self { position, sent, at: now() };
        // Nobody minds that it is not told any more.
        let _told = tell.as_ref().map(|tell| tell.send(position));
        answered
    }
}

/// The time since the epoch, which two processes can compare.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
