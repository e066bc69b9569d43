//! The rows of all files of a source as one stream, with the place of each row for messages.

use super::{
    Cell, Fingerprinter, RowReader, Sink, columnar, delimited, header, idx, images, input, jsonl,
};
use crate::error::{DataError, Place, Unit};
use crate::options::{Format, ReadOptions};
use crate::schema_file::ColumnOverride;
use crate::source::{InputRef, Source};
use automl_core::{Warning, WarningKind};
use std::collections::BTreeMap;
use std::vec::IntoIter;

/// The most rows of a table: row numbers are `u32` and the last two are kept free.
const MAX_ROWS: u64 = u32::MAX as u64 - 2;

/// Reads the files of a source one after another; each has the columns of the first, in any order.
pub(crate) struct Rows {
    rest: IntoIter<InputRef>,
    current: Option<Box<dyn RowReader>>,
    /// Our column number of each column of the current file; empty means the same numbers.
    numbers: Vec<usize>,
    names: Vec<String>,
    first_file: String,
    file: String,
    unit: Unit,
    format: Format,
    announced: bool,
    options: ReadOptions,
    fingerprint: Option<Fingerprinter>,
    n_left: u64,
    n_read: u64,
    warnings: Vec<Warning>,
    may_have_decimal_commas: bool,
}

impl Rows {
    /// Opens the first file and reads its column names.
    pub(crate) fn open(
        source: &Source,
        options: &ReadOptions,
        fingerprint: Option<Fingerprinter>,
    ) -> Result<Self, DataError> {
        if let Source::Path(path) = source
            && options.images
            && path.is_dir()
        {
            return Self::open_folder(path, options, fingerprint);
        }
        let mut rest = source.inputs()?.into_iter();
        let first = rest.next().expect("a source has at least one input");
        let (format, reader) = open_one(&first, options, fingerprint.as_ref())?;
        let mut warnings = Vec::new();
        let names = clean_names(reader.names(), &first.name(), options, &mut warnings)?;
        if format == Format::Delimited && options.delimiter.is_some() {
            warnings.extend(header::single_column(&names, &first.name()));
        }
        if reader.names_look_like_data() {
            warnings.push(header::warning(&names, &first.name()));
        }
        let opened = Opened {
            name: first.name(),
            format,
            reader,
            names,
            warnings,
        };
        Ok(Self::begin(opened, rest, options, fingerprint))
    }

    /// The pictures of a folder.
    fn open_folder(
        path: &std::path::Path,
        options: &ReadOptions,
        fingerprint: Option<Fingerprinter>,
    ) -> Result<Self, DataError> {
        let folder = images::open(path, fingerprint.clone())?;
        let opened = Opened {
            name: path.display().to_string(),
            format: Format::Images,
            names: folder.reader.names().to_vec(),
            reader: folder.reader,
            warnings: folder.warning.into_iter().collect(),
        };
        let rest = Vec::new().into_iter();
        Ok(Self::begin(opened, rest, options, fingerprint))
    }

    fn begin(
        opened: Opened,
        rest: IntoIter<InputRef>,
        options: &ReadOptions,
        fingerprint: Option<Fingerprinter>,
    ) -> Self {
        Self {
            may_have_decimal_commas: opened.reader.may_have_decimal_commas(),
            rest,
            current: Some(opened.reader),
            numbers: Vec::new(),
            names: opened.names,
            first_file: opened.name.clone(),
            file: opened.name,
            unit: unit_of(opened.format),
            format: opened.format,
            announced: false,
            options: options.clone(),
            fingerprint,
            n_left: options.max_rows.unwrap_or(u64::MAX),
            n_read: 0,
            warnings: opened.warnings,
        }
    }

    /// What the format itself says of columns, whatever their cells look like.
    pub(crate) fn declared(&self) -> BTreeMap<String, ColumnOverride> {
        match self.format {
            Format::Images => images::columns(),
            _ => BTreeMap::new(),
        }
    }

    /// What the format itself says of missing cells.
    pub(crate) fn missing_marks(&self) -> Option<Vec<String>> {
        (self.format == Format::Images).then(images::missing_marks)
    }

    /// Column names, trimmed and unique. A JSON lines source may add more while it is read.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether columns may come that no name tells of yet.
    pub(crate) fn may_add_columns(&self) -> bool {
        self.format == Format::JsonLines
    }

    /// The first file's name.
    pub(crate) fn first_file(&self) -> &str {
        &self.first_file
    }

    /// Whether the first file may have numbers with a decimal comma.
    pub(crate) fn may_have_decimal_commas(&self) -> bool {
        self.may_have_decimal_commas
    }

    /// What was odd about the column names.
    pub(crate) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// Gives up to `max_rows` rows to `sink`, crossing from file to file; fewer only at the end.
    pub(crate) fn read(
        &mut self,
        max_rows: usize,
        sink: &mut dyn PlacedSink,
    ) -> Result<usize, DataError> {
        let wanted = (max_rows as u64).min(self.n_left) as usize;
        let mut n_done = 0;
        while n_done < wanted {
            let Some(reader) = &mut self.current else {
                break;
            };
            if !self.announced {
                sink.file(&self.file, self.unit);
                self.announced = true;
            }
            let n_more = if self.numbers.is_empty() && self.format != Format::JsonLines {
                reader.read(wanted - n_done, sink)?
            } else {
                let mut mapped = Mapped {
                    sink,
                    numbers: &mut self.numbers,
                    names: &mut self.names,
                };
                reader.read(wanted - n_done, &mut mapped)?
            };
            n_done += n_more;
            if self.format == Format::JsonLines {
                (0..self.names.len()).for_each(|column| sink.pad(column));
            }
            if n_more == 0 {
                self.next_file(sink)?;
            }
        }
        self.n_left -= n_done as u64;
        self.n_read += n_done as u64;
        if n_done < wanted && self.n_read == 0 {
            return Err(DataError::HeaderOnly {
                file: self.first_file.clone(),
            });
        }
        if self.n_left == 0 {
            self.end_file()?;
        }
        Ok(n_done)
    }

    /// Refuses more rows than a table in memory can number.
    pub(crate) fn check_total(&self) -> Result<(), DataError> {
        if self.n_read > MAX_ROWS {
            return Err(DataError::TooManyRows {
                limit: MAX_ROWS,
                file: self.file.clone(),
            });
        }
        Ok(())
    }

    /// Lets the current file go. Its rest is hashed only here, where it was read without an error: a stream may never end.
    fn end_file(&mut self) -> Result<(), DataError> {
        self.current = None;
        match &self.fingerprint {
            Some(fingerprint) => fingerprint
                .drain()
                .map_err(|error| DataError::reading(&self.file, error)),
            None => Ok(()),
        }
    }

    fn next_file(&mut self, sink: &mut dyn PlacedSink) -> Result<(), DataError> {
        self.end_file()?;
        let Some(next) = self.rest.next() else {
            return Ok(());
        };
        let (format, reader) = open_one(&next, &self.options, self.fingerprint.as_ref())?;
        let file = next.name();
        let names = clean_names(reader.names(), &file, &self.options, &mut self.warnings)?;
        if format != Format::JsonLines || self.format != Format::JsonLines {
            self.check_same_columns(&names, &file)?;
        }
        self.numbers.clear();
        for name in &names {
            let (number, added) = position_or_add(&mut self.names, name);
            if added {
                sink.new_column(name);
            }
            self.numbers.push(number);
        }
        self.format = format;
        self.unit = unit_of(format);
        self.file = file;
        self.announced = false;
        self.current = Some(reader);
        Ok(())
    }

    fn check_same_columns(&self, names: &[String], file: &str) -> Result<(), DataError> {
        let only_in = |some: &[String], other: &[String]| -> Vec<String> {
            some.iter()
                .filter(|name| !other.contains(name))
                .cloned()
                .collect()
        };
        let missing = only_in(&self.names, names);
        let extra = only_in(names, &self.names);
        if missing.is_empty() && extra.is_empty() {
            return Ok(());
        }
        Err(DataError::ColumnsDiffer {
            file: file.to_owned(),
            first: self.first_file.clone(),
            missing,
            extra,
        })
    }
}

/// A sink that also learns which file the rows are of.
pub(crate) trait PlacedSink: Sink {
    fn file(&mut self, name: &str, unit: Unit);
    /// The rows begun so far that have no cell of `column` lack it.
    fn pad(&mut self, column: usize);
}

/// Renumbers the columns of a file that has them in another order, or that finds new ones on the way.
struct Mapped<'a> {
    sink: &'a mut dyn PlacedSink,
    numbers: &'a mut Vec<usize>,
    names: &'a mut Vec<String>,
}

impl Mapped<'_> {
    fn number(&self, column: usize) -> usize {
        self.numbers.get(column).copied().unwrap_or(column)
    }
}

impl Sink for Mapped<'_> {
    fn row(&mut self, place: u64) {
        self.sink.row(place);
    }

    fn odd_row(&mut self, error: DataError) -> Result<(), DataError> {
        self.sink.odd_row(error)
    }

    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), DataError> {
        self.sink.cell(self.number(column), cell)
    }

    fn wants(&self, column: usize) -> bool {
        self.sink.wants(self.number(column))
    }

    fn new_column(&mut self, name: &str) {
        let (number, added) = position_or_add(self.names, name.trim_ascii());
        if added {
            self.sink.new_column(name.trim_ascii());
        } else {
            self.sink.pad(number);
        }
        if self.numbers.is_empty() {
            // Until now the numbers agreed.
            self.numbers.extend(0..number);
        }
        self.numbers.push(number);
    }
}

/// The first file of a source.
struct Opened {
    name: String,
    format: Format,
    reader: Box<dyn RowReader>,
    names: Vec<String>,
    warnings: Vec<Warning>,
}

fn position_or_add(names: &mut Vec<String>, name: &str) -> (usize, bool) {
    if let Some(position) = names.iter().position(|known| known == name) {
        return (position, false);
    }
    names.push(name.to_owned());
    (names.len() - 1, true)
}

fn open_one(
    input: &InputRef,
    options: &ReadOptions,
    fingerprint: Option<&Fingerprinter>,
) -> Result<(Format, Box<dyn RowReader>), DataError> {
    let opened = input::open(input, options, fingerprint)?;
    let format = opened.format;
    let reader = match format {
        Format::Delimited => delimited::open(opened, options.delimiter)?,
        Format::JsonLines => jsonl::open(opened)?,
        Format::Parquet | Format::Arrow => columnar::open(opened)?,
        Format::Images => idx::open(opened, input.path(), fingerprint)?,
    };
    Ok((format, reader))
}

fn unit_of(format: Format) -> Unit {
    match format {
        Format::Delimited | Format::JsonLines => Unit::Line,
        Format::Parquet | Format::Arrow | Format::Images => Unit::Row,
    }
}

/// Trims names, names the nameless after their position and refuses duplicates, or renames them if that is asked for.
fn clean_names(
    raw: &[String],
    file: &str,
    options: &ReadOptions,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<String>, DataError> {
    let mut names = Vec::with_capacity(raw.len());
    for (position, raw_name) in raw.iter().enumerate() {
        let mut name = raw_name.trim().to_owned();
        if name.is_empty() {
            name = format!("column_{}", position + 1);
            warnings.push(Warning::new(
                WarningKind::UnnamedColumn,
                [&name],
                format!("column {} has no name and is called '{name}'", position + 1),
            ));
        }
        names.push(name);
    }
    let alike = alike(&names);
    if alike.is_empty() {
        return Ok(names);
    }
    if !options.rename_duplicates {
        return Err(DataError::DuplicateColumn {
            columns: alike,
            file: file.to_owned(),
        });
    }
    warnings.push(rename(&mut names, &alike));
    Ok(names)
}

/// The names that more than one column has, each with the positions of its columns from 1, in the order of the first.
fn alike(names: &[String]) -> Vec<(String, Vec<usize>)> {
    let mut positions = std::collections::BTreeMap::<&str, Vec<usize>>::new();
    for (position, name) in names.iter().enumerate() {
        positions.entry(name).or_default().push(position + 1);
    }
    let mut alike: Vec<(String, Vec<usize>)> = positions
        .into_iter()
        .filter(|(_, positions)| positions.len() > 1)
        .map(|(name, positions)| (name.to_owned(), positions))
        .collect();
    alike.sort_by_key(|(_, positions)| positions[0]);
    alike
}

/// Puts `.1`, `.2` and so on behind each name but the first of those alike, passing over names that are there.
fn rename(names: &mut [String], alike: &[(String, Vec<usize>)]) -> Warning {
    let mut renamed = Vec::new();
    for (name, positions) in alike {
        let mut number = 0;
        for position in &positions[1..] {
            let new = loop {
                number += 1;
                let new = format!("{name}.{number}");
                if !names.contains(&new) {
                    break new;
                }
            };
            renamed.push(new.clone());
            names[position - 1] = new;
        }
    }
    let message = format!("columns of one name are told apart: {}", renamed.join(", "));
    Warning::new(WarningKind::UnnamedColumn, renamed, message)
}

/// The place of each row, kept as runs of rows that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Places {
    files: Vec<(String, Unit)>,
    /// First row of the run, its file, its line or row number there.
    runs: Vec<(usize, usize, u64)>,
    n_rows: usize,
    next: Option<u64>,
}

impl Places {
    /// The rows that follow are of this file.
    pub(crate) fn file(&mut self, name: &str, unit: Unit) {
        self.files.push((name.to_owned(), unit));
        self.next = None;
    }

    /// One more row.
    pub(crate) fn push(&mut self, number: u64) {
        if self.next != Some(number) {
            self.runs
                .push((self.n_rows, self.files.len().saturating_sub(1), number));
        }
        self.next = Some(number + 1);
        self.n_rows += 1;
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Forgets the rows, keeps the file.
    pub(crate) fn clear(&mut self) {
        self.files.drain(..self.files.len().saturating_sub(1));
        self.runs.clear();
        self.n_rows = 0;
        self.next = None;
    }

    /// Where `row` stands.
    pub(crate) fn of(&self, row: usize) -> Place {
        let run = self.runs.partition_point(|&(first, ..)| first <= row);
        let (first, file, number) = run
            .checked_sub(1)
            .map_or((0, 0, 1), |before| self.runs[before]);
        let (name, unit) = self
            .files
            .get(file)
            .cloned()
            .unwrap_or_else(|| (String::new(), Unit::Row));
        Place {
            file: name,
            unit,
            number: number + (row - first) as u64,
        }
    }
}
