//! What followers are told.

use std::num::NonZeroU16;

use annals_core::followers::{BuildId, Command, CommandRefused, FollowerKind, Outcome, Verify};
use sqlx::{PgConnection, Row};

use super::{
    declare::{Held, NewBuild},
    failures::number,
    judge,
};
use crate::{database::Database, schema::Statement};

/// What a part of the live build is at, when it is to be divided anew.
struct Former {
    position: i64,
    events: i64,
    is_stopped: bool,
}

impl Database {
    pub(super) async fn command(
        &self,
        name: &str,
        command: &Command,
    ) -> Result<(), CommandRefused> {
        let mut lent = self.lend().await?;
        let mut transaction = lent.begin().await.map_err(judge::store)?;
        let held = self.hold(name, &mut transaction).await.map_err(judge::store)?;
        let unknown = || CommandRefused::Unknown { name: name.to_owned() };
        let outcome = match held {
            Some(held) => self.obey(name, command, &held, &mut transaction).await,
            None => Err(unknown()),
        };
        match &outcome {
            Ok(()) => transaction.commit().await.map_err(judge::committing)?,
            Err(_) => transaction.rollback().await.map_err(judge::store)?,
        }
        lent.give_back();
        outcome
    }

    /// Everything is checked before anything is changed.
    async fn obey(
        &self,
        name: &str,
        command: &Command,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), CommandRefused> {
        let statements = &self.statements;
        match command {
            Command::Pause => self.set_parts(&statements.pause, name, held, transaction).await,
            Command::Resume => self.set_parts(&statements.resume, name, held, transaction).await,
            Command::Rebuild { verify } => self.rebuild(name, *verify, held, transaction).await,
            Command::Swap => {
                let shadow = held.shadow.as_ref().ok_or_else(|| no_rebuild(name))?;
                let query = statements.may_swap.query().bind(number(shadow.id));
                query.execute(transaction).await.map(drop).map_err(refused)
            }
            Command::EndRebuild { build, outcome } => {
                self.end(name, *build, outcome, held, transaction).await
            }
            Command::Repartition(parts) => self.repartition(name, *parts, held, transaction).await,
            Command::RetryParked { sequence } => {
                // With the parts held, no step parks an event of a sequence at the same time.
                self.hold_parts(&held.builds(), transaction).await?;
                let query = statements.retry_parked.query().bind(held.builds());
                query.bind(sequence).execute(transaction).await.map(drop).map_err(refused)
            }
        }
    }

    async fn set_parts(
        &self,
        statement: &Statement,
        name: &str,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), CommandRefused> {
        self.hold_parts(&held.builds(), transaction).await?;
        let query = statement.query().bind(name).bind(held.builds());
        query.execute(transaction).await.map(drop).map_err(refused)
    }

    async fn rebuild(
        &self,
        name: &str,
        verify: Option<Verify>,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), CommandRefused> {
        if held.kind == FollowerKind::Reactor {
            return Err(CommandRefused::Reactor { name: name.to_owned() });
        }
        refuse_shadow(name, held)?;
        let (live, declared) = (held.live.version, held.declared);
        if verify.is_some() && live != declared {
            return Err(CommandRefused::OtherVersion { name: name.to_owned(), live, declared });
        }
        let dependents = self.dependents(name, transaction).await.map_err(refused)?;
        if !dependents.is_empty() {
            return Err(CommandRefused::Dependents { name: name.to_owned(), dependents });
        }
        let shadow = NewBuild::shadow(name, declared, verify, &held.live);
        self.begin_build(&shadow, transaction).await.map_err(refused)
    }

    async fn end(
        &self,
        name: &str,
        build: Option<BuildId>,
        outcome: &Outcome,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), CommandRefused> {
        let meant = |id| build.is_none_or(|build| build == id);
        let shadow = held.shadow.as_ref().filter(|shadow| meant(shadow.id));
        let shadow = shadow.ok_or_else(|| no_rebuild(name))?;
        self.end_rebuild(name, shadow, outcome, transaction).await.map_err(refused)
    }

    async fn repartition(
        &self,
        name: &str,
        parts: NonZeroU16,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), CommandRefused> {
        refuse_shadow(name, held)?;
        let live = number(held.live.id);
        let former = self.hold_parts(&[live], transaction).await?;
        if former.iter().any(|part| part.is_stopped) {
            return Err(CommandRefused::Stopped { name: name.to_owned() });
        }
        let parts = i32::from(parts.get());
        if parts == held.live.parts {
            return Ok(());
        }
        let lowest = former.iter().map(|part| part.position).min().unwrap_or(0);
        if held.live.floors.iter().any(|floor| *floor > lowest) {
            return Err(CommandRefused::Settling { name: name.to_owned() });
        }
        let floors: Vec<_> = former.iter().map(|part| part.position).collect();
        let events: i64 = former.iter().map(|part| part.events).sum();
        let forget = self.statements.forget_parts.query().bind(live);
        forget.execute(&mut *transaction).await.map_err(refused)?;
        let divide = self.statements.divide.query().bind(live).bind(parts).bind(lowest);
        let divide = divide.bind(events).bind(floors);
        divide.execute(transaction).await.map(drop).map_err(refused)
    }

    async fn hold_parts(
        &self,
        builds: &[i64],
        transaction: &mut PgConnection,
    ) -> Result<Vec<Former>, CommandRefused> {
        let query = self.statements.hold_parts.query().bind(builds);
        let rows = query.fetch_all(transaction).await.map_err(refused)?;
        let former = rows.iter().map(|row| {
            Ok(Former {
                position: row.try_get(1)?,
                events: row.try_get(2)?,
                is_stopped: row.try_get(3)?,
            })
        });
        former.collect::<Result<_, _>>().map_err(refused)
    }
}

fn refused(error: sqlx::Error) -> CommandRefused {
    judge::store(error).into()
}

fn no_rebuild(name: &str) -> CommandRefused {
    CommandRefused::NoRebuild { name: name.to_owned() }
}

fn refuse_shadow(name: &str, held: &Held) -> Result<(), CommandRefused> {
    let version = held.shadow.as_ref().map(|shadow| shadow.version);
    let rebuilding = |version| CommandRefused::Rebuilding { name: name.to_owned(), version };
    version.map_or(Ok(()), |version| Err(rebuilding(version)))
}
