//! How the model does on rows that it has not seen: where classes are confused, how far probabilities can be trusted,
//! and how far numbers are off.

use super::Page;
use super::axes::Axes;
use crate::text;
use automl_core::{Decision, Predictions, Task};
use automl_engine::OutOfFold;
use maud::{Markup, html};
use std::fmt::Write as _;

/// A confusion matrix of more classes than this would not be looked at.
const MAX_CLASSES: usize = 30;
/// Characters of a class.
const LABEL_WIDTH: usize = 18;
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
        section {
            h2 { "On rows that it has not seen" }
            p.soft { (text::counted(n_rows, "prediction")) " that no model made of a row it was fitted on: " (page.leaderboard.validation) "." }
            @match &page.manifest.task {
                Task::Regression => {
                    (numbers(rows))
                    (residuals(rows))
                }
                Task::Quantile { .. } => { (coverage(rows)) }
                task => {
                    @if task.n_classes() <= MAX_CLASSES { (confusion(task, rows, &page.manifest.decision())) }
                    @if let Some(costs) = page.costs { p { "Mean cost: " (costs.words()) "." } }
                    @if task.n_classes() == 2 {
                        (super::curves::section(rows))
                        (calibration(task, rows))
                    }
                }
            }
        }
    }
}

/// Rows by actual and predicted class; the darker a cell, the greater its share of the actual class.
fn confusion(task: &Task, rows: &OutOfFold, decision: &Decision) -> Markup {
    let n_classes = task.n_classes();
    let mut counts = vec![vec![0_u64; n_classes]; n_classes];
    for (actual, predicted) in rows
        .target
        .iter()
        .zip(rows.predictions.class_codes_by(decision))
    {
        counts[*actual as usize][predicted as usize] += 1;
    }
    let label = |class: &String| text::clip(class, LABEL_WIDTH);
    let shade = |count: u64, total: u64| {
        let share = count as f64 / total.max(1) as f64;
        format!(
            "background:color-mix(in srgb,var(--bar) {:.0}%,transparent)",
            70.0 * share
        )
    };
    html! {
        h3 { "Confusion of classes" }
        div.card {
            table.confusion {
                thead {
                    tr {
                        th { "actual ↓ predicted →" }
                        @for class in task.classes() { th.n { (label(class)) } }
                        th.n { "recall" }
                    }
                }
                tbody {
                    @for (class, (name, counts)) in task.classes().iter().zip(&counts).enumerate() {
                        @let total = counts.iter().sum::<u64>();
                        tr {
                            th { (label(name)) }
                            @for &count in counts { td.n style=(shade(count, total)) { (text::count(count)) } }
                            td.n { @if total > 0 { (text::percent(counts[class] as f64 / total as f64)) } @else { "–" } }
                        }
                    }
                }
            }
        }
        @if let (Some(threshold), Some(class)) = (decision.threshold(), task.positive_class()) {
            p.soft { "'" (class) "' is predicted above a probability of " (text::probability(threshold)) "." }
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
    let positive = task.positive_class().unwrap_or_default();
    let dots = bins.iter().map(|bin| Dot {
        at: (bin.probability, bin.share),
        title: format!(
            "{} predicted, {} in {}",
            text::probability(bin.probability),
            text::probability(bin.share),
            text::counted(bin.n_rows, "row")
        ),
    });
    let x_title = format!(
        "predicted probability of '{}'",
        text::clip(positive, LABEL_WIDTH)
    );
    html! {
        h3 { "Probability and outcome" }
        (Square {
            label: "Share of positive rows by predicted probability",
            titles: [&x_title, "share of rows"],
            is_joined: true,
        }.drawn(&dots.collect::<Vec<_>>()))
        p.soft { "Each dot is a tenth of the rows by probability. On the diagonal a probability means what it says." }
    }
}

struct Bin {
    probability: f64,
    share: f64,
    n_rows: u64,
}

fn calibration_bins(rows: &OutOfFold) -> Vec<Bin> {
    let probabilities = rows.predictions.values().chunks_exact(2).map(|row| row[1]);
    let mut pairs: Vec<(f64, f64)> = probabilities.zip(rows.target.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let size = pairs.len().div_ceil(N_BINS).max(1);
    let bin = |pairs: &[(f64, f64)]| {
        let n = pairs.len() as f64;
        Bin {
            probability: pairs.iter().map(|pair| pair.0).sum::<f64>() / n,
            share: pairs.iter().map(|pair| pair.1).sum::<f64>() / n,
            n_rows: pairs.len() as u64,
        }
    };
    pairs.chunks(size).map(bin).collect()
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
        let weight = |row: usize| rows.weight.as_ref().map_or(1.0, |weight| weight[row]);
        let mut sums = (0.0, 0.0);
        for (row, (target, quantile)) in pairs.enumerate() {
            sums.0 += weight(row) * f64::from(target <= quantile);
            sums.1 += weight(row);
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
    let mut off: Vec<f64> = (rows.target.iter().zip(predicted))
        .map(|(actual, predicted)| predicted - actual)
        .collect();
    off.sort_unstable_by(f64::total_cmp);
    let mean = off.iter().sum::<f64>() / off.len() as f64;
    let at = |share: f64| off[((off.len() - 1) as f64 * share).round() as usize];
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
        let table =
            |threshold: Option<f64>| confusion(&task, &rows, &threshold.into()).into_string();
        assert!(table(None).contains("50.0%"));
        assert!(table(Some(0.2)).contains("above a probability of 0.2"));
        assert!(!table(Some(0.2)).contains("50.0%"));
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
