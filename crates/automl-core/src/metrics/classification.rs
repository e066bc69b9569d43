//! Metrics of predicted classes and of probabilities.

use super::MetricError;
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

pub(super) fn accuracy(scored: &Scored<'_>) -> f64 {
    scored.mean(|row| f64::from(likeliest(scored.probabilities(row)) == scored.code(row)))
}

pub(super) fn balanced_accuracy(scored: &Scored<'_>) -> f64 {
    let counts = Confusion::new(scored);
    let recalls: Vec<f64> = counts
        .classes()
        .filter(|class| class.actual > 0.0)
        .map(|class| class.hits / class.actual)
        .collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

pub(super) fn f1(scored: &Scored<'_>) -> f64 {
    Confusion::new(scored).class(1).f1()
}

pub(super) fn f1_macro(scored: &Scored<'_>) -> f64 {
    let counts = Confusion::new(scored);
    let all: Vec<f64> = counts
        .classes()
        .filter(|class| class.actual + class.predicted > 0.0)
        .map(ClassCount::f1)
        .collect();
    all.iter().sum::<f64>() / all.len() as f64
}

pub(super) fn f1_weighted(scored: &Scored<'_>) -> f64 {
    let counts = Confusion::new(scored);
    let sum: f64 = counts
        .classes()
        .map(|class| class.actual * class.f1())
        .sum();
    sum / counts.total
}

/// `(c s − Σ pₖ tₖ) / √((s² − Σ pₖ²)(s² − Σ tₖ²))` with `c` hits, `s` rows, `pₖ` predicted and `tₖ` actual counts
/// (Gorodkin, 2004); 0 where one side holds one class.
pub(super) fn mcc(scored: &Scored<'_>) -> f64 {
    let counts = Confusion::new(scored);
    let sum = |f: fn(ClassCount) -> f64| counts.classes().map(f).sum::<f64>();
    let s = counts.total;
    let covariance = sum(|class| class.hits) * s - sum(|class| class.predicted * class.actual);
    let predicted = s * s - sum(|class| class.predicted * class.predicted);
    let actual = s * s - sum(|class| class.actual * class.actual);
    // Below the rounding of s² a spread is none at all.
    let none = s * s * f64::EPSILON;
    if predicted <= none || actual <= none {
        return 0.0;
    }
    (covariance / (predicted * actual).sqrt()).clamp(-1.0, 1.0)
}

/// `(agreement − chance) / (1 − chance)`.
pub(super) fn cohen_kappa(scored: &Scored<'_>) -> Result<f64, MetricError> {
    let counts = Confusion::new(scored);
    let s = counts.total;
    let agreement = counts.classes().map(|class| class.hits).sum::<f64>() / s;
    let chance = counts
        .classes()
        .map(|class| class.predicted / s * (class.actual / s))
        .sum::<f64>();
    if 1.0 - chance <= f64::EPSILON {
        return Err(scored.undefined("true and predicted classes are one and the same"));
    }
    Ok((agreement - chance) / (1.0 - chance))
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

/// The class of the greatest probability, the lowest code among equals.
fn likeliest(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = class;
        }
    }
    best
}

/// Weighted counts of true and predicted classes and of where they agree.
struct Confusion {
    counts: Vec<ClassCount>,
    total: f64,
}

/// Weight of the rows that are of a class, that are predicted to be, and that are both.
#[derive(Clone, Copy, Default)]
struct ClassCount {
    actual: f64,
    predicted: f64,
    hits: f64,
}

impl ClassCount {
    /// `2 hits / (actual + predicted)`; 0 where there is neither.
    fn f1(self) -> f64 {
        let both = self.actual + self.predicted;
        if both > 0.0 {
            2.0 * self.hits / both
        } else {
            0.0
        }
    }
}

impl Confusion {
    fn new(scored: &Scored<'_>) -> Self {
        let mut counts = vec![ClassCount::default(); scored.width];
        for row in 0..scored.n_rows() {
            let (weight, code) = (scored.weight(row), scored.code(row));
            let predicted = likeliest(scored.probabilities(row));
            counts[code].actual += weight;
            counts[predicted].predicted += weight;
            if code == predicted {
                counts[code].hits += weight;
            }
        }
        Self {
            counts,
            total: scored.total_weight,
        }
    }

    fn class(&self, code: usize) -> ClassCount {
        self.counts[code]
    }

    fn classes(&self) -> impl Iterator<Item = ClassCount> + '_ {
        self.counts.iter().copied()
    }
}
