use std::{convert::Infallible, str::FromStr};

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
