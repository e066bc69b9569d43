//! A fitted linear model: coefficients on the features as they come.

use super::{ELASTIC_NET, Solution};
use crate::inputs::{Inputs, linear_scores};
use automl_core::{
    Artifact, ArtifactError, Importance, Model, PredictError, Predictions, TableView,
};

/// `x · coef + intercept`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    inputs: Inputs,
    coef: Vec<f64>,
    intercept: f64,
    spreads: Vec<f64>,
}

impl Linear {
    /// From a solution for `(y − mean) / scale`.
    pub(super) fn new(inputs: Inputs, solution: Solution, mean: f64, scale: f64) -> Self {
        Self {
            inputs,
            coef: solution.coef.iter().map(|weight| weight * scale).collect(),
            intercept: mean + solution.intercept * scale,
            spreads: solution.spreads,
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.intercept.is_finite() && self.coef.iter().all(|weight| weight.is_finite())
    }

    pub(super) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let intercept = match artifact.f64s("intercept")? {
            [value] => *value,
            _ => return Err(artifact.invalid("intercept", "wrong length")),
        };
        let model = Self {
            inputs: Inputs::load(artifact)?,
            coef: artifact.f64s("coef")?.to_vec(),
            intercept,
            spreads: artifact.f64s("spreads")?.to_vec(),
        };
        for (name, values) in [("coef", &model.coef), ("spreads", &model.spreads)] {
            if values.len() != model.inputs.n_features() {
                return Err(artifact.invalid(name, "wrong length"));
            }
            if values.iter().any(|value| !value.is_finite()) {
                return Err(artifact.invalid(name, "a value is not finite"));
            }
        }
        if !intercept.is_finite() {
            return Err(artifact.invalid("intercept", "not finite"));
        }
        Ok(model)
    }

    #[cfg(test)]
    pub(super) fn coefficients(&self) -> (&[f64], f64) {
        (&self.coef, self.intercept)
    }
}

impl Model for Linear {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let bound = self.inputs.bind(rows)?;
        let mut values = linear_scores(&bound, rows, &self.coef, &[self.intercept]);
        for value in &mut values {
            // Rows far outside the training data may overflow; the nearest number is the honest answer.
            *value = if value.is_nan() {
                self.intercept
            } else {
                value.clamp(f64::MIN, f64::MAX)
            };
        }
        Ok(Predictions::Numbers(values))
    }

    fn importance(&self) -> Option<Importance> {
        let scores: Vec<f64> = self
            .coef
            .iter()
            .zip(&self.spreads)
            .map(|(weight, spread)| weight.abs() * spread)
            .collect();
        Some(self.inputs.importance(&scores))
    }

    fn row_work(&self) -> f64 {
        // Of sparse features a row has few.
        1e3 + 10.0 * self.inputs.numbers.len() as f64
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = Artifact::new(
            ELASTIC_NET.id,
            serde_json::json!({ "inputs": self.inputs.to_json() }),
        );
        artifact.push_f64("coef", self.coef.clone());
        artifact.push_f64("intercept", vec![self.intercept]);
        artifact.push_f64("spreads", self.spreads.clone());
        artifact
    }
}
