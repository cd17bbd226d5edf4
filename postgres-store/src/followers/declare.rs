//! A process says which followers it runs.

use annals_core::{
    Position, StoreError,
    followers::{BuildId, Declaration, FollowerKind, Outcome, StartError, Verify},
};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{books::unreadable, claim::position, failures::number, judge, lent::Lent};
use crate::database::Database;

/// A follower whose row is locked, so that nobody changes its builds.
pub(super) struct Held {
    pub(super) kind: FollowerKind,
    pub(super) declared: u32,
    pub(super) live: HeldBuild,
    pub(super) shadow: Option<HeldBuild>,
}

pub(super) struct HeldBuild {
    pub(super) id: BuildId,
    pub(super) version: u32,
    pub(super) parts: i32,
    pub(super) floors: Vec<i64>,
}

impl Held {
    /// The numbers of its builds.
    pub(super) fn builds(&self) -> Vec<i64> {
        [&self.live].into_iter().chain(&self.shadow).map(|build| number(build.id)).collect()
    }
}

/// A build that is to be put on the books.
pub(super) struct NewBuild<'a> {
    pub(super) follower: &'a str,
    pub(super) version: u32,
    pub(super) is_live: bool,
    pub(super) is_made: bool,
    pub(super) verify: Option<Verify>,
    pub(super) parts: i32,
    pub(super) start: Position,
}

impl Database {
    pub(super) async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        let mut lent = self.lend().await?;
        let mut transaction = lent.begin().await.map_err(judge::store)?;
        self.declare_in(follower, &mut transaction).await?;
        transaction.commit().await.map_err(judge::committing)?;
        lent.give_back();
        Ok(())
    }

    async fn declare_in(
        &self,
        declared: &Declaration,
        transaction: &mut PgConnection,
    ) -> Result<(), StartError> {
        let Declaration { name, kind, version, parts, start } = *declared;
        let known = self.statements.known.query().bind(name).bind(kind.as_str());
        let known = known.bind(i64::from(version)).execute(&mut *transaction).await;
        if known.map_err(judge::store)?.rows_affected() > 0 {
            let first = NewBuild {
                follower: name,
                version,
                is_live: true,
                is_made: kind == FollowerKind::Reactor,
                verify: None,
                parts: i32::from(parts.get()),
                start,
            };
            return Ok(self.begin_build(&first, transaction).await.map_err(judge::store)?);
        }
        let held = self.hold(name, transaction).await.map_err(judge::store)?;
        let gone = || StoreError::Unavailable("the follower was removed meanwhile".into());
        let held = held.ok_or_else(gone)?;
        if held.kind != kind {
            let (name, known) = (name.to_owned(), held.kind);
            return Err(StartError::KindChanged { name, known, declared: kind });
        }
        Ok(self.declare_again(name, version, &held, transaction).await.map_err(judge::store)?)
    }

    async fn declare_again(
        &self,
        name: &str,
        version: u32,
        held: &Held,
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let declared = self.statements.declared.query().bind(name).bind(i64::from(version));
        declared.execute(&mut *transaction).await?;
        let restart = self.statements.restart.query().bind(name).bind(i64::from(version));
        restart.execute(&mut *transaction).await?;
        let newest =
            held.shadow.as_ref().map_or(held.live.version, |s| s.version.max(held.live.version));
        if version <= newest {
            return Ok(());
        }
        if let Some(shadow) = &held.shadow {
            self.end_rebuild(name, shadow, &Outcome::Cancelled, transaction).await?;
        }
        let dependents = self.dependents(name, transaction).await?;
        if dependents.is_empty() {
            let shadow = NewBuild::shadow(name, version, None, &held.live);
            return self.begin_build(&shadow, transaction).await;
        }
        self.ended(name, None, version, &Outcome::Refused(dependents), transaction).await
    }

    /// A connection for a transaction that is not one of many.
    pub(super) async fn lend(&self) -> Result<Lent, StoreError> {
        let connection = self.live_connection().await;
        connection.map(Lent::new).map_err(|failure| failure.into_store_error(false))
    }

    /// Locks the follower; none if there is no such.
    pub(super) async fn hold(
        &self,
        name: &str,
        transaction: &mut PgConnection,
    ) -> Result<Option<Held>, sqlx::Error> {
        let query = self.statements.hold_follower.query().bind(name);
        let Some(row) = query.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        let kind: &str = row.try_get(0)?;
        let (kind, declared) = (kind.parse().map_err(unreadable)?, version(row.try_get(1)?)?);
        // Asked after the lock was had, so that what the former holder did is seen.
        let rows = self.statements.builds_of.query().bind(name).fetch_all(transaction).await?;
        let mut builds = Vec::with_capacity(2);
        for row in rows {
            builds.push(HeldBuild {
                id: BuildId::new(row.try_get::<i64, _>(0)?.unsigned_abs()),
                version: version(row.try_get(1)?)?,
                parts: row.try_get(3)?,
                floors: row.try_get(4)?,
            });
        }
        let mut builds = builds.into_iter();
        let none = || unreadable(format!("follower {name} has no live build"));
        let live = builds.next().ok_or_else(none)?;
        Ok(Some(Held { kind, declared, live, shadow: builds.next() }))
    }

    pub(super) async fn begin_build(
        &self,
        build: &NewBuild<'_>,
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let query = self.statements.begin_build.query().bind(build.follower);
        let query = query.bind(i64::from(build.version)).bind(build.is_live).bind(build.is_made);
        let query = query.bind(build.verify.map(Verify::as_str)).bind(build.parts);
        query.bind(position(build.start)).execute(transaction).await.map(drop)
    }

    /// Removes a shadow with all that it has made.
    pub(super) async fn end_rebuild(
        &self,
        name: &str,
        shadow: &HeldBuild,
        outcome: &Outcome,
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let build = number(shadow.id);
        let hold = self.statements.hold_parts.query().bind(vec![build]);
        hold.execute(&mut *transaction).await?;
        let objects = self.statements.objects_of.query().bind(build);
        let objects = objects.fetch_all(&mut *transaction).await?;
        let mut drops = String::new();
        for kind in ["view", "table", "sequence"] {
            let of_kind = objects.iter().filter(|row| row.try_get(0).ok() == Some(kind));
            let names: Result<Vec<String>, _> = of_kind
                .map(|row| Ok(self.schema.fill("{build}.") + row.try_get::<&str, _>(1)?))
                .collect();
            let names: Result<_, sqlx::Error> = names;
            let names = names?;
            if !names.is_empty() {
                drops.push_str(&format!("DROP {kind} IF EXISTS {};", names.join(", ")));
            }
        }
        if !drops.is_empty() {
            // Safe: the names were quoted by the database.
            sqlx::raw_sql(AssertSqlSafe(drops)).execute(&mut *transaction).await?;
        }
        let forget = self.statements.forget_build.query().bind(build);
        forget.execute(&mut *transaction).await?;
        self.ended(name, Some(shadow.id), shadow.version, outcome, transaction).await
    }

    async fn ended(
        &self,
        name: &str,
        build: Option<BuildId>,
        version: u32,
        outcome: &Outcome,
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let outcome = serde_json::to_string(outcome).map_err(unreadable)?;
        let query = self.statements.ended.query().bind(name).bind(build.map(number));
        query.bind(i64::from(version)).bind(outcome).execute(transaction).await.map(drop)
    }
}

impl<'a> NewBuild<'a> {
    pub(super) fn shadow(
        follower: &'a str,
        version: u32,
        verify: Option<Verify>,
        live: &HeldBuild,
    ) -> Self {
        let (parts, start) = (live.parts, Position::START);
        Self { follower, version, is_live: false, is_made: false, verify, parts, start }
    }
}

fn version(version: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(version).map_err(unreadable)
}
