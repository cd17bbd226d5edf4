//! What a rebuild and the latencies of followers are while commands run all the time.

use annals_figures::{Figure, Part, Unit};

use crate::{
    contender::within,
    ground::{Ground, Outcome},
    latency,
    pace::{Answered, Commands, Pace},
    rebuild::Rebuilds,
};

/// How much of the pace has to be kept for the figures to mean anything.
const KEPT: f64 = 0.98;

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let rebuilds = Rebuilds::prepare(ground).await?;
    let mut commands = Commands::prepare(&rebuilds.store).await?;
    let rebuilt = tokio::select! {
        rebuilt = rebuilds.figures(ground) => rebuilt?,
        sent = commands.send(usize::MAX) => return Err(format!("no more commands: {sent:?}").into()),
    };
    let answered = commands.answered().await?;
    rebuilds.running.shutdown().await;
    ground.clear().await?;

    let pace = Pace::Commands;
    let title = format!("what is done while {} commands a second run", pace.per_second());
    let latencies = latency::figures(ground, pace).await?;
    let figures = rebuilt.into_iter().chain(meanwhile(&answered)).chain(latencies);
    Ok(figures.fold(Part::new("busy", title), Part::with))
}

/// How the commands fared while a read model was rebuilt again and again.
fn meanwhile(answered: &[Answered]) -> [Figure; 3] {
    let first = answered.iter().map(|command| command.sent).min().unwrap_or_default();
    let last = answered.iter().map(|command| command.at).max().unwrap_or_default();
    let rate = answered.len() as f64 / last.saturating_sub(first).as_secs_f64();
    let mut times: Vec<_> =
        answered.iter().map(|command| command.at.saturating_sub(command.sent)).collect();
    times.sort_unstable();
    let figure = |work, unit, value| Figure::new(work, unit).by("annals", vec![value]);
    [
        figure("commands while it is rebuilt", Unit::PerSecond, rate)
            .at_least(KEPT * f64::from(Pace::Commands.per_second())),
        figure("a command while it is rebuilt: p50", Unit::Seconds, within(&times, 0.5)),
        figure("a command while it is rebuilt: p99", Unit::Seconds, within(&times, 0.99)),
    ]
}
