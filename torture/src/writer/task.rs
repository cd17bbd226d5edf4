//! What one task writes, one thing after the other.

use std::{collections::HashMap, sync::Arc, time::Duration};

use annals::{IdGenerator, StreamId};
use fastrand::Rng;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::Writer;
use crate::{
    Trouble,
    record::{Answer, Expected, Part, Request, Way},
};

/// Accounts that everybody uses, and customers who order.
const SHARED: u64 = 24;
const CUSTOMERS: u64 = 200;
/// The longest pause between two requests, and the longest that a transaction is held open.
const PAUSE: u64 = 60;
const HOLD: u64 = 40;
/// For how long it is tried to settle what is open, before that is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Task {
    writer: Arc<Writer>,
    random: Rng,
    /// The name of an account that nobody else appends to, and its version as far as that is known.
    own: String,
    version: u64,
    /// The versions that other streams were at when they were last heard of.
    versions: HashMap<StreamId, u64>,
}

impl Task {
    pub(super) fn new(writer: Arc<Writer>, random: Rng, own: String) -> Self {
        Self { writer, random, own, version: 0, versions: HashMap::new() }
    }

    pub(super) async fn run(mut self, is_over: watch::Receiver<bool>) -> Result<(), Trouble> {
        while !*is_over.borrow() {
            let request = self.next().await?;
            self.send(request).await?;
            sleep(Duration::from_millis(self.random.u64(..PAUSE))).await;
        }
        Ok(())
    }

    /// Sends again what somebody else has left open.
    pub(super) async fn settle(mut self, left: Vec<Request>) -> Result<(), Trouble> {
        for request in left {
            self.send(request.again()).await?;
        }
        Ok(())
    }

    /// Sends it, and again as long as its outcome is open, if that is harmless; and at times again although it is known.
    async fn send(&mut self, mut request: Request) -> Result<(), Trouble> {
        let begin = Instant::now();
        loop {
            let answer = self.writer.attempt(&request).await?;
            self.learn(&request, &answer);
            let comes_again = match &answer {
                Answer::Unknown(_) => self.random.u8(..10) > 0,
                Answer::Nothing(_) => self.random.u8(..10) > 2,
                Answer::RolledBack => self.random.u8(..10) > 6,
                answer if answer.is_acknowledgement() => self.random.u8(..20) == 0,
                _ => false,
            };
            if !comes_again || !request.can_come_again() || begin.elapsed() > PATIENCE {
                return Ok(());
            }
            request = request.again();
            let pause = if answer.is_acknowledgement() { 0 } else { self.random.u64(..200) };
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn learn(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (Request::Append { parts, .. }, Answer::Stored(places)) => {
                for (part, place) in parts.iter().zip(places) {
                    self.versions.insert(part.stream.clone(), place.version);
                    if part.stream.entity_id() == self.own {
                        self.version = self.version.max(place.version);
                    }
                }
            }
            (_, Answer::Conflict { stream, actual, .. }) => {
                self.versions.insert(stream.clone(), *actual);
                if stream.entity_id() == self.own {
                    self.version = self.version.max(*actual);
                }
            }
            (Request::Command { stream, .. }, Answer::Executed { at, .. }) => {
                self.versions.insert(stream.clone(), at.version);
            }
            _ => {}
        }
    }

    async fn next(&mut self) -> Result<Request, Trouble> {
        if self.random.u8(..50) == 0 {
            self.writer.clock.jump(&mut self.random);
        }
        Ok(match self.random.u8(..100) {
            ..40 => {
                let cents = self.random.i64(-100..200);
                let is_keyed = self.random.u8(..3) == 0;
                Request::Command { tag: self.id(), stream: self.shared()?, cents, is_keyed }
            }
            40..60 => self.transfer().await?,
            60..75 => {
                let stream = self.shared()?;
                let known = self.versions.get(&stream).copied();
                let expected = match (self.random.u8(..3), known) {
                    (0, Some(version)) => Expected::Exact(version),
                    (1, Some(1..)) => Expected::Exists,
                    _ => Expected::Any,
                };
                let events = self.random.usize(1..=3);
                let cents = self.random.i64(1..100);
                let part = self.part(stream, expected, events, cents);
                self.append(vec![part])
            }
            75..80 => {
                let stream = if self.random.bool() {
                    StreamId::new("account", format!("n{}", self.id()))?
                } else {
                    self.shared()?
                };
                let cents = self.random.i64(1..100);
                let part = self.part(stream, Expected::None, 1, cents);
                self.append(vec![part])
            }
            80..92 => {
                let stream = StreamId::new("account", &self.own)?;
                let events = self.random.usize(1..=2);
                let part = self.part(stream, Expected::Exact(self.version), events, 7);
                let order = self.order()?;
                self.append(vec![part, order])
            }
            _ => {
                let order = self.order()?;
                self.append(vec![order])
            }
        })
    }

    /// Money from one shared account to another, and perhaps an order because of it.
    async fn transfer(&mut self) -> Result<Request, Trouble> {
        let (from, to) = (self.shared()?, self.shared()?);
        let found = self.writer.accounts.load(&from.entity_id().to_owned()).await;
        let found = found.ok().filter(|found| found.state.balance > 0 && from != to);
        let Some(found) = found else {
            let part = self.part(to, Expected::Any, 1, 100);
            return Ok(self.append(vec![part]));
        };
        let cents = self.random.i64(1..=found.state.balance);
        let expected = Expected::Exact(found.version.get());
        let mut parts = vec![self.part(from, expected, 1, -cents)];
        let expected = match self.versions.get(&to) {
            Some(version) if self.random.bool() => Expected::Exact(*version),
            _ => Expected::Any,
        };
        parts.push(self.part(to, expected, 1, cents));
        if self.random.bool() {
            parts.push(self.order()?);
        }
        self.random.shuffle(&mut parts);
        Ok(self.append(parts))
    }

    fn append(&mut self, parts: Vec<Part>) -> Request {
        let way = if self.random.u8(..4) == 0 {
            let commits = self.random.u8(..5) > 0;
            Way::Transaction { holds: self.random.u64(..HOLD), commits }
        } else {
            Way::Store
        };
        Request::Append { tag: self.id(), parts, way }
    }

    fn part(&mut self, stream: StreamId, expected: Expected, events: usize, cents: i64) -> Part {
        let ids = (0..events).map(|_| self.id()).collect();
        Part { stream, expected, ids, cents }
    }

    fn order(&mut self) -> Result<Part, Trouble> {
        let stream = StreamId::new("order", self.random.u64(..CUSTOMERS))?;
        Ok(self.part(stream, Expected::Any, 1, 0))
    }

    fn shared(&mut self) -> Result<StreamId, Trouble> {
        Ok(StreamId::new("account", format!("s{}", self.random.u64(..SHARED)))?)
    }

    fn id(&mut self) -> Uuid {
        self.writer.clock.next_id()
    }
}
