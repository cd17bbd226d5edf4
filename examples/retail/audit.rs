use std::fmt;

use annals::{Change, Event, Repository, StoreError, TryStreamExt};
use thiserror::Error;

use crate::{
    invoice::{Invoice, Issued},
    line::Totals,
    money::with_pence,
    number::{InvoiceNumber, buyer},
};

/// The history of one invoice, as a table.
pub(crate) struct Audit {
    number: InvoiceNumber,
    now: Issued,
    rows: Vec<[String; COLUMNS]>,
}

const COLUMNS: usize = 6;
const HEADER: [&str; COLUMNS] = ["position", "version", "time", "actor", "event", "change"];

#[derive(Debug, Error)]
pub(crate) enum AuditError {
    #[error("no invoice {0} was taken in")]
    Unknown(InvoiceNumber),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Audit {
    pub(crate) async fn of(
        invoices: &Repository<Invoice>,
        number: &InvoiceNumber,
    ) -> Result<Self, AuditError> {
        let history: Vec<_> = invoices.history(number).try_collect().await?;
        let now = history.last().and_then(|change| change.after.issued().cloned());
        let now = now.ok_or_else(|| AuditError::Unknown(number.clone()))?;
        Ok(Self { number: number.clone(), now, rows: history.iter().map(row).collect() })
    }
}

fn row(change: &Change<Invoice>) -> [String; COLUMNS] {
    let recorded = &change.recorded;
    [
        recorded.position.to_string(),
        recorded.version.to_string(),
        recorded.recorded_at.format("%Y-%m-%d %H:%M").to_string(),
        recorded.metadata.actor.clone().unwrap_or_default(),
        recorded.event.name().to_owned(),
        what_changed(&change.before, &change.after),
    ]
}

/// In the words of the shop: `nothing → an order, lines 0 → 34, units 0 → 81, value 0.00 → 159.26`.
fn what_changed(before: &Invoice, after: &Invoice) -> String {
    let [before, after] = [facts(before), facts(after)];
    let changed = before.into_iter().zip(after).filter(|(before, after)| before != after);
    let texts: Vec<_> =
        changed.map(|((name, before), (_, after))| format!("{name}{before} → {after}")).collect();
    texts.join(", ")
}

fn facts(invoice: &Invoice) -> [(&'static str, String); 4] {
    let issued = invoice.issued();
    let Totals { lines, units, value } = issued.map(|issued| issued.totals).unwrap_or_default();
    [
        ("", issued.map_or_else(|| "nothing".to_owned(), |issued| issued.kind.to_string())),
        ("lines ", lines.to_string()),
        ("units ", units.to_string()),
        ("value ", with_pence(value)),
    ]
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Issued { kind, customer, country, totals } = &self.now;
        writeln!(f, "invoice {}: {kind}, {}, {country}", self.number, buyer(*customer))?;
        let lines = if totals.lines == 1 { "line" } else { "lines" };
        writeln!(
            f,
            "{} {lines}, {} units, {} in all\n",
            totals.lines,
            totals.units,
            with_pence(totals.value)
        )?;

        let header = HEADER.map(str::to_owned);
        let table = || std::iter::once(&header).chain(&self.rows);
        let [position, version, time, actor, event, _] = std::array::from_fn(|column| {
            table()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        });
        for [a, b, c, d, e, change] in table() {
            writeln!(f, "{a:>position$}  {b:>version$}  {c:<time$}  {d:<actor$}  {e:<event$}  {change}")?;
        }
        Ok(())
    }
}
