//! The sentences about columns that a table is better without: reading and profiling say them in the same words.

use crate::error::shorten;
use crate::profile::format::{and_list, count, plural};
use crate::profile::leak::drop_flags;
use automl_core::{Warning, WarningKind};

/// What becomes of the columns that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing is learned from them.
    LeftOut,
    /// A model would learn from them.
    Kept,
}

impl Fate {
    fn clause(self, names: &[&str]) -> String {
        match (self, names) {
            (Self::LeftOut, [_]) => "it is left out".into(),
            (Self::LeftOut, _) => "they are left out".into(),
            (Self::Kept, [_]) => format!("{} leaves it out", drop_flags(names.iter().copied())),
            (Self::Kept, _) => format!("{} leaves them out", drop_flags(names.iter().copied())),
        }
    }
}

/// A column that names its rows: `n_distinct` values in `n_present` rows that have one.
pub(crate) fn id_like(name: &str, n_distinct: u64, n_present: u64, fate: Fate) -> Warning {
    let share = if n_distinct == n_present {
        "differs in every row".to_owned()
    } else {
        format!(
            "has {} values in {}",
            count(n_distinct),
            plural(n_present, "row")
        )
    };
    let message = format!(
        "'{name}' {share} and looks like an identifier; {}",
        fate.clause(&[name])
    );
    Warning::new(WarningKind::IdLikeColumn, [name], message)
}

/// What is wrong with a column of one value, or of none: `'x' holds only 'a'`.
pub(crate) fn constant_found(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("'{name}' holds only '{}'", shorten(value)),
        None => format!("'{name}' holds no value"),
    }
}

/// A column of one value, or of none.
pub(crate) fn constant(name: &str, value: Option<&str>, fate: Fate) -> Warning {
    let message = format!(
        "{} and cannot help; {}",
        constant_found(name, value),
        fate.clause(&[name])
    );
    Warning::new(WarningKind::ConstantColumn, [name], message)
}

/// Columns that hold the cells of `original`, or (not `is_same`) tell its rows apart in other words.
pub(crate) fn duplicate(original: &str, copies: &[&str], is_same: bool, fate: Fate) -> Warning {
    let found = match (is_same, copies.len()) {
        (true, 1) => format!("repeats '{original}' in every row"),
        (true, _) => format!("repeat '{original}' in every row"),
        (false, 1) => format!("tells the same rows apart as '{original}'"),
        (false, _) => format!("tell the same rows apart as '{original}'"),
    };
    let message = format!("{} {found}; {}", and_list(copies), fate.clause(copies));
    let columns = std::iter::once(original).chain(copies.iter().copied());
    Warning::new(WarningKind::DuplicateColumn, columns, message)
}
