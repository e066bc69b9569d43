//! From which probability on a class is predicted, where predicted classes are what decides.
//!
//! The likeliest class maximises accuracy if probabilities are true, but not F1, balanced accuracy, Matthews correlation
//! or kappa, which weigh the two kinds of error otherwise (Lipton, Elkan and Naryanaswamy, 2014). All these are functions
//! of how many rows of each class are told and are right, so every cut between two probabilities is tried at the cost of one pass.

mod classes;
#[cfg(test)]
mod tests;

use automl_core::metrics::{ClassCounts, Metric};
use automl_core::{Decision, Predictions};

/// The cut of the likeliest class.
const EVEN: f64 = 0.5;
/// A gain smaller than this is rounding.
const GAIN_MIN: f64 = 1e-9;

/// How classes are told best by `metric`; `None` where nothing does better than the likeliest class, where the metric reads more
/// than classes, and where there are too many of them.
pub(crate) fn decision(
    metric: Metric,
    target: &[f64],
    predictions: &Predictions,
    weight: Option<&[f64]>,
) -> Option<Decision> {
    let n_classes = match predictions {
        Predictions::Probabilities { n_classes, .. } if metric.reads_classes() => *n_classes,
        _ => return None,
    };
    match n_classes {
        0 | 1 => None,
        2 => tune(metric, target, predictions, weight).map(Decision::Above),
        3..=classes::CLASSES_MAX => {
            classes::tune(metric, target, predictions, weight).map(Decision::Relative)
        }
        _ => None,
    }
}

/// The probability above which the second class is predicted best by `metric`; `None` where no cut does better than the
/// likeliest class. Of equally good cuts it is the one nearest to a half.
///
/// `target` holds class codes, `predictions` the probabilities of two classes for rows that the models have not seen.
/// Cost: a sort of the rows.
fn tune(
    metric: Metric,
    target: &[f64],
    predictions: &Predictions,
    weight: Option<&[f64]>,
) -> Option<f64> {
    let mut rows: Vec<Row> = predictions
        .values()
        .chunks_exact(2)
        .zip(target)
        .enumerate()
        .map(|(index, (row, &target))| Row {
            probability: row[1],
            is_positive: target > 0.0,
            weight: weight.map_or(1.0, |weight| weight[index]),
        })
        .collect();
    rows.sort_unstable_by(|a, b| a.probability.total_cmp(&b.probability));
    let loss = |counts: &ClassCounts| metric.of_counts(counts).map(|score| metric.loss(score));
    let even = loss(&counts_at(&rows, EVEN))?;
    let mut best: Option<(f64, f64)> = None;
    // Everything is predicted positive; each row that is passed becomes negative.
    let mut counts = counts_at(&rows, f64::NEG_INFINITY);
    for pair in rows.windows(2) {
        counts.change(pair[0].actual(), (1, 0), pair[0].weight);
        if pair[0].probability == pair[1].probability {
            continue;
        }
        let cut = pair[0].probability.midpoint(pair[1].probability);
        let Some(loss) = loss(&counts) else {
            continue;
        };
        let is_better = best.is_none_or(|(best_loss, best_cut)| {
            let is_nearer = (cut - EVEN).abs() < (best_cut - EVEN).abs();
            loss < best_loss - GAIN_MIN || (loss <= best_loss + GAIN_MIN && is_nearer)
        });
        if is_better {
            best = Some((loss, cut));
        }
    }
    best.filter(|&(loss, _)| loss < even - GAIN_MIN)
        .map(|(_, cut)| cut)
}

struct Row {
    probability: f64,
    is_positive: bool,
    weight: f64,
}

impl Row {
    fn actual(&self) -> usize {
        usize::from(self.is_positive)
    }
}

fn counts_at(rows: &[Row], cut: f64) -> ClassCounts {
    let mut counts = ClassCounts::new(2);
    for row in rows {
        counts.add(row.actual(), usize::from(row.probability > cut), row.weight);
    }
    counts
}
