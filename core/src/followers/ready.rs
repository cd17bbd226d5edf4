//! What comes before the first event of a part.

use std::{convert::Infallible, future::pending, sync::Arc};

use super::{
    FollowerStore, StepError,
    parts::Division,
    reading::Reading,
    runner::{AHEAD_FOR, Halt, Runner, ahead, overdue},
};
use crate::Position;

impl<S: FollowerStore> Runner<S> {
    /// What must be known before the first event, and after every claim: nobody divides the build, or makes
    /// its tables, while the claim holds.
    ///
    /// While the tables are made, the reading begins.
    pub(super) async fn get_ready(&mut self) -> Result<(Arc<Division>, Option<Reading>), Halt> {
        let member = Arc::clone(&self.member);
        let store = &member.store;
        let (books, mut head) = match tokio::try_join!(store.books(None), store.head()) {
            Ok(known) => known,
            Err(error) => return Err(self.interrupted(&error).await),
        };
        let name = self.followed.declaration.name;
        let follower = books.followers.iter().find(|follower| follower.name == name);
        let build = follower.and_then(|follower| {
            super::decide::builds(follower).find(|build| build.id == self.claim.part.build)
        });
        let (Some(follower), Some(build)) = (follower, build) else { return Err(Halt::Ended) };
        if head < self.position {
            head = self.head_at_checkpoint(head).await?;
        }
        self.is_compared = build.verify.is_some() && follower.live.id != build.id;
        let mut begun = None;
        if !build.is_made {
            if self.claim.part.part != 0 {
                return Err(Halt::Ended);
            }
            begun = self.make_and_read().await?;
        }
        self.load_parked().await?;
        let division = Arc::new(Division::new(self.claim.part, self.claim.parts, build));
        self.handler.begin(self.position, division.is_first());
        self.division = Some(Arc::clone(&division));
        self.went_well();
        self.publish();
        if self.end_of_reading(head).is_some_and(|end| end <= self.seen) {
            self.at_the_end().await?;
        }
        Ok((division, begun))
    }

    /// Makes the tables, and answers with what was read meanwhile, if anything. Nothing is read where it is not known yet how
    /// far it may.
    async fn make_and_read(&mut self) -> Result<Option<Reading>, Halt> {
        if self.is_compared {
            return self.make().await.map(|()| None);
        }
        let (member, seen, unseen) = (Arc::clone(&self.member), self.seen, self.unseen());
        let mut begun = None;
        let read = async {
            // An error is left to those who ask again.
            if let Ok(head) = member.store.wait_for_head(seen).await {
                let mut reading = Reading::up_to(head, &member.store, unseen);
                reading.begin().await;
                begun = Some(reading);
            }
            pending::<Infallible>().await
        };
        tokio::select! {
            made = self.make() => made?,
            never = read => match never {},
        }
        Ok(begun)
    }

    /// The head, which was at `head`, before the checkpoint: looked at again, before that is taken for true.
    async fn head_at_checkpoint(&mut self, head: Position) -> Result<Position, Halt> {
        let at = self.position;
        self.gauge.set(|reading| reading.interrupted = Some(ahead(at, head)));
        let (member, mut control) = (Arc::clone(&self.member), self.control.clone());
        let before = Position::new(at.get().saturating_sub(1));
        tokio::select! {
            // Whatever comes of it: the store is asked once more.
            _ = tokio::time::timeout(AHEAD_FOR, member.store.wait_for_head(before)) => {}
            _ = control.wait_for(|control| control.end.is_some()) => return Err(Halt::Ended),
        }
        match member.store.head().await {
            Ok(head) if head < at => Err(self.stop_ahead(head).await),
            Ok(head) => Ok(head),
            Err(error) => Err(self.interrupted(&error).await),
        }
    }

    async fn make(&mut self) -> Result<(), Halt> {
        let (limits, patience) = (self.limits(), self.patience());
        let made = self.member.store.make(&self.claim, self.handler.make(), limits);
        let made = tokio::time::timeout(patience, made).await;
        match made.unwrap_or_else(|_| Err(overdue())) {
            Ok(()) => {
                // The other parts can begin, and readers.
                self.member.nudge.notify_one();
                Ok(())
            }
            Err(StepError::Fenced) => Err(Halt::Ended),
            Err(StepError::Store(error)) => Err(self.interrupted(&error).await),
            Err(StepError::Handler(failed)) => Err(self.could_not_make(&failed).await),
        }
    }
}
