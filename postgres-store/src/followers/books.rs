//! Who does what: one statement, with or without a sign of life.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use annals_core::{
    Position, StoreError,
    followers::{
        Beat, Books, Build, BuildId, Failure as Failed, FollowerBooks, LastRebuild, Member,
        MemberId, PartId, PartState, Report,
    },
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::failures::FailureRow;
use crate::{database::Database, failure::Failure};

/// The longest lease that is written down, as a time that has to be one the database knows.
const LONGEST_LEASE: Duration = Duration::from_secs(1_000 * 365 * 86_400);

impl Database {
    pub(super) async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        let books = match beat {
            Some(beat) => self.read(|| self.beat(beat)).await,
            None => self.read(|| self.look()).await,
        };
        books.map_err(Failure::into_read_error)
    }

    async fn look(&self) -> Result<Books, Failure> {
        let mut connection = self.connection().await?;
        let query = self.statements.books.query();
        let row = query.fetch_one(&mut *connection).await.map_err(Failure::before_sending);
        books(&row.inspect_err(|failure| failure.retire(&mut connection))?)
    }

    async fn beat(&self, beat: &Beat) -> Result<Books, Failure> {
        let kept = self.kept.take();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connection().await?,
        };
        let books = self.beat_on(beat, &mut connection).await;
        match &books {
            Err(failure) if failure.ends_connection() => connection.close_on_drop(),
            _ if beat.lease.is_zero() => drop(connection),
            _ => self.kept.keep(connection),
        }
        books
    }

    async fn beat_on(
        &self,
        Beat { member, name, lease, report }: &Beat,
        connection: &mut PgConnection,
    ) -> Result<Books, Failure> {
        let micros = i64::try_from((*lease).min(LONGEST_LEASE).as_micros()).unwrap_or(i64::MAX);
        let report = serde_json::to_string(report)
            .map_err(|error| Failure::before_sending(sqlx::Error::Encode(error.into())))?;
        let query = self.statements.beat.query().bind(member.as_uuid()).bind(without_nul(name));
        let row = query.bind(micros).bind(report).fetch_one(connection).await;
        books(&row.map_err(Failure::before_sending)?)
    }
}

/// What Postgres can keep: NUL as `\0`.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\\0")
}

fn books(row: &PgRow) -> Result<Books, Failure> {
    decode(row).map_err(Failure::before_sending)
}

fn decode(row: &PgRow) -> Result<Books, sqlx::Error> {
    let members: Vec<MemberRow> = json(row.try_get(1)?)?;
    let followers: Vec<FollowerRow> = json(row.try_get(2)?)?;
    let builds: Vec<BuildRow> = json(row.try_get(3)?)?;
    let parts: Vec<PartRow> = json(row.try_get(4)?)?;
    let alive: BTreeSet<_> = members.iter().map(|member| member.id).collect();
    let mut parts_of = BTreeMap::<_, Vec<_>>::new();
    for part in parts {
        parts_of.entry(part.build).or_default().push(part.read(&alive));
    }
    // A follower has one build that serves, and one more at the most.
    let (mut live, mut shadows) = (BTreeMap::new(), BTreeMap::new());
    for build in builds {
        let parts = parts_of.remove(&build.id).unwrap_or_default();
        let of = if build.is_live { &mut live } else { &mut shadows };
        of.insert(build.follower.clone(), build.read(parts)?);
    }
    let read = |follower: FollowerRow| {
        let builds = (live.remove(&follower.name), shadows.remove(&follower.name));
        follower.read(builds)
    };
    Ok(Books {
        now: row.try_get(0)?,
        followers: followers.into_iter().map(read).collect::<Result<_, _>>()?,
        members: members.into_iter().map(MemberRow::read).collect(),
    })
}

pub(super) fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(unreadable)
}

pub(super) fn unreadable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

#[derive(Deserialize)]
struct MemberRow<'a> {
    id: Uuid,
    name: String,
    until: DateTime<Utc>,
    #[serde(borrow)]
    report: &'a RawValue,
}

#[derive(Deserialize)]
struct FollowerRow<'a> {
    name: String,
    kind: String,
    declared: u32,
    is_paused: bool,
    #[serde(borrow)]
    last_rebuild: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BuildRow {
    id: u64,
    follower: String,
    version: u32,
    is_live: bool,
    is_made: bool,
    verify: Option<String>,
    may_swap_parked: bool,
    floors: Vec<u64>,
    started_at: DateTime<Utc>,
    parked: u64,
    to_retry: u64,
    last_failure: Option<FailureRow>,
}

#[derive(Deserialize)]
struct PartRow {
    build: u64,
    part: u16,
    position: u64,
    events: u64,
    advanced_at: Option<DateTime<Utc>>,
    owner: Option<Uuid>,
    fence: u64,
    stopped: Option<FailureRow>,
}

impl MemberRow<'_> {
    fn read(self) -> Member {
        let Self { id, name, until, report } = self;
        // A report of a build that nobody knows yet is better passed over than all books with it.
        let report = serde_json::from_str(report.get()).unwrap_or_else(|_| Report::default());
        Member { id: MemberId::from(id), name, until, report }
    }
}

impl FollowerRow<'_> {
    fn read(
        self,
        (live, shadow): (Option<Build>, Option<Build>),
    ) -> Result<FollowerBooks, sqlx::Error> {
        let last_rebuild = self.last_rebuild.map(RawValue::get);
        let last_rebuild: Option<Value> = last_rebuild.map(json).transpose()?;
        let none = || unreadable(format!("follower {} has no live build", self.name));
        Ok(FollowerBooks {
            kind: self.kind.parse().map_err(unreadable)?,
            declared: self.declared,
            is_paused: self.is_paused,
            live: live.ok_or_else(none)?,
            shadow,
            last_rebuild: last_rebuild
                .and_then(|last| serde_json::from_value::<LastRebuild>(last).ok()),
            name: self.name,
        })
    }
}

impl BuildRow {
    fn read(self, parts: Vec<PartState>) -> Result<Build, sqlx::Error> {
        Ok(Build {
            id: BuildId::new(self.id),
            version: self.version,
            is_made: self.is_made,
            verify: self.verify.map(|verify| verify.parse()).transpose().map_err(unreadable)?,
            may_swap_parked: self.may_swap_parked,
            floors: self.floors.into_iter().map(Position::new).collect(),
            parts,
            parked: self.parked,
            to_retry: self.to_retry,
            last_failure: self.last_failure.map(Failed::from),
            started_at: self.started_at,
        })
    }
}

impl PartRow {
    fn read(self, alive: &BTreeSet<Uuid>) -> PartState {
        PartState {
            id: PartId { build: BuildId::new(self.build), part: self.part },
            position: Position::new(self.position),
            events: self.events,
            advanced_at: self.advanced_at,
            owner: self.owner.map(MemberId::from),
            owner_is_alive: self.owner.is_some_and(|owner| alive.contains(&owner)),
            fence: self.fence,
            stopped: self.stopped.map(Failed::from),
        }
    }
}
