//! What there is to be checked.

use std::{fs, path::PathBuf};

use annals::StreamId;
use serde::{Deserialize, de::DeserializeOwned};
use sqlx::Row;
use uuid::Uuid;

use super::Round;
use crate::{
    Trouble,
    checker::{Evidence, Logged},
    follower::MET,
    job::record,
    record::lines,
    views::Views,
};

/// What all payloads have.
#[derive(Deserialize)]
struct Payload {
    tag: Uuid,
    #[serde(default)]
    cents: i64,
}

impl Round<'_> {
    pub(super) async fn collect(&mut self) -> Result<Evidence, Trouble> {
        let mut views = std::mem::take(&mut self.views);
        views.push(Views::read(&self.place.pool, &self.schema).await?);
        let met = record(&self.folder, MET);
        Ok(Evidence {
            log: self.log().await?,
            writers: self.records("writer")?.collect::<Result<_, _>>()?,
            readers: self.records("reader")?.collect::<Result<_, _>>()?,
            views,
            met: if met.exists() { lines(&met)? } else { Vec::new() },
        })
    }

    /// The table itself, past everything that reads it otherwise.
    async fn log(&self) -> Result<Vec<Logged>, Trouble> {
        let schema = &self.schema;
        let sql = format!(
            "SELECT e.position, e.version, e.stream, e.id, e.payload::text, k.event_type
             FROM \"{schema}\".events e JOIN \"{schema}\".event_kinds k ON k.id = e.kind ORDER BY e.position"
        );
        let logged = |row: sqlx::postgres::PgRow| {
            let decode = |error: Trouble| sqlx::Error::Decode(error);
            let payload: Payload =
                serde_json::from_str(row.try_get(4)?).map_err(|error| decode(error.into()))?;
            let stream: StreamId =
                row.try_get::<String, _>(2)?.parse().map_err(|_| decode("no stream".into()))?;
            let is_withdrawn = row.try_get::<String, _>(5)?.ends_with("withdrawn");
            Ok(Logged {
                position: row.try_get(0)?,
                version: row.try_get::<i64, _>(1)?.unsigned_abs(),
                stream,
                id: row.try_get(3)?,
                tag: payload.tag,
                cents: if is_withdrawn { -payload.cents } else { payload.cents },
            })
        };
        self.ask(&sql, logged).await
    }

    /// The records of one role, by the name of the process.
    fn records<L: DeserializeOwned>(
        &self,
        role: &str,
    ) -> Result<impl Iterator<Item = Result<(String, Vec<L>), Trouble>>, Trouble> {
        let paths: Vec<PathBuf> = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_, Trouble>>()?;
        let named = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?.to_owned();
            name.starts_with(role).then_some((name, path))
        };
        let named: Vec<_> = paths.into_iter().filter_map(named).collect();
        Ok(named.into_iter().map(|(name, path)| Ok((name, lines(&path)?))))
    }
}
