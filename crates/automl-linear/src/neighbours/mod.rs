//! Nearest neighbours, for classes and for numbers.
//!
//! # What it fits
//! Nothing but an order of the training rows; predictions are averages over the `k` nearest of them.
//!
//! # Formula
//! `ŷ(x) = Σ wᵢ yᵢ / Σ wᵢ` over the `k` rows nearest to `x` by `(Σⱼ |xⱼ − xᵢⱼ|ᵖ)^(1/p)`; `wᵢ` is the row's weight, divided by
//! the distance with `weights = distance` (rows at distance zero then decide alone). Equally near rows are taken in the
//! order of the training rows.
//!
//! # Parameters
//! See [`NearestNeighboursParams`].
//!
//! # Cost
//! Fit: a copy of the rows, or `n log² n` for a KD tree. Prediction of a row: with very few features for the number of
//! rows (`n ≥ 64 · 4^d`) about `k + 2^d log n` rows are compared by the tree; else all rows are, in tiles (20 to 50 µs a
//! query for 40 000 rows of 3 to 16 features) or, when `p = 2` and `d ≥ 14`, by a matrix product (80 µs for 40 features).
//! As that grows with the rows, at most `max_rows` of them are kept. The model holds them as f32.
//!
//! # When it fails
//! Columns that are not numbers, or have gaps, are refused; scale them first, or the largest decides. Rows of weight
//! zero are left out. Many features that do not matter drown those that do.
//!
//! # References
//! Fix and Hodges (1951); Friedman, Bentley and Finkel (1977), *An algorithm for finding best matches in logarithmic
//! expected time*; scikit-learn's `KNeighborsClassifier`. linfa-nn's trees borrow the training batch, so a model cannot
//! own one, and have no matrix product for wide rows; the tree here is a flat array beside the rows.
//!
//! ```
//! use automl_core::*;
//! let table = Table::new(vec![("x".into(), Column::Number(vec![0.0, 1.0, 10.0]))])?;
//! let data = Dataset::new(table, Task::Regression, Target::Numbers(vec![1.0, 2.0, 30.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let params = ParamMap::from([("k".into(), ParamValue::Int(2)), ("weights".into(), ParamValue::Text("uniform".into()))]);
//! let learner = (automl_linear::NEAREST_NEIGHBOURS.build)(&params)?;
//! let model = learner.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?, Predictions::Numbers(vec![1.5, 1.5, 16.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod brute;
mod index;
mod model;
#[cfg(test)]
mod tests;
mod tiles;
mod tree;

use crate::inputs::Inputs;
use crate::targets::{RowWeights, kept_rows, require_memory, require_task, warn_of_sample};
use automl_core::{
    Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, ParamMap, Params, TaskKind,
    TrainingData,
};
use index::{Index, Metric};
use model::{Labels, Neighbours};

/// How near rows count.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// All alike.
    Uniform,
    /// By the inverse of their distance.
    Distance,
}

/// Parameters of [`NEAREST_NEIGHBOURS`].
#[derive(Params, Debug, Clone, PartialEq)]
pub struct NearestNeighboursParams {
    /// How many neighbours decide; all rows where there are fewer.
    #[param(default = 15, range = 1..=100_000, log, search = 1..=100, alias = "n_neighbors")]
    pub k: usize,
    /// How the neighbours count.
    #[param(default = Weighting::Distance, search)]
    pub weights: Weighting,
    /// The distance: 1 sums absolute differences, 2 is Euclidean.
    #[param(default = 2, range = 1..=2, search)]
    pub p: u32,
    /// Of more training rows than this, as many are drawn at random and kept: the cost of a prediction grows with them.
    #[param(default = 100_000, range = 1..=1_000_000_000, log)]
    pub max_rows: usize,
}

/// Nearest neighbours.
pub static NEAREST_NEIGHBOURS: LearnerSpec = LearnerSpec {
    id: "nearest_neighbours",
    title: "Nearest neighbours",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
        missing: false,
        categories: false,
        sparse: false,
        weights: true,
        early_stopping: false,
    },
    params: NearestNeighboursParams::SPECS,
    references: &[
        "Friedman, Bentley and Finkel (1977), An algorithm for finding best matches in logarithmic expected time",
        "scikit-learn KNeighborsClassifier and KNeighborsRegressor",
    ],
    build: |map| Ok(Box::new(NearestNeighboursParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(Neighbours::load(artifact)?)),
};

impl Learner for NearestNeighboursParams {
    fn spec(&self) -> &'static LearnerSpec {
        &NEAREST_NEIGHBOURS
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let learner = NEAREST_NEIGHBOURS.id;
        let kind = require_task(&NEAREST_NEIGHBOURS, data.train.task())?;
        let rows = data.train.table();
        let inputs = Inputs::of(learner, &rows, false)?;
        let weights = RowWeights::of(learner, &data.train)?;
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        let n_kept = rows.n_rows().min(self.max_rows);
        let needed = (n_kept * (inputs.n_features() * 8 + 40)) as u64;
        require_memory(learner, needed, ctx)?;
        let bound = inputs.bind(&rows)?;
        let kept = kept_rows(&weights.share, self.max_rows, ctx.seed.named("rows"));
        warn_of_sample(
            ctx,
            "nearest neighbours keep",
            (&weights.share, self.max_rows),
        );
        let mut points = Vec::with_capacity(kept.len() * inputs.n_features());
        for &i in &kept {
            let row = rows.row(i as usize);
            points.extend(bound.numbers.iter().map(|values| values[row] as f32));
        }
        if points.iter().any(|value| !value.is_finite()) {
            let reason = "a feature is too large for single precision".to_owned();
            return Err(FitError::Numeric { learner, reason });
        }
        let metric = if self.p == 1 {
            Metric::Manhattan
        } else {
            Metric::Euclidean
        };
        let index = Index::build(points, inputs.n_features(), metric);
        let labels = if kind == TaskKind::Regression {
            let targets = data.train.target_numbers();
            Labels::Numbers(kept.iter().map(|&i| targets[i as usize]).collect())
        } else {
            let codes = data.train.class_codes();
            let n_classes = data.train.task().n_classes();
            Labels::Classes {
                n_classes,
                codes: kept.iter().map(|&i| codes[i as usize]).collect(),
            }
        };
        // Equal weights need no array.
        let row_weights = data
            .train
            .weights()
            .map(|all| kept.iter().map(|&i| all[i as usize]).collect::<Vec<f64>>())
            .filter(|all| all.windows(2).any(|pair| pair[0] != pair[1]));
        let model = Neighbours {
            inputs,
            params: self.clone(),
            index,
            labels,
            row_weights,
        };
        Ok(Fitted::from(Box::new(model) as Box<dyn automl_core::Model>))
    }
}
