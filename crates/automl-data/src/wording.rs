//! The sentences that reading and profiling say in the same words: about columns that a table is better without, and
//! about levels that may be one.

use crate::error::shorten;
use crate::profile::format::{and_list, count, plural};
use crate::profile::leak::{Speaker, drop_flags};
use crate::schema_file::key;
use automl_core::{Role, Warning, WarningKind};
use std::collections::BTreeMap;

/// What becomes of the columns that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing is learned from them.
    LeftOut,
    /// A model would learn from them.
    Kept,
    /// They are learned from since nothing else is there.
    KeptAsLast,
}

impl Fate {
    fn clause(self, names: &[&str]) -> String {
        match (self, names) {
            (Self::LeftOut, [_]) => "it is left out".into(),
            (Self::LeftOut, _) => "they are left out".into(),
            (Self::KeptAsLast, _) => "it is kept, as no other column is left to learn from".into(),
            (Self::Kept, names) => {
                let flags = drop_flags(Speaker::Profile, names.iter().copied());
                let them = if names.len() == 1 { "it" } else { "them" };
                format!("{flags} leaves {them} out")
            }
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
    let remedy = if fate == Fate::LeftOut {
        format!(
            " (`{}: {{role: feature}}` in a --schema file keeps it)",
            key(name)
        )
    } else {
        String::new()
    };
    let message = format!(
        "'{name}' {share} and looks like an identifier; {}{remedy}",
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

/// Pairs of levels that are named; more are counted.
const MAX_PAIRS: usize = 3;

/// Levels that differ only in case, blanks or a final punctuation mark, if there are any.
pub(crate) fn near_levels<'a>(
    name: &str,
    role: Role,
    levels: impl Iterator<Item = &'a str>,
) -> Option<Warning> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for level in levels {
        let bare = bare_level(level);
        if !bare.is_empty() {
            alike.entry(bare).or_default().push(level);
        }
    }
    let groups: Vec<String> = (alike.values())
        .filter(|levels| levels.len() > 1)
        .map(|levels| {
            let shown: Vec<String> = levels.iter().map(|level| shorten(level)).collect();
            and_list(&shown.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect();
    if groups.is_empty() {
        return None;
    }
    let more = match groups.len().saturating_sub(MAX_PAIRS) {
        0 => String::new(),
        n => format!("; and {}", plural(n as u64, "more such group")),
    };
    let them = if role == Role::Target {
        "classes"
    } else {
        "levels"
    };
    let message = format!(
        "{them} of '{name}' are nearly written alike but count apart: {}{more}; if they mean the same, write them alike in the data",
        groups[..groups.len().min(MAX_PAIRS)].join("; ")
    );
    Some(Warning::new(WarningKind::NearLevels, [name], message))
}

/// The level in lower case, with single blanks and without a final punctuation mark.
fn bare_level(level: &str) -> String {
    let words: Vec<&str> = level.split_whitespace().collect();
    let mut bare = words.join(" ").to_lowercase();
    if bare.ends_with(['.', ',', ';', ':', '!', '?']) {
        bare.pop();
    }
    bare.truncate(bare.trim_end().len());
    bare
}
