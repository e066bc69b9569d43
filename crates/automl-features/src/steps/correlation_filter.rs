//! Drops number columns that follow another one.

use crate::fitted::{Dropped, FittedPart};
use crate::frame::{Frame, check_budget, require};
use crate::numeric::mean_variance;
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use automl_core::{FitError, ParamError, ParamValue};
use serde::{Deserialize, Serialize};

/// Drops each number column whose correlation with an earlier one that stays is above `threshold` in size. Missing cells
/// count as the mean.
///
/// Default columns: all numbers. Cost: columns² / 2 · min(rows, 20000) multiply-adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationFilter {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Greatest size of a correlation that both columns survive.
    pub threshold: f64,
}

impl Default for CorrelationFilter {
    fn default() -> Self {
        Self {
            columns: None,
            threshold: 0.999,
        }
    }
}

/// Correlations are measured on at most so many rows.
const MAX_ROWS: usize = 20_000;

impl StepParams for CorrelationFilter {
    fn check(&self) -> Result<(), ParamError> {
        let most = self.threshold;
        let is_ok = (0.0..=1.0).contains(&most);
        require(is_ok, "threshold", ParamValue::Float(most), "0 to 1")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("correlation_filter", &[ColumnKind::Number]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let sample = frame.sample(MAX_ROWS);
        let columns = frame.map(names.len(), |index| {
            let all = frame.numbers(&names[index]);
            unit_length(sample.iter().map(|&position| all[position]).collect())
        })?;
        let mut kept: Vec<usize> = Vec::new();
        let mut dropped = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            check_budget(frame.ctx)?;
            let follows = frame.ctx.threads.map(kept.len(), |place| {
                dot(&columns[kept[place]], column).abs() > self.threshold
            });
            if follows.contains(&true) {
                dropped.push(names[index].clone());
            } else {
                kept.push(index);
            }
        }
        let part = Dropped {
            id: "correlation_filter",
            names: dropped,
        };
        Ok(part.into())
    }
}

/// Values less their mean, scaled to length 1; all zeros if they do not vary.
fn unit_length(mut values: Vec<f64>) -> Vec<f64> {
    let (mean, variance) = mean_variance(&values);
    let scale = if variance > 0.0 { 1.0 } else { 0.0 };
    for value in &mut values {
        *value = if value.is_nan() {
            0.0
        } else {
            scale * (*value - mean)
        };
    }
    let length = dot(&values, &values).sqrt();
    if length > 0.0 {
        for value in &mut values {
            *value /= length;
        }
    }
    values
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}
