//! The smallest predictors there are, one column each, scored on rows they did not learn from.

use super::codes::Coding;
use super::rows::Goal;
use automl_core::Column;

/// Folds of the cross-fit.
pub(super) const N_FOLDS: usize = 4;

/// How well a column alone predicts the target in rows not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Fit {
    /// Share of the target's variance or entropy that is explained; at most 1, below 0 where it misleads.
    pub(super) explained: f64,
    /// Share of the rows whose class is hit; 0 for numbers.
    pub(super) accuracy: f64,
    /// Share of the misses of always saying the most frequent class that is avoided; `explained` for numbers.
    pub(super) skill: f64,
}

/// Predicts from the target's mean or class counts in each level, drawn towards all rows' by `prior` rows of them.
/// Cost: rows + levels × folds × classes.
pub(super) fn by_level(coding: &Coding, goal: &Goal, folds: &[u8], prior: f64) -> Fit {
    match goal {
        Goal::Numbers(values) => numbers_by_level(coding, values, folds, prior),
        Goal::Classes { codes, n_classes } => {
            classes_by_level(coding, codes, *n_classes, folds, prior)
        }
    }
}

fn numbers_by_level(coding: &Coding, values: &[f64], folds: &[u8], prior: f64) -> Fit {
    let mean = mean(values);
    let (order, starts) = coding.grouped();
    let mut error = 0.0;
    for level in 0..coding.n_levels {
        let rows = &order[starts[level]..starts[level + 1]];
        let mut sums = [0.0; N_FOLDS];
        let mut counts = [0.0; N_FOLDS];
        for &row in rows {
            // Around the mean, so that large offsets lose no digits.
            sums[folds[row as usize] as usize] += values[row as usize] - mean;
            counts[folds[row as usize] as usize] += 1.0;
        }
        let (sum, count) = (sums.iter().sum::<f64>(), counts.iter().sum::<f64>());
        for &row in rows {
            let fold = folds[row as usize] as usize;
            let n_learned = count - counts[fold] + prior;
            let guess = if n_learned > 0.0 {
                (sum - sums[fold]) / n_learned
            } else {
                0.0
            };
            error += (values[row as usize] - mean - guess).powi(2);
        }
    }
    explained_variance(values, error)
}

fn explained_variance(values: &[f64], error: f64) -> Fit {
    let mean = mean(values);
    let total: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let explained = if total > 0.0 {
        1.0 - error / total
    } else {
        0.0
    };
    Fit {
        explained,
        accuracy: 0.0,
        skill: explained,
    }
}

fn classes_by_level(
    coding: &Coding,
    classes: &[u32],
    n_classes: usize,
    folds: &[u8],
    prior: f64,
) -> Fit {
    let n = classes.len() as f64;
    let mut totals = vec![0.0; n_classes];
    for &class in classes {
        totals[class as usize] += 1.0;
    }
    let majority = argmax(totals.iter().copied());
    let entropy: f64 = totals
        .iter()
        .filter(|&&total| total > 0.0)
        .map(|&total| -total * f64::ln(total / n))
        .sum();
    let (order, starts) = coding.grouped();
    let (mut loss, mut n_hits) = (0.0, 0.0);
    let mut counts = vec![0.0; N_FOLDS * n_classes];
    for level in 0..coding.n_levels {
        let rows = &order[starts[level]..starts[level + 1]];
        for &row in rows {
            counts[folds[row as usize] as usize * n_classes + classes[row as usize] as usize] +=
                1.0;
        }
        let learned = |fold: usize, class: usize| -> f64 {
            (0..N_FOLDS)
                .filter(|&other| other != fold)
                .map(|other| counts[other * n_classes + class])
                .sum()
        };
        let guess = |fold: usize| {
            let counts = || (0..n_classes).map(|class| learned(fold, class));
            let n_learned: f64 = counts().sum();
            let guess = (n_learned > 0.0).then(|| argmax(counts()));
            (n_learned, guess.unwrap_or(majority))
        };
        let per_fold: Vec<(f64, usize)> = (0..N_FOLDS).map(guess).collect();
        for &row in rows {
            let (fold, class) = (folds[row as usize] as usize, classes[row as usize] as usize);
            let (n_learned, guess) = per_fold[fold];
            let weight = prior.max(1e-3);
            let chance = (learned(fold, class) + weight * totals[class] / n) / (n_learned + weight);
            loss -= chance.ln();
            n_hits += f64::from(guess == class);
        }
        for &row in rows {
            counts[folds[row as usize] as usize * n_classes + classes[row as usize] as usize] = 0.0;
        }
    }
    let (accuracy, base) = (n_hits / n, totals[majority] / n);
    Fit {
        explained: if entropy > 0.0 {
            1.0 - loss / entropy
        } else {
            0.0
        },
        accuracy,
        skill: if base < 1.0 {
            (accuracy - base) / (1.0 - base)
        } else {
            0.0
        },
    }
}

/// Predicts a number from the straight line between its neighbours in order of the column's value: right for any
/// smooth exact dependence, and worse than the mean of a bin where there is noise. Missing values get the mean.
pub(super) fn by_neighbours(column: &Column, rows: &[u32], values: &[f64], folds: &[u8]) -> Fit {
    let Column::Number(inputs) = column else {
        return Fit::default();
    };
    let mut order: Vec<u32> = (0..rows.len() as u32)
        .filter(|&position| !inputs[rows[position as usize] as usize].is_nan())
        .collect();
    let input = |position: u32| inputs[rows[position as usize] as usize];
    order.sort_unstable_by(|&a, &b| input(a).total_cmp(&input(b)).then(a.cmp(&b)));
    let mean = mean(values);
    let mut error: f64 = (0..rows.len())
        .filter(|&position| input(position as u32).is_nan())
        .map(|position| (values[position] - mean).powi(2))
        .sum();
    for (place, &position) in order.iter().enumerate() {
        let is_learned = |other: &&u32| folds[**other as usize] != folds[position as usize];
        let below = order[..place].iter().rev().find(is_learned);
        let above = order[place + 1..].iter().find(is_learned);
        let guess = match (below, above) {
            (Some(&below), Some(&above)) => {
                let width = input(above) - input(below);
                let share = if width > 0.0 {
                    (input(position) - input(below)) / width
                } else {
                    0.5
                };
                values[below as usize] * (1.0 - share) + values[above as usize] * share
            }
            (Some(&one), None) | (None, Some(&one)) => values[one as usize],
            (None, None) => mean,
        };
        error += (values[position as usize] - guess).powi(2);
    }
    explained_variance(values, error)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Where the greatest value stands, the first among equals.
fn argmax(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}
