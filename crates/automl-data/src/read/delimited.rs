//! Delimited text: RFC 4180 with the liberties that files take.
//!
//! A cell that starts with a quote (perhaps after blanks) ends at the next single quote and may hold delimiters and
//! line ends; elsewhere a quote is a character like others. Empty lines are skipped. Lines end with LF or CRLF, or
//! with CR in files whose first 64 KiB have no LF. A first line `sep=;`, which Excel writes and heeds, names the delimiter.
//!
//! Not the `csv` crate's reader: it skips blank lines without counting them into the next record's position, so that errors
//! would name the wrong line. Tests compare with it what quoting means.
//! Cost: one copy of each line, one look at each byte; about 1 ns a byte.

use super::input::{Content, Input};
use super::lines::{Line, Lines, MAX_RECORD_BYTES};
use super::{Cell, RowReader, Sink, header};
use crate::error::{DataError, Place, Unit};

/// In the order of preference among those that cut equally: a comma may stand inside numbers.
const CANDIDATES: [u8; 4] = [b';', b',', b'\t', b'|'];
/// Records looked at to find the delimiter.
const SNIFF_RECORDS: usize = 50;

struct Delimited {
    lines: Lines,
    file: String,
    names: Vec<String>,
    delimiter: u8,
    /// The last byte of a line.
    line_end: u8,
    names_look_like_data: bool,
    line: Vec<u8>,
    cells: Splitter,
    /// Lines read so far.
    n_lines: u64,
    /// Bytes read before the current record.
    offset: u64,
}

/// Reads the header and finds the delimiter unless it is given.
pub(super) fn open(input: Input, delimiter: Option<u8>) -> Result<Box<dyn RowReader>, DataError> {
    let Content::Text { head, reader } = input.content else {
        unreachable!("delimited text is opened as text");
    };
    if head.contains(&0) {
        return Err(DataError::Format {
            format: "delimited text",
            reason: "it holds bytes that are not text".into(),
            file: input.name,
        });
    }
    let line_end = find_line_end(&head);
    let stated = stated_delimiter(&head, line_end);
    let head = stated.map_or(&head[..], |(_, n_bytes)| &head[n_bytes..]);
    let delimiter = delimiter
        .or(stated.map(|(delimiter, _)| delimiter))
        .unwrap_or_else(|| sniff(head, line_end, &input.name));
    let mut reader = Delimited {
        lines: Lines::new(reader, line_end),
        delimiter,
        line_end,
        names_look_like_data: header::looks_like_data(&first_records(head, line_end, delimiter)),
        file: input.name,
        names: Vec::new(),
        line: Vec::new(),
        cells: Splitter::default(),
        n_lines: 0,
        offset: 0,
    };
    if stated.is_some() {
        reader.next_line(1)?;
    }
    let Some(record) = reader.next_record()? else {
        return Err(DataError::Empty { file: reader.file });
    };
    reader.names = record.cells().map(str::to_owned).collect();
    Ok(Box::new(reader))
}

/// One record: its text and where its cells are.
struct Record<'a> {
    line: u64,
    text: &'a str,
    spans: &'a [(usize, usize)],
}

impl<'a> Record<'a> {
    fn cells(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text;
        self.spans
            .iter()
            .map(move |&(start, end)| &text[start..end])
    }
}

impl Delimited {
    fn place(&self, line: u64) -> Place {
        Place {
            file: self.file.clone(),
            unit: Unit::Line,
            number: line,
        }
    }

    /// Appends one line to the record in `self.line`, which starts in `first_line`; false at the end of the file.
    fn next_line(&mut self, first_line: u64) -> Result<bool, DataError> {
        let line = self
            .lines
            .append(&mut self.line)
            .map_err(|error| DataError::reading(&self.file, error))?;
        match line {
            Line::Read => self.n_lines += 1,
            Line::End => {}
            Line::TooLong => {
                return Err(DataError::RecordTooLong {
                    place: self.place(first_line),
                    limit: MAX_RECORD_BYTES as u64,
                });
            }
        }
        Ok(line == Line::Read)
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>, DataError> {
        let end = loop {
            self.offset += self.line.len() as u64;
            self.line.clear();
            if !self.next_line(self.n_lines + 1)? {
                return Ok(None);
            }
            let end = without_line_end(&self.line);
            if end > 0 {
                break end;
            }
        };
        let first_line = self.n_lines;
        if !self.line.contains(&b'"') {
            self.cells.split_plain(&self.line[..end], self.delimiter);
            let text = match std::str::from_utf8(&self.line[..end]) {
                Ok(text) => text,
                Err(error) => return Err(self.bad_encoding(&self.line, error)),
            };
            return Ok(Some(Record {
                line: first_line,
                text,
                spans: &self.cells.spans,
            }));
        }
        self.quoted_record(end, first_line).map(Some)
    }

    /// A record with quotes, which may span lines.
    fn quoted_record(&mut self, end: usize, first_line: u64) -> Result<Record<'_>, DataError> {
        self.cells.clear();
        let mut start = 0;
        let mut end = end;
        while !self.cells.feed(&self.line[start..end], self.delimiter) {
            self.cells.text.extend_from_slice(&self.line[end..]);
            start = self.line.len();
            if !self.next_line(first_line)? {
                return Err(DataError::OpenQuote {
                    place: self.place(first_line),
                });
            }
            end = start + without_line_end(&self.line[start..]);
        }
        // Quotes are ASCII, so what is left when they are taken out is as valid as the line was.
        match std::str::from_utf8(&self.cells.text) {
            Ok(text) => Ok(Record {
                line: first_line,
                text,
                spans: &self.cells.spans,
            }),
            Err(error) => {
                let error = std::str::from_utf8(&self.line).err().unwrap_or(error);
                Err(self.bad_encoding(&self.line, error))
            }
        }
    }

    fn bad_encoding(&self, bytes: &[u8], error: std::str::Utf8Error) -> DataError {
        let valid = error.valid_up_to();
        let n_breaks = count_breaks(&bytes[..valid], self.line_end);
        let n_record_lines = count_breaks(&bytes[..without_line_end(bytes)], self.line_end);
        DataError::Encoding {
            place: self.place(self.n_lines - n_record_lines + n_breaks),
            byte: self.offset + valid as u64,
        }
    }
}

impl RowReader for Delimited {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn may_have_decimal_commas(&self) -> bool {
        self.delimiter == b';'
    }

    fn names_look_like_data(&self) -> bool {
        self.names_look_like_data
    }

    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError> {
        let expected = self.names.len();
        for n_done in 0..max_rows {
            let Some(record) = self.next_record()? else {
                return Ok(n_done);
            };
            let (line, found) = (record.line, record.spans.len());
            sink.row(line);
            if found != expected {
                sink.odd_row(DataError::Ragged {
                    place: self.place(line),
                    found,
                    expected,
                })?;
                continue;
            }
            for (column, cell) in record.cells().enumerate() {
                sink.cell(column, Cell::Text(cell))?;
            }
        }
        Ok(max_rows)
    }
}

fn count_breaks(bytes: &[u8], line_end: u8) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == line_end)).sum()
}

fn without_line_end(line: &[u8]) -> usize {
    match line {
        [head @ .., b'\r', b'\n'] | [head @ .., b'\n' | b'\r'] => head.len(),
        all => all.len(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the start of a cell, perhaps after blanks.
    #[default]
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first half of a doubled quote.
    Quote,
}

/// Cuts a record into cells. With quotes the cells' text is copied without them, else they are spans of the line.
#[derive(Default)]
struct Splitter {
    state: State,
    text: Vec<u8>,
    spans: Vec<(usize, usize)>,
    start: usize,
}

impl Splitter {
    fn clear(&mut self) {
        self.state = State::Start;
        self.text.clear();
        self.spans.clear();
        self.start = 0;
    }

    fn split_plain(&mut self, line: &[u8], delimiter: u8) {
        self.spans.clear();
        let mut start = 0;
        for (position, &byte) in line.iter().enumerate() {
            if byte == delimiter {
                self.spans.push((start, position));
                start = position + 1;
            }
        }
        self.spans.push((start, line.len()));
    }

    /// Takes one line without its end; false if a quoted cell goes on in the next line.
    fn feed(&mut self, line: &[u8], delimiter: u8) -> bool {
        for &byte in line {
            let is_delimiter = byte == delimiter && self.state != State::Quoted;
            if is_delimiter {
                self.end_cell();
                continue;
            }
            match (self.state, byte) {
                (State::Start, b'"') => {
                    self.text.truncate(self.start);
                    self.state = State::Quoted;
                }
                (State::Quoted, b'"') => self.state = State::Quote,
                (State::Quote, b'"') => {
                    self.text.push(b'"');
                    self.state = State::Quoted;
                }
                (State::Start, b' ' | b'\t') | (State::Quoted, _) => self.text.push(byte),
                (State::Start | State::Plain | State::Quote, _) => {
                    self.text.push(byte);
                    self.state = State::Plain;
                }
            }
        }
        if self.state == State::Quoted {
            return false;
        }
        self.end_cell();
        true
    }

    fn end_cell(&mut self) {
        self.spans.push((self.start, self.text.len()));
        self.start = self.text.len();
        self.state = State::Start;
    }
}

/// The candidate that cuts the first records most evenly; among equals the one that cuts more, then the first.
fn sniff(head: &[u8], line_end: u8, file: &str) -> u8 {
    let lower = file.to_ascii_lowercase();
    let is_tsv = [".tsv", ".tab", ".tsv.gz", ".tsv.zst"]
        .iter()
        .any(|end| lower.ends_with(end));
    if is_tsv && head.contains(&b'\t') {
        return b'\t';
    }
    let mut best = (0.0, 0, b',');
    for delimiter in CANDIDATES {
        let records = first_records(head, line_end, delimiter);
        let counts: Vec<usize> = records.iter().map(Vec::len).collect();
        let Some(&n_columns) = counts.first() else {
            continue;
        };
        if n_columns < 2 {
            continue;
        }
        let n_even = counts.iter().filter(|&&n| n == n_columns).count();
        let share = n_even as f64 / counts.len() as f64;
        if (share, n_columns) > (best.0, best.1) {
            best = (share, n_columns, delimiter);
        }
    }
    best.2
}

/// The delimiter that a first line such as `sep=;` states, and the bytes of that line.
fn stated_delimiter(head: &[u8], line_end: u8) -> Option<(u8, usize)> {
    let end = head.iter().position(|&byte| byte == line_end)? + 1;
    let line = &head[..without_line_end(&head[..end])];
    let bare = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""))
        .unwrap_or(line);
    match bare {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            Some((*delimiter, end))
        }
        _ => None,
    }
}

fn find_line_end(head: &[u8]) -> u8 {
    if head.contains(&b'\r') && !head.contains(&b'\n') {
        b'\r'
    } else {
        b'\n'
    }
}

/// The cells of each of the first records.
fn first_records(head: &[u8], line_end: u8, delimiter: u8) -> Vec<Vec<String>> {
    let mut splitter = Splitter::default();
    let mut records = Vec::new();
    let mut rest = head;
    while !rest.is_empty() && records.len() < SNIFF_RECORDS {
        let (line, more) = match rest.iter().position(|&byte| byte == line_end) {
            Some(end) => rest.split_at(end + 1),
            // The last line may be cut.
            None if records.is_empty() => (rest, &rest[..0]),
            None => break,
        };
        rest = more;
        let line = &line[..without_line_end(line)];
        if line.is_empty() && splitter.state != State::Quoted {
            continue;
        }
        if splitter.feed(line, delimiter) {
            let cells = splitter.spans.iter();
            let cell = |&(start, end): &(usize, usize)| {
                String::from_utf8_lossy(&splitter.text[start..end]).into_owned()
            };
            records.push(cells.map(cell).collect());
            splitter.clear();
        }
    }
    records
}
