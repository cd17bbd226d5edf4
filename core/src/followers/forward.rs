//! A shared store is a store.
#![deny(clippy::missing_trait_methods)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    Beat, Books, BuildId, Claim, Command, CommandRefused, Compared, Declaration, Failure,
    FollowerStore, Limits, Make, MemberId, Note, ParkedEvent, PartId, ReadError, Row, RowsOf,
    StartError, Step, StepError, Swap,
};
use crate::StoreError;

#[async_trait]
impl<S: FollowerStore> FollowerStore for Arc<S> {
    type Connection = S::Connection;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        (**self).declare(follower).await
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        (**self).books(beat).await
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        (**self).claim(member, parts).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        (**self).release(claims).await
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        (**self).note(claim, note).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        (**self).command(name, command).await
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        (**self).failures(build, limit).await
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        (**self).parked(build).await
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, S::Connection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        (**self).make(claim, tables, limits).await
    }

    async fn commit(&self, step: Step<'_, S::Connection>) -> Result<(), StepError> {
        (**self).commit(step).await
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        (**self).swap(shadow, patience).await
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        (**self).compare(shadow, patience).await
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        (**self).rows(rows).await
    }
}
