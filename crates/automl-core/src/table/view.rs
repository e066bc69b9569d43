//! Some rows of a table, without a copy.

use super::{Column, Table, Texts};
use crate::PredictError;
use std::borrow::Cow;

/// Rows of a table: all of them, or those whose numbers are listed.
#[derive(Debug, Clone, Copy)]
pub struct TableView<'a> {
    table: &'a Table,
    rows: Option<&'a [u32]>,
}

impl<'a> TableView<'a> {
    pub(super) fn all(table: &'a Table) -> Self {
        Self { table, rows: None }
    }

    pub(super) fn some(table: &'a Table, rows: &'a [u32]) -> Self {
        debug_assert!(rows.iter().all(|&row| (row as usize) < table.n_rows()));
        Self {
            table,
            rows: Some(rows),
        }
    }

    /// The whole table behind the view.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// The listed row numbers; `None` means all rows in order.
    pub fn row_ids(&self) -> Option<&'a [u32]> {
        self.rows
    }

    /// Number of rows in the view.
    pub fn n_rows(&self) -> usize {
        self.rows.map_or(self.table.n_rows(), <[u32]>::len)
    }

    /// The table's row number of the view's row `position`.
    #[inline]
    pub fn row(&self, position: usize) -> usize {
        self.rows.map_or(position, |rows| rows[position] as usize)
    }

    /// The table's row numbers in view order.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.n_rows()).map(|position| self.row(position))
    }

    /// The numbers of a column that a model reads, by the table's row.
    ///
    /// # Errors
    /// No such column, or one of another kind.
    pub fn number(&self, name: &str) -> Result<&'a [f64], PredictError> {
        self.input(name, "number", Column::as_number)
    }

    /// The texts of a column that a model reads, by the table's row.
    ///
    /// # Errors
    /// No such column, or one of another kind.
    pub fn text(&self, name: &str) -> Result<&'a Texts, PredictError> {
        self.input(name, "text", Column::as_text)
    }

    fn input<T: ?Sized>(
        &self,
        name: &str,
        expected: &'static str,
        cells: impl Fn(&'a Column) -> Option<&'a T>,
    ) -> Result<&'a T, PredictError> {
        let column = self.table.column(name);
        let column = column.ok_or_else(|| PredictError::ColumnMissing { name: name.into() })?;
        cells(column).ok_or_else(|| PredictError::ColumnKind {
            name: name.into(),
            found: column.kind_name(),
            expected,
        })
    }

    /// The view as a table of its own: free when it holds all rows.
    pub fn to_table(&self) -> Cow<'a, Table> {
        match self.rows {
            None => Cow::Borrowed(self.table),
            Some(rows) => Cow::Owned(self.table.gather(rows)),
        }
    }
}

impl<'a> From<&'a Table> for TableView<'a> {
    fn from(table: &'a Table) -> Self {
        table.view()
    }
}
