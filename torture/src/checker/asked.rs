//! What was asked for, with all attempts at it, and what must have become of it by what was answered.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Answer, Line, Moment, Request};

/// One request, sent once or more often.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// In the order in which they were sent.
    pub(crate) attempts: Vec<Attempt>,
}

#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Which process.
    pub(crate) by: String,
    pub(crate) sent: Moment,
    /// None if the process was killed before it could write an answer down.
    pub(crate) answered: Option<(Moment, Answer)>,
}

/// What must be in the log by what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All of it.
    Stored,
    /// Nothing.
    Nothing,
    /// All or nothing.
    Open,
}

impl Attempt {
    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.answered.as_ref().map(|(_, answer)| answer)
    }

    /// When it was acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<Moment> {
        let (at, answer) = self.answered.as_ref()?;
        answer.is_acknowledgement().then_some(*at)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.answer().is_none_or(Answer::is_open)
    }
}

impl Asked {
    pub(crate) fn first_sent(&self) -> Option<Moment> {
        self.attempts.first().map(|attempt| attempt.sent)
    }

    /// An open attempt is settled by a later conflict: senders expect versions that streams have been at, so what conflicts now
    /// does so ever after. A command is decided anew each time, so nothing but an acknowledgement settles it.
    pub(crate) fn fate(&self) -> Fate {
        if self.attempts.iter().any(|attempt| attempt.acknowledged().is_some()) {
            return Fate::Stored;
        }
        let is_settled = |attempt: &Attempt| {
            matches!(self.request, Request::Append { .. })
                && matches!(attempt.answer(), Some(Answer::Conflict { .. }))
        };
        let after = self.attempts.iter().rposition(is_settled).map_or(0, |settled| settled + 1);
        match self.attempts.iter().skip(after).any(Attempt::is_open) {
            true => Fate::Open,
            false => Fate::Nothing,
        }
    }

    /// Whether it was open at some time.
    pub(crate) fn was_open(&self) -> bool {
        self.attempts.iter().any(Attempt::is_open)
    }
}

/// All that was asked for, each with its attempts, whichever process made them.
pub(super) fn gather(writers: &BTreeMap<String, Vec<Line>>) -> Vec<Asked> {
    let mut asked = BTreeMap::new();
    for (by, lines) in writers {
        let mut answers = HashMap::new();
        for line in lines {
            if let Line::Answered { attempt, at, answer } = line {
                answers.insert(*attempt, (*at, answer.clone()));
            }
        }
        for line in lines {
            let Line::Sent { attempt, at, request } = line else { continue };
            let new = || Asked { request: request.clone(), attempts: Vec::new() };
            let asked: &mut Asked = asked.entry(request.tag()).or_insert_with(new);
            let answered = answers.remove(attempt);
            asked.attempts.push(Attempt { by: by.clone(), sent: *at, answered });
        }
    }
    let mut asked: Vec<_> = asked.into_values().collect();
    for asked in &mut asked {
        asked.attempts.sort_by_key(|attempt| attempt.sent);
    }
    asked
}
