//! The part of the store that followers work with.

mod compare;
mod dependents;
mod swap;

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

use crate::PostgresStore;

#[async_trait]
impl FollowerStore for PostgresStore {
    type Connection = PgConnection;
    async fn declare(&self, _: &Declaration) -> Result<(), StartError> {
        unimplemented!()
    }
    async fn books(&self, _: Option<&Beat>) -> Result<Books, StoreError> {
        unimplemented!()
    }
    async fn claim(&self, _: MemberId, _: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        unimplemented!()
    }
    async fn release(&self, _: &[Claim]) -> Result<(), StoreError> {
        unimplemented!()
    }
    async fn note(&self, _: &Claim, _: &Note) -> Result<(), StepError> {
        unimplemented!()
    }
    async fn command(&self, _: &str, _: &Command) -> Result<(), CommandRefused> {
        unimplemented!()
    }
    async fn failures(&self, _: BuildId, _: u32) -> Result<Vec<Failure>, StoreError> {
        unimplemented!()
    }
    async fn parked(&self, _: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        unimplemented!()
    }
    async fn make(&self, _: &Claim, _: Make<'_, PgConnection>, _: Limits) -> Result<(), StepError> {
        unimplemented!()
    }
    async fn commit(&self, _: Step<'_, PgConnection>) -> Result<(), StepError> {
        unimplemented!()
    }
    async fn rows(&self, _: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        unimplemented!()
    }
    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        self.database().swap(shadow, patience).await
    }
    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        self.database().compare(shadow, patience).await
    }
}
