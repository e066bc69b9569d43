//! Typed columns of equal length, and views of some of their rows.

mod cell;
mod column;
mod places;
mod sparse;
mod stack;
#[cfg(test)]
mod tests;
mod texts;
mod view;

pub use cell::Cell;
pub use column::{Column, Levels, MISSING_CODE, MISSING_TIME, UNSEEN_CODE};
pub use places::Places;
pub use sparse::SparseRows;
pub use texts::Texts;
pub use view::TableView;

use crate::contract::PredictError;
use crate::error::Coded;
use std::sync::Arc;

/// Named columns of equal length, column-major. Cheap to clone: columns are shared.
#[derive(Debug, Clone, Default)]
pub struct Table {
    names: Arc<[Arc<str>]>,
    columns: Vec<Arc<Column>>,
    n_rows: usize,
}

/// Why columns do not make a table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    /// A column is longer or shorter than the first one.
    #[error("column '{name}' has {n_rows} rows where {expected} are expected")]
    Length {
        /// The column.
        name: String,
        /// Its rows.
        n_rows: usize,
        /// The rows of the first column.
        expected: usize,
    },
    /// Two columns share one name.
    #[error("column '{name}' appears twice")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl Coded for TableError {
    fn code(&self) -> &'static str {
        match self {
            TableError::Length { .. } => "table-column-length",
            TableError::Duplicate { .. } => "table-column-duplicate",
        }
    }
}

impl Table {
    /// A table of `columns` in the given order.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Self, TableError> {
        Self::from_shared(
            columns
                .into_iter()
                .map(|(name, column)| (name.into(), Arc::new(column)))
                .collect(),
        )
    }

    /// A table of columns that others may hold too.
    pub fn from_shared(columns: Vec<(Arc<str>, Arc<Column>)>) -> Result<Self, TableError> {
        let n_rows = columns.first().map_or(0, |(_, column)| column.n_rows());
        for (name, column) in &columns {
            if column.n_rows() != n_rows {
                return Err(TableError::Length {
                    name: name.to_string(),
                    n_rows: column.n_rows(),
                    expected: n_rows,
                });
            }
        }
        if let Some(name) = repeated(&columns) {
            let name = name.to_owned();
            return Err(TableError::Duplicate { name });
        }
        let (names, columns): (Vec<_>, _) = columns.into_iter().unzip();
        Ok(Self {
            names: names.into(),
            columns,
            n_rows,
        })
    }

    /// Other columns under the names of this table, which are neither copied nor compared anew.
    ///
    /// # Errors
    /// The columns are of different lengths.
    ///
    /// # Panics
    /// If they are not as many as these.
    pub fn like(&self, columns: Vec<Arc<Column>>) -> Result<Self, TableError> {
        assert_eq!(columns.len(), self.columns.len(), "a column for each name");
        let n_rows = columns
            .first()
            .map_or(self.n_rows, |column| column.n_rows());
        let named = self.names.iter().zip(&columns);
        match named
            .into_iter()
            .find(|(_, column)| column.n_rows() != n_rows)
        {
            Some((name, column)) => Err(TableError::Length {
                name: name.to_string(),
                n_rows: column.n_rows(),
                expected: n_rows,
            }),
            None => Ok(Self {
                names: Arc::clone(&self.names),
                columns,
                n_rows,
            }),
        }
    }

    /// Whether the names are one list in memory, as those of tables made like one another are.
    pub fn shares_names(&self, other: &Table) -> bool {
        Arc::ptr_eq(&self.names, &other.names)
    }

    /// A table without columns that still has rows: what is left when every feature was dropped.
    pub fn without_columns(n_rows: usize) -> Self {
        Self {
            names: Arc::default(),
            columns: Vec::new(),
            n_rows,
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// Column names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.names.iter().map(AsRef::as_ref)
    }

    /// Names and columns in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Column)> {
        self.names
            .iter()
            .map(AsRef::as_ref)
            .zip(self.columns.iter().map(AsRef::as_ref))
    }

    /// Names and shared columns in order, to build another table from without copying.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = (Arc<str>, Arc<Column>)> {
        self.names.iter().cloned().zip(self.columns.iter().cloned())
    }

    /// The name and the shared column at `position`.
    pub fn shared_at(&self, position: usize) -> (&Arc<str>, &Arc<Column>) {
        (&self.names[position], &self.columns[position])
    }

    /// Where the columns of these names stand, each of which is looked for behind the one before first.
    ///
    /// # Errors
    /// There is no column of a name.
    pub fn places_of<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<usize>, PredictError> {
        let mut next = 0;
        let place = |name: &str| {
            let place = self.position_near(name, next);
            let place = place.ok_or_else(|| PredictError::ColumnMissing { name: name.into() })?;
            next = place + 1;
            Ok(place)
        };
        names.map(place).collect()
    }

    /// Where the column called `name` stands, which is looked for at `guess` first, then behind it.
    fn position_near(&self, name: &str, guess: usize) -> Option<usize> {
        let (before, behind) = self.names.split_at(guess.min(self.names.len()));
        let is_there = |known: &Arc<str>| known.as_ref() == name;
        let place = behind.iter().position(is_there);
        place
            .map(|place| before.len() + place)
            .or_else(|| before.iter().position(is_there))
    }

    /// The column at `position`.
    pub fn column_at(&self, position: usize) -> &Column {
        &self.columns[position]
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.position(name)
            .map(|position| self.columns[position].as_ref())
    }

    /// Where the column called `name` stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.as_ref() == name)
    }

    /// The rows of all parts below one another, which have the same columns with the same levels; none if they do not, or there
    /// is no part.
    pub fn stacked(parts: &[&Table]) -> Option<Table> {
        stack::stacked(parts)
    }

    /// All rows.
    pub fn view(&self) -> TableView<'_> {
        TableView::all(self)
    }

    /// The rows whose numbers are given, which may repeat; each must be below `n_rows`.
    pub fn rows<'a>(&'a self, rows: &'a [u32]) -> TableView<'a> {
        TableView::some(self, rows)
    }

    /// A copy of the rows given, in that order.
    pub fn gather(&self, rows: &[u32]) -> Table {
        let columns = self
            .columns
            .iter()
            .map(|column| Arc::new(column.gather(rows)))
            .collect();
        Table {
            names: Arc::clone(&self.names),
            columns,
            n_rows: rows.len(),
        }
    }

    /// Bytes that the columns hold, to weigh against a memory limit.
    pub fn n_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.n_bytes()).sum()
    }
}

/// The first name that stands before it already. Few names are compared with each other, which costs less than a set does:
/// tables of one row are made by the ten thousand a second.
fn repeated(columns: &[(Arc<str>, Arc<Column>)]) -> Option<&str> {
    const N_FEW: usize = 24;
    let mut names = columns.iter().map(|(name, _)| name.as_ref());
    if columns.len() > N_FEW {
        let mut seen = std::collections::BTreeSet::new();
        return names.find(|name| !seen.insert(*name));
    }
    let repeated = names
        .enumerate()
        .find(|(place, name)| columns[..*place].iter().any(|(other, _)| **other == **name));
    repeated.map(|(_, name)| name)
}
