//! Target, predictions and weights of one scoring, checked once so that formulas need not.

use super::{Metric, MetricError};
use crate::{Predictions, TaskKind};

/// Rows to score: equal lengths, finite values, codes below the number of classes, a positive total weight.
pub(super) struct Scored<'a> {
    pub(super) metric: Metric,
    pub(super) target: &'a [f64],
    /// Predicted values, row-major: `n_rows × width`.
    pub(super) values: &'a [f64],
    /// Values a row: the number of classes, or 1.
    pub(super) width: usize,
    weight: Option<&'a [f64]>,
    pub(super) total_weight: f64,
}

impl<'a> Scored<'a> {
    pub(super) fn checked(
        metric: Metric,
        target: &'a [f64],
        predictions: &'a Predictions,
        weight: Option<&'a [f64]>,
    ) -> Result<Self, MetricError> {
        let task = task_of(predictions);
        if !metric.tasks().contains(&task) {
            let task = task.name();
            return Err(MetricError::Task { metric, task });
        }
        if target.is_empty() {
            return Err(MetricError::Empty { metric });
        }
        check_length("predictions", predictions.n_rows(), target.len())?;
        let width = predictions.width();
        check_target(metric, target, predictions)?;
        for (position, &value) in predictions.values().iter().enumerate() {
            if !value.is_finite() {
                let row = position / width;
                return Err(not_usable(
                    metric,
                    "prediction",
                    value,
                    row,
                    "is not finite",
                ));
            }
        }
        if let Some(weight) = weight {
            check_length("weight", weight.len(), target.len())?;
            if let Some(row) = weight.iter().position(|w| !w.is_finite() || *w < 0.0) {
                let reason = "is not a finite number of at least 0";
                return Err(not_usable(metric, "weight", weight[row], row, reason));
            }
        }
        let total_weight = weight.map_or(target.len() as f64, |weight| weight.iter().sum());
        if total_weight == 0.0 {
            return Err(MetricError::ZeroWeight { metric });
        }
        Ok(Self {
            metric,
            target,
            values: predictions.values(),
            width,
            weight,
            total_weight,
        })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.target.len()
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |weight| weight[row])
    }

    /// The class of `row`.
    pub(super) fn code(&self, row: usize) -> usize {
        self.target[row] as usize
    }

    /// The probabilities of `row`.
    pub(super) fn probabilities(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The weighted mean of `loss(row)`, summed in row order. Rows of weight zero are not asked for.
    pub(super) fn mean(&self, loss: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = match self.weight {
            None => (0..self.n_rows()).map(loss).sum(),
            Some(weight) => (0..self.n_rows())
                .filter(|&row| weight[row] > 0.0)
                .map(|row| weight[row] * loss(row))
                .sum(),
        };
        sum / self.total_weight
    }

    /// Fails on the first row of positive weight whose target or prediction breaks a rule of the metric.
    pub(super) fn require(
        &self,
        target_rule: (fn(f64) -> bool, &'static str),
        prediction_rule: (fn(f64) -> bool, &'static str),
    ) -> Result<(), MetricError> {
        for row in (0..self.n_rows()).filter(|&row| self.weight(row) > 0.0) {
            let (target, prediction) = (self.target[row], self.values[row]);
            if !target_rule.0(target) {
                return Err(not_usable(
                    self.metric,
                    "target",
                    target,
                    row,
                    target_rule.1,
                ));
            }
            if !prediction_rule.0(prediction) {
                let reason = prediction_rule.1;
                return Err(not_usable(
                    self.metric,
                    "prediction",
                    prediction,
                    row,
                    reason,
                ));
            }
        }
        Ok(())
    }

    pub(super) fn undefined(&self, reason: &'static str) -> MetricError {
        MetricError::Undefined {
            metric: self.metric,
            reason,
        }
    }
}

fn task_of(predictions: &Predictions) -> TaskKind {
    match predictions {
        Predictions::Numbers(_) => TaskKind::Regression,
        Predictions::Probabilities { n_classes: 2, .. } => TaskKind::Binary,
        Predictions::Probabilities { .. } => TaskKind::Multiclass,
    }
}

fn check_length(part: &'static str, n_rows: usize, expected: usize) -> Result<(), MetricError> {
    if n_rows == expected {
        Ok(())
    } else {
        Err(MetricError::Length {
            part,
            n_rows,
            expected,
        })
    }
}

fn check_target(
    metric: Metric,
    target: &[f64],
    predictions: &Predictions,
) -> Result<(), MetricError> {
    let (bad, reason) = match predictions {
        Predictions::Numbers(_) => (
            target.iter().position(|value| !value.is_finite()),
            "is not finite",
        ),
        Predictions::Probabilities { n_classes, .. } => (
            target.iter().position(|&code| {
                !(code >= 0.0 && code < *n_classes as f64 && code.fract() == 0.0)
            }),
            "is not the code of a class",
        ),
    };
    match bad {
        Some(row) => Err(not_usable(metric, "target", target[row], row, reason)),
        None => Ok(()),
    }
}

fn not_usable(
    metric: Metric,
    part: &'static str,
    value: f64,
    row: usize,
    reason: &'static str,
) -> MetricError {
    MetricError::Value {
        metric,
        part,
        value,
        row,
        reason,
    }
}
