//! Whether the first line of a file holds column names or is a row of data like the others.

use crate::error::shorten;
use crate::infer::values::{NumberStyle, Parsed, parse_number};
use automl_core::{Warning, WarningKind};

/// Whether the first of `records` looks like a row of data: each of its cells is a number, or stands in its column
/// again below. Numbers in even steps (years, positions) make good names.
pub(super) fn looks_like_data(records: &[Vec<String>]) -> bool {
    let Some((header, rows)) = records.split_first() else {
        return false;
    };
    let named = || {
        let cells = header.iter().enumerate();
        cells.filter(|(_, cell)| !cell.trim().is_empty())
    };
    let is_number = |cell: &str| NumberStyle::EITHER.parse(cell.trim()) != Parsed::Not;
    let is_repeated = |column: usize, cell: &str| {
        rows.iter().any(|row| {
            row.get(column)
                .is_some_and(|other| other.trim() == cell.trim())
        })
    };
    !rows.is_empty()
        && named().next().is_some()
        && named().all(|(column, cell)| is_number(cell) || is_repeated(column, cell))
        && !is_scale(header)
}

/// Numbers that rise in even steps; two alone by one.
fn is_scale(cells: &[String]) -> bool {
    let mut numbers = Vec::with_capacity(cells.len());
    for cell in cells {
        match parse_number(cell.trim()) {
            Parsed::Finite(value) => numbers.push(value),
            _ => return false,
        }
    }
    let &[first, second, ..] = numbers.as_slice() else {
        return false;
    };
    let step = second - first;
    let is_even = |pair: &[f64]| (pair[1] - pair[0] - step).abs() <= 1e-6 * step;
    step > 0.0 && numbers.windows(2).all(is_even) && (numbers.len() > 2 || step == 1.0)
}

/// What is said where [`looks_like_data`].
pub(super) fn warning(names: &[String], file: &str) -> Warning {
    const MAX_SHOWN: usize = 3;
    let shown: Vec<String> = names
        .iter()
        .take(MAX_SHOWN)
        .map(|name| format!("'{}'", shorten(name)))
        .collect();
    let more = if names.len() > MAX_SHOWN { ", …" } else { "" };
    let message = format!(
        "the column names look like a row of data ({}{more}); if {file} has no header, put a line of names before its first row",
        shown.join(", ")
    );
    Warning::new(WarningKind::UnnamedColumn, [""; 0], message)
}

/// What is said of a table of one column whose name holds what usually stands between names, where the delimiter was given.
pub(super) fn single_column(names: &[String], file: &str) -> Option<Warning> {
    let [name] = names else { return None };
    let found = [',', ';', '\t', '|']
        .into_iter()
        .find(|&c| name.contains(c))?;
    let shown = if found == '\t' {
        "tabs".to_owned()
    } else {
        format!("\"{found}\"")
    };
    let message = format!(
        "{file} has one column, whose name holds {shown} ('{}'); is the delimiter right?",
        shorten(name)
    );
    Some(Warning::new(WarningKind::UnnamedColumn, [name], message))
}
