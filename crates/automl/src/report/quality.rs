//! How the model does on rows that it has not seen: where classes are confused, how far probabilities can be trusted,
//! and how far numbers are off.

use super::axes::Axes;
use super::confusion::{LABEL_WIDTH, weight};
use super::{Page, classes, confusion, curves};
use crate::text;
use automl_core::{Predictions, Task};
use automl_engine::OutOfFold;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Bins of the calibration, of equal numbers of rows.
const N_BINS: usize = 10;
/// Points of the drawing of numbers at most.
const MAX_POINTS: usize = 800;

pub(super) fn section(page: &Page<'_>) -> Markup {
    let rows = page.out_of_fold;
    let n_rows = rows.target.len() as u64;
    if n_rows == 0 {
        return Markup::default();
    }
    html! {
        section id="unseen" {
            h2 { "On rows that it has not seen" }
            p.soft { (text::counted(n_rows, "prediction")) " that no model made of a row it was fitted on: " (page.leaderboard.validation) "."
                @if rows.weight.is_some() { " Rows have weights: what follows counts them by these." }
            }
            @match &page.manifest.task {
                Task::Regression => {
                    (numbers(rows))
                    (residuals(rows))
                }
                Task::Quantile { .. } => { (coverage(rows)) }
                task => {
                    @let decision = page.manifest.decision();
                    (confusion::matrix(task, rows, &decision))
                    @if let Some(costs) = page.costs { p { "Mean cost: " (costs.words()) "." } }
                    (confusion::per_class(task, rows, &decision))
                    @if task.n_classes() == 2 {
                        (curves::section(rows))
                        (calibration(task, rows))
                    } @else {
                        h3 { "Probabilities" }
                        div.pair {
                            (classes::one_against_rest(task, rows))
                            (classes::confidence(task, rows, &decision))
                        }
                    }
                }
            }
        }
    }
}

/// A drawing of shares that should be what they are said to be: those on the diagonal are.
struct Square<'a> {
    label: &'a str,
    /// Across and upwards.
    titles: [&'a str; 2],
    is_joined: bool,
}

struct Dot {
    at: (f64, f64),
    title: String,
}

impl Square<'_> {
    fn drawn(&self, dots: &[Dot]) -> Markup {
        let axes = Axes {
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            size: Axes::SQUARE,
        };
        let [across, upwards] = self.titles;
        html! {
            svg.square viewBox=(axes.view_box()) role="img" aria-label=(self.label) {
                (axes.frame(across, upwards))
                line.grid.even x1=(axes.at_x(0.0)) y1=(axes.at_y(0.0)) x2=(axes.at_x(1.0)) y2=(axes.at_y(1.0)) {}
                @if self.is_joined { path.best d=(axes.line(dots.iter().map(|dot| dot.at))) {} }
                @for dot in dots {
                    circle.dot cx=(axes.at_x(dot.at.0)) cy=(axes.at_y(dot.at.1)) r="5" { title { (dot.title) } }
                }
            }
        }
    }
}

/// The share of positive rows among those of like probability.
fn calibration(task: &Task, rows: &OutOfFold) -> Markup {
    let bins = calibration_bins(rows);
    if bins.is_empty() {
        return Markup::default();
    }
    let positive = task.positive_class().unwrap_or_default();
    let x_title = format!(
        "predicted probability of '{}'",
        text::clip(positive, LABEL_WIDTH)
    );
    html! {
        h3 { "Probability and outcome" }
        (reliability(&bins, "Share of positive rows by predicted probability", [&x_title, "share of rows"]))
        p.soft { "Each dot is a tenth of the rows by probability. On the diagonal a probability means what it says; on average it is off by " (text::percent(gap(&bins))) " (expected calibration error)." }
    }
}

/// Dots of like probabilities, joined.
pub(super) fn reliability(bins: &[Bin], label: &str, titles: [&str; 2]) -> Markup {
    let dots = bins.iter().map(|bin| Dot {
        at: (bin.probability, bin.share),
        title: format!(
            "{} predicted, {} in {}",
            text::probability(bin.probability),
            text::probability(bin.share),
            text::counted(bin.n_rows, "row")
        ),
    });
    let square = Square {
        label,
        titles,
        is_joined: true,
    };
    square.drawn(&dots.collect::<Vec<_>>())
}

/// Rows of like probabilities.
pub(super) struct Bin {
    /// The mean of their probabilities.
    pub(super) probability: f64,
    /// The share of them that came out so.
    pub(super) share: f64,
    /// Their weight.
    weight: f64,
    n_rows: u64,
}

/// How far probabilities are from what came out, on average over rows.
pub(super) fn gap(bins: &[Bin]) -> f64 {
    let all: f64 = bins.iter().map(|bin| bin.weight).sum();
    let off = bins
        .iter()
        .map(|bin| bin.weight * (bin.probability - bin.share).abs());
    off.sum::<f64>() / all
}

fn calibration_bins(rows: &OutOfFold) -> Vec<Bin> {
    let probabilities = rows.predictions.values().chunks_exact(2).map(|row| row[1]);
    let told = probabilities.zip(&rows.target).enumerate();
    bins(
        told.map(|(row, (probability, target))| (probability, *target, weight(rows, row)))
            .collect(),
    )
}

/// Bins of equal numbers of rows, from the probability of each, what came out (0 or 1), and its weight.
pub(super) fn bins(mut told: Vec<(f64, f64, f64)>) -> Vec<Bin> {
    told.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let size = told.len().div_ceil(N_BINS).max(1);
    let bin = |told: &[(f64, f64, f64)]| {
        let weight: f64 = told.iter().map(|(_, _, weight)| weight).sum();
        let mean = |of: fn(&(f64, f64, f64)) -> f64| {
            told.iter().map(|row| row.2 * of(row)).sum::<f64>() / weight
        };
        Bin {
            probability: mean(|row| row.0),
            share: mean(|row| row.1),
            weight,
            n_rows: told.len() as u64,
        }
    };
    let bins = told.chunks(size).map(bin);
    bins.filter(|bin| bin.weight > 0.0).collect()
}

/// Predicted against actual numbers.
fn numbers(rows: &OutOfFold) -> Markup {
    let Predictions::Numbers(predicted) = &rows.predictions else {
        return Markup::default();
    };
    let step = predicted.len().div_ceil(MAX_POINTS).max(1);
    let pairs = || rows.target.iter().zip(predicted).step_by(step);
    let values = || pairs().flat_map(|(actual, predicted)| [*actual, *predicted]);
    let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let span = if high > low {
        (low, high)
    } else {
        (low - 0.5, low + 0.5)
    };
    let axes = Axes {
        x: span,
        y: span,
        size: Axes::SQUARE,
    };
    let mut dots = String::new();
    for (actual, predicted) in pairs() {
        // A line of no length has round ends: a dot. Writing to a string cannot fail.
        write!(dots, "M{} {}h0", axes.at_x(*actual), axes.at_y(*predicted)).ok();
    }
    html! {
        h3 { "Predicted against actual" }
        svg.square viewBox=(axes.view_box()) role="img" aria-label="Predicted against actual values" {
            (axes.frame("actual", "predicted"))
            line.grid.even x1=(axes.at_x(span.0)) y1=(axes.at_y(span.0)) x2=(axes.at_x(span.1)) y2=(axes.at_y(span.1)) {}
            path.cloud d=(dots) {}
        }
        p.soft { "Each dot is a row; on the diagonal predictions are right."
            @if step > 1 { " One row in " (step) " is drawn." }
        }
    }
}

/// The share of targets at or below each quantile, beside its level.
fn coverage(rows: &OutOfFold) -> Markup {
    let Predictions::Quantiles { levels, values } = &rows.predictions else {
        return Markup::default();
    };
    let below = |place: usize| {
        let quantiles = values.iter().skip(place).step_by(levels.len());
        let pairs = rows.target.iter().zip(quantiles);
        let mut sums = (0.0, 0.0);
        for (row, (target, quantile)) in pairs.enumerate() {
            sums.0 += weight(rows, row) * f64::from(target <= quantile);
            sums.1 += weight(rows, row);
        }
        sums.0 / sums.1
    };
    let points: Vec<(f64, f64)> = levels
        .iter()
        .enumerate()
        .map(|(place, level)| (level.share(), below(place)))
        .collect();
    let dots = points.iter().map(|(level, share)| Dot {
        at: (*level, *share),
        title: format!("{level}: {} of targets", text::percent(*share)),
    });
    html! {
        h3 { "Quantiles and outcomes" }
        (Square {
            label: "Share of targets below each quantile",
            titles: ["level of the quantile", "share of targets at or below it"],
            is_joined: false,
        }.drawn(&dots.collect::<Vec<_>>()))
        p.soft { "On the diagonal quantiles mean what they say. They were moved so that they do on these very rows (conformal prediction), by errors of models of the folds; on new rows like these it is about as many." }
    }
}

/// How far predictions are off: quantiles of predicted minus actual.
fn residuals(rows: &OutOfFold) -> Markup {
    let predicted = rows.predictions.values();
    let off = rows.target.iter().zip(predicted).enumerate();
    let mut off: Vec<(f64, f64)> = off
        .map(|(row, (actual, predicted))| (predicted - actual, weight(rows, row)))
        .collect();
    off.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = off.iter().map(|(_, weight)| weight).sum();
    let mean = off.iter().map(|(off, weight)| off * weight).sum::<f64>() / all;
    let at = |share: f64| quantile(&off, share * all);
    let quantiles = [
        ("5 %", 0.05),
        ("25 %", 0.25),
        ("median", 0.5),
        ("75 %", 0.75),
        ("95 %", 0.95),
    ];
    html! {
        h3 { "Predicted minus actual" }
        div.card { table {
            thead { tr { th.n { "mean" } @for (name, _) in quantiles { th.n { (name) } } } }
            tbody { tr {
                td.n { (text::score(mean)) }
                @for (_, share) in quantiles { td.n { (text::score(at(share))) } }
            } }
        } }
    }
}

/// The least value up to which sorted values weigh as much; not a number of none.
fn quantile(sorted: &[(f64, f64)], weight: f64) -> f64 {
    let mut sum = 0.0;
    let reached = sorted.iter().find(|(_, own)| {
        sum += own;
        sum >= weight
    });
    reached
        .or(sorted.last())
        .map_or(f64::NAN, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(target: &[f64], positive: &[f64]) -> OutOfFold {
        OutOfFold {
            rows: (0..target.len() as u32).collect(),
            target: target.to_vec(),
            predictions: Predictions::Probabilities {
                n_classes: 2,
                values: positive.iter().flat_map(|p| [1.0 - p, *p]).collect(),
            },
            weight: None,
        }
    }

    #[test]
    fn calibration_compares_like_probabilities_with_their_outcomes() {
        let positive: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
        let target: Vec<f64> = (0..100).map(|row| f64::from(row >= 50)).collect();
        let bins = calibration_bins(&rows(&target, &positive));
        assert_eq!(bins.len(), N_BINS);
        assert!((bins[0].probability - 0.045).abs() < 1e-12);
        assert_eq!(
            (bins[4].share, bins[5].share, bins[9].n_rows),
            (0.0, 1.0, 10)
        );
    }

    #[test]
    fn confusion_counts_by_the_threshold() {
        let task = Task::Binary {
            classes: vec!["no".into(), "yes".into()],
        };
        let rows = rows(&[0.0, 1.0, 1.0], &[0.1, 0.3, 0.8]);
        let table = |threshold: Option<f64>| {
            confusion::matrix(&task, &rows, &threshold.into()).into_string()
        };
        assert!(table(None).contains("50.0%"));
        assert!(table(Some(0.2)).contains("above a probability of 0.2"));
        assert!(!table(Some(0.2)).contains("50.0%"));
    }

    #[test]
    fn calibration_counts_rows_by_their_weight() {
        let mut rows = rows(&[1.0; 20], &[0.5; 20]);
        rows.target[..10].fill(0.0);
        rows.weight = Some(
            (0..20)
                .map(|row| if row < 10 { 3.0 } else { 1.0 })
                .collect(),
        );
        let bins = calibration_bins(&rows);
        // Misses and hits stand apart by their outcome: three quarters of the weight are off by a half, and the rest too.
        assert!((gap(&bins) - 0.5).abs() < 1e-12);
        let weight: f64 = bins
            .iter()
            .filter(|bin| bin.share == 0.0)
            .map(|bin| bin.weight)
            .sum();
        assert_eq!(weight, 30.0);
    }

    #[test]
    fn rows_without_weight_are_in_no_bin() {
        let mut rows = rows(&[1.0, 0.0], &[0.5, 0.4]);
        rows.weight = Some(vec![0.0, 1.0]);
        let bins = calibration_bins(&rows);
        assert_eq!(bins.iter().map(|bin| bin.share).collect::<Vec<_>>(), [0.0]);
    }

    #[test]
    fn residuals_heed_weights() {
        let off = [(-1.0, 1.0), (0.0, 1.0), (5.0, 8.0)];
        assert_eq!(
            [0.05, 0.5, 0.95].map(|share| quantile(&off, share * 10.0)),
            [-1.0, 5.0, 5.0]
        );
    }

    #[test]
    fn a_constant_target_can_be_drawn() {
        let rows = OutOfFold {
            rows: vec![0, 1, 2],
            target: vec![2.0; 3],
            predictions: Predictions::Numbers(vec![2.0; 3]),
            weight: None,
        };
        let page = numbers(&rows).into_string() + &residuals(&rows).into_string();
        assert!(!page.contains("NaN") && page.contains("h0"), "{page}");
    }
}
