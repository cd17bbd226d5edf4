//! The log of the shop: one invoice line per row, as CSV, plain or gzipped.

mod lines;

use std::{
    cell::Cell,
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    rc::Rc,
};

use chrono::NaiveDateTime;
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;
use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};
use thiserror::Error;

use crate::{
    line::Line,
    log::lines::LineByLine,
    money,
    number::{CustomerId, InvoiceNumber},
};

const HEADER: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// One invoice line, and where it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// In the file, from 1 on; the header is line 1.
    pub(crate) at_line: u64,
    pub(crate) number: InvoiceNumber,
    pub(crate) at: NaiveDateTime,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) country: String,
    pub(crate) line: Line,
}

#[derive(Debug, Error)]
pub(crate) enum LogError {
    #[error("cannot open {}", .path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is empty; a log begins with the line {}", .path.display(), HEADER.join(","))]
    Empty { path: PathBuf },
    #[error("{}, line {line}", .path.display())]
    Line { path: PathBuf, line: u64, source: BadLine },
}

/// What is wrong with one line of the log.
#[derive(Debug, Error)]
pub(crate) enum BadLine {
    #[error("not the header of a log, which is {}", HEADER.join(","))]
    Header,
    #[error("the number of columns is {0}, not {columns}", columns = HEADER.len())]
    Columns(usize),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{column} {text:?} cannot be read")]
    Field { column: &'static str, text: String, source: Box<dyn Error + Send + Sync> },
    #[error("column {0} is not UTF-8")]
    Encoding(usize),
    #[error("cannot be read")]
    Unreadable(#[source] io::Error),
}

/// Reads a log line by line; the first line that cannot be read ends it.
pub(crate) struct Log {
    path: PathBuf,
    rows: Reader<LineByLine<Box<dyn BufRead>>>,
    row: StringRecord,
    /// The last line that was read.
    line: Rc<Cell<u64>>,
    /// In bytes of the file.
    progress: ProgressBar,
}

impl Log {
    pub(crate) fn open(path: &Path, bars: &MultiProgress) -> Result<Self, LogError> {
        let unopened = |source| LogError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(unopened)?;
        let bytes = file.metadata().map_err(unopened)?.len();
        let progress = bars.add(progress(bytes));
        let input = BufReader::with_capacity(1 << 16, progress.wrap_read(file));
        let is_gzip =
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let input: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self { progress, ..Self::read(path, input)? })
    }

    /// Whether half of the file is behind.
    pub(crate) fn is_half_read(&self) -> bool {
        2 * self.progress.position() >= self.progress.length().unwrap_or_default()
    }

    fn read(path: &Path, input: Box<dyn BufRead>) -> Result<Self, LogError> {
        let (input, line) = LineByLine::new(input);
        let rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
        let (row, progress) = (StringRecord::new(), ProgressBar::hidden());
        let mut log = Self { path: path.to_owned(), rows, row, line, progress };
        log.skip_header()?;
        Ok(log)
    }

    fn skip_header(&mut self) -> Result<(), LogError> {
        if !self.read_row()? {
            return Err(LogError::Empty { path: self.path.clone() });
        }
        if self.row != *HEADER.as_slice() { Err(self.at_line(1, BadLine::Header)) } else { Ok(()) }
    }

    /// Whether there was another row.
    fn read_row(&mut self) -> Result<bool, LogError> {
        self.rows.read_record(&mut self.row).map_err(|error| {
            let bad = match error.kind() {
                ErrorKind::Utf8 { err, .. } => BadLine::Encoding(err.field() + 1),
                _ => BadLine::Unreadable(error.into()),
            };
            self.at_line(self.line.get(), bad)
        })
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, LogError> {
        if !self.read_row()? {
            return Ok(None);
        }
        let line = self.first_line_of_row();
        entry(line, &self.row).map(Some).map_err(|bad| self.at_line(line, bad))
    }

    /// A quoted text may go over several lines; one whose closing quote is missing takes all the rest.
    fn first_line_of_row(&self) -> u64 {
        let text = self.row.as_slice();
        let text = text.strip_suffix('\n').unwrap_or(text);
        self.line.get().saturating_sub(text.matches('\n').count() as u64)
    }

    fn at_line(&self, line: u64, source: BadLine) -> LogError {
        LogError::Line { path: self.path.clone(), line, source }
    }
}

impl Iterator for Log {
    type Item = Result<Entry, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_entry().transpose()
    }
}

fn entry(at_line: u64, row: &StringRecord) -> Result<Entry, BadLine> {
    let columns: Vec<&str> = row.iter().collect();
    let &[number, stock_code, description, quantity, at, unit_price, customer, country] =
        columns.as_slice()
    else {
        return Err(BadLine::Columns(row.len()));
    };
    let line = Line {
        stock_code: present("StockCode", stock_code)?.to_owned(),
        description: Some(description).filter(|text| !text.is_empty()).map(str::to_owned),
        quantity: field("Quantity", quantity, str::parse)?,
        unit_price: field("UnitPrice", unit_price, money::price)?,
    };
    Ok(Entry {
        at_line,
        number: field("InvoiceNo", number, str::parse)?,
        at: field("InvoiceDate", at, |text| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        })?,
        customer: match customer {
            "" => None,
            id => Some(field("CustomerID", id, customer_id)?),
        },
        country: present("Country", country)?.to_owned(),
        line,
    })
}

/// The spreadsheet behind the log held customer ids as floats: `17850.0`.
fn customer_id(text: &str) -> Result<CustomerId, std::num::ParseIntError> {
    text.strip_suffix(".0").unwrap_or(text).parse()
}

fn present<'a>(column: &'static str, text: &'a str) -> Result<&'a str, BadLine> {
    if text.trim().is_empty() { Err(BadLine::Missing(column)) } else { Ok(text) }
}

fn field<'a, T, E: Error + Send + Sync + 'static>(
    column: &'static str,
    text: &'a str,
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, BadLine> {
    let text = present(column, text)?;
    parse(text).map_err(|source| BadLine::Field {
        column,
        text: text.to_owned(),
        source: source.into(),
    })
}

/// Shows how much of the file is read, where there is a terminal to show it on.
fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_finish(ProgressFinish::AndClear)
}

#[cfg(test)]
mod tests;
