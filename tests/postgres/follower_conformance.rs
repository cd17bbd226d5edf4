//! The conformance suite for followers, on Postgres.

use annals::{HandlerError, PostgresStore, testing::followers::conformance::Fixture};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::fresh::fresh_store;

struct OnPostgres(PostgresStore);

#[async_trait]
impl Fixture for OnPostgres {
    type Store = PostgresStore;

    fn store(&self) -> PostgresStore {
        self.0.clone()
    }

    async fn create(&self, connection: &mut PgConnection) -> Result<(), HandlerError> {
        let create = r#"CREATE TABLE notes (note text COLLATE "C" PRIMARY KEY)"#;
        sqlx::raw_sql(create).execute(connection).await?;
        Ok(())
    }

    async fn write(&self, connection: &mut PgConnection, note: &str) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO notes VALUES ($1)").bind(note).execute(connection).await?;
        Ok(())
    }

    async fn notes(&self, connection: &mut PgConnection) -> Result<Vec<String>, HandlerError> {
        let rows =
            sqlx::query("SELECT note FROM notes ORDER BY note").fetch_all(connection).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn read(&self, _: &str) -> Result<Vec<String>, HandlerError> {
        let select = format!(r#"SELECT note FROM "{}_read".notes ORDER BY note"#, self.0.schema());
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(self.0.pool()).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

async fn fresh() -> OnPostgres {
    OnPostgres(fresh_store().await)
}

annals::testing::follower_conformance!(fresh);
