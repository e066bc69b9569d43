//! How much a column says of the target.

use super::codes::Coding;
use super::model::Association;
use super::predictor::{self, N_FOLDS};
use super::rows::{self, Goal};
use super::words;
use automl_core::{Column, Seed};

/// Bins of an ordered column for mutual information.
const N_BINS: usize = 10;
/// Bins of an ordered column for the out-of-sample score.
const N_SCORE_BINS: usize = 32;
/// Rows of prior that draw a level's guess towards all rows'.
const PRIOR: f64 = 4.0;

/// All measures that apply to a column and the target, over the sampled rows.
pub(super) fn associate(
    column: &Column,
    rows: &[u32],
    coding: &Coding,
    goal: &Goal,
    seed: Seed,
) -> Association {
    if rows.len() < 2 {
        return Association::default();
    }
    if let Column::Text(texts) = column {
        return Association {
            score: words::score(texts, rows, goal, seed),
            ..Association::default()
        };
    }
    let folds = rows::folds(rows.len(), N_FOLDS, seed);
    let fit = predictor::by_level(&coding.binned(N_SCORE_BINS), goal, &folds, PRIOR);
    let mut association = Association {
        score: fit.explained.clamp(0.0, 1.0).sqrt(),
        ..Association::default()
    };
    let numbers: Option<Vec<f64>> = match column {
        Column::Number(values) => Some(rows.iter().map(|&row| values[row as usize]).collect()),
        Column::Timestamp(_) => Some(
            coding
                .codes
                .iter()
                .map(|&code| if code == 0 { f64::NAN } else { f64::from(code) })
                .collect(),
        ),
        _ => None,
    };
    match (goal, numbers) {
        (Goal::Numbers(target), Some(numbers)) => {
            let (x, y): (Vec<f64>, Vec<f64>) = numbers
                .iter()
                .zip(target)
                .filter(|(x, _)| !x.is_nan())
                .map(|(&x, &y)| (x, y))
                .unzip();
            if matches!(column, Column::Number(_)) {
                association.pearson = pearson(&x, &y);
            }
            association.spearman = spearman(&x, &y);
            let line = association.pearson.unwrap_or(0.0).abs();
            // A straight line may beat the bins; with two numbers to learn it needs no holding out.
            if x.len() > 30 {
                association.score = association.score.max(line);
            }
        }
        (Goal::Numbers(target), None) => {
            association.correlation_ratio =
                correlation_ratio(&coding.codes, coding.n_levels, target);
        }
        (Goal::Classes { codes, n_classes }, numbers) => {
            let bins = coding.binned(N_BINS);
            association.mutual_information = shared_entropy(&bins, codes, *n_classes);
            if let Some(numbers) = numbers {
                association.correlation_ratio = correlation_ratio(codes, *n_classes, &numbers);
            }
        }
    }
    association
}

/// Pearson's correlation; `None` where one of them does not vary.
pub(super) fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    let r = xy / (xx.sqrt() * yy.sqrt());
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Ranks from 1; equal values share the mean of theirs.
/// Spearman's rank correlation; `None` where one side is constant.
pub(super) fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        for &index in &order[start..end] {
            ranks[index] = (start + end + 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

/// The correlation ratio η of numbers over groups: the root of the share of variance between the groups.
fn correlation_ratio(groups: &[u32], n_groups: usize, numbers: &[f64]) -> Option<f64> {
    let present = || groups.iter().zip(numbers).filter(|(_, x)| !x.is_nan());
    let n = present().count() as f64;
    let mean = present().map(|(_, x)| x).sum::<f64>() / n;
    let mut sums = vec![(0.0, 0.0); n_groups];
    let mut total = 0.0;
    for (&group, x) in present() {
        let sum = &mut sums[group as usize];
        sum.0 += x - mean;
        sum.1 += 1.0;
        total += (x - mean).powi(2);
    }
    let between: f64 = sums
        .iter()
        .filter(|(_, count)| *count > 0.0)
        .map(|(sum, count)| sum * sum / count)
        .sum();
    let ratio = (between / total).sqrt();
    ratio.is_finite().then(|| ratio.min(1.0))
}

/// Mutual information of level and class over the entropy of the class.
fn shared_entropy(coding: &Coding, classes: &[u32], n_classes: usize) -> Option<f64> {
    let n = classes.len() as f64;
    let entropy = |counts: &[f64]| -> f64 {
        let total: f64 = counts.iter().sum();
        counts
            .iter()
            .filter(|&&count| count > 0.0)
            .map(|&count| -count / n * (count / total).ln())
            .sum()
    };
    let mut totals = vec![0.0; n_classes];
    for &class in classes {
        totals[class as usize] += 1.0;
    }
    let (order, starts) = coding.grouped();
    let mut conditional = 0.0;
    let mut counts = vec![0.0; n_classes];
    for level in 0..coding.n_levels {
        counts.fill(0.0);
        for &row in &order[starts[level]..starts[level + 1]] {
            counts[classes[row as usize] as usize] += 1.0;
        }
        conditional += entropy(&counts);
    }
    let all = entropy(&totals);
    (all > 0.0).then(|| (1.0 - conditional / all).clamp(0.0, 1.0))
}
