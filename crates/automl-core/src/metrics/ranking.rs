//! Metrics of the order of rows: area under the ROC curve and average precision. Each sorts once a class.

use super::MetricError;
use super::input::Scored;

/// Weight of positive and of other rows at one score.
struct Tie {
    positive: f64,
    negative: f64,
}

/// Area under the ROC curve: the chance that a positive row ranks above another, ties counting one half.
pub(super) fn roc_auc(scored: &Scored<'_>) -> Result<f64, MetricError> {
    mean_over_classes(scored, area_under_roc)
        .ok_or_else(|| scored.undefined("all rows are of one class"))
}

/// `Σ (Rₙ − Rₙ₋₁) Pₙ` over distinct thresholds from the greatest down.
pub(super) fn average_precision(scored: &Scored<'_>) -> Result<f64, MetricError> {
    mean_over_classes(scored, average_precision_of)
        .ok_or_else(|| scored.undefined("no row is positive"))
}

/// The positive class alone for two classes; the mean over the classes where `area` is defined for more.
fn mean_over_classes(scored: &Scored<'_>, area: fn(&[Tie]) -> Option<f64>) -> Option<f64> {
    if scored.width == 2 {
        return area(&ties(scored, 1));
    }
    let areas: Vec<f64> = (0..scored.width)
        .filter_map(|class| area(&ties(scored, class)))
        .collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// Rows of positive weight grouped by their probability of `class`, greatest first.
fn ties(scored: &Scored<'_>, class: usize) -> Vec<Tie> {
    let mut rows: Vec<(f64, u32)> = (0..scored.n_rows())
        .filter(|&row| scored.weight(row) > 0.0)
        .map(|row| (scored.probabilities(row)[class], row as u32))
        .collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut ties: Vec<Tie> = Vec::new();
    let mut last = f64::NAN;
    for (score, row) in rows {
        if score != last {
            ties.push(Tie {
                positive: 0.0,
                negative: 0.0,
            });
            last = score;
        }
        let row = row as usize;
        if let Some(tie) = ties.last_mut() {
            if scored.code(row) == class {
                tie.positive += scored.weight(row);
            } else {
                tie.negative += scored.weight(row);
            }
        }
    }
    ties
}

fn area_under_roc(ties: &[Tie]) -> Option<f64> {
    let (mut positive, mut negative, mut area) = (0.0, 0.0, 0.0);
    for tie in ties {
        area += tie.negative * (positive + 0.5 * tie.positive);
        positive += tie.positive;
        negative += tie.negative;
    }
    // Rounding of weighted sums must not carry the ratio past its bound.
    (positive > 0.0 && negative > 0.0).then(|| (area / (positive * negative)).min(1.0))
}

fn average_precision_of(ties: &[Tie]) -> Option<f64> {
    let (mut positive, mut ranked, mut sum) = (0.0, 0.0, 0.0);
    for tie in ties {
        positive += tie.positive;
        ranked += tie.positive + tie.negative;
        sum += tie.positive * positive / ranked;
    }
    (positive > 0.0).then(|| (sum / positive).min(1.0))
}
