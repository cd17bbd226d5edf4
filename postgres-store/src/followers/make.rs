//! The tables of a build, in one transaction.

use annals_core::followers::{Claim, FailureKind, HandlerFailed, Limits, Make, StepError};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::types::Oid};

use super::{
    claim::columns,
    judge,
    lent::{Lent, end},
    row_sql,
    step::{Begun, limited, unavailable},
};
use crate::database::Database;

/// What there was where builds are made.
struct Before {
    is_made: bool,
    transaction: String,
    relations: Vec<Oid>,
    types: Vec<Oid>,
    functions: Vec<Oid>,
}

/// One object that was made.
struct Made {
    kind: String,
    name: String,
    quoted: String,
}

impl Database {
    pub(super) async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, PgConnection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        let _room = self.steps.acquire().await;
        let connection = self.connection().await.map_err(unavailable)?;
        let mut lent = Lent::new(connection);
        let mut transaction = lent.begin().await.map_err(judge::store)?;
        let outcome = self.make_in(claim, tables, limits, &mut transaction).await;
        let outcome = end(transaction, outcome).await?;
        lent.after(outcome)
    }

    async fn make_in(
        &self,
        claim: &Claim,
        tables: Make<'_, PgConnection>,
        limits: Limits,
        transaction: &mut PgConnection,
    ) -> Result<(), StepError> {
        let (build, part) = columns(claim.part);
        let hold = self.statements.hold_part.query().bind(build).bind(part);
        let hold = limited(hold.bind(claim.fence.cast_signed()), limits);
        let held = hold.fetch_optional(&mut *transaction).await.map_err(judge::store)?;
        let held = held.ok_or(StepError::Fenced)?;
        let is_live: bool = held.try_get(0).map_err(judge::store)?;
        let turn = self.statements.hold_making.query();
        turn.execute(&mut *transaction).await.map_err(judge::store)?;
        let before = self.before(build, transaction).await.map_err(judge::store)?;
        if before.is_made {
            return Ok(());
        }
        match tables {
            Make::Table(table) => {
                // Safe: a text of this crate, with checked names.
                let create = sqlx::raw_sql(AssertSqlSafe(row_sql::create(table)));
                create.execute(&mut *transaction).await.map_err(of_making)?;
            }
            Make::Work(work) => {
                work.run(transaction).await.map_err(of_work)?;
                let begun = Begun { is_live: true, transaction: before.transaction.clone() };
                self.check_work(&begun, build, transaction).await?;
            }
        }
        let made = self.after(&before, build, transaction).await?;
        if made.is_empty() {
            return Err(judge::refused("create() has made no table"));
        }
        if is_live {
            self.serve(&made, transaction).await?;
        }
        let (names, kinds): (Vec<_>, Vec<_>) =
            made.into_iter().map(|made| (made.name, made.kind)).unzip();
        let query = self.statements.made.query().bind(build).bind(names).bind(kinds);
        query.execute(&mut *transaction).await.map_err(judge::store)?;
        let noted = self.note_attachments(claim.part.build, transaction).await;
        Ok(noted.map_err(judge::store)?)
    }

    async fn before(
        &self,
        build: i64,
        transaction: &mut PgConnection,
    ) -> Result<Before, sqlx::Error> {
        let query = self.statements.before_making.query().bind(build);
        let row = query.fetch_one(transaction).await?;
        Ok(Before {
            is_made: row.try_get(0)?,
            transaction: row.try_get(1)?,
            relations: row.try_get(2)?,
            types: row.try_get(3)?,
            functions: row.try_get(4)?,
        })
    }

    async fn after(
        &self,
        before: &Before,
        build: i64,
        transaction: &mut PgConnection,
    ) -> Result<Vec<Made>, StepError> {
        let query = self.statements.after_making.query().bind(&before.relations);
        let query = query.bind(&before.types).bind(&before.functions).bind(build);
        let rows = query.fetch_all(transaction).await.map_err(judge::store)?;
        let mut made = Vec::with_capacity(rows.len());
        for row in rows {
            let text = |column: usize| row.try_get::<String, _>(column).map_err(judge::store);
            let (kind, name, quoted) = (text(0)?, text(1)?, text(2)?);
            let refused: Option<&str> = row.try_get(3).map_err(judge::store)?;
            match refused {
                None => made.push(Made { kind, name, quoted }),
                Some("taken") => return Err(taken(&name)),
                Some("elsewhere") => {
                    return Err(judge::refused(format!(
                        "create() makes or changes {name}; it may make tables of its own only, under names without a schema"
                    )));
                }
                Some(_) => {
                    return Err(judge::refused(format!(
                        "create() makes the {kind} {name}, which a swap cannot move; put it into a migration of yours"
                    )));
                }
            }
        }
        Ok(made)
    }

    /// There is nothing older that could serve: what was made does so at once.
    async fn serve(&self, made: &[Made], transaction: &mut PgConnection) -> Result<(), StepError> {
        let moves = made.iter().map(|Made { kind, quoted, .. }| {
            self.schema.fill("ALTER ")
                + kind
                + &self.schema.fill(" {build}.")
                + quoted
                + &self.schema.fill(" SET SCHEMA {read};")
        });
        let moves: String = moves.collect();
        // Safe: the names were quoted by the database.
        let moved = sqlx::raw_sql(AssertSqlSafe(moves)).execute(transaction).await;
        moved.map(drop).map_err(of_making)
    }
}

fn taken(name: &str) -> StepError {
    judge::refused(format!("the name {name} is taken by another follower's; take a new one"))
}

const TAKEN: &str = "42P07";

/// An error while the store makes a table, or moves what was made.
fn of_making(error: sqlx::Error) -> StepError {
    let code = judge::code(&error).unwrap_or_default();
    // What no second try can mend: names that are taken, or that no column can have.
    if matches!(&*code, TAKEN | "42710" | "42701" | "42704" | "42601" | "0A000" | "2BP01") {
        judge::refused(error)
    } else {
        judge::store(error).into()
    }
}

fn of_work(failure: HandlerFailed) -> StepError {
    if judge::is(&*failure.reason, TAKEN) {
        return HandlerFailed { kind: FailureKind::Refused, ..failure }.into();
    }
    judge::work(failure)
}
