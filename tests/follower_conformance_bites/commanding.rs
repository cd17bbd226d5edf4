//! Stores that declare and command wrongly.

use annals::{
    FollowerStore, MemoryStore, Position,
    followers::{Command, CommandRefused, Declaration, Outcome, StartError},
};
use async_trait::async_trait;

use crate::{
    running::defects,
    wrong::{Defect, books},
};

type Started = Result<(), StartError>;
type Told = Result<(), CommandRefused>;

defects! {
    /// Takes any kind under a known name.
    TakesEveryKind: declare(right, follower: Declaration) -> Started {
        match right.declare(&follower).await {
            Err(StartError::KindChanged { .. }) => Ok(()),
            answer => answer,
        }
    }
    /// Begins at the beginning, whatever is said.
    StartsAtTheBeginning: declare(right, follower: Declaration) -> Started {
        right.declare(&Declaration { start: Position::START, ..follower }).await
    }
    /// Has one part of everything.
    MakesOnePart: declare(right, follower: Declaration) -> Started {
        right.declare(&Declaration { parts: 1.try_into().unwrap(), ..follower }).await
    }
    /// Knows the first version only.
    KeepsTheVersion: declare(right, follower: Declaration) -> Started {
        let known = books(right, None).await.followers.into_iter().find(|known| known.name == follower.name);
        let version = known.map_or(follower.version, |known| known.declared);
        right.declare(&Declaration { version, ..follower }).await
    }
    /// Rebuilds when another version is declared, be it lower.
    RebuildsForAnyVersion: declare(right, follower: Declaration) -> Started {
        right.declare(&follower).await?;
        let known = books(right, None).await.followers.into_iter().find(|known| known.name == follower.name);
        if known.is_some_and(|known| known.live.version != follower.version) {
            let _ = right.command(follower.name, &Command::Rebuild { verify: None }).await;
        }
        Ok(())
    }
    /// Keeps the shadow that is there.
    KeepsTheFirstShadow: declare(right, follower: Declaration) -> Started {
        let known = books(right, None).await.followers.into_iter().find(|known| known.name == follower.name);
        let shadow = known.and_then(|known| known.shadow).map(|shadow| shadow.version);
        let version = follower.version.min(shadow.unwrap_or(u32::MAX));
        right.declare(&Declaration { version, ..follower }).await
    }
    /// Divides anew when other parts are declared.
    DividesWhenDeclared: declare(right, follower: Declaration) -> Started {
        right.declare(&follower).await?;
        let _ = right.command(follower.name, &Command::Repartition(follower.parts)).await;
        Ok(())
    }
    /// Lets everything go on when a process starts.
    ResumesWhenDeclared: declare(right, follower: Declaration) -> Started {
        right.declare(&follower).await?;
        let _ = right.command(follower.name, &Command::Resume).await;
        Ok(())
    }
    /// Never brings a fix.
    StaysStopped: declare(right, follower: Declaration) -> Started {
        let known = books(right, None).await.followers.into_iter().find(|known| known.name == follower.name);
        match known {
            Some(known) if known.declared != follower.version && known.live.version == follower.version => Ok(()),
            _ => right.declare(&follower).await,
        }
    }
    /// Makes a build for each process that starts.
    DeclaresForEachProcess: declare(right, follower: Declaration) -> Started {
        let is_known = books(right, None).await.followers.iter().any(|known| known.name == follower.name);
        right.declare(&follower).await?;
        tokio::task::yield_now().await;
        let outcome = Outcome::Cancelled;
        let command = Command::EndRebuild { build: None, outcome };
        if is_known && right.command(follower.name, &command).await.is_ok() {
            right.command(follower.name, &Command::Rebuild { verify: None }).await.unwrap();
        }
        Ok(())
    }

    /// Knows everybody.
    CommandsAnybody: command(right, name: &str, command: Command) -> Told {
        match right.command(name, &command).await {
            Err(CommandRefused::Unknown { .. }) => Ok(()),
            answer => answer,
        }
    }
    /// Does not rest.
    NeverPauses: command(right, name: &str, command: Command) -> Told {
        if command == Command::Pause { Ok(()) } else { right.command(name, &command).await }
    }
    /// Pauses, and takes nothing from anybody.
    ForgetsToResume: command(right, name: &str, command: Command) -> Told {
        if command == Command::Resume { Ok(()) } else { right.command(name, &command).await }
    }
    /// Begins anew with each command.
    RebuildsAgain: command(right, name: &str, command: Command) -> Told {
        if matches!(command, Command::Rebuild { .. }) {
            let outcome = Outcome::Cancelled;
            let _ = right.command(name, &Command::EndRebuild { build: None, outcome }).await;
        }
        right.command(name, &command).await
    }
    /// Forgets how it was to be compared.
    ForgetsToVerify: command(right, name: &str, command: Command) -> Told {
        let command = match command {
            Command::Rebuild { .. } => Command::Rebuild { verify: None },
            command => command,
        };
        right.command(name, &command).await
    }
    /// Takes one refusal for another.
    RefusesWithoutReason: command(right, name: &str, command: Command) -> Told {
        right.command(name, &command).await.map_err(|_| CommandRefused::Unknown { name: name.into() })
    }
    /// Ends whatever rebuild there is.
    EndsAnyRebuild: command(right, name: &str, command: Command) -> Told {
        let command = match command {
            Command::EndRebuild { outcome, .. } => Command::EndRebuild { build: None, outcome },
            command => command,
        };
        right.command(name, &command).await
    }
    /// Ends nothing.
    NeverEndsRebuilds: command(right, name: &str, command: Command) -> Told {
        match command {
            Command::EndRebuild { .. } => Ok(()),
            command => right.command(name, &command).await,
        }
    }
    /// Thinks that what ended was cancelled.
    TellsOneOutcome: command(right, name: &str, command: Command) -> Told {
        let command = match command {
            Command::EndRebuild { build, .. } => Command::EndRebuild { build, outcome: Outcome::Cancelled },
            command => command,
        };
        right.command(name, &command).await
    }
    /// Divides what is rebuilt, and forgets the rebuild.
    DividesWhatIsRebuilt: command(right, name: &str, command: Command) -> Told {
        if matches!(command, Command::Repartition(_)) {
            let outcome = Outcome::Cancelled;
            let _ = right.command(name, &Command::EndRebuild { build: None, outcome }).await;
        }
        right.command(name, &command).await
    }
    /// Divides what has stopped, and forgets why.
    DividesWhatHasStopped: command(right, name: &str, command: Command) -> Told {
        if matches!(command, Command::Repartition(_)) {
            let _ = right.command(name, &Command::Resume).await;
        }
        right.command(name, &command).await
    }
    /// Divides only what is at one place, and thinks that it has settled.
    NeverSettles: command(right, name: &str, command: Command) -> Told {
        match right.command(name, &command).await {
            Err(CommandRefused::Settling { .. }) => Ok(()),
            answer => answer,
        }
    }
    /// Tries everything again.
    RetriesEverything: command(right, name: &str, command: Command) -> Told {
        let command = match command {
            Command::RetryParked { .. } => Command::RetryParked { sequence: None },
            command => command,
        };
        right.command(name, &command).await
    }
    /// Forgets who may serve.
    ForgetsToSwap: command(right, name: &str, command: Command) -> Told {
        if command == Command::Swap { Ok(()) } else { right.command(name, &command).await }
    }

}
