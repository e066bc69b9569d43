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

/// Counts rows that repeat others, identifiers and ignored columns apart. Cost: one hash a cell, three sorts.
pub(super) fn rows(table: &Table, profiles: &[ColumnProfile]) -> RepeatedRows {
    let n_rows = table.n_rows();
    let mut features = vec![0_u64; n_rows];
    let mut rounded = vec![0_u64; n_rows];
    let mut targets = vec![0_u64; n_rows];
    let mut n_columns = 0;
    for (position, profile) in profiles.iter().enumerate() {
        let column = table.column_at(position);
        if matches!(profile.role, Role::Id | Role::Ignored) {
            continue;
        }
        let step = match &profile.summary {
            Summary::Numbers(summary) if summary.std > 0.0 => summary.std / 100.0,
            _ => 1.0,
        };
        let is_target = profile.role == Role::Target;
        n_columns += usize::from(!is_target);
        for row in 0..n_rows {
            let exact = cell(column, row);
            if is_target {
                targets[row] = exact;
            } else {
                features[row] = mix(features[row] ^ exact);
            }
            rounded[row] = mix(rounded[row] ^ near_cell(column, row, step));
        }
    }
    if n_columns == 0 {
        return RepeatedRows::default();
    }
    let whole: Vec<u64> = features
        .iter()
        .zip(&targets)
        .map(|(f, t)| mix(f ^ mix(*t)))
        .collect();
    RepeatedRows {
        n_exact: n_repeats(whole),
        n_near: n_repeats(rounded),
        n_contradicting: n_contradicting(features, &targets),
    }
}

fn n_repeats(mut hashes: Vec<u64>) -> u64 {
    let n = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    (n - hashes.len()) as u64
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
fn cell(column: &Column, row: usize) -> u64 {
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

/// As [`cell`], with numbers rounded to `step` and texts without case and outer blanks.
fn near_cell(column: &Column, row: usize, step: f64) -> u64 {
    match column {
        Column::Number(values) if !values[row].is_nan() => {
            ((values[row] / step).round() + 0.0).to_bits()
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
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
