//! Stores that swap, compare and read wrongly.

use std::time::Duration;

use annals::{
    FollowerStore, MemoryStore, Payload, Position, ReadError,
    followers::{
        BuildId, Claim, Command, Compared, Differences, Failure, Note, Outcome, ParkedEvent, Row,
        RowsOf, Swap, WhichRows,
    },
};
use async_trait::async_trait;

use crate::{
    running::defects,
    wrong::{Defect, books, follower_of},
};

type Found = Result<Vec<Row>, ReadError>;

fn nothing_differs() -> Differences {
    Differences { position: Position::START, count: 0, rows: vec![], ignored_columns: vec![] }
}

defects! {
    /// Lets a shadow serve before it has passed the live build.
    SwapsTooEarly: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        if let Some(follower) = follower_of(right, shadow).await {
            let to = follower.live.parts.iter().map(|part| part.position).max().unwrap();
            let behind = follower.shadow.into_iter().filter(|build| build.id == shadow);
            for part in behind.flat_map(|build| build.parts) {
                let claim = Claim { part: part.id, parts: 1.try_into().unwrap(), fence: part.fence, position: to, is_live: false };
                let _ = right.note(&claim, &Note::Passed { from: part.position, to }).await;
            }
        }
        right.swap(shadow, patience).await.unwrap()
    }
    /// Lets a shadow serve although events of it are parked.
    SwapsWhatIsParked: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        if let Some(follower) = follower_of(right, shadow).await {
            let _ = right.command(&follower.name, &Command::Swap).await;
        }
        right.swap(shadow, patience).await.unwrap()
    }
    /// Takes the parts from whoever filled the shadow.
    SwapsClaims: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        let swap = right.swap(shadow, patience).await.unwrap();
        if let Some(follower) = follower_of(right, shadow).await.filter(|_| swap == Swap::Swapped) {
            right.command(&follower.name, &Command::Pause).await.unwrap();
            right.command(&follower.name, &Command::Resume).await.unwrap();
        }
        swap
    }
    /// Takes the live build for a shadow that serves.
    SwapsWhatIsLive: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        let swap = right.swap(shadow, patience).await.unwrap();
        let is_live = follower_of(right, shadow).await.is_some_and(|follower| follower.live.id == shadow);
        if is_live { Swap::Swapped } else { swap }
    }
    /// Has no patience.
    SwapsAtOnce: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        let _ = patience;
        right.swap(shadow, Duration::ZERO).await.unwrap()
    }
    /// Says that it has swapped.
    NeverSwaps: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        let _ = (right, shadow, patience);
        Swap::Swapped
    }
    /// Is always late.
    AlwaysBehind: swap(right, shadow: BuildId, patience: Duration) -> Swap {
        let _ = (right, shadow, patience);
        Swap::Behind
    }

    /// Finds no difference.
    ComparesNothing: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        match right.compare(shadow, patience).await.unwrap() {
            Compared::At(found) => Compared::At(Differences { position: found.position, ..nothing_differs() }),
            other => other,
        }
    }
    /// Compares whatever is there.
    ComparesAnywhere: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        match right.compare(shadow, patience).await.unwrap() {
            Compared::Behind => Compared::At(nothing_differs()),
            other => other,
        }
    }
    /// Does not wait for the shadow.
    ComparesAtOnce: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        let _ = patience;
        right.compare(shadow, Duration::ZERO).await.unwrap()
    }
    /// Tells ten differences.
    TellsTenDifferences: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        match right.compare(shadow, patience).await.unwrap() {
            Compared::At(mut found) => {
                found.rows.truncate(10);
                Compared::At(found)
            }
            other => other,
        }
    }
    /// Compares states as text.
    ComparesToTheLetter: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        let compared = right.compare(shadow, patience).await.unwrap();
        match compared {
            Compared::At(found) if found.position == Position::new(5) => {
                Compared::At(Differences { count: found.count.max(1), ..found })
            }
            other => other,
        }
    }
    /// Ends the rebuild with the comparison.
    EndsWhatWasCompared: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        let follower = follower_of(right, shadow).await;
        let compared = right.compare(shadow, patience).await.unwrap();
        if let (Compared::At(found), Some(follower)) = (&compared, follower) {
            let outcome = Outcome::Compared(found.clone());
            right.command(&follower.name, &Command::EndRebuild { build: Some(shadow), outcome }).await.unwrap();
        }
        compared
    }
    /// Takes what is gone for what is late.
    NeverGone: compare(right, shadow: BuildId, patience: Duration) -> Compared {
        match right.compare(shadow, patience).await.unwrap() {
            Compared::Gone => Compared::Behind,
            other => other,
        }
    }

    /// Reads the shadow where the live build serves.
    ReadsTheShadow: rows(right, rows: RowsOf<'_>) -> Found {
        let follower = books(right, None).await.followers.into_iter().find(|known| known.name == rows.table.name);
        let shadow = follower.and_then(|follower| follower.shadow).filter(|shadow| shadow.is_made);
        let claim = shadow.map(|shadow| Claim {
            part: shadow.parts[0].id,
            parts: 1.try_into().unwrap(),
            fence: 0,
            position: Position::START,
            is_live: false,
        });
        right.rows(&RowsOf { claim: rows.claim.or(claim.as_ref()), ..rows }).await
    }
    /// Reads what serves for every build.
    ReadsWhatServes: rows(right, rows: RowsOf<'_>) -> Found {
        right.rows(&RowsOf { claim: None, ..rows }).await
    }
    /// Takes a table that is not there for an empty one.
    ReadsNothing: rows(right, rows: RowsOf<'_>) -> Found {
        match right.rows(&rows).await {
            Err(ReadError::NotMade { .. }) => Ok(vec![]),
            answer => answer,
        }
    }
    /// Writes numbers in its own way.
    KeepsNumbersAsFloats: rows(right, rows: RowsOf<'_>) -> Found {
        let mut found = right.rows(&rows).await?;
        for row in &mut found {
            let value = row.state.to_value().unwrap();
            row.state = Payload::encode(&value).unwrap();
        }
        Ok(found)
    }
    /// Compares keys as a case-insensitive collation does.
    FoldsKeys: rows(right, rows: RowsOf<'_>) -> Found {
        let mut found = right.rows(&rows).await?;
        if matches!(rows.which, WhichRows::Query(query) if query.order.is_none()) {
            found.sort_by_key(|row| row.key.to_lowercase());
        }
        Ok(found)
    }
    /// Finds what is like the key.
    FindsAllKeys: rows(right, rows: RowsOf<'_>) -> Found {
        match rows.which {
            WhichRows::Keys(_) => {
                let all = annals::Query::all();
                right.rows(&RowsOf { which: WhichRows::Query(&all), ..rows }).await
            }
            WhichRows::Query(_) => right.rows(&rows).await,
        }
    }
    /// Finds the first thousand of many keys.
    FindsAThousandKeys: rows(right, rows: RowsOf<'_>) -> Found {
        let mut found = right.rows(&rows).await?;
        found.truncate(1_000);
        Ok(found)
    }
    /// Lists everything.
    IgnoresConditions: rows(right, rows: RowsOf<'_>) -> Found {
        match rows.which {
            WhichRows::Query(query) => {
                let mut query = query.clone();
                query.conditions.clear();
                right.rows(&RowsOf { which: WhichRows::Query(&query), ..rows }).await
            }
            WhichRows::Keys(_) => right.rows(&rows).await,
        }
    }
    /// Begins each page at the first row.
    IgnoresCursors: rows(right, rows: RowsOf<'_>) -> Found {
        match rows.which {
            WhichRows::Query(query) => {
                let mut query = query.clone();
                query.after = None;
                right.rows(&RowsOf { which: WhichRows::Query(&query), ..rows }).await
            }
            WhichRows::Keys(_) => right.rows(&rows).await,
        }
    }
    /// Has nulls first where the order is descending, as Postgres by itself.
    PutsNullsFirst: rows(right, rows: RowsOf<'_>) -> Found {
        let mut found = right.rows(&rows).await?;
        if matches!(rows.which, WhichRows::Query(query) if query.order.as_ref().is_some_and(|order| order.descending)) {
            found.sort_by_key(|row| row.ordered_by != annals::followers::Value::Null);
        }
        Ok(found)
    }
    /// Checks a query against what the caller knows.
    AsksTheCallersTable: rows(right, rows: RowsOf<'_>) -> Found {
        if let WhichRows::Query(query) = rows.which {
            query.check(rows.table)?;
        }
        right.rows(&rows).await
    }
    /// Answers what it cannot answer with nothing.
    AnswersEveryQuery: rows(right, rows: RowsOf<'_>) -> Found {
        match right.rows(&rows).await {
            Err(ReadError::Query(_)) => Ok(vec![]),
            answer => answer,
        }
    }
    /// Keeps floats in half the space.
    KeepsShortFloats: rows(right, rows: RowsOf<'_>) -> Found {
        let mut found = right.rows(&rows).await?;
        for row in &mut found {
            if let annals::followers::Value::Float(float) = &mut row.ordered_by {
                *float = f64::from(*float as f32);
            }
        }
        Ok(found)
    }

    /// Counts no failure.
    CountsOneFailure: failures(right, build: BuildId, limit: u32) -> Vec<Failure> {
        let mut failures = right.failures(build, limit).await.unwrap();
        failures.iter_mut().for_each(|failure| failure.count = 1);
        failures
    }
    /// Tells the oldest failures first.
    TellsOldFailuresFirst: failures(right, build: BuildId, limit: u32) -> Vec<Failure> {
        let mut failures = right.failures(build, u32::MAX).await.unwrap();
        failures.reverse();
        failures.truncate(limit as usize);
        failures
    }
    /// Tells all failures.
    TellsAllFailures: failures(right, build: BuildId, limit: u32) -> Vec<Failure> {
        let _ = limit;
        right.failures(build, u32::MAX).await.unwrap()
    }
    /// Has parked events as they came.
    ParksByPosition: parked(right, build: BuildId) -> Vec<ParkedEvent> {
        let mut parked = right.parked(build).await.unwrap();
        parked.sort_by_key(|event| event.position);
        parked
    }
    /// Forgets why.
    ForgetsWhyItParked: parked(right, build: BuildId) -> Vec<ParkedEvent> {
        let mut parked = right.parked(build).await.unwrap();
        parked.iter_mut().for_each(|event| event.failure = None);
        parked
    }
    /// Has one try for each command.
    NeverRetries: parked(right, build: BuildId) -> Vec<ParkedEvent> {
        let mut parked = right.parked(build).await.unwrap();
        parked.iter_mut().for_each(|event| event.retry = false);
        parked
    }
}
