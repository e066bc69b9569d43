//! One typed column.

use super::{SparseRows, Texts};
use std::sync::Arc;

/// The code of a missing category.
pub const MISSING_CODE: u32 = u32::MAX;
/// The code of a category whose level was not there when the levels were learned.
pub const UNSEEN_CODE: u32 = u32::MAX - 1;
/// The time of a missing timestamp.
pub const MISSING_TIME: i64 = i64::MIN;

/// The distinct values of a category column, in code order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels(Arc<[Box<str>]>);

impl Levels {
    /// Levels in code order: the first has code 0.
    pub fn new<S: Into<Box<str>>>(levels: impl IntoIterator<Item = S>) -> Self {
        Self(levels.into_iter().map(Into::into).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The level of `code`; `None` for the missing and the unseen code.
    pub fn get(&self, code: u32) -> Option<&str> {
        self.0.get(code as usize).map(AsRef::as_ref)
    }

    /// Levels in code order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// A column's values. Each kind has its own mark for a missing cell.
#[derive(Debug, Clone)]
pub enum Column {
    /// Finite numbers; missing is NaN.
    Number(Vec<f64>),
    /// Codes into levels; missing is [`MISSING_CODE`], a level never met before is [`UNSEEN_CODE`].
    Category {
        /// One code a row.
        codes: Vec<u32>,
        /// What the codes stand for.
        levels: Levels,
    },
    /// Free text; missing is `None`.
    Text(Texts),
    /// Microseconds since 1970-01-01T00:00:00Z; missing is `i64::MIN`.
    Timestamp(Vec<i64>),
    /// A sparse vector a row (term weights of a text, a wide one-hot); never missing.
    Sparse(SparseRows),
}

impl Column {
    /// A category column. Each code is below `levels.len()`, [`MISSING_CODE`] or [`UNSEEN_CODE`].
    pub fn category(codes: Vec<u32>, levels: Levels) -> Self {
        debug_assert!(
            codes
                .iter()
                .all(|&c| c >= UNSEEN_CODE || (c as usize) < levels.len())
        );
        Self::Category { codes, levels }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Text(texts) => texts.len(),
            Self::Timestamp(times) => times.len(),
            Self::Sparse(rows) => rows.n_rows(),
        }
    }

    /// Whether the cell of `row` is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Number(values) => values[row].is_nan(),
            Self::Category { codes, .. } => codes[row] == MISSING_CODE,
            Self::Text(texts) => texts.get(row).is_none(),
            Self::Timestamp(times) => times[row] == MISSING_TIME,
            Self::Sparse(_) => false,
        }
    }

    /// How many cells are missing.
    pub fn n_missing(&self) -> usize {
        (0..self.n_rows())
            .filter(|&row| self.is_missing(row))
            .count()
    }

    /// The numbers, if this is a number column.
    pub fn as_number(&self) -> Option<&[f64]> {
        if let Self::Number(values) = self {
            Some(values)
        } else {
            None
        }
    }

    /// Codes and levels, if this is a category column.
    pub fn as_category(&self) -> Option<(&[u32], &Levels)> {
        if let Self::Category { codes, levels } = self {
            Some((codes, levels))
        } else {
            None
        }
    }

    /// The texts, if this is a text column.
    pub fn as_text(&self) -> Option<&Texts> {
        if let Self::Text(texts) = self {
            Some(texts)
        } else {
            None
        }
    }

    /// The times, if this is a timestamp column.
    pub fn as_timestamp(&self) -> Option<&[i64]> {
        if let Self::Timestamp(times) = self {
            Some(times)
        } else {
            None
        }
    }

    /// The sparse vectors, if this is a sparse column.
    pub fn as_sparse(&self) -> Option<&SparseRows> {
        if let Self::Sparse(rows) = self {
            Some(rows)
        } else {
            None
        }
    }

    /// One word for the kind of column, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Category { .. } => "category",
            Self::Text(_) => "text",
            Self::Timestamp(_) => "timestamp",
            Self::Sparse(_) => "sparse",
        }
    }

    /// A copy of the rows given, in that order.
    pub fn gather(&self, rows: &[u32]) -> Column {
        match self {
            Self::Number(values) => {
                Self::Number(rows.iter().map(|&row| values[row as usize]).collect())
            }
            Self::Category { codes, levels } => Self::Category {
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
                levels: levels.clone(),
            },
            Self::Text(texts) => {
                Self::Text(rows.iter().map(|&row| texts.get(row as usize)).collect())
            }
            Self::Timestamp(times) => {
                Self::Timestamp(rows.iter().map(|&row| times[row as usize]).collect())
            }
            Self::Sparse(sparse) => Self::Sparse(sparse.gather(rows)),
        }
    }

    /// Bytes that the values hold.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Number(values) => values.len() * 8,
            Self::Category { codes, levels } => {
                codes.len() * 4 + levels.iter().map(|level| level.len() + 16).sum::<usize>()
            }
            Self::Text(texts) => texts.n_bytes(),
            Self::Timestamp(times) => times.len() * 8,
            Self::Sparse(rows) => rows.n_bytes(),
        }
    }
}
