//! How a column differs between two tables.

use super::ProfileOptions;
use super::model::Drift;
use super::rows;
use super::summary::level_counts;
use crate::levels::LevelCoder;
use automl_core::{Column, Levels, MISSING_TIME, Table};
use std::collections::BTreeMap;

const N_BINS: usize = 10;
/// Chance, over all columns together, of calling equal distributions different.
const SIGNIFICANCE: f64 = 0.01;

/// Compares a column with the one of the same name in another table; `None` if that is not there or of another kind.
pub(super) fn compare(
    name: &str,
    column: &Column,
    other: &Table,
    options: &ProfileOptions<'_>,
) -> Option<Drift> {
    let there = other.column(name)?;
    let sample = |column: &Column| {
        rows::sample(column.n_rows(), options.max_rows, options.seed, |row| {
            !column.is_missing(row)
        })
    };
    let significance = SIGNIFICANCE / other.n_columns().max(1) as f64;
    let mut drift = match (column, there) {
        (Column::Number(a), Column::Number(b)) => {
            let value = |values: &[f64], rows: &[u32]| -> Vec<f64> {
                rows.iter().map(|&row| values[row as usize] + 0.0).collect()
            };
            numbers(
                value(a, &sample(column)),
                value(b, &sample(there)),
                significance,
            )
        }
        (Column::Timestamp(a), Column::Timestamp(b)) => {
            let value = |values: &[i64], rows: &[u32]| -> Vec<f64> {
                rows.iter()
                    .map(|&row| values[row as usize])
                    .filter(|time| *time != MISSING_TIME)
                    .map(|time| time as f64)
                    .collect()
            };
            numbers(
                value(a, &sample(column)),
                value(b, &sample(there)),
                significance,
            )
        }
        (
            Column::Category { codes: a, levels },
            Column::Category {
                codes: b,
                levels: known,
            },
        ) => {
            // As a model codes new rows: `1` is the level `1.0`, `TRUE` the level `True`.
            let coder = LevelCoder::new(levels.clone(), &[]);
            let as_first = |level| levels.get(coder.code(level)).unwrap_or(level);
            let here = by_level(a, levels, |level| level);
            categories(&here, &by_level(b, known, as_first), significance)
        }
        _ => return None,
    };
    drift.other_missing_share = there.n_missing() as f64 / there.n_rows().max(1) as f64;
    Some(drift)
}

fn numbers(mut a: Vec<f64>, mut b: Vec<f64>, significance: f64) -> Drift {
    if a.is_empty() || b.is_empty() {
        return Drift::default();
    }
    a.sort_unstable_by(f64::total_cmp);
    b.sort_unstable_by(f64::total_cmp);
    let distance = kolmogorov_smirnov(&a, &b);
    let mut edges: Vec<f64> = (1..N_BINS).map(|bin| a[bin * a.len() / N_BINS]).collect();
    edges.dedup();
    let shares = |sorted: &[f64]| -> Vec<f64> {
        let mut start = 0;
        let mut counts: Vec<f64> = edges
            .iter()
            .map(|edge| {
                let end = sorted.partition_point(|value| value < edge);
                let count = (end - start) as f64;
                start = end;
                count
            })
            .collect();
        counts.push((sorted.len() - start) as f64);
        counts
    };
    // Kolmogorov's distribution: the chance of a distance above d is about 2 exp(-2 n d²).
    let n = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    let chance = 2.0 * (-2.0 * n * distance * distance).exp();
    Drift {
        distance,
        is_significant: chance < significance,
        stability_index: stability_index(&shares(&a), &shares(&b)),
        ..Drift::default()
    }
}

/// Greatest difference of the two cumulative distributions of sorted numbers.
fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        let difference = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        distance = distance.max(difference.abs());
    }
    distance
}

/// `Σ (q - p) ln(q / p)` over counts, each raised by half a row so that empty bins stay finite.
fn stability_index(a: &[f64], b: &[f64]) -> f64 {
    let total = |counts: &[f64]| counts.iter().sum::<f64>() + 0.5 * counts.len() as f64;
    let (n_a, n_b) = (total(a), total(b));
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let (p, q) = ((a + 0.5) / n_a, (b + 0.5) / n_b);
            (q - p) * (q / p).ln()
        })
        .sum()
}

/// Rows by level, with levels called as `name` calls them.
fn by_level<'a>(
    codes: &[u32],
    levels: &'a Levels,
    name: impl Fn(&'a str) -> &'a str,
) -> BTreeMap<&'a str, f64> {
    let mut counts = BTreeMap::new();
    for (count, level) in level_counts(codes, levels).into_iter().zip(levels.iter()) {
        if count > 0 {
            *counts.entry(name(level)).or_insert(0.0) += count as f64;
        }
    }
    counts
}

fn categories(a: &BTreeMap<&str, f64>, b: &BTreeMap<&str, f64>, significance: f64) -> Drift {
    let (n_a, n_b): (f64, f64) = (a.values().sum(), b.values().sum());
    if n_a == 0.0 || n_b == 0.0 {
        return Drift::default();
    }
    let mut levels: Vec<&str> = a.keys().chain(b.keys()).copied().collect();
    levels.sort_unstable();
    levels.dedup();
    let of = |counts: &BTreeMap<&str, f64>, level: &str| counts.get(level).copied().unwrap_or(0.0);
    let counts_a: Vec<f64> = levels.iter().map(|level| of(a, level)).collect();
    let counts_b: Vec<f64> = levels.iter().map(|level| of(b, level)).collect();
    let (mut distance, mut expected) = (0.0, 0.0);
    for (&a, &b) in counts_a.iter().zip(&counts_b) {
        distance += (a / n_a - b / n_b).abs() / 2.0;
        let p = (a + b) / (n_a + n_b);
        // Mean size of a normal difference of this variance, halved as the distance is.
        expected += (p * (1.0 - p) * (1.0 / n_a + 1.0 / n_b)).sqrt() * 0.399;
    }
    // The distance of equal distributions concentrates about its mean (McDiarmid's inequality).
    let spread = (-significance.ln() / 2.0 * (1.0 / n_a + 1.0 / n_b)).sqrt();
    let mut unseen: Vec<(f64, &str)> = levels
        .iter()
        .filter(|level| !a.contains_key(*level))
        .map(|level| (of(b, level), *level))
        .collect();
    unseen.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(y.1)));
    Drift {
        distance,
        is_significant: distance > expected + spread,
        stability_index: stability_index(&counts_a, &counts_b),
        other_missing_share: 0.0,
        unseen_share: unseen.iter().fold(0.0, |sum, (count, _)| sum + count) / n_b,
        unseen: unseen
            .iter()
            .take(5)
            .map(|(_, level)| (*level).to_owned())
            .collect(),
    }
}
