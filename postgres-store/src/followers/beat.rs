//! The connection that beats go over, so that a pool that is used up never costs a lease.

use std::sync::{Mutex, PoisonError};

use sqlx::{Postgres, pool::PoolConnection};

/// A connection that is kept from one beat to the next. Whoever uses it takes it away meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<PoolConnection<Postgres>>>);

impl Kept {
    pub(super) fn take(&self) -> Option<PoolConnection<Postgres>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn keep(&self, connection: PoolConnection<Postgres>) {
        let former = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(connection);
        drop(former);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A pool takes a connection back in a task, which needs a runtime; without one it is closed.
        if tokio::runtime::Handle::try_current().is_err()
            && let Some(connection) = self.take()
        {
            drop(connection.leak());
        }
    }
}
