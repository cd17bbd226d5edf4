use async_trait::async_trait;

use crate::{FollowerStore, HandlerError};

/// A new, empty store, and how a projection writes to it: what the suite cannot know. The projection has one
/// table, of texts; which table that is, and how it is written, is the store's own.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use annals::{HandlerError, MemoryStore, Tables, testing::followers::conformance::Fixture};
/// use async_trait::async_trait;
///
/// struct InMemory(MemoryStore);
///
/// #[derive(Debug, Clone, Default, PartialEq)]
/// struct Notes(BTreeSet<String>);
///
/// #[async_trait]
/// impl Fixture for InMemory {
///     type Store = MemoryStore;
///
///     fn store(&self) -> MemoryStore {
///         self.0.clone()
///     }
///
///     async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
///         Ok(())
///     }
///
///     async fn write(&self, tables: &mut Tables, note: &str) -> Result<(), HandlerError> {
///         tables.of_mut::<Notes>().0.insert(note.to_owned());
///         Ok(())
///     }
///
///     async fn notes(&self, tables: &mut Tables) -> Result<Vec<String>, HandlerError> {
///         Ok(tables.of_mut::<Notes>().0.iter().cloned().collect())
///     }
///
///     async fn read(&self, follower: &str) -> Result<Vec<String>, HandlerError> {
///         Ok(self.0.table_of::<Notes>(follower).0.into_iter().collect())
///     }
/// }
/// ```
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// The store's type.
    type Store: FollowerStore;

    /// The store; the same at each call.
    fn store(&self) -> Self::Store;

    /// Makes the table, empty: as [`Projection::create`](crate::Projection::create) does.
    ///
    /// # Errors
    /// When it cannot.
    async fn create(
        &self,
        connection: &mut <Self::Store as FollowerStore>::Connection,
    ) -> Result<(), HandlerError>;

    /// Puts `note` into the table: as [`Projection::handle`](crate::Projection::handle) does. No note is put there twice.
    ///
    /// # Errors
    /// When it cannot.
    async fn write(
        &self,
        connection: &mut <Self::Store as FollowerStore>::Connection,
        note: &str,
    ) -> Result<(), HandlerError>;

    /// All notes as a step sees them, bytewise.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn notes(
        &self,
        connection: &mut <Self::Store as FollowerStore>::Connection,
    ) -> Result<Vec<String>, HandlerError>;

    /// All notes as a reader sees them, bytewise, in the table of the projection `follower` that serves.
    ///
    /// # Errors
    /// When they cannot be read, or when there is no table; where it is not told apart from an empty one, none.
    async fn read(&self, follower: &str) -> Result<Vec<String>, HandlerError>;
}
