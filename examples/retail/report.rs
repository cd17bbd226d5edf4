use std::io::{self, BufWriter, Write};

use crate::{
    figures::Figures,
    intake::{Intake, Rejected},
    money::{plain, with_pence},
};

const BEST: usize = 5;

/// One `key: value` each, then the best customers and stock items.
pub(crate) fn figures(out: &mut impl Write, figures: &Figures, intake: &Intake) -> io::Result<()> {
    let Figures { events, invoices, customers, stock } = figures;
    writeln!(out, "lines: {}", intake.lines())?;
    writeln!(out, "orders: {}", invoices.orders)?;
    writeln!(out, "cancellations: {}", invoices.cancellations)?;
    writeln!(out, "adjustments: {}", invoices.adjustments)?;
    writeln!(out, "write_offs: {}", invoices.write_offs)?;
    writeln!(out, "events: {events}")?;
    writeln!(out, "units: {}", invoices.totals.units)?;
    writeln!(out, "value: {}", plain(invoices.totals.value))?;
    writeln!(out, "gross: {}", plain(invoices.gross))?;
    writeln!(out, "cancelled: {}", plain(invoices.cancelled))?;
    writeln!(out, "adjusted: {}", plain(invoices.adjusted))?;
    writeln!(out, "customers: {}", customers.count())?;
    writeln!(out, "stock_items: {}", stock.count())?;
    writeln!(
        out,
        "rejected: {}",
        intake.rejections().iter().map(|r| r.at_lines.len()).sum::<usize>()
    )?;

    writeln!(out, "\nbest customers")?;
    for (id, customer) in customers.best(BEST) {
        let orders = if customer.orders == 1 { "order" } else { "orders" };
        writeln!(
            out,
            "  {id:<8}  {:>6} {orders:<6}  {:>12}",
            customer.orders,
            with_pence(customer.spent)
        )?;
    }
    writeln!(out, "\nbest stock items")?;
    for (code, item) in stock.best(BEST) {
        let (units, value) = (item.units, with_pence(item.value));
        writeln!(
            out,
            "  {code:<8}  {units:>6} units   {value:>12}  {}",
            item.name.as_deref().unwrap_or("-")
        )?;
    }
    Ok(())
}

/// Every line that was read and did not count, and why.
pub(crate) fn rejections(out: impl Write, rejections: &[Rejected]) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let lines = rejections.iter().flat_map(|rejected| &rejected.at_lines);
    let (Some(last), count) = (lines.clone().max(), lines.count()) else { return Ok(()) };
    writeln!(
        out,
        "\nrejected, and in none of the figures ({count} {}):",
        if count == 1 { "line" } else { "lines" }
    )?;
    let width = last.to_string().len();
    for Rejected { number, at_lines, reason } in rejections {
        for line in at_lines {
            writeln!(out, "  line {line:<width$}  invoice {number}: {reason}")?;
        }
    }
    out.flush()
}
