//! A fitted linear model: coefficients on the features as they come, and from their sum to the mean.

use super::{ELASTIC_NET, Solution};
use crate::attribution::{self, Scored};
use crate::inputs::{Inputs, linear_scores};
use automl_core::{
    Artifact, ArtifactError, ExplainError, Explanation, Importance, Model, PredictError,
    Predictions, Scale, TableView, Threads,
};

/// What an artifact of a model with a logarithmic link says.
const LOG: &str = "log";
/// Scores beyond this have no exponential, or none but 0.
const SCORE_MAX: f64 = 700.0;

/// What a solution is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// Of `(y − mean) / scale`.
    Identity { mean: f64, scale: f64 },
    /// Of the logarithm of the mean.
    Log,
}

/// `x · coef + intercept`, or the exponential of that.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    inputs: Inputs,
    coef: Vec<f64>,
    intercept: f64,
    spreads: Vec<f64>,
    /// The mean of each feature, if it was kept.
    means: Option<Vec<f64>>,
    is_log: bool,
}

impl Linear {
    /// From a solution on features of these means.
    pub(super) fn new(inputs: Inputs, solution: Solution, link: Link, means: Vec<f64>) -> Self {
        let (mean, scale) = match link {
            Link::Identity { mean, scale } => (mean, scale),
            Link::Log => (0.0, 1.0),
        };
        Self {
            inputs,
            coef: solution.coef.iter().map(|weight| weight * scale).collect(),
            intercept: mean + solution.intercept * scale,
            spreads: solution.spreads,
            means: Some(means),
            is_log: link == Link::Log,
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
        let inputs = Inputs::load(artifact)?;
        let model = Self {
            means: attribution::read(artifact, inputs.n_features())?,
            inputs,
            coef: artifact.f64s("coef")?.to_vec(),
            intercept,
            spreads: artifact.f64s("spreads")?.to_vec(),
            is_log: match artifact.meta.get("link") {
                None => false,
                Some(link) if link == LOG => true,
                Some(_) => return Err(artifact.invalid("link", "it is unknown")),
            },
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
            if self.is_log {
                *value = value.clamp(-SCORE_MAX, SCORE_MAX).exp();
            }
        }
        Ok(Predictions::Numbers(values))
    }

    fn explain(
        &self,
        rows: &TableView<'_>,
        _threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        let scored = Scored {
            inputs: &self.inputs,
            coef: &self.coef,
            intercept: &[self.intercept],
            means: self.means.as_deref(),
        };
        let scale = if self.is_log {
            Scale::Log
        } else {
            Scale::Prediction
        };
        scored.explained(rows, scale)
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
        let mut meta = serde_json::json!({ "inputs": self.inputs.to_json() });
        if self.is_log {
            meta["link"] = LOG.into();
        }
        let mut artifact = Artifact::new(ELASTIC_NET.id, meta);
        artifact.push_f64("coef", self.coef.clone());
        artifact.push_f64("intercept", vec![self.intercept]);
        artifact.push_f64("spreads", self.spreads.clone());
        attribution::write(&mut artifact, self.means.as_ref());
        artifact
    }
}
