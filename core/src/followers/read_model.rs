use std::{error::Error, fmt::Display, hash::Hash, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};

use super::{Columns, Options};
use crate::{Event, Recorded};

/// A keyed table that is a pure fold of events: one row a key, made by [`apply`](Self::apply).
///
/// It runs on every store unchanged. In a database it is a table of the name [`NAME`](Self::NAME), with the
/// column `key`, the row as JSON in the column `state`, and the [`columns`](Self::columns) that you declare.
/// Before the first event of a key its row is `Default`.
///
/// ```
/// use annals::{Columns, Event, Followers, MemoryStore, Query, ReadModel, Recorded};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(category = "invoice")]
/// enum InvoiceEvent {
///     Placed { customer: String, pence: i64 },
/// }
///
/// #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
/// struct Customer {
///     orders: i64,
///     spent: i64,
/// }
///
/// impl ReadModel for Customer {
///     const NAME: &'static str = "customers";
///     type Event = InvoiceEvent;
///     type Key = String;
///
///     fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = String> {
///         let InvoiceEvent::Placed { customer, .. } = &recorded.event;
///         [customer.clone()]
///     }
///
///     fn apply(&mut self, _customer: &String, recorded: &Recorded<InvoiceEvent>) {
///         let InvoiceEvent::Placed { pence, .. } = &recorded.event;
///         self.orders += 1;
///         self.spent += pence;
///     }
///
///     fn columns() -> Columns<Self> {
///         Columns::new().indexed("spent", |customer: &Self| customer.spent)
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let running = Followers::new(MemoryStore::new()).read_model::<Customer>().start().await?;
/// running.wait_until_live(std::time::Duration::from_secs(10)).await?;
/// let customers = running.reader::<Customer>();
/// let best = customers.list(Query::all().descending("spent").with_limit(20)).await?;
/// assert!(best.rows.is_empty() && best.next.is_none());
/// running.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub trait ReadModel:
    Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The follower's name, which is the table's, too: 1 to 48 of `a-z`, `0-9` and `_`, a letter first. Any
    /// other does not compile.
    const NAME: &'static str;

    /// Raise it when the shape or the rules change: the table is then rebuilt beside the one that serves, and
    /// takes its place when it has caught up.
    ///
    /// Only processes of its own version run a build. Keep one of the old version until the new build serves
    /// ([`Running::wait_until_live`](super::Running::wait_until_live)); without one, what serves stands still until then.
    /// Rows of another shape are [`ReadError::Shape`](super::ReadError::Shape) meanwhile.
    const VERSION: u32 = 1;

    /// What it reads; a union of events gathers those of several aggregates.
    type Event: Event;

    /// What tells one row from another. Stores keep its text and order rows by its bytes; it must be read
    /// back from that text as it was. The text has at most 512 bytes and no NUL; an event with another key fails.
    type Key: Display
        + FromStr<Err: Error + Send + Sync + 'static>
        + Clone
        + Eq
        + Hash
        + Send
        + Sync
        + 'static;

    /// The rows that an event concerns, each once: an `Option`, an array, a `Vec`.
    fn keys(recorded: &Recorded<Self::Event>) -> impl IntoIterator<Item = Self::Key>;

    /// Takes in what happened, for the row `key`. It is pure, and cannot decline: the event is a fact.
    fn apply(&mut self, key: &Self::Key, recorded: &Recorded<Self::Event>);

    /// Whether the row is to go. A later event of its key begins at `Default` again.
    fn is_deleted(&self) -> bool {
        false
    }

    /// What rows can be filtered and ordered by, beside their key.
    fn columns() -> Columns<Self> {
        Columns::new()
    }

    /// How it is run.
    fn options() -> Options {
        Options::new()
    }
}
