//! Columns and rows that repeat others.

use super::codes::Coding;
use super::model::{ColumnProfile, RepeatedRows, Summary};
use crate::wording::{self, Fate};
use automl_core::{Column, Role, Table, Warning};
use std::collections::BTreeMap;

/// Warnings about columns that hold the same as an earlier one, or tell the same rows apart in other words.
pub(super) fn columns(
    table: &Table,
    profiles: &[ColumnProfile],
    rows: &[u32],
    codings: &[Option<Coding>],
) -> Vec<Warning> {
    let mut groups: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for (position, coding) in codings.iter().enumerate() {
        let is_compared = !matches!(profiles[position].role, Role::Target | Role::Ignored);
        let Some(coding) = coding.as_ref().filter(|c| is_compared && c.n_present() > 1) else {
            continue;
        };
        // Columns whose values hardly repeat all tell all rows apart; only their values can be compared.
        let repeats = coding.n_present() * 2 <= rows.len();
        let hash = if repeats {
            let names = coding.by_appearance();
            names
                .iter()
                .fold(1, |hash, &name| mix(hash ^ u64::from(name)))
        } else {
            let column = table.column_at(position);
            rows.iter()
                .fold(2, |hash, &row| mix(hash ^ cell(column, row as usize)))
        };
        groups
            .entry((coding.n_levels, hash))
            .or_default()
            .push(position);
    }
    let mut found: Vec<Vec<usize>> = groups
        .into_values()
        .filter(|group| group.len() > 1)
        .collect();
    found.sort();
    found
        .iter()
        .map(|group| {
            let names: Vec<&str> = group.iter().map(|&p| profiles[p].name.as_str()).collect();
            let first = table.column_at(group[0]);
            let is_same = group[1..]
                .iter()
                .all(|&other| is_equal(first, table.column_at(other), rows));
            wording::duplicate(names[0], &names[1..], is_same, Fate::Kept)
        })
        .collect()
}

fn is_equal(a: &Column, b: &Column, rows: &[u32]) -> bool {
    match (a, b) {
        (
            Column::Category { codes, levels },
            Column::Category {
                codes: others,
                levels: known,
            },
        ) => rows
            .iter()
            .all(|&row| levels.get(codes[row as usize]) == known.get(others[row as usize])),
        (Column::Number(_), Column::Number(_))
        | (Column::Timestamp(_), Column::Timestamp(_))
        | (Column::Text(_), Column::Text(_)) => rows
            .iter()
            .all(|&row| cell(a, row as usize) == cell(b, row as usize)),
        _ => false,
    }
}

/// The grid of numbers that count as near, as a share of their spread.
const STEP: f64 = 0.01;
/// Rows that fall together on the grid are near for another reason than its coarseness if more than half of their pairs
/// still do on one four times as fine: of values that merely lie close, at most a quarter would.
const FINE_STEP: f64 = STEP / 4.0;

/// Counts rows that repeat others, identifiers and ignored columns apart. Cost: four hashes a cell and a
/// sort of each; where rows repeat, another, and one sort a column.
pub(super) fn rows(table: &Table, profiles: &[ColumnProfile]) -> RepeatedRows {
    let seen: Vec<Seen<'_>> = profiles
        .iter()
        .enumerate()
        .filter(|(_, profile)| !matches!(profile.role, Role::Id | Role::Ignored))
        .map(|(position, profile)| Seen::new(table.column_at(position), profile))
        .collect();
    if seen.iter().all(|seen| seen.is_target) {
        return RepeatedRows::default();
    }
    let n_rows = table.n_rows();
    let hash = |is_wanted: fn(&Seen<'_>) -> bool, step: f64| -> Vec<u64> {
        let mut hashes = vec![0; n_rows];
        for seen in seen.iter().filter(|seen| is_wanted(seen)) {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = mix(*hash ^ seen.cell(row, step));
            }
        }
        hashes
    };
    let exact = Repeats::of(hash(|_| true, 0.0));
    let near = Repeats::of(hash(|_| true, STEP));
    let is_near =
        near.n_rows > exact.n_rows && exceeds_chance(near.n_rows, &seen, n_rows, STEP) && {
            let fine = Repeats::of(hash(|_| true, FINE_STEP));
            (fine.n_pairs - exact.n_pairs) * 2.0 > near.n_pairs - exact.n_pairs
        };
    let targets = hash(|seen| seen.is_target, 0.0);
    RepeatedRows {
        n_exact: exact.n_rows,
        n_near: if is_near { near.n_rows } else { exact.n_rows },
        is_chance: !exceeds_chance(exact.n_rows, &seen, n_rows, 0.0),
        n_contradicting: n_contradicting(hash(|seen| !seen.is_target, 0.0), &targets),
    }
}

/// A column as repeated rows see it.
struct Seen<'a> {
    column: &'a Column,
    /// Standard deviation of a number; 0 for whole numbers, which count things or name them and are near to none but
    /// themselves.
    spread: f64,
    is_target: bool,
}

impl<'a> Seen<'a> {
    fn new(column: &'a Column, profile: &ColumnProfile) -> Self {
        let is_whole = |value: &f64| value.is_nan() || value.fract() == 0.0;
        Self {
            column,
            spread: match (&profile.summary, column) {
                (Summary::Numbers(summary), Column::Number(values))
                    if !values.iter().all(is_whole) =>
                {
                    summary.std
                }
                _ => 0.0,
            },
            is_target: profile.role == Role::Target,
        }
    }

    /// The cell itself, or on a grid of so large a share of the spread.
    fn cell(&self, row: usize, step: f64) -> u64 {
        if step == 0.0 {
            return cell(self.column, row);
        }
        near_cell(self.column, row, self.spread, step)
    }
}

/// Rows equal to an earlier one, and pairs of equal rows.
struct Repeats {
    n_rows: u64,
    n_pairs: f64,
}

impl Repeats {
    fn of(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        let (mut n_rows, mut n_pairs) = (0, 0.0);
        for group in hashes.chunk_by(|a, b| a == b) {
            n_rows += group.len() as u64 - 1;
            n_pairs += group.len() as f64 * (group.len() as f64 - 1.0) / 2.0;
        }
        Self { n_rows, n_pairs }
    }
}

/// Whether rows repeat more than twice as often as they would if columns were independent of each other: two rows are
/// then equal with the product over columns of the chance that two of its cells are.
fn exceeds_chance(n_repeats: u64, seen: &[Seen<'_>], n_rows: usize, step: f64) -> bool {
    if n_repeats == 0 {
        return false;
    }
    let n_pairs = n_rows as f64 * (n_rows as f64 - 1.0) / 2.0;
    let mut n_expected = n_pairs;
    for seen in seen {
        let cells = (0..n_rows).map(|row| seen.cell(row, step)).collect();
        n_expected *= Repeats::of(cells).n_pairs / n_pairs;
        if n_repeats as f64 > 2.0 * n_expected.min(n_rows as f64) {
            return true;
        }
    }
    false
}

fn n_contradicting(features: Vec<u64>, targets: &[u64]) -> u64 {
    let mut pairs: Vec<(u64, u64)> = features.into_iter().zip(targets.iter().copied()).collect();
    pairs.sort_unstable();
    pairs
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group[0].1 != group[group.len() - 1].1)
        .map(|group| group.len() as u64)
        .sum()
}

/// A cell as a number that differs, all but surely, where the cells differ.
pub(super) fn cell(column: &Column, row: usize) -> u64 {
    match column {
        Column::Number(values) if values[row].is_nan() => u64::MAX,
        Column::Number(values) => (values[row] + 0.0).to_bits(),
        Column::Category { codes, .. } => u64::from(codes[row]),
        Column::Text(texts) => texts.get(row).map_or(u64::MAX, |text| hash(text.bytes())),
        Column::Timestamp(times) => times[row] as u64,
        Column::Sparse(rows) => {
            let (indices, values) = rows.row(row);
            indices.iter().zip(values).fold(0, |hash, (&i, v)| {
                mix(hash ^ mix(u64::from(i)) ^ u64::from(v.to_bits()))
            })
        }
    }
}

/// As [`cell`], with texts without case and outer blanks, and numbers rounded to a `step` of their spread and of their
/// own size: beside a few far values all others are close, but not near.
fn near_cell(column: &Column, row: usize, spread: f64, step: f64) -> u64 {
    match column {
        Column::Number(values) if spread > 0.0 && !values[row].is_nan() => {
            let value = values[row];
            let rounded = (value / (spread * step)).round() + 0.0;
            let is_zero = value.abs() < spread * 1e-5;
            let size = if is_zero {
                0.0
            } else {
                (value.abs().ln() / step).round()
            };
            mix(rounded.to_bits() ^ mix(size.to_bits()))
        }
        Column::Text(texts) => texts.get(row).map_or(u64::MAX, |text| {
            hash(text.trim().bytes().map(|byte| byte.to_ascii_lowercase()))
        }),
        _ => cell(column, row),
    }
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
pub(super) fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
