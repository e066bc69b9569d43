//! Where columns stand in tables that share their names.

use super::Table;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Tables of more rows are not worth remembering: looking for their columns is little beside what follows.
const FEW_ROWS: usize = 16;

/// Places of columns, found in the first table of few rows and known for all tables that share its names. Rows that are predicted
/// one by one come in such tables, and comparing names would be a good part of the work.
#[derive(Debug, Default)]
pub struct Places(OnceLock<(Table, Vec<usize>)>);

impl Places {
    /// The places of columns in a table, which `find` looks for if they are not known.
    ///
    /// # Errors
    /// What `find` says.
    pub fn of<E>(
        &self,
        table: &Table,
        find: impl FnOnce() -> Result<Vec<usize>, E>,
    ) -> Result<Cow<'_, [usize]>, E> {
        if let Some((known, places)) = self.0.get()
            && known.shares_names(table)
        {
            return Ok(Cow::Borrowed(places));
        }
        let places = find()?;
        if table.n_rows() <= FEW_ROWS && self.0.get().is_none() {
            self.0.get_or_init(|| (table.gather(&[]), places.clone()));
        }
        Ok(Cow::Owned(places))
    }
}

/// A copy starts without: what it knows says nothing that a table does not.
impl Clone for Places {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}
