//! What hangs on the tables of a build.

use annals_core::followers::{BuildId, Dependent};
use sqlx::{PgConnection, Row};

use crate::database::Database;

impl Database {
    /// What would stand in the way of a swap of the follower `name`: asked before a shadow is put on the books.
    pub(crate) async fn dependents(
        &self,
        name: &str,
        connection: &mut PgConnection,
    ) -> Result<Vec<Dependent>, sqlx::Error> {
        let query = self.statements.dependents.query().bind(name);
        let rows = query.fetch_all(connection).await?;
        let dependent = |row: sqlx::postgres::PgRow| {
            Ok(Dependent {
                kind: row.try_get_unchecked(0)?,
                name: row.try_get_unchecked(1)?,
                on: row.try_get_unchecked(2)?,
                reason: row.try_get_unchecked(3)?,
            })
        };
        rows.into_iter().map(dependent).collect()
    }

    /// Writes down what `create` has attached to the tables of `build`: asked at the end of `make`, once the
    /// objects that it made are on the books. Whatever comes later was put there by hand.
    pub(crate) async fn note_attachments(
        &self,
        build: BuildId,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let query = self.statements.note_attachments.query().bind(build.get().cast_signed());
        query.execute(connection).await.map(drop)
    }
}
