use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    rc::Rc,
};

/// Hands on its input one line at a time, and so knows in which line a reader behind it is.
///
/// The CSV reader counts lines, too, but leaves the end of a line (`\r\n`) and blank lines to the next row.
pub(super) struct LineByLine<R> {
    input: R,
    within_line: bool,
    line: Rc<Cell<u64>>,
}

impl<R: BufRead> LineByLine<R> {
    /// The reader, and the number of the line it is in, from 1 on.
    pub(super) fn new(input: R) -> (Self, Rc<Cell<u64>>) {
        let line = Rc::new(Cell::new(0));
        (Self { input, within_line: false, line: Rc::clone(&line) }, line)
    }
}

impl<R: BufRead> Read for LineByLine<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.line.get();
        if !self.within_line {
            self.line.set(line + 1);
        }
        let rest = self.input.fill_buf()?;
        if rest.is_empty() {
            self.line.set(line);
            return Ok(0);
        }
        let newline = rest.iter().take(buffer.len()).position(|byte| *byte == b'\n');
        let mut part = newline.and_then(|newline| rest.get(..=newline)).unwrap_or(rest);
        let length = part.read(buffer)?;
        self.within_line = newline.is_none();
        self.input.consume(length);
        Ok(length)
    }
}
