//! One request and its answer.

use std::{error::Error, time::Duration};

use annals::{
    AppendError, Appended, CommandError, EventStore, IdempotencyKey, StoreError, StreamAppend,
};
use tokio::time::sleep;

use super::Writer;
use crate::{
    Trouble,
    domain::{Move, event},
    record::{Answer, Part, Place, Request, Way},
};

impl Request {
    /// Whether sending it again stores nothing twice.
    pub(crate) fn can_come_again(&self) -> bool {
        !matches!(self, Self::Command { is_keyed: false, .. })
    }

    /// The same, as it is sent when its outcome is not known.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Append { tag, parts, .. } => Self::Append { tag, parts, way: Way::Store },
            command @ Self::Command { .. } => command,
        }
    }
}

impl Writer {
    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, Trouble> {
        match request {
            Request::Append { tag, parts, way } => {
                let append = |part: &Part| {
                    let event = |id: &uuid::Uuid| event(&part.stream, part.cents, *tag, *id);
                    let events: Result<Vec<_>, _> = part.ids.iter().map(event).collect();
                    let expected = part.expected.version();
                    Ok::<_, Trouble>(StreamAppend::new(part.stream.clone(), expected, events?))
                };
                let appends: Result<Vec<_>, _> = parts.iter().map(append).collect();
                Ok(match *way {
                    Way::Store => answer(self.store.append(appends?).await),
                    Way::Transaction { holds, commits } => {
                        let hold = Duration::from_millis(holds);
                        self.in_transaction(appends?, hold, commits).await
                    }
                })
            }
            Request::Command { tag, stream, cents, is_keyed } => {
                let (id, command) =
                    (stream.entity_id().to_owned(), Move { cents: *cents, tag: *tag });
                let mut execute = self.accounts.execute(&id, &command);
                if *is_keyed {
                    execute = execute.with_idempotency_key(IdempotencyKey::from(*tag));
                }
                Ok(match execute.await {
                    Ok(done) => Answer::Executed {
                        at: Place {
                            version: done.version.get(),
                            position: done.position.get().cast_signed(),
                        },
                        ids: done.event_ids.iter().map(|id| id.as_uuid()).collect(),
                        balance: done.state.balance,
                    },
                    Err(CommandError::Rejected(_)) => Answer::Rejected,
                    Err(CommandError::Conflict(conflict)) => Answer::conflict(&conflict),
                    Err(CommandError::Store(error)) => failed(error),
                })
            }
        }
    }

    /// As a user's own transaction does it.
    async fn in_transaction(
        &self,
        appends: Vec<StreamAppend>,
        hold: Duration,
        commits: bool,
    ) -> Answer {
        let mut transaction = match self.pool.begin().await {
            Ok(transaction) => transaction,
            Err(error) => return Answer::Nothing(report(&error)),
        };
        let answers = match self.store.append_in(&mut transaction, appends).await {
            Ok(answers) => answers,
            Err(AppendError::Conflict(conflict)) => return Answer::conflict(&conflict),
            // It will not be committed, whatever it was.
            Err(error) => return Answer::Nothing(report(&error)),
        };
        sleep(hold).await;
        if !commits {
            drop(transaction.rollback().await); // it is rolled back by the server otherwise
            return Answer::RolledBack;
        }
        match transaction.commit().await {
            Ok(()) => answer(Ok(answers)),
            Err(error) => Answer::Unknown(report(&error)),
        }
    }
}

fn answer(outcome: Result<Vec<Appended>, AppendError>) -> Answer {
    match outcome {
        Ok(answers) => Answer::Stored(answers.into_iter().map(Place::from).collect()),
        Err(AppendError::Conflict(conflict)) => Answer::conflict(&conflict),
        Err(AppendError::Store(error)) => failed(error),
    }
}

fn failed(error: StoreError) -> Answer {
    match error {
        StoreError::Unavailable(_) => Answer::Nothing(report(&error)),
        StoreError::OutcomeUnknown(_) => Answer::Unknown(report(&error)),
        error => Answer::Wrong(report(&error)),
    }
}

/// An error and its sources.
fn report(error: &dyn Error) -> String {
    let own = error.to_string();
    error.source().map_or(own.clone(), |source| format!("{own}: {}", report(source)))
}
