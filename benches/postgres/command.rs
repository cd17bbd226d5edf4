//! The same deposit as a command: what was stored is loaded and folded, the command is decided, its event appended.

use std::sync::Arc;

use annals::{PostgresStore, Repository};
use futures_util::{TryStreamExt, future::BoxFuture, stream};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent},
    contender::Ledger,
    ground::Outcome,
    load::load,
};

/// By hand: one SELECT, the fold, and an append as before.
pub(crate) struct Loads {
    pub(crate) pool: PgPool,
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl Ledger for Loads {
    fn append(&self, account: Uuid, _: i64, event: AccountEvent) -> BoxFuture<'_, Outcome<i64>> {
        Box::pin(async move {
            let (_, version) = load(&self.pool, account).await?;
            self.ledger.append(account, version, event).await
        })
    }
}

/// By annals.
pub(crate) struct Decides(Repository<Account>);

impl Decides {
    pub(crate) fn on(store: PostgresStore) -> Self {
        Self(Repository::new(store))
    }

    pub(crate) async fn balance(&self, account: Uuid) -> Outcome<u64> {
        Ok(self.0.load(&account).await?.state.cents)
    }
}

impl Ledger for Decides {
    fn append(&self, account: Uuid, _: i64, event: AccountEvent) -> BoxFuture<'_, Outcome<i64>> {
        Box::pin(
            async move { Ok(self.0.execute(&account, &event).await?.position.get().cast_signed()) },
        )
    }
}

/// New accounts with ten events each, and whoever remembers accounts has seen them.
pub(crate) async fn accounts_with_ten_events(
    ledger: &dyn Ledger,
    count: usize,
) -> Outcome<Vec<Uuid>> {
    let accounts: Vec<_> = (0..count).map(|_| Uuid::now_v7()).collect();
    let fill = |account: Uuid| async move {
        ledger.append(account, 0, AccountEvent::opened(0)).await?;
        for nth in 1..10_u64 {
            ledger.append(account, nth.cast_signed(), AccountEvent::deposited(nth)).await?;
        }
        Outcome::Ok(())
    };
    stream::iter(accounts.iter().map(|account| Ok(fill(*account))))
        .try_buffer_unordered(256)
        .try_collect::<()>()
        .await?;
    Ok(accounts)
}
