//! Cells of a request on their way into the columns of a model, by name or by place.

use super::error::ScoreError;
use super::model::ModelFacts;
use automl_core::{Cell, ROWS_MAX, RowReader, Rows, Table};

/// Rows of one request.
pub(crate) struct Filler<'m> {
    facts: &'m ModelFacts,
    rows: Box<dyn Rows>,
    n_rows: usize,
    /// Cells that each column has.
    n_cells: Vec<usize>,
    /// What is wrong, if the format at hand can only tell that something is.
    pub(crate) problem: Option<ScoreError>,
}

impl<'m> Filler<'m> {
    pub(crate) fn new(facts: &'m ModelFacts, reader: &dyn RowReader) -> Self {
        Self {
            facts,
            rows: reader.start(),
            n_rows: 0,
            n_cells: vec![0; facts.features.len()],
            problem: None,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.facts.features.len()
    }

    /// The column of a name, looked for first at `guess`; none for one that is passed over.
    pub(crate) fn column(&self, name: &str, guess: usize) -> Result<Option<usize>, ScoreError> {
        let features = &self.facts.features;
        if features.get(guess).is_some_and(|field| field.name == name) {
            return Ok(Some(guess));
        }
        if let Some(place) = features.iter().position(|field| field.name == name) {
            return Ok(Some(place));
        }
        if self.facts.others.iter().any(|other| other == name) {
            return Ok(None);
        }
        Err(ScoreError::unknown_column(name.to_owned(), self.facts))
    }

    /// The columns of names in their order.
    pub(crate) fn columns(&self, names: &[String]) -> Result<Vec<Option<usize>>, ScoreError> {
        let mut found = Vec::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            let column = self.column(name, place)?;
            if column.is_some() && found.contains(&column) {
                return Err(ScoreError::form(format!(
                    "column '{name}' stands there twice"
                )));
            }
            found.push(column);
        }
        Ok(found)
    }

    /// A cell of the row that was begun.
    pub(crate) fn row_cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), ScoreError> {
        if self.n_cells[column] > self.n_rows {
            let name = &self.facts.features[column].name;
            let reason = format!("column '{name}' stands there twice");
            return Err(cell_error(self.n_rows, reason));
        }
        self.cell(column, cell)
    }

    /// The next cell of a column.
    pub(crate) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), ScoreError> {
        let row = self.n_cells[column];
        if row >= ROWS_MAX {
            return Err(ScoreError::TooManyRows);
        }
        match self.rows.push(column, cell) {
            Ok(()) => self.n_cells[column] += 1,
            Err(reason) => return Err(cell_error(row, reason)),
        }
        Ok(())
    }

    /// What is wrong where a cell holds more than a value.
    pub(crate) fn nested(&self, column: usize, what: &str) -> ScoreError {
        let name = &self.facts.features[column].name;
        let reason = format!("column '{name}' holds {what} where a value should be");
        cell_error(self.n_cells[column], reason)
    }

    /// What is wrong with a row that is a list of another length.
    pub(crate) fn width(&self, width: usize) -> ScoreError {
        let reason = format!("it has another number of values than there are columns, {width}");
        cell_error(self.n_rows, reason)
    }

    /// Ends a row, which must have a cell of every column.
    pub(crate) fn end_row(&mut self) -> Result<(), ScoreError> {
        self.n_rows += 1;
        if self.n_cells.iter().all(|n_cells| *n_cells == self.n_rows) {
            return Ok(());
        }
        Err(ScoreError::ColumnsMissing {
            names: self.lacking(self.n_rows),
            row: self.n_rows,
        })
    }

    /// The columns with fewer cells than that.
    fn lacking(&self, n_cells: usize) -> Vec<String> {
        let columns = self.facts.features.iter().zip(&self.n_cells);
        columns
            .filter(|(_, has)| **has < n_cells)
            .map(|(field, _)| field.name.clone())
            .collect()
    }

    /// Says that cells came column by column, those of all columns, each with as many cells.
    pub(crate) fn end_columns(&mut self, n_rows: usize, came: &[usize]) -> Result<(), ScoreError> {
        let features = self.facts.features.iter().enumerate();
        let names: Vec<String> = features
            .filter(|(column, _)| !came.contains(column))
            .map(|(_, field)| field.name.clone())
            .collect();
        if !names.is_empty() {
            return Err(ScoreError::ColumnsAbsent { names });
        }
        for (field, n_cells) in self.facts.features.iter().zip(&self.n_cells) {
            if *n_cells != n_rows {
                return Err(ScoreError::Lengths {
                    name: field.name.clone(),
                    n_cells: *n_cells,
                    n_rows,
                });
            }
        }
        self.n_rows = n_rows;
        Ok(())
    }

    /// The most cells that a column has.
    pub(crate) fn most_cells(&self) -> usize {
        self.n_cells.iter().copied().max().unwrap_or(0)
    }

    pub(crate) fn finish(self) -> Table {
        self.rows.finish(self.n_rows)
    }
}

/// What is wrong with a cell of a row that is counted from 0.
fn cell_error(row: usize, reason: String) -> ScoreError {
    ScoreError::Cell {
        row: row + 1,
        reason,
    }
}
