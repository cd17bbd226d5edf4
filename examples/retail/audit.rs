use std::{array, fmt, iter};

use annals::{Change, Event, Repository, StoreError, TryStreamExt};
use thiserror::Error;

use crate::{
    invoice::{Invoice, Issued},
    line::Totals,
    money::with_pence,
    number::{InvoiceNumber, Kind, buyer},
};

/// The history of one invoice, as a table.
pub(crate) struct Audit {
    number: InvoiceNumber,
    now: Issued,
    rows: Vec<[String; COLUMNS]>,
}

const COLUMNS: usize = 8;
const HEADER: [&str; COLUMNS] =
    ["position", "version", "time", "actor", "event", "lines", "units", "value"];

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
    let [before, after] =
        [&change.before, &change.after].map(|state| state.issued().map(|issued| issued.totals));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    [
        recorded.position.to_string(),
        recorded.version.to_string(),
        recorded.event.at().format("%Y-%m-%d %H:%M").to_string(),
        recorded.metadata.actor.as_deref().unwrap_or_default().to_owned(),
        recorded.event.event_type().to_owned(),
        format!("{} → {}", before.lines, after.lines),
        format!("{} → {}", before.units, after.units),
        format!("{} → {}", with_pence(before.value), with_pence(after.value)),
    ]
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Issued { kind, customer, country, totals } = &self.now;
        let buyer = match kind {
            Kind::Order | Kind::Cancellation => format!(", {}", buyer(*customer)),
            Kind::Adjustment | Kind::WriteOff => String::new(),
        };
        writeln!(f, "invoice {}: {kind}{buyer}, {country}", self.number)?;
        let Totals { lines, units, value } = *totals;
        writeln!(f, "lines {lines}, units {units}, value {}\n", with_pence(value))?;

        let header = HEADER.map(str::to_owned);
        let table: Vec<_> = iter::once(&header).chain(&self.rows).collect();
        let widths: [usize; COLUMNS] = array::from_fn(|column| {
            let cells = table.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        });
        for row in table {
            let cells =
                row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                    0 | 1 => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}
