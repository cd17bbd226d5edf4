//! What followers are told.

use annals_core::followers::{Command, CommandRefused, FollowerKind, PartId};
use chrono::{DateTime, Utc};

use super::books::{Follower, State, take_away};

impl State {
    /// Everything is checked before anything is changed.
    pub(super) fn command(
        &mut self,
        name: &str,
        command: &Command,
        now: DateTime<Utc>,
    ) -> Result<(), CommandRefused> {
        let fence = self.next();
        let unknown = || CommandRefused::Unknown { name: name.to_owned() };
        let follower = self.followers.get_mut(name).ok_or_else(unknown)?;
        match command {
            Command::Pause => {
                follower.is_paused = true;
                let fillings = follower.fillings_mut();
                let parts = fillings.flat_map(|filling| &mut filling.build.parts);
                // One number for all: it is new to each of them.
                parts.for_each(|part| take_away(part, fence));
            }
            Command::Resume => {
                follower.is_paused = false;
                let fillings = follower.fillings_mut();
                let parts = fillings.flat_map(|filling| &mut filling.build.parts);
                parts.for_each(|part| part.stopped = None);
            }
            Command::Rebuild { verify } => {
                let (live, declared) = (follower.live.build.version, follower.declared);
                let name = || name.to_owned();
                if follower.kind == FollowerKind::Reactor {
                    return Err(CommandRefused::Reactor { name: name() });
                }
                refuse_shadow(&name(), follower)?;
                if verify.is_some() && live != declared {
                    return Err(CommandRefused::OtherVersion { name: name(), live, declared });
                }
                self.begin_rebuild(&name(), *verify, now);
            }
            Command::Swap => {
                let none = || CommandRefused::NoRebuild { name: name.to_owned() };
                let shadow = follower.shadow.as_mut().ok_or_else(none)?;
                shadow.build.may_swap_parked = true;
            }
            Command::EndRebuild { build, outcome } => {
                let shadow = follower.shadow.as_ref().map(|shadow| shadow.build.id);
                if shadow.is_none() || build.is_some_and(|build| shadow != Some(build)) {
                    return Err(CommandRefused::NoRebuild { name: name.to_owned() });
                }
                follower.end_rebuild(outcome.clone(), now);
            }
            Command::Repartition(parts) => self.repartition(name, parts.get())?,
            Command::RetryParked { sequence } => {
                let fillings = follower.fillings_mut();
                let parked = fillings.flat_map(|filling| filling.parked.values_mut());
                parked
                    .filter(|event| sequence.as_ref().is_none_or(|only| event.sequence == *only))
                    .for_each(|event| event.retry = true);
            }
        }
        Ok(())
    }

    fn repartition(&mut self, name: &str, parts: u16) -> Result<(), CommandRefused> {
        let Some(follower) = self.followers.get(name) else { return Ok(()) };
        let (name, live) = (name.to_owned(), &follower.live);
        refuse_shadow(&name, follower)?;
        if live.build.parts.iter().any(|part| part.stopped.is_some()) {
            return Err(CommandRefused::Stopped { name });
        }
        if parts == live.parts().get() {
            return Ok(());
        }
        let lowest = live.lowest();
        if live.build.floors.iter().any(|floor| *floor > lowest) {
            return Err(CommandRefused::Settling { name });
        }
        let build = live.build.id;
        let parts = (0..parts).map(|part| self.part(PartId { build, part }, lowest));
        let mut parts: Vec<_> = parts.collect();
        let Some(live) = self.filling_mut(build) else { return Ok(()) };
        let events = live.build.parts.iter().map(|part| part.events).sum();
        parts.iter_mut().take(1).for_each(|part| part.events = events);
        live.build.floors = live.build.parts.iter().map(|part| part.position).collect();
        live.build.parts = parts;
        Ok(())
    }
}

fn refuse_shadow(name: &str, follower: &Follower) -> Result<(), CommandRefused> {
    let version = follower.shadow.as_ref().map(|shadow| shadow.build.version);
    let refused = |version| CommandRefused::Rebuilding { name: name.to_owned(), version };
    version.map_or(Ok(()), |version| Err(refused(version)))
}
