//! Metrics of predicted classes and of probabilities.

use super::counts::{ClassCount, ClassCounts, likeliest};
use super::input::Scored;

/// Lowest probability whose logarithm is taken.
const LOWEST_PROBABILITY: f64 = 1e-15;
/// Bins of the calibration error.
const N_CALIBRATION_BINS: usize = 15;

pub(super) fn log_loss(scored: &Scored<'_>) -> f64 {
    scored.mean(|row| {
        let p = scored.probabilities(row)[scored.code(row)];
        -p.clamp(LOWEST_PROBABILITY, 1.0).ln()
    })
}

pub(super) fn accuracy(counts: &ClassCounts) -> f64 {
    counts.sum(|class| class.hits) / counts.total()
}

pub(super) fn balanced_accuracy(counts: &ClassCounts) -> f64 {
    let there = counts.classes().filter(|class| class.actual > 0.0);
    mean(there.map(|class| class.hits / class.actual))
}

pub(super) fn f1(counts: &ClassCounts) -> f64 {
    let positive = counts.classes().nth(1);
    positive.map_or(0.0, ClassCount::f1)
}

pub(super) fn f1_macro(counts: &ClassCounts) -> f64 {
    let there = counts.classes();
    let there = there.filter(|class| class.actual + class.predicted > 0.0);
    mean(there.map(ClassCount::f1))
}

pub(super) fn f1_weighted(counts: &ClassCounts) -> f64 {
    counts.sum(|class| class.actual * class.f1()) / counts.total()
}

/// `(c s − Σ pₖ tₖ) / √((s² − Σ pₖ²)(s² − Σ tₖ²))` with `c` hits, `s` rows, `pₖ` predicted and `tₖ` actual counts
/// (Gorodkin, 2004); 0 where one side holds one class.
pub(super) fn mcc(counts: &ClassCounts) -> f64 {
    let s = counts.total();
    let covariance =
        counts.sum(|class| class.hits) * s - counts.sum(|class| class.predicted * class.actual);
    let predicted = s * s - counts.sum(|class| class.predicted * class.predicted);
    let actual = s * s - counts.sum(|class| class.actual * class.actual);
    // Below the rounding of s² a spread is none at all.
    let none = s * s * f64::EPSILON;
    if predicted <= none || actual <= none {
        return 0.0;
    }
    (covariance / (predicted * actual).sqrt()).clamp(-1.0, 1.0)
}

/// `(agreement − chance) / (1 − chance)`.
pub(super) fn cohen_kappa(counts: &ClassCounts) -> Result<f64, &'static str> {
    let s = counts.total();
    let agreement = counts.sum(|class| class.hits) / s;
    let chance = counts.sum(|class| class.predicted / s * (class.actual / s));
    if 1.0 - chance <= f64::EPSILON {
        return Err("true and predicted classes are one and the same");
    }
    Ok((agreement - chance) / (1.0 - chance))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn brier(scored: &Scored<'_>) -> f64 {
    scored.mean(|row| {
        let (probabilities, code) = (scored.probabilities(row), scored.code(row));
        let squared = |class: usize| (probabilities[class] - f64::from(class == code)).powi(2);
        if scored.width == 2 {
            squared(1)
        } else {
            (0..scored.width).map(squared).sum()
        }
    })
}

/// `Σ over bins of |Σ weight × (confidence − outcome)| / total weight`.
pub(super) fn ece(scored: &Scored<'_>) -> f64 {
    let mut gaps = [0.0; N_CALIBRATION_BINS];
    for row in 0..scored.n_rows() {
        let probabilities = scored.probabilities(row);
        let class = if scored.width == 2 {
            1
        } else {
            likeliest(probabilities)
        };
        let confidence = probabilities[class];
        let bin = (confidence * N_CALIBRATION_BINS as f64) as usize;
        let outcome = f64::from(class == scored.code(row));
        gaps[bin.min(N_CALIBRATION_BINS - 1)] += scored.weight(row) * (confidence - outcome);
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / scored.total_weight
}
