//! What of a table decides which configurations make sense, and in which order they are tried.

use automl_core::{Column, Dataset, Target};
use automl_features::Recipe;
use std::collections::BTreeMap;

/// A category of more levels than this is wide.
const WIDE_LEVELS: usize = 8;

/// Cells that pairs of categories may come to: each split has its own.
const CROSS_CELLS_MAX: usize = 4_000_000;

/// Numbers of a table in [`Facts::shape`].
pub(super) const N_SHAPE: usize = 7;
/// What these numbers are called, by name.
pub(super) const SHAPE: [&str; N_SHAPE] = [
    "categories",
    "log_classes",
    "log_columns",
    "log_rows",
    "missing",
    "texts",
    "wide_categories",
];

/// Facts that decide which configurations make sense.
pub(crate) struct Facts {
    pub(super) n_rows: usize,
    pub(crate) n_columns: usize,
    pub(crate) is_class: bool,
    pub(crate) has_skewed_target: bool,
    /// Categories that could be encoded by their target.
    pub(crate) n_wide_categories: usize,
    /// Columns of whole numbers that repeat like such a category.
    pub(crate) n_wide_numbers: usize,
    pub(super) has_text: bool,
    n_numbers: usize,
    /// Categories, and whole numbers that a recipe takes for such.
    n_codes: usize,
    n_classes: usize,
    /// Columns of so many levels that recipes encode them.
    n_encoded: usize,
    /// What tables that are alike have alike, as [`SHAPE`] names it.
    shape: [f64; N_SHAPE],
}

impl Facts {
    pub(crate) fn of(data: &Dataset) -> Self {
        let columns = || data.table().iter().map(|(_, column)| column);
        let n_wide_categories = columns().filter(|column| is_wide_category(column)).count();
        Self {
            n_rows: data.n_rows(),
            n_columns: data.table().n_columns(),
            is_class: data.task().is_classification(),
            has_skewed_target: is_skewed(data.target()),
            n_wide_categories,
            n_wide_numbers: columns().filter(|column| is_wide_number(column)).count(),
            n_numbers: columns().filter(|column| is_number(column)).count(),
            n_codes: columns().filter(|column| is_code(column)).count(),
            n_classes: data.task().n_classes(),
            n_encoded: columns().filter(|column| is_encoded(column)).count(),
            has_text: columns().any(|column| matches!(column, Column::Text(_))),
            shape: shape(data, n_wide_categories),
        }
    }

    /// Meta-features: what tables that are alike have alike.
    pub(super) fn shape(&self) -> &[f64; N_SHAPE] {
        &self.shape
    }

    /// The meta-features by name.
    pub(crate) fn named_shape(&self) -> BTreeMap<&'static str, f64> {
        SHAPE.into_iter().zip(self.shape).collect()
    }

    /// Whether numbers could be multiplied, divided and subtracted.
    pub(super) fn has_pairs(&self) -> bool {
        self.n_numbers > 1
    }

    /// Pairs of categories that a recipe joins.
    pub(crate) fn n_crosses(&self) -> usize {
        (self.n_codes * self.n_codes.saturating_sub(1) / 2).min(Recipe::MAX_CROSSES)
    }

    /// Whether categories could be joined, and what is made of the pairs is not too much to keep for each split.
    pub(super) fn has_crosses(&self) -> bool {
        let columns = self.n_crosses() * (1 + self.n_classes.max(1));
        columns > 0 && columns * self.n_rows <= CROSS_CELLS_MAX
    }

    /// Whether a recipe has anything to encode by its target.
    pub(crate) fn has_wide_categories(&self) -> bool {
        self.n_encoded > 0
    }
}

/// Rows and columns as powers of ten, classes as a power of two, and shares of the columns: categories, wide ones, those that lack
/// values, and texts.
fn shape(data: &Dataset, n_wide_categories: usize) -> [f64; N_SHAPE] {
    let columns = || data.table().iter().map(|(_, column)| column);
    let n_columns = data.table().n_columns().max(1) as f64;
    let share = |n: usize| n as f64 / n_columns;
    let is_text = |column: &&Column| matches!(column, Column::Text(_));
    let lacks = |column: &&Column| column.n_missing() > 0;
    [
        share(columns().filter(|column| is_category(column)).count()),
        (data.task().n_classes().max(1) as f64).log2(),
        n_columns.log10(),
        (data.n_rows().max(1) as f64).log10(),
        share(columns().filter(lacks).count()),
        share(columns().filter(is_text).count()),
        share(n_wide_categories),
    ]
}

/// Not negative and spread so that the mean lies far above the median.
fn is_skewed(target: &Target) -> bool {
    let Target::Numbers(values) = target else {
        return false;
    };
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    sorted[0] >= 0.0
        && at(0.99) - at(0.5) > 2.5 * (at(0.5) - at(0.01))
        && at(0.99) > 3.0 * at(0.5).max(f64::MIN_POSITIVE)
}

fn is_number(column: &Column) -> bool {
    matches!(column, Column::Number(_))
}

fn is_category(column: &Column) -> bool {
    matches!(column, Column::Category { .. })
}

fn is_wide_category(column: &Column) -> bool {
    matches!(column, Column::Category { levels, .. } if levels.len() > WIDE_LEVELS)
}

fn is_wide_number(column: &Column) -> bool {
    n_codes(column).is_some_and(|n_distinct| n_distinct > WIDE_LEVELS)
}

/// Whether a recipe that joins categories takes the column for one.
fn is_code(column: &Column) -> bool {
    let is_number = n_codes(column).is_some_and(|n_distinct| Recipe::CODES.contains(&n_distinct));
    is_number || is_category(column)
}

fn is_encoded(column: &Column) -> bool {
    match column {
        Column::Category { levels, .. } => levels.len() >= *Recipe::CODES.start(),
        other => is_code(other),
    }
}

/// Distinct values of a column of whole numbers that repeat.
fn n_codes(column: &Column) -> Option<usize> {
    let Column::Number(values) = column else {
        return None;
    };
    let present = values.iter().copied().filter(|value| !value.is_nan());
    let mut present: Vec<f64> = present.collect();
    let n_rows = present.len();
    if present.iter().any(|value| value.fract() != 0.0) {
        return None;
    }
    present.sort_unstable_by(f64::total_cmp);
    present.dedup();
    (present.len() * 2 < n_rows).then_some(present.len())
}
