//! Target, predictions and weights of one scoring, checked once so that formulas need not.

use super::{Metric, MetricError};
use crate::{Level, Predictions, TaskKind};

/// Rows to score: equal lengths, finite values, codes below the number of classes, a positive total weight.
pub(super) struct Scored<'a> {
    pub(super) metric: Metric,
    pub(super) target: &'a [f64],
    /// Predicted values, row-major: `n_rows × width`.
    pub(super) values: &'a [f64],
    /// Values a row: the number of classes, or 1.
    pub(super) width: usize,
    /// The levels of quantiles; none for other predictions.
    pub(super) levels: &'a [Level],
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
        let rows = predictions.values().chunks_exact(width);
        let odd = rows.map(|row| row.iter().copied().find(|value| !value.is_finite()));
        refuse(metric, "prediction", odd, "is not finite")?;
        if let Some(weight) = weight {
            check_length("weight", weight.len(), target.len())?;
            let is_weight = |w: &f64| w.is_finite() && *w >= 0.0;
            let odd = weight.iter().map(|w| (!is_weight(w)).then_some(*w));
            refuse(
                metric,
                "weight",
                odd,
                "is not a finite number of at least 0",
            )?;
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
            levels: match predictions {
                Predictions::Quantiles { levels, .. } => levels,
                _ => &[],
            },
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

    /// Fails if a row of positive weight has a target or a prediction that breaks a rule of the metric.
    pub(super) fn require(
        &self,
        target_rule: (fn(f64) -> bool, &'static str),
        prediction_rule: (fn(f64) -> bool, &'static str),
    ) -> Result<(), MetricError> {
        let parts = [
            ("target", self.target, target_rule),
            ("prediction", self.values, prediction_rule),
        ];
        for (part, values, (is_right, reason)) in parts {
            let odd = values
                .iter()
                .enumerate()
                .map(|(row, &value)| (self.weight(row) > 0.0 && !is_right(value)).then_some(value));
            refuse(self.metric, part, odd, reason)?;
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
        Predictions::Quantiles { .. } => TaskKind::Quantile,
        Predictions::Several { .. } => TaskKind::MultiOutput,
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
    let is_code =
        |code: f64, n_classes: usize| code >= 0.0 && code < n_classes as f64 && code.fract() == 0.0;
    let (is_right, reason): (&dyn Fn(f64) -> bool, _) = match predictions {
        Predictions::Numbers(_) | Predictions::Quantiles { .. } | Predictions::Several { .. } => {
            (&f64::is_finite, "is not finite")
        }
        Predictions::Probabilities { n_classes, .. } => (
            &|code| is_code(code, *n_classes),
            "is not the code of a class",
        ),
    };
    let odd = target
        .iter()
        .map(|&value| (!is_right(value)).then_some(value));
    refuse(metric, "target", odd, reason)
}

/// Fails if any row has a value that cannot be used, which is what `odd` gives of each.
fn refuse(
    metric: Metric,
    part: &'static str,
    odd: impl Iterator<Item = Option<f64>>,
    reason: &'static str,
) -> Result<(), MetricError> {
    let mut odd = odd
        .enumerate()
        .filter_map(|(row, value)| Some((row, value?)));
    let Some((row, value)) = odd.next() else {
        return Ok(());
    };
    Err(MetricError::Value {
        metric,
        part,
        value,
        row,
        n_rows: 1 + odd.count(),
        reason,
    })
}
