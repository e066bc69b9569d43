//! The constant model that every other has to beat.
//!
//! # What it fits
//! Nothing of the features: the weighted mean of the target, or the weighted share of each class.
//!
//! # Formula
//! `ŷ = Σ wᵢ yᵢ / Σ wᵢ` for numbers, `p̂ₖ = Σ wᵢ [yᵢ = k] / Σ wᵢ` for classes.
//!
//! # Parameters
//! None.
//!
//! # Cost
//! One pass over the target; prediction is a fill.
//!
//! # When it fails
//! Only when the rows have no weight.
//!
//! # References
//! scikit-learn, `DummyRegressor` and `DummyClassifier(strategy="prior")`.
//!
//! ```
//! use automl_core::*;
//! let data = Dataset::new(Table::without_columns(4), Task::Regression, Target::Numbers(vec![1.0, 2.0, 3.0, 6.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let learner = (automl_linear::BASELINE.build)(&ParamMap::new())?;
//! let model = learner.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?, Predictions::Numbers(vec![3.0; 4]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::targets::{RowWeights, require_task};
use automl_core::{
    Artifact, ArtifactError, Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec,
    Model, ParamMap, Params, PredictError, Predictions, TableView, TaskKind, TrainingData,
};

/// The baseline has no parameters.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct BaselineParams {}

/// The constant model.
pub static BASELINE: LearnerSpec = LearnerSpec {
    id: "baseline",
    title: "Baseline",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
        missing: true,
        categories: true,
        sparse: true,
        weights: true,
        early_stopping: false,
    },
    params: BaselineParams::SPECS,
    references: &["scikit-learn DummyClassifier and DummyRegressor"],
    build: |map| Ok(Box::new(BaselineParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(Baseline::load(artifact)?)),
};

impl Learner for BaselineParams {
    fn spec(&self) -> &'static LearnerSpec {
        &BASELINE
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, _ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let kind = require_task(&BASELINE, data.train.task())?;
        let weights = RowWeights::of(BASELINE.id, &data.train)?;
        let model = if kind == TaskKind::Regression {
            let mean = data
                .train
                .target_numbers()
                .iter()
                .zip(&weights.share)
                .map(|(target, share)| target * share)
                .sum();
            Baseline {
                values: vec![mean],
                is_classification: false,
            }
        } else {
            let mut values = vec![0.0; data.train.task().n_classes()];
            for (code, share) in data.train.class_codes().into_iter().zip(&weights.share) {
                values[code as usize] += share;
            }
            // The shares are rounded one by one; a class alone must be certain.
            let total: f64 = values.iter().sum();
            for value in &mut values {
                *value /= total;
            }
            Baseline {
                values,
                is_classification: true,
            }
        };
        Ok(Fitted::from(Box::new(model) as Box<dyn Model>))
    }
}

/// What is predicted for every row: one number, or a probability a class.
#[derive(Debug, Clone, PartialEq)]
struct Baseline {
    values: Vec<f64>,
    is_classification: bool,
}

impl Baseline {
    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let is_classification: bool = artifact.meta("is_classification")?;
        let values = artifact.f64s("values")?.to_vec();
        let fits = if is_classification {
            values.len() >= 2
        } else {
            values.len() == 1
        };
        if !fits || values.iter().any(|value| !value.is_finite()) {
            return Err(artifact.invalid("values", "wrong length or not finite"));
        }
        Ok(Self {
            values,
            is_classification,
        })
    }
}

impl Model for Baseline {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let values = self.values.repeat(rows.n_rows());
        Ok(if self.is_classification {
            Predictions::Probabilities {
                n_classes: self.values.len(),
                values,
            }
        } else {
            Predictions::Numbers(values)
        })
    }

    fn artifact(&self) -> Artifact {
        let meta = serde_json::json!({ "is_classification": self.is_classification });
        let mut artifact = Artifact::new(BASELINE.id, meta);
        artifact.push_f64("values", self.values.clone());
        artifact
    }
}
