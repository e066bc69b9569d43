//! From which probability of the second class on it is predicted, where predicted classes are what decides.
//!
//! The likeliest class maximises accuracy if probabilities are true, but not F1, balanced accuracy, Matthews correlation
//! or kappa, which weigh the two kinds of error otherwise (Lipton, Elkan and Naryanaswamy, 2014). All these are functions
//! of the four cells of the confusion matrix, so every cut between two probabilities is tried at the cost of one pass.

use automl_core::Predictions;
use automl_core::metrics::Metric;

/// The cut of the likeliest class.
const EVEN: f64 = 0.5;
/// A gain smaller than this is rounding.
const GAIN_MIN: f64 = 1e-9;

/// The probability above which the second class is predicted best by `metric`; `None` where no cut does better than the
/// likeliest class. Of equally good cuts it is the one nearest to a half.
///
/// `target` holds class codes, `predictions` the probabilities of two classes for rows that the models have not seen.
/// Cost: a sort of the rows.
pub(crate) fn tune(
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
    let even = cells_at(&rows, EVEN).loss(metric)?;
    let mut best: Option<(f64, f64)> = None;
    // Everything is predicted positive; each row that is passed becomes negative.
    let mut cells = cells_at(&rows, f64::NEG_INFINITY);
    for pair in rows.windows(2) {
        cells.move_to_negative(&pair[0]);
        if pair[0].probability == pair[1].probability {
            continue;
        }
        let cut = pair[0].probability.midpoint(pair[1].probability);
        let Some(loss) = cells.loss(metric) else {
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

/// Weights of the rows by actual and predicted class.
#[derive(Debug, Clone, Copy, Default)]
struct Cells([[f64; 2]; 2]);

fn cells_at(rows: &[Row], cut: f64) -> Cells {
    let mut cells = Cells::default();
    for row in rows {
        cells.0[usize::from(row.is_positive)][usize::from(row.probability > cut)] += row.weight;
    }
    cells
}

impl Cells {
    fn move_to_negative(&mut self, row: &Row) {
        let [negative, positive] = &mut self.0[usize::from(row.is_positive)];
        *negative += row.weight;
        // Rounding must not leave less than nothing.
        *positive = (*positive - row.weight).max(0.0);
    }

    /// The loss of four rows that stand for all; `None` where the metric has no value.
    fn loss(&self, metric: Metric) -> Option<f64> {
        let certain = Predictions::Probabilities {
            n_classes: 2,
            values: vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
        };
        let weights = self.0.concat();
        let score = metric.score(&[0.0, 0.0, 1.0, 1.0], &certain, Some(&weights));
        score.ok().map(|score| metric.loss(score))
    }
}

#[cfg(test)]
mod tests;
