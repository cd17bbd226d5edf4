use std::io::{self, BufWriter, Write};

use crate::{
    customers::Customer,
    figures::Figures,
    intake::{Intake, Rejected},
    money::{plain, with_pence},
    sales::Sales,
    stock::StockItem,
};

/// One `key: value` each, then the best customers, stock items and days. What was rejected is not among the events: it
/// is told by the run that took in the log.
pub(crate) fn figures(
    out: &mut impl Write,
    figures: &Figures,
    intake: Option<&Intake>,
) -> io::Result<()> {
    let Figures { sales, customers, stock_items, .. } = figures;
    writeln!(out, "lines: {}", intake.map_or(sales.totals.lines, Intake::lines))?;
    writeln!(out, "orders: {}", sales.orders)?;
    writeln!(out, "cancellations: {}", sales.cancellations)?;
    writeln!(out, "adjustments: {}", sales.adjustments)?;
    writeln!(out, "write_offs: {}", sales.write_offs)?;
    writeln!(out, "events: {}", sales.events)?;
    writeln!(out, "units: {}", sales.totals.units)?;
    writeln!(out, "value: {}", plain(sales.totals.value))?;
    writeln!(out, "gross: {}", plain(sales.gross))?;
    writeln!(out, "cancelled: {}", plain(sales.cancelled))?;
    writeln!(out, "adjusted: {}", plain(sales.adjusted))?;
    writeln!(out, "customers: {customers}")?;
    writeln!(out, "stock_items: {stock_items}")?;
    if let Some(intake) = intake {
        let rejected: usize = intake.rejections().iter().map(|r| r.at_lines.len()).sum();
        writeln!(out, "rejected: {rejected}")?;
    }

    writeln!(out, "\nbest customers")?;
    for (id, Customer { orders, spent }) in &figures.best_customers {
        let spent = with_pence(*spent);
        writeln!(out, "  {id:<8}  {orders:>6} {:<6}  {spent:>12}", unit(*orders))?;
    }
    writeln!(out, "\nbest stock items")?;
    for (code, StockItem { name, units, value }) in &figures.best_stock {
        let (name, value) = (name.as_deref().unwrap_or("-"), with_pence(*value));
        writeln!(out, "  {code:<8}  {units:>6} units   {value:>12}  {name}")?;
    }
    writeln!(out, "\nbest days")?;
    for (day, Sales { orders, totals, .. }) in &figures.best_days {
        let value = with_pence(totals.value);
        writeln!(out, "  {day}  {orders:>4} {:<6}  {value:>12}", unit(*orders))?;
    }
    Ok(())
}

fn unit(orders: u64) -> &'static str {
    if orders == 1 { "order" } else { "orders" }
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
