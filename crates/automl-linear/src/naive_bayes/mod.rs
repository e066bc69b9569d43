//! Gaussian naive Bayes.
//!
//! # What it fits
//! A prior a class, and within each class an independent normal distribution of every feature.
//!
//! # Formula
//! `log p(k | x) = log πₖ − ½ Σⱼ [log 2π vⱼₖ + (xⱼ − μⱼₖ)² / vⱼₖ] + const`, with weighted shares, means and variances, and
//! `vⱼₖ = var_smoothing · maxⱼ var(xⱼ)` on top of each variance.
//!
//! # Parameters
//! See [`NaiveBayesParams`].
//!
//! # Cost
//! Two passes over the features to fit; `rows × features × classes` to predict.
//!
//! # When it fails
//! Columns that are not numbers, or have gaps, are refused. Correlated features make the probabilities too sure. A class
//! without rows gets probability 0.
//!
//! # References
//! Zhang (2004), *The optimality of naive Bayes*; scikit-learn's `GaussianNB`. linfa-bayes takes no row weights and its
//! fitted model does not give up its arrays, so the few lines are written here.
//!
//! ```
//! use automl_core::*;
//! let table = Table::new(vec![("x".into(), Column::Number(vec![-2.0, -1.0, 1.0, 2.0]))])?;
//! let task = Task::Binary { classes: vec!["no".into(), "yes".into()] };
//! let data = Dataset::new(table, task, Target::Classes(vec![0, 0, 1, 1].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let learner = (automl_linear::NAIVE_BAYES.build)(&ParamMap::new())?;
//! let model = learner.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?.class_codes(), [0, 0, 1, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;

use crate::inputs::Inputs;
use crate::targets::{Classes, RowWeights, require_task, softmax_rows};
use automl_core::{
    Artifact, ArtifactError, Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec,
    Model, ParamMap, Params, PredictError, Predictions, TableView, TaskKind, TrainingData,
};

/// Parameters of [`NAIVE_BAYES`].
#[derive(Params, Debug, Clone, PartialEq)]
pub struct NaiveBayesParams {
    /// Share of the largest variance of any feature that is added to every variance.
    #[param(default = 1e-9, range = 0.0..=100.0, log, search = 1e-10..=1.0)]
    pub var_smoothing: f64,
}

/// Gaussian naive Bayes.
pub static NAIVE_BAYES: LearnerSpec = LearnerSpec {
    id: "naive_bayes",
    title: "Naive Bayes",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass],
        missing: false,
        categories: false,
        sparse: false,
        weights: true,
        early_stopping: false,
    },
    params: NaiveBayesParams::SPECS,
    references: &[
        "Zhang (2004), The optimality of naive Bayes",
        "scikit-learn GaussianNB",
    ],
    build: |map| Ok(Box::new(NaiveBayesParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(NaiveBayes::load(artifact)?)),
};

impl Learner for NaiveBayesParams {
    fn spec(&self) -> &'static LearnerSpec {
        &NAIVE_BAYES
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        require_task(&NAIVE_BAYES, data.train.task())?;
        let rows = data.train.table();
        let inputs = Inputs::of(NAIVE_BAYES.id, &rows, false)?;
        let weights = RowWeights::of(NAIVE_BAYES.id, &data.train)?;
        let classes = Classes::of(&data.train, &weights);
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        let bound = inputs.bind(&rows)?;
        // Each column on its own: the result does not depend on who computes it.
        let columns = ctx.threads.map(bound.numbers.len(), |j| {
            let cells: Vec<f64> = rows.iter_rows().map(|row| bound.numbers[j][row]).collect();
            ColumnMoments::of(&cells, &weights.share, &classes)
        });
        let largest = columns
            .iter()
            .map(|column| column.variance)
            .fold(0.0, f64::max);
        // Where nothing varies the width does not matter, but it must not be zero.
        let floor =
            (self.var_smoothing * largest).max(if largest > 0.0 { largest * 1e-12 } else { 1.0 });
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for column in columns {
            means.extend(column.class_means);
            variances.extend(
                column
                    .class_variances
                    .iter()
                    .map(|variance| variance + floor),
            );
        }
        if means
            .iter()
            .chain(&variances)
            .any(|value| !value.is_finite())
        {
            let reason = "the features are too large to square".to_owned();
            return Err(FitError::Numeric {
                learner: NAIVE_BAYES.id,
                reason,
            });
        }
        let log_prior = classes.prior.iter().map(|share| share.ln()).collect();
        let model = NaiveBayes {
            inputs,
            n_classes: classes.n_in_task,
            present: classes.present,
            log_prior,
            means,
            variances,
        };
        Ok(Fitted::from(Box::new(model) as Box<dyn Model>))
    }
}

/// Weighted moments of one column.
struct ColumnMoments {
    variance: f64,
    class_means: Vec<f64>,
    class_variances: Vec<f64>,
}

impl ColumnMoments {
    fn of(cells: &[f64], share: &[f64], classes: &Classes) -> Self {
        let n = classes.present.len();
        let rows = || {
            cells
                .iter()
                .zip(share)
                .zip(&classes.positions)
                .map(|((x, w), k)| (x, w, *k as usize))
        };
        let mean: f64 = rows().map(|(x, w, _)| w * x).sum();
        let variance = rows().map(|(x, w, _)| w * (x - mean) * (x - mean)).sum();
        let mut class_means = vec![0.0; n];
        for (x, w, k) in rows() {
            class_means[k] += w * x / classes.prior[k];
        }
        let mut class_variances = vec![0.0; n];
        for (x, w, k) in rows() {
            class_variances[k] +=
                w * (x - class_means[k]) * (x - class_means[k]) / classes.prior[k];
        }
        Self {
            variance,
            class_means,
            class_variances,
        }
    }
}

/// Priors, means and variances; the last two feature-major, `n_features × present classes`.
#[derive(Debug, Clone, PartialEq)]
struct NaiveBayes {
    inputs: Inputs,
    n_classes: usize,
    present: Vec<u32>,
    log_prior: Vec<f64>,
    means: Vec<f64>,
    variances: Vec<f64>,
}

impl NaiveBayes {
    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let model = Self {
            inputs: Inputs::load(artifact)?,
            n_classes: artifact.meta("n_classes")?,
            present: artifact.u32s("present")?.to_vec(),
            log_prior: artifact.f64s("log_prior")?.to_vec(),
            means: artifact.f64s("means")?.to_vec(),
            variances: artifact.f64s("variances")?.to_vec(),
        };
        let n = model.present.len();
        let codes_fit = model.present.is_sorted_by(|a, b| a < b)
            && model
                .present
                .iter()
                .all(|&code| (code as usize) < model.n_classes);
        if n == 0 || model.n_classes < 2 || !codes_fit {
            return Err(artifact.invalid("present", "a code has no class"));
        }
        if !model.inputs.sparse.is_empty() {
            return Err(artifact.invalid("inputs", "a column is sparse"));
        }
        let n_cells = model.inputs.n_features().checked_mul(n);
        for (name, values, expected) in [
            ("log_prior", &model.log_prior, Some(n)),
            ("means", &model.means, n_cells),
            ("variances", &model.variances, n_cells),
        ] {
            if Some(values.len()) != expected || values.iter().any(|value| !value.is_finite()) {
                return Err(artifact.invalid(name, "wrong length or not finite"));
            }
        }
        if model.variances.iter().any(|&variance| variance <= 0.0) {
            return Err(artifact.invalid("variances", "one is not positive"));
        }
        Ok(model)
    }
}

impl Model for NaiveBayes {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let bound = self.inputs.bind(rows)?;
        let n = self.present.len();
        let n_rows = rows.n_rows();
        let mut start = self.log_prior.clone();
        for variances in self.variances.chunks_exact(n) {
            for (sum, variance) in start.iter_mut().zip(variances) {
                *sum -= 0.5 * (std::f64::consts::TAU * variance).ln();
            }
        }
        let mut scores = start.repeat(n_rows);
        for (values, (means, variances)) in bound.numbers.iter().zip(
            self.means
                .chunks_exact(n)
                .zip(self.variances.chunks_exact(n)),
        ) {
            for (i, row) in rows.iter_rows().enumerate() {
                for k in 0..n {
                    let gap = values[row] - means[k];
                    // A cell far outside the training data may overflow; the cap keeps the classes comparable.
                    scores[i * n + k] -= (0.5 * gap * gap / variances[k]).min(1e200);
                }
            }
        }
        softmax_rows(&mut scores, n);
        let mut values = vec![0.0; n_rows * self.n_classes];
        for (row, scores) in values
            .chunks_exact_mut(self.n_classes)
            .zip(scores.chunks_exact(n))
        {
            for (&code, &score) in self.present.iter().zip(scores) {
                row[code as usize] = score;
            }
        }
        Ok(Predictions::Probabilities {
            n_classes: self.n_classes,
            values,
        })
    }

    fn row_work(&self) -> f64 {
        1e3 + 20.0 * self.means.len() as f64
    }

    fn artifact(&self) -> Artifact {
        let meta = serde_json::json!({
            "inputs": self.inputs.to_json(),
            "n_classes": self.n_classes,
        });
        let mut artifact = Artifact::new(NAIVE_BAYES.id, meta);
        artifact.push_u32("present", self.present.clone());
        artifact.push_f64("log_prior", self.log_prior.clone());
        artifact.push_f64("means", self.means.clone());
        artifact.push_f64("variances", self.variances.clone());
        artifact
    }
}
