//! How good predictions are: every metric of the task, and for classes where they go wrong.

use super::quantiles::{self, IntervalScores, QuantileScores};
use crate::costs::{CostScores, MEAN_COST};
use crate::decisions;
use crate::text::{self, Align};
use automl_core::metrics::{Metric, MetricError};
use automl_core::{Coded, CostMatrix, Decision, Predictions, Task};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Confusion matrices of more classes than this are printed as JSON only.
const MAX_PRINTED_CLASSES: usize = 15;
/// Characters of a class in a table.
const LABEL_WIDTH: usize = 24;

/// Everything that is said of a model on some data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Scores {
    /// The target column.
    pub(super) target: String,
    /// `binary`, `multiclass`, `regression` or `quantile`.
    pub(super) task: &'static str,
    /// Rows scored.
    pub(super) n_rows: u64,
    /// Rows left out because their target is missing.
    pub(super) n_rows_without_target: u64,
    /// The column that the metrics are weighted by.
    pub(super) weighted_by: Option<String>,
    /// The column that counts are divided by, and rows weighted by, before they are scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exposure: Option<String>,
    /// Of two classes, the one that precision, recall, F1 and average precision are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) positive_class: Option<String>,
    /// Of two classes, the probability above which the positive one is predicted; null where it is the likelier class.
    pub(super) threshold: Option<f64>,
    /// Of more classes, the threshold of each, if they decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thresholds: Option<BTreeMap<String, f64>>,
    /// These in words.
    #[serde(skip)]
    pub(super) told_by: Option<String>,
    /// What a row costs on average, with the model's costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<CostScores>,
    /// The metric that the model was chosen by.
    pub(super) metric: String,
    /// Scores by metric; null where a metric has no value for this target.
    pub(super) metrics: Map<String, Value>,
    /// Why metrics have no value.
    pub(super) undefined: Map<String, Value>,
    /// One a level, rising; weighted as the metrics are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) quantiles: Vec<QuantileScores>,
    /// Between the outermost quantiles, the next ones, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) intervals: Vec<IntervalScores>,
    /// One a class, in class order; weighted as the metrics are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) classes: Vec<ClassScores>,
    /// `confusion[actual][predicted]` in rows, in class order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) confusion: Vec<Vec<u64>>,
}

impl Scores {
    /// The metrics that have a value, and the mean cost.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        let metrics = self.metrics.iter();
        let metrics = metrics.filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
        metrics.chain(self.cost.iter().map(|cost| (MEAN_COST, cost.mean)))
    }
}

/// How well one class is told from the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ClassScores {
    pub(super) class: String,
    pub(super) precision: Option<f64>,
    pub(super) recall: Option<f64>,
    pub(super) f1: Option<f64>,
    /// Rows of this class.
    pub(super) n_rows: u64,
}

/// Targets (class codes as numbers for classification), predictions and weights of the same rows.
#[derive(Debug)]
pub(super) struct Scored<'a> {
    pub(super) task: &'a Task,
    pub(super) target: &'a [f64],
    pub(super) predictions: &'a Predictions,
    /// How a class is told from its probabilities.
    pub(super) decision: &'a Decision,
    /// What each error costs, if the model was told.
    pub(super) costs: Option<&'a CostMatrix>,
    pub(super) weight: Option<&'a [f64]>,
    /// The number in the data of each row, from 1.
    pub(super) data_rows: &'a [u64],
}

impl Scores {
    /// Scores rows by all metrics of the task.
    pub(super) fn of(scored: &Scored<'_>) -> Self {
        let kind = scored.task.kind();
        let (mut metrics, mut undefined) = (Map::new(), Map::new());
        let decided = scored.predictions.decided_by(scored.decision);
        for metric in Metric::all().filter(|metric| metric.tasks().contains(&kind)) {
            let predictions = if metric.reads_classes() {
                &decided
            } else {
                scored.predictions
            };
            match metric.score(scored.target, predictions, scored.weight) {
                Ok(score) => metrics.insert(metric.name().into(), json!(score)),
                Err(error) => {
                    undefined.insert(
                        metric.name().into(),
                        json!({ "code": error.code(), "reason": scored.reason(&error) }),
                    );
                    metrics.insert(metric.name().into(), Value::Null)
                }
            };
        }
        let confusion = confusion(scored);
        let (quantiles, intervals) = quantiles::scores(scored);
        Self {
            target: String::new(),
            task: kind.name(),
            n_rows: scored.target.len() as u64,
            n_rows_without_target: 0,
            weighted_by: None,
            exposure: None,
            positive_class: scored.task.positive_class().map(str::to_owned),
            threshold: scored.decision.threshold(),
            thresholds: decisions::by_class(scored.task, scored.decision),
            told_by: decisions::words(scored.task, scored.decision),
            cost: scored.cost(),
            metric: String::new(),
            metrics,
            undefined,
            quantiles,
            intervals,
            classes: class_scores(scored, &confusion),
            confusion,
        }
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let weighted = self
            .weighted_by
            .as_ref()
            .map_or_else(String::new, |column| format!(", weighted by '{column}'"));
        let exposure = self.exposure.as_ref();
        let exposure = exposure.map_or_else(String::new, |column| {
            format!(", for each unit of '{column}' and weighted by it")
        });
        let left_out = match self.n_rows_without_target {
            0 => String::new(),
            n_rows => format!("; {} without a target left out", text::count(n_rows)),
        };
        let rows = text::counted(self.n_rows, "row");
        let positive = self.positive_class.as_ref();
        let positive =
            positive.map_or_else(String::new, |class| format!(", positive class '{class}'"));
        let threshold = self.threshold.map_or_else(String::new, |threshold| {
            format!(" predicted above {}", text::probability(threshold))
        });
        let mut out = format!(
            "{rows} scored, {} '{}'{positive}{threshold}{exposure}{weighted}{left_out}\n\n",
            self.task, self.target
        );
        if let Some(told) = &self.told_by {
            writeln!(out, "told by thresholds: {told}\n").expect("a string takes all");
        }
        if let Some(cost) = &self.cost {
            writeln!(out, "mean cost {}\n", cost.words()).expect("a string takes all");
        }
        out.push_str(&self.metrics_text());
        if !self.quantiles.is_empty() {
            out.push('\n');
            out.push_str(&quantiles::text(&self.quantiles, &self.intervals));
        }
        if !self.classes.is_empty() {
            out.push('\n');
            out.push_str(&self.classes_text());
        }
        if !self.confusion.is_empty() && self.confusion.len() <= MAX_PRINTED_CLASSES {
            out.push_str("\nconfusion matrix in rows (down: actual, across: predicted)\n");
            out.push_str(&self.confusion_text());
        }
        out
    }

    fn metrics_text(&self) -> String {
        let row = |(name, value): (&String, &Value)| {
            let score = value.as_f64().map_or_else(|| "-".to_owned(), text::score);
            let reason = self
                .undefined
                .get(name)
                .and_then(|why| why["reason"].as_str())
                .unwrap_or_default();
            let note = if *name == self.metric {
                "chosen by"
            } else {
                reason
            };
            vec![name.clone(), score, note.to_owned()]
        };
        let rows: Vec<_> = self.metrics.iter().map(row).collect();
        text::table(
            &[
                ("metric", Align::Left),
                ("score", Align::Right),
                ("", Align::Left),
            ],
            &rows,
        )
    }

    fn classes_text(&self) -> String {
        let score = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
        };
        let row = |class: &ClassScores| {
            let label = text::clip(&class.class, LABEL_WIDTH);
            vec![
                label,
                score(class.precision),
                score(class.recall),
                score(class.f1),
                text::count(class.n_rows),
            ]
        };
        let rows: Vec<_> = self.classes.iter().map(row).collect();
        let right = |title| (title, Align::Right);
        text::table(
            &[
                ("class", Align::Left),
                right("precision"),
                right("recall"),
                right("f1"),
                right("rows"),
            ],
            &rows,
        )
    }

    fn confusion_text(&self) -> String {
        let labels: Vec<String> = self
            .classes
            .iter()
            .map(|class| text::clip(&class.class, LABEL_WIDTH))
            .collect();
        let mut heading = vec![("", Align::Left)];
        heading.extend(labels.iter().map(|label| (label.as_str(), Align::Right)));
        let row = |(label, counts): (&String, &Vec<u64>)| {
            std::iter::once(label.clone())
                .chain(counts.iter().map(|&count| text::count(count)))
                .collect()
        };
        let rows: Vec<Vec<String>> = labels.iter().zip(&self.confusion).map(row).collect();
        text::table(&heading, &rows)
    }
}

impl Scored<'_> {
    fn cost(&self) -> Option<CostScores> {
        let (costs, predictions) = (self.costs?, self.predictions);
        let compared = costs.compared(self.target, predictions, self.decision, self.weight)?;
        Some(CostScores::of(compared, self.task))
    }

    /// Why a metric has no value, without the name of the metric, which stands beside it.
    fn reason(&self, error: &MetricError) -> String {
        match error {
            MetricError::Value {
                part,
                value,
                row,
                n_rows,
                reason,
                ..
            } => {
                let place = self.data_rows.get(*row).copied().unwrap_or_default();
                let of_rows = match n_rows {
                    1 => String::new(),
                    n => format!(", the first of {} such rows", text::count(*n as u64)),
                };
                format!("{part} {value} in data row {place} {reason}{of_rows}")
            }
            MetricError::ZeroWeight { .. } => "all weights are zero".to_owned(),
            MetricError::Undefined { reason, .. } => (*reason).to_owned(),
            other => other.to_string(),
        }
    }
}

/// Rows by actual and predicted class; empty for regression.
fn confusion(scored: &Scored<'_>) -> Vec<Vec<u64>> {
    let n_classes = scored.task.n_classes();
    let mut counts = vec![vec![0; n_classes]; n_classes];
    let predicted = scored.predictions.class_codes_by(scored.decision);
    for (actual, predicted) in scored.target.iter().zip(predicted) {
        counts[*actual as usize][predicted as usize] += 1;
    }
    counts
}

/// As [`confusion`], each row counting as much as it weighs.
fn weighted_confusion(scored: &Scored<'_>) -> Vec<Vec<f64>> {
    let n_classes = scored.task.n_classes();
    let mut sums = vec![vec![0.0; n_classes]; n_classes];
    let predicted = scored.predictions.class_codes_by(scored.decision);
    for (row, (actual, predicted)) in scored.target.iter().zip(predicted).enumerate() {
        let weight = scored.weight.map_or(1.0, |weight| weight[row]);
        sums[*actual as usize][predicted as usize] += weight;
    }
    sums
}

fn class_scores(scored: &Scored<'_>, counts: &[Vec<u64>]) -> Vec<ClassScores> {
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let confusion = weighted_confusion(scored);
    let labels = scored.task.classes();
    labels
        .iter()
        .enumerate()
        .map(|(class, label)| {
            let hits = confusion[class][class];
            let actual: f64 = confusion[class].iter().sum();
            let predicted: f64 = confusion.iter().map(|row| row[class]).sum();
            ClassScores {
                class: label.clone(),
                precision: ratio(hits, predicted),
                recall: ratio(hits, actual),
                f1: ratio(2.0 * hits, actual + predicted),
                n_rows: counts[class].iter().sum(),
            }
        })
        .collect()
}
