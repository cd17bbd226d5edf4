//! Transactions that have nothing to do with events, and stay open.

use annals_test_server::Server;
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// One that wrote to another table of the same database, one in another database of the server, and one that was
/// prepared and forgotten. Each has an id of a transaction, which keeps snapshots of the whole server from moving on.
pub(crate) struct Foreign {
    here: PgConnection,
    elsewhere: PgConnection,
}

impl Foreign {
    pub(crate) async fn open(server: &Server) -> Self {
        let mut here = PgConnection::connect(&server.url()).await.unwrap();
        here.execute("CREATE TABLE unrelated (n int)").await.unwrap();
        here.execute("CREATE DATABASE elsewhere").await.unwrap();
        here.execute("BEGIN; INSERT INTO unrelated VALUES (1)").await.unwrap();
        here.execute("PREPARE TRANSACTION 'forgotten'").await.unwrap();
        here.execute("BEGIN; INSERT INTO unrelated VALUES (2)").await.unwrap();
        let mut elsewhere = PgConnection::connect(&server.url_of("elsewhere")).await.unwrap();
        elsewhere.execute("BEGIN; CREATE TABLE unrelated (n int)").await.unwrap();
        elsewhere.execute("INSERT INTO unrelated VALUES (3)").await.unwrap();
        Self { here, elsewhere }
    }

    /// Commits them all, which shows that they were open until now.
    pub(crate) async fn commit(mut self, pool: &PgPool) {
        self.here.execute("COMMIT").await.unwrap();
        self.elsewhere.execute("COMMIT").await.unwrap();
        pool.execute("COMMIT PREPARED 'forgotten'").await.unwrap();
        let written = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM unrelated");
        assert_eq!(written.fetch_one(pool).await.unwrap(), 2);
        let elsewhere = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM unrelated");
        assert_eq!(elsewhere.fetch_one(&mut self.elsewhere).await.unwrap(), 1);
    }
}
