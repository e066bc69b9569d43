//! Fitted logistic regression: coefficients on the features as they come.

use super::LOGISTIC_REGRESSION;
use crate::attribution::{self, Scored};
use crate::inputs::{Inputs, linear_scores};
use crate::matrix::Matrix;
use crate::targets::{Classes, softmax_rows};
use automl_core::{
    Artifact, ArtifactError, ExplainError, Explanation, Importance, Model, PredictError,
    Predictions, Scale, TableView, Threads,
};

/// Scores `x · coef + intercept`, one for two classes, else one a class, zero for a single class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Logistic {
    inputs: Inputs,
    n_classes: usize,
    /// Codes of the classes that were there to learn from, rising.
    present: Vec<u32>,
    /// `n_features × n_outputs`, feature-major.
    coef: Vec<f64>,
    intercept: Vec<f64>,
    /// How far each feature spreads, to weigh its coefficients by.
    spreads: Vec<f64>,
    /// The mean of each feature, if it was kept.
    means: Option<Vec<f64>>,
}

impl Logistic {
    /// One class alone: it is certain.
    pub(super) fn constant(inputs: Inputs, classes: &Classes) -> Self {
        Self {
            spreads: vec![0.0; inputs.n_features()],
            inputs,
            n_classes: classes.n_in_task,
            present: classes.present.clone(),
            coef: Vec::new(),
            intercept: Vec::new(),
            means: None,
        }
    }

    /// From the solution in the matrix's coordinates, `theta` as the objective lays it out, and the means of the features.
    pub(super) fn new(
        inputs: Inputs,
        matrix: &Matrix,
        classes: &Classes,
        (theta, means): (&[f64], Vec<f64>),
    ) -> Self {
        let n_outputs = theta.len() / (matrix.n_features() + 1);
        let (solved, intercepts) = theta.split_at(matrix.n_features() * n_outputs);
        let mut intercept = intercepts.to_vec();
        let mut coef = solved.to_vec();
        for (j, weights) in coef.chunks_exact_mut(n_outputs).enumerate() {
            for (weight, constant) in weights.iter_mut().zip(&mut intercept) {
                *weight *= matrix.scales[j];
                if let Some(mean) = matrix.means.get(j) {
                    *constant -= *weight * mean;
                }
            }
        }
        Self {
            inputs,
            n_classes: classes.n_in_task,
            present: classes.present.clone(),
            coef,
            intercept,
            spreads: matrix.spreads.clone(),
            means: Some(means),
        }
    }

    pub(super) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let inputs = Inputs::load(artifact)?;
        let model = Self {
            means: attribution::read(artifact, inputs.n_features())?,
            inputs,
            n_classes: artifact.meta("n_classes")?,
            present: artifact.u32s("present")?.to_vec(),
            coef: artifact.f64s("coef")?.to_vec(),
            intercept: artifact.f64s("intercept")?.to_vec(),
            spreads: artifact.f64s("spreads")?.to_vec(),
        };
        let n_outputs = match model.present.len() {
            0 => return Err(artifact.invalid("present", "there is no class")),
            1 => 0,
            2 => 1,
            n => n,
        };
        let codes_fit = model.present.is_sorted_by(|a, b| a < b)
            && model
                .present
                .iter()
                .all(|&code| (code as usize) < model.n_classes);
        if model.n_classes < 2 || !codes_fit {
            return Err(artifact.invalid("present", "a code has no class"));
        }
        for (name, values) in [
            ("coef", &model.coef),
            ("intercept", &model.intercept),
            ("spreads", &model.spreads),
        ] {
            if values.iter().any(|value| !value.is_finite()) {
                return Err(artifact.invalid(name, "a value is not finite"));
            }
        }
        if model.intercept.len() != n_outputs {
            return Err(artifact.invalid("intercept", "wrong length"));
        }
        let n_features = model.inputs.n_features();
        if Some(model.coef.len()) != n_features.checked_mul(n_outputs) {
            return Err(artifact.invalid("coef", "wrong length"));
        }
        if model.spreads.len() != n_features {
            return Err(artifact.invalid("spreads", "wrong length"));
        }
        Ok(model)
    }

    #[cfg(test)]
    pub(super) fn coefficients(&self) -> (&[f64], &[f64]) {
        (&self.coef, &self.intercept)
    }
}

impl Model for Logistic {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let bound = self.inputs.bind(rows)?;
        let n_classes = self.n_classes;
        let mut values = vec![0.0; rows.n_rows() * n_classes];
        if self.intercept.is_empty() {
            let certain = self.present[0] as usize;
            for row in values.chunks_exact_mut(n_classes) {
                row[certain] = 1.0;
            }
            return Ok(Predictions::Probabilities { n_classes, values });
        }
        let mut scores = linear_scores(&bound, rows, &self.coef, &self.intercept);
        if self.intercept.len() == 1 {
            scores = scores.into_iter().flat_map(|score| [0.0, score]).collect();
        }
        softmax_rows(&mut scores, self.present.len());
        let rows_of_scores = scores.chunks_exact(self.present.len());
        for (row, scores) in values.chunks_exact_mut(n_classes).zip(rows_of_scores) {
            for (&code, &score) in self.present.iter().zip(scores) {
                row[code as usize] = score;
            }
        }
        Ok(Predictions::Probabilities { n_classes, values })
    }

    fn explain(
        &self,
        rows: &TableView<'_>,
        _threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        let scale = match (self.intercept.len(), self.n_classes) {
            (1, 2) => Scale::LogOdds,
            (n_outputs, n_classes) if n_outputs == n_classes => Scale::Softmax,
            // A class that was not there has no score.
            _ => return Err(ExplainError::Unsupported),
        };
        let scored = Scored {
            inputs: &self.inputs,
            coef: &self.coef,
            intercept: &self.intercept,
            means: self.means.as_deref(),
        };
        scored.explained(rows, scale)
    }

    fn importance(&self) -> Option<Importance> {
        let n_outputs = self.intercept.len().max(1);
        let mut scores = vec![0.0; self.inputs.n_features()];
        for ((score, weights), spread) in scores
            .iter_mut()
            .zip(self.coef.chunks_exact(n_outputs))
            .zip(&self.spreads)
        {
            *score = weights.iter().map(|weight| weight.abs()).sum::<f64>() * spread;
        }
        Some(self.inputs.importance(&scores))
    }

    fn row_work(&self) -> f64 {
        // Of sparse features a row has few.
        1e3 + 10.0 * self.inputs.numbers.len() as f64
    }

    fn artifact(&self) -> Artifact {
        let meta = serde_json::json!({
            "inputs": self.inputs.to_json(),
            "n_classes": self.n_classes,
        });
        let mut artifact = Artifact::new(LOGISTIC_REGRESSION.id, meta);
        artifact.push_u32("present", self.present.clone());
        artifact.push_f64("coef", self.coef.clone());
        artifact.push_f64("intercept", self.intercept.clone());
        artifact.push_f64("spreads", self.spreads.clone());
        attribution::write(&mut artifact, self.means.as_ref());
        artifact
    }
}
