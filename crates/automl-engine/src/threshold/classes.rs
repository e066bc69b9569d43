//! The thresholds of three classes or more.
//!
//! With the thresholds of all other classes held, each row is of a class from some threshold of it down, so the cuts between the
//! sorted rows are tried in one pass, as with two classes; class after class is moved to its best cut until none gains (coordinate
//! ascent). What is found is the best along each class, not of all that there is. Among the rows that are of a class first every cut
//! is tried, since of a rare class few are; farther on cuts are further apart, by a share of the rows before them.

use super::GAIN_MIN;
use automl_core::metrics::{ClassCounts, Metric};
use automl_core::{ClassThresholds, Predictions};

/// Of more classes each has too few rows to have a threshold of its own.
pub(super) const CLASSES_MAX: usize = 50;
/// Rows times the square of classes that are looked at: more rows are thinned out. A tenth of a second for all passes.
const CELLS_MAX: usize = 5_000_000;
/// Passes over all classes.
const PASSES_MAX: usize = 4;
/// Beyond so many rows of a class, cuts are further apart by the inverse of that as a share.
const CUTS_FIRST: usize = 200;
/// Rows of a class that thinning leaves at least.
const KEPT_MIN: usize = 200;
/// How much greater a turn is than another, as a factor, if the two are not one but for rounding.
const APART: f64 = 1.0 + 1e-9;
/// What a probability is multiplied by at most, and its inverse at least.
const FACTOR_MAX: f64 = 1e6;

/// The thresholds that predict best by `metric`, which sum to 1; `None` where none do better than the likeliest class.
///
/// `target` holds class codes. Cost: a sort of the rows, for each class and pass.
pub(super) fn tune(
    metric: Metric,
    target: &[f64],
    predictions: &Predictions,
    weight: Option<&[f64]>,
) -> Option<ClassThresholds> {
    let n_classes = predictions.width();
    let rows = thinned(target, predictions, weight);
    let mut factors = vec![1.0; n_classes];
    let even = counts(&rows, &factors);
    let even = metric.loss(metric.of_counts(&even)?);
    let mut loss = even;
    for _ in 0..PASSES_MAX {
        let before = loss;
        for class in 0..n_classes {
            if let Some(cut) = best_cut(metric, &rows, &factors, class, loss) {
                (loss, factors[class]) = cut;
            }
        }
        if loss >= before - GAIN_MIN {
            break;
        }
    }
    if loss >= even - GAIN_MIN {
        return None;
    }
    let sum: f64 = factors.iter().map(|factor| factor.recip()).sum();
    let thresholds = factors.iter().map(|factor| factor.recip() / sum).collect();
    ClassThresholds::new(thresholds).ok()
}

/// The rows; where they are too many every so many of each class, with the weight of those that are left out.
fn thinned<'a>(
    target: &[f64],
    predictions: &'a Predictions,
    weight: Option<&[f64]>,
) -> Vec<Row<'a>> {
    let n_classes = predictions.width();
    let step = (target.len() * n_classes * n_classes).div_ceil(CELLS_MAX);
    let mut n_rows = vec![0_usize; n_classes];
    for &code in target {
        n_rows[code as usize] += 1;
    }
    let steps: Vec<usize> = n_rows
        .iter()
        .map(|n_rows| step.min(n_rows / KEPT_MIN).max(1))
        .collect();
    let mut passed = vec![0_usize; n_classes];
    let rows = predictions.values().chunks_exact(n_classes).zip(target);
    let row = |(index, (probabilities, &code)): (usize, (&'a [f64], &f64))| {
        let actual = code as usize;
        passed[actual] += 1;
        let is_kept = (passed[actual] - 1).is_multiple_of(steps[actual]);
        is_kept.then(|| Row {
            probabilities,
            actual,
            weight: steps[actual] as f64 * weight.map_or(1.0, |weight| weight[index]),
        })
    };
    rows.enumerate().filter_map(row).collect()
}

struct Row<'a> {
    probabilities: &'a [f64],
    actual: usize,
    weight: f64,
}

impl Row<'_> {
    /// The class of the greatest multiple among all but one, and how great it is.
    fn rival(&self, factors: &[f64], but: Option<usize>) -> (usize, f64) {
        let multiples = self.probabilities.iter().zip(factors).enumerate();
        let mut best = (0, f64::NEG_INFINITY);
        for (class, (probability, factor)) in multiples {
            if but != Some(class) && probability * factor > best.1 {
                best = (class, probability * factor);
            }
        }
        best
    }
}

fn counts(rows: &[Row<'_>], factors: &[f64]) -> ClassCounts {
    let mut counts = ClassCounts::new(factors.len());
    for row in rows {
        counts.add(row.actual, row.rival(factors, None).0, row.weight);
    }
    counts
}

/// The loss and the factor of the cut of one class that is best, if it is better than `loss`. Of equally good cuts it is the one
/// nearest to where the class is.
fn best_cut(
    metric: Metric,
    rows: &[Row<'_>],
    factors: &[f64],
    class: usize,
    loss: f64,
) -> Option<(f64, f64)> {
    // From which factor on each row is of the class, and of which it is before.
    let mut counts = ClassCounts::new(factors.len());
    let turns = rows.iter().map(|row| {
        let (rival, multiple) = row.rival(factors, Some(class));
        counts.add(row.actual, rival, row.weight);
        (multiple / row.probabilities[class], rival, row)
    });
    let mut turns: Vec<(f64, usize, &Row<'_>)> = turns.collect();
    turns.retain(|(turn, _, _)| turn.is_finite());
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let distance = |factor: f64| (factor / factors[class]).ln().abs();
    let mut best: Option<(f64, f64)> = None;
    let mut next_weighed = 0;
    // Before the first of them no row is of the class.
    for n_before in 0..=turns.len() {
        if let Some(&(_, rival, row)) = n_before.checked_sub(1).map(|last| &turns[last]) {
            counts.change(row.actual, (rival, class), row.weight);
        }
        let turn = n_before.checked_sub(1).map_or(0.0, |last| turns[last].0);
        let next = turns.get(n_before).map_or(f64::INFINITY, |next| next.0);
        let is_last = n_before == turns.len();
        if next <= turn * APART || n_before < next_weighed && !is_last {
            continue;
        }
        next_weighed = n_before + 1 + n_before / CUTS_FIRST;
        let cut = (turn.max(FACTOR_MAX.recip()) * next.min(FACTOR_MAX)).sqrt();
        let is_between = turn < cut && cut < next;
        let found = metric.of_counts(&counts).filter(|_| is_between);
        let Some(found) = found.map(|score| metric.loss(score)) else {
            continue;
        };
        let is_better = best.is_none_or(|(best_loss, best_cut)| {
            let is_nearer = distance(cut) < distance(best_cut);
            found < best_loss - GAIN_MIN || (found <= best_loss + GAIN_MIN && is_nearer)
        });
        if is_better {
            best = Some((found, cut));
        }
    }
    best.filter(|(found, _)| *found < loss - GAIN_MIN)
}
