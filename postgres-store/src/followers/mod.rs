//! The part of the store that followers work with: who runs what, how far each part is, and the rows that they write.

mod at_once;
mod beat;
mod books;
mod claim;
mod commands;
mod compare;
mod declare;
mod dependents;
mod failures;
mod judge;
mod lent;
mod make;
mod row_sql;
mod rows;
mod step;
mod swap;
mod write;

use std::time::Duration;

use annals_core::{
    StoreError,
    followers::{
        Beat, Books, BuildId, Claim, Command, CommandRefused, Compared, Declaration, Failure,
        FollowerStore, Limits, Make, MemberId, Note, ParkedEvent, PartId, ReadError, Row, RowsOf,
        StartError, Step, StepError, Swap,
    },
};
use async_trait::async_trait;
use sqlx::PgConnection;

pub(crate) use self::{at_once::AtOnce, beat::Kept};
use crate::PostgresStore;

#[async_trait]
impl FollowerStore for PostgresStore {
    type Connection = PgConnection;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        self.database().declare(follower).await
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        self.database().books(beat).await
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        self.database().claim(member, parts).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.database().release(claims).await
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.database().note(claim, note).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        self.database().command(name, command).await
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        self.database().failures(build, limit).await
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        self.database().parked(build).await
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, PgConnection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.database().make(claim, tables, limits).await
    }

    async fn commit(&self, step: Step<'_, PgConnection>) -> Result<(), StepError> {
        self.database().commit(step).await
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        self.database().swap(shadow, patience).await
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        self.database().compare(shadow, patience).await
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.database().rows(rows).await
    }
}
