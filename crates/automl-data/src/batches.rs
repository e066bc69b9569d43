//! Streams a file as tables whose columns are coded by a known schema: what scoring reads.

use crate::decode::{Decoder, Marks};
use crate::error::{DataError, SettledBy, Unit, shorten};
use crate::infer::values::Parsed;
use crate::infer::with_text;
use crate::options::ReadOptions;
use crate::read::{Cell, PlacedSink, Places, Rows, Sink};
use crate::source::Source;
use automl_core::{Field, Schema, Table, Texts, Warning, WarningKind, nearest};
use std::collections::BTreeMap;

/// Rows in a batch that scores well: large enough to amortise, small enough for the cache.
const DEFAULT_BATCH_ROWS: usize = 4096;

/// How a file is cut, and what happens if it lacks a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOptions {
    /// A needed column that is not there is treated as missing in every row, with a warning, instead of refused.
    pub allow_missing_columns: bool,
    /// Rows a batch; at least 1.
    pub batch_rows: usize,
    /// Columns of the file to hand on as they are written, such as ids; each a name or names with commas between.
    pub keep: Vec<String>,
    /// A row with too few or too many cells, or one that is not of its column's kind, is left out and told of, instead of
    /// refused with all others.
    pub skip_bad_rows: bool,
}

/// Consecutive rows of a file.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The needed columns, in schema order.
    pub table: Table,
    /// The columns to keep, as [`BatchReader::kept`] names them.
    pub kept: Vec<Texts>,
    /// Rows that were left out, by their place among those that were read, each with why; none unless that was asked for.
    pub refused: BTreeMap<usize, String>,
}

impl Batch {
    /// The place of a row of the table among those that were read.
    ///
    /// ```
    /// use automl_core::Table;
    /// use automl_data::Batch;
    ///
    /// let refused = [(0, "no number".to_owned()), (2, "no time".to_owned())].into();
    /// let batch = Batch { table: Table::default(), kept: Vec::new(), refused };
    /// assert_eq!([0, 1, 2].map(|row| batch.place_of(row)), [1, 3, 4]);
    /// ```
    pub fn place_of(&self, row: usize) -> usize {
        let mut place = row;
        for &left_out in self.refused.keys() {
            place += usize::from(left_out <= place);
        }
        place
    }
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            allow_missing_columns: false,
            batch_rows: DEFAULT_BATCH_ROWS,
            keep: Vec::new(),
            skip_bad_rows: false,
        }
    }
}

/// Opens `source` to be read batch by batch as the columns of `schema` for which `needed` holds, in schema order.
///
/// Columns are matched by name, in any order; levels get the schema's codes, new ones
/// [`UNSEEN_CODE`](automl_core::UNSEEN_CODE). The schema's missing marks hold, or those of `options` if it has none.
/// Memory is bounded by a batch. Cost: about 2 µs a row of 15 columns.
///
/// # Errors
/// A needed column, or one to keep, that is missing, here; in JSON lines, whose keys may come late, when the end is
/// reached without it. A cell that is not of its column's kind, when its batch is read, unless such rows are left out.
pub fn open_batches(
    source: &Source,
    options: &ReadOptions,
    schema: &Schema,
    needed: impl Fn(&Field) -> bool,
    batch: &BatchOptions,
) -> Result<BatchReader, DataError> {
    let mut rows = Rows::open(source, options, None)?;
    let missing = if schema.missing.is_empty() {
        &options.missing
    } else {
        &schema.missing
    };
    let warnings = rows.take_warnings();
    let fields: Vec<&Field> = schema.fields.iter().filter(|field| needed(field)).collect();
    let mut sink = BatchSink {
        names: Vec::new(),
        decoders: Vec::new(),
        of_column: vec![None; rows.names().len()],
        kept: kept_columns(&rows, &batch.keep)?,
        late: Vec::new(),
        refused: batch.skip_bad_rows.then(BTreeMap::new),
        marks: Marks::new(missing),
        places: Places::default(),
        buffer: String::new(),
    };
    let commas = rows.may_have_decimal_commas();
    for field in fields {
        match position_of(&rows, &field.name) {
            Some(position) => sink.of_column[position] = Some(sink.decoders.len()),
            None => sink.late.push(sink.decoders.len()),
        }
        sink.names.push(field.name.clone());
        sink.decoders.push(Decoder::new(field, missing, commas));
    }
    let mut reader = BatchReader {
        rows,
        sink,
        batch_rows: batch.batch_rows.max(1),
        allow_missing_columns: batch.allow_missing_columns,
        known: schema
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect(),
        warnings,
        ended: false,
    };
    if !reader.rows.may_add_columns() {
        reader.check_all_came()?;
    }
    reader.describe_columns();
    Ok(reader)
}

fn position_of(rows: &Rows, name: &str) -> Option<usize> {
    rows.names().iter().position(|other| other == name)
}

/// The names that are asked for, once each: a whole text that is a name, else the parts between its commas.
pub fn split_names(asked: &[String], known: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in asked {
        let parts: Vec<&str> = if known.contains(text) {
            vec![text]
        } else {
            text.split(',').map(str::trim).collect()
        };
        for part in parts {
            if !names.iter().any(|name| name == part) {
                names.push(part.to_owned());
            }
        }
    }
    names
}

fn kept_columns(rows: &Rows, keep: &[String]) -> Result<Vec<Kept>, DataError> {
    let find = |name: String| {
        let column = position_of(rows, &name);
        if column.is_none() && !rows.may_add_columns() {
            return Err(kept_missing(&name, rows));
        }
        Ok(Kept {
            name,
            column,
            texts: Texts::default(),
        })
    };
    let names = split_names(keep, rows.names());
    names.into_iter().map(find).collect()
}

fn kept_missing(name: &str, rows: &Rows) -> DataError {
    let has_part =
        |whole: &&String| whole.contains(',') && whole.split(',').any(|part| part.trim() == name);
    DataError::KeptMissing {
        name: name.to_owned(),
        near: nearest(name, rows.names().iter().map(String::as_str)),
        whole: rows.names().iter().find(has_part).cloned(),
        file: rows.first_file().to_owned(),
    }
}

fn describe_absent(absent: &[String], may_come: bool) -> Option<Warning> {
    let (kind, text) = (WarningKind::MissingColumn, absent.join(", "));
    match absent.len() {
        0 => None,
        n if may_come => Some(format!(
            "{n} column{} not in the first rows, missing until met: {text}",
            if n == 1 { " is" } else { "s are" }
        )),
        1 => Some(format!("column {text} is not there and counts as missing")),
        n => Some(format!(
            "{n} columns are not there and count as missing: {text}"
        )),
    }
    .map(|message| Warning::new(kind, absent, message))
}

fn describe_extra(extra: &[String]) -> Option<Warning> {
    let (kind, text) = (WarningKind::ExtraColumn, extra.join(", "));
    match extra.len() {
        0 => None,
        1 => Some(format!("column {text} is not used")),
        n => Some(format!("{n} columns are not used: {text}")),
    }
    .map(|message| Warning::new(kind, extra, message))
}

/// Tables of consecutive rows, until the file ends or an error ends it.
pub struct BatchReader {
    rows: Rows,
    sink: BatchSink,
    batch_rows: usize,
    allow_missing_columns: bool,
    /// Names that the schema knows, needed or not.
    known: Vec<String>,
    warnings: Vec<Warning>,
    ended: bool,
}

impl BatchReader {
    /// The names of the columns that are kept, in their order.
    pub fn kept(&self) -> Vec<String> {
        self.sink
            .kept
            .iter()
            .map(|kept| kept.name.clone())
            .collect()
    }

    /// Refuses needed columns and columns to keep that were not met.
    fn check_all_came(&self) -> Result<(), DataError> {
        let rows = &self.rows;
        if let Some(kept) = self.sink.kept.iter().find(|kept| kept.column.is_none()) {
            return Err(kept_missing(&kept.name, rows));
        }
        let absent = self.sink.absent();
        let Some((name, others)) = absent.split_first().filter(|_| !self.allow_missing_columns)
        else {
            return Ok(());
        };
        // What the schema knows is no other column by mistake.
        let unknown = |name: &&str| !self.known.iter().any(|known| known == name);
        let names = rows.names().iter().map(String::as_str);
        Err(DataError::ColumnMissing {
            name: name.clone(),
            others: others.to_vec(),
            near: nearest(name, names.filter(unknown)),
            file: rows.first_file().to_owned(),
        })
    }

    fn describe_columns(&mut self) {
        let absent = self.sink.absent();
        let may_come = self.rows.may_add_columns();
        if self.allow_missing_columns {
            self.warnings.extend(describe_absent(&absent, may_come));
        }
        let is_kept = |name: &String| self.sink.kept.iter().any(|kept| kept.name == *name);
        let is_extra = |name: &&String| !self.known.contains(name) && !is_kept(name);
        let extra: Vec<String> = self.rows.names().iter().filter(is_extra).cloned().collect();
        self.warnings.extend(describe_extra(&extra));
    }

    /// What was found when the file was opened: columns that are not used or that are treated as missing.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, DataError> {
        let n_rows = self.rows.read(self.batch_rows, &mut self.sink)?;
        if n_rows == 0 {
            self.check_all_came()?;
        }
        Ok((n_rows > 0).then(|| {
            let batch = Batch {
                kept: self.sink.take_kept(n_rows),
                table: self.sink.take(n_rows),
                refused: BTreeMap::new(),
            };
            match &mut self.sink.refused {
                Some(refused) if !refused.is_empty() => without(&batch, std::mem::take(refused)),
                _ => batch,
            }
        }))
    }
}

impl std::fmt::Debug for BatchReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchReader")
            .field("file", &self.rows.first_file())
            .field("columns", &self.sink.names)
            .finish_non_exhaustive()
    }
}

impl Iterator for BatchReader {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.next_batch().transpose();
        self.ended = !matches!(batch, Some(Ok(_)));
        batch
    }
}

/// The batch without rows that are refused.
fn without(batch: &Batch, refused: BTreeMap<usize, String>) -> Batch {
    let is_good = |row: &u32| !refused.contains_key(&(*row as usize));
    let good: Vec<u32> = (0..batch.table.n_rows() as u32).filter(is_good).collect();
    let texts = |kept: &Texts| good.iter().map(|&row| kept.get(row as usize)).collect();
    Batch {
        table: batch.table.gather(&good),
        kept: batch.kept.iter().map(texts).collect(),
        refused,
    }
}

/// A column of the file that is handed on as it is written.
struct Kept {
    name: String,
    /// Its position in the file, once it was met.
    column: Option<usize>,
    texts: Texts,
}

struct BatchSink {
    names: Vec<String>,
    decoders: Vec<Decoder>,
    /// The decoder of each column of the file.
    of_column: Vec<Option<usize>>,
    kept: Vec<Kept>,
    /// Decoders whose column was not met.
    late: Vec<usize>,
    /// Rows of the batch with a cell that is not of its kind, each with the first; `None` if such a cell ends the reading.
    refused: Option<BTreeMap<usize, String>>,
    marks: Marks,
    places: Places,
    buffer: String,
}

impl BatchSink {
    /// Names of the needed columns that were not met.
    fn absent(&self) -> Vec<String> {
        self.late
            .iter()
            .map(|&decoder| self.names[decoder].clone())
            .collect()
    }

    fn take(&mut self, n_rows: usize) -> Table {
        for decoder in &mut self.decoders {
            while decoder.len() < n_rows {
                decoder.push_missing();
            }
        }
        self.places.clear();
        if self.decoders.is_empty() {
            return Table::without_columns(n_rows);
        }
        let columns = (self.names.iter())
            .zip(&mut self.decoders)
            .map(|(name, decoder)| (name.clone(), decoder.take()))
            .collect();
        Table::new(columns).expect("names are unique and all columns have all rows")
    }

    fn take_kept(&mut self, n_rows: usize) -> Vec<Texts> {
        let take = |kept: &mut Kept| {
            while kept.texts.len() < n_rows {
                kept.texts.push(None);
            }
            std::mem::take(&mut kept.texts)
        };
        self.kept.iter_mut().map(take).collect()
    }

    fn keep(&mut self, column: usize, cell: Cell<'_>) {
        let wanted = |kept: &&mut Kept| kept.column == Some(column);
        for kept in self.kept.iter_mut().filter(wanted) {
            match cell {
                Cell::Missing => kept.texts.push(None),
                cell => with_text(cell, &mut self.buffer, |text| kept.texts.push(Some(text))),
            }
        }
    }

    fn refuse(&self, decoder: usize, text: &str, parsed: Parsed) -> DataError {
        let place = self.places.of(self.decoders[decoder].len());
        let column = self.names[decoder].clone();
        let value = shorten(text);
        if parsed == Parsed::Infinite {
            return DataError::Infinite {
                place,
                column,
                value,
            };
        }
        DataError::Cell {
            place,
            column,
            kind: self.decoders[decoder].kind(),
            value,
            settled_by: SettledBy::Fitted,
        }
    }
}

impl Sink for BatchSink {
    fn row(&mut self, place: u64) {
        self.places.push(place);
    }

    fn odd_row(&mut self, error: DataError) -> Result<(), DataError> {
        let Some(refused) = &mut self.refused else {
            return Err(error);
        };
        refused.insert(self.places.n_rows() - 1, error.to_string());
        (0..self.of_column.len()).try_for_each(|column| self.cell(column, Cell::Missing))
    }

    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), DataError> {
        if !self.kept.is_empty() {
            self.keep(column, cell);
        }
        let Some(position) = self.of_column[column] else {
            return Ok(());
        };
        let decoder = &mut self.decoders[position];
        let pushed = decoder.push(cell, &self.marks, &mut self.buffer);
        let Err((text, parsed)) = pushed else {
            return Ok(());
        };
        let error = self.refuse(position, &text, parsed);
        let Some(refused) = &mut self.refused else {
            return Err(error);
        };
        let decoder = &mut self.decoders[position];
        let told = || error.to_string();
        refused.entry(decoder.len()).or_insert_with(told);
        decoder.push_missing();
        Ok(())
    }

    fn wants(&self, column: usize) -> bool {
        self.of_column[column].is_some() || self.kept.iter().any(|kept| kept.column == Some(column))
    }

    fn new_column(&mut self, name: &str) {
        let column = self.of_column.len();
        let place = self
            .late
            .iter()
            .position(|&decoder| self.names[decoder] == name);
        self.of_column
            .push(place.map(|place| self.late.remove(place)));
        for kept in self.kept.iter_mut().filter(|kept| kept.name == name) {
            kept.column = Some(column);
        }
        self.pad(column);
    }
}

impl PlacedSink for BatchSink {
    fn file(&mut self, name: &str, unit: Unit) {
        self.places.file(name, unit);
    }

    fn pad(&mut self, column: usize) {
        let n_rows = self.places.n_rows();
        for kept in self
            .kept
            .iter_mut()
            .filter(|kept| kept.column == Some(column))
        {
            while kept.texts.len() < n_rows {
                kept.texts.push(None);
            }
        }
        let Some(position) = self.of_column[column] else {
            return;
        };
        while self.decoders[position].len() < self.places.n_rows() {
            self.decoders[position].push_missing();
        }
    }
}
