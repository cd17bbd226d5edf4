use std::{convert::Infallible, error::Error, str::FromStr, sync::Arc};

use annals::{EventStore, MemoryStore, Position};

use crate::clock::LogClock;

/// Where the invoices go.
#[derive(Debug, Clone)]
pub(crate) enum StoreChoice {
    Memory,
    Postgres { url: String },
}

impl FromStr for StoreChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "memory" => Self::Memory,
            url => Self::Postgres { url: url.to_owned() },
        })
    }
}

/// A store, and whether a log has been taken into it already.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) has_invoices: bool,
}

impl StoreChoice {
    pub(crate) async fn open(
        &self,
        schema: &str,
        clock: LogClock,
    ) -> Result<Opened, Box<dyn Error>> {
        let store: Arc<dyn EventStore> = match self {
            Self::Memory => Arc::new(MemoryStore::with_clock(clock)),
            Self::Postgres { url } => postgres(url, schema).await?,
        };
        let has_invoices = store.head().await? > Position::START;
        Ok(Opened { store, has_invoices })
    }
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, schema: &str) -> Result<Arc<dyn EventStore>, Box<dyn Error>> {
    let store = annals::PostgresStore::builder().with_schema(schema).connect(url).await?;
    store.migrate().await?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str, _: &str) -> Result<Arc<dyn EventStore>, Box<dyn Error>> {
    Err("this build knows the memory store only; run it with --features postgres".into())
}
