//! Collects a file's cells as codes into each column's dictionary.

use super::{Dictionary, Places};
use crate::error::{DataError, Unit};
use crate::infer::with_text;
use crate::read::{Cell, PlacedSink, Sink};

/// One column: the code of each row into the dictionary of distinct cells. A missing cell is empty text.
#[derive(Default)]
pub(super) struct Codes {
    pub(super) codes: Vec<u32>,
    pub(super) dictionary: Dictionary,
}

impl Codes {
    /// How often each distinct cell occurs.
    pub(super) fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.dictionary.len()];
        for &code in &self.codes {
            counts[code as usize] += 1;
        }
        counts
    }

    /// The first row that holds `text`, which is in the dictionary.
    pub(super) fn first_row(&self, text: &str) -> usize {
        let code = self.dictionary.find(text);
        (self.codes.iter())
            .position(|&other| Some(other) == code)
            .unwrap_or_default()
    }

    /// Equal for columns of equal cells, and hardly for others.
    pub(super) fn signature(&self) -> u64 {
        let step = |state: u64, value: u64| {
            (state.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
        };
        let state = self
            .codes
            .iter()
            .fold(0, |state, &code| step(state, u64::from(code)));
        step(state, self.dictionary.len() as u64)
    }

    /// Codes follow the order of appearance, so equal columns have equal codes and dictionaries.
    pub(super) fn same_cells(&self, other: &Self) -> bool {
        self.codes == other.codes && self.dictionary.iter().eq(other.dictionary.iter())
    }
}

/// Memory that a cell comes to: its code, then the value that takes the code's place.
const CELL_BYTES: u64 = 8;
/// What a dictionary keeps of a distinct text beside the text.
const DISTINCT_BYTES: u64 = 24;

/// The sink of a whole table.
pub(super) struct CodeSink {
    columns: Vec<Codes>,
    places: Places,
    buffer: String,
    file: String,
    n_bytes: u64,
    max_bytes: u64,
}

impl CodeSink {
    /// Without `max_bytes` the table may grow without end.
    pub(super) fn new(names: &[String], max_bytes: Option<u64>) -> Self {
        Self {
            columns: names.iter().map(|_| Codes::default()).collect(),
            places: Places::default(),
            buffer: String::new(),
            file: String::new(),
            n_bytes: 0,
            max_bytes: max_bytes.unwrap_or(u64::MAX),
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Codes>, Places) {
        (self.columns, self.places)
    }
}

impl Sink for CodeSink {
    fn row(&mut self, place: u64) {
        self.places.push(place);
    }

    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), DataError> {
        let column = &mut self.columns[column];
        let n_distinct = column.dictionary.len();
        let (code, n_text) = with_text(cell, &mut self.buffer, |text| {
            (column.dictionary.code(text), text.len())
        });
        column.codes.push(code);
        self.n_bytes += CELL_BYTES;
        if column.dictionary.len() > n_distinct {
            self.n_bytes += DISTINCT_BYTES + n_text as u64;
        }
        if self.n_bytes > self.max_bytes {
            return Err(DataError::TooLarge {
                limit: self.max_bytes,
                file: self.file.clone(),
            });
        }
        Ok(())
    }

    fn wants(&self, _column: usize) -> bool {
        true
    }

    fn new_column(&mut self, _name: &str) {
        self.columns.push(Codes::default());
        self.pad(self.columns.len() - 1);
    }
}

impl PlacedSink for CodeSink {
    fn file(&mut self, name: &str, unit: Unit) {
        name.clone_into(&mut self.file);
        self.places.file(name, unit);
    }

    fn pad(&mut self, column: usize) {
        let column = &mut self.columns[column];
        if column.codes.len() < self.places.n_rows() {
            let code = column.dictionary.code("");
            column.codes.resize(self.places.n_rows(), code);
        }
    }
}
