//! Histogram trees: gradient boosting, random forests and extra trees on one shared matrix of bins.
//!
//! A dataset's columns are binned once ([`automl_core::Dataset::derived`] keeps the result) and every trial, fold and
//! class grows its trees on those bytes. Numbers may be missing, categories are taken as they are.
//!
//! ```
//! use automl_core::*;
//! use automl_tree::GRADIENT_BOOSTING;
//!
//! let x: Vec<f64> = (0..200).map(f64::from).collect();
//! let y: Vec<f64> = x.iter().map(|x| if *x < 100.0 { 1.0 } else { 3.0 }).collect();
//! let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
//! let data = Dataset::new(table, Task::Regression, Target::Numbers(y.into())).unwrap();
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(1), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let rows = data.all_rows();
//! // Each tree learns from all rows; names of other libraries, here XGBoost's, are known too.
//! let params = ParamMap::from([("subsample".into(), ParamValue::Float(1.0))]);
//! let fitted = (GRADIENT_BOOSTING.build)(&params)?.fit(&ctx, &data.view(&rows).into())?;
//! let predicted = fitted.model.predict(&data.table().view())?;
//! assert!((predicted.values()[0] - 1.0).abs() < 1e-3 && (predicted.values()[199] - 3.0).abs() < 1e-3);
//! // What the column did to the first prediction, and what is expected of any row: together they are the prediction.
//! let explanation = fitted.model.explain(&data.table().view(), &ctx.threads)?;
//! assert!((explanation.row(0, 0)[0] + 1.0).abs() < 1e-3 && (explanation.row(0, 0)[1] - 2.0).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Models explain their predictions exactly ([`automl_core::Model::explain`]) and show their trees
//! ([`automl_core::TreeModel`]); forests predict their own rows out of bag ([`RandomForest::fit_out_of_bag`]).
//!
//! What this crate must not know: files, other learners, how models are searched, stored or served.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/trees.md")]
mod guide {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/distributed.md")]
mod guide_to_ranks {}

mod binning;
mod boost;
mod boosted_model;
mod ensemble;
pub mod extra_trees;
mod forest;
pub mod gradient_boosting;
mod gradients;
mod grow;
mod histogram;
pub mod import;
mod inputs;
mod level_means;
mod linear_leaves;
mod objective;
mod offset;
mod over_ranks;
mod peers;
pub mod random_forest;
mod simd;
mod split;
mod tree;

pub use binning::{BinnedTable, BinningBuilder, BinningError, BinningSketch};
pub use boost::{Boosting, CatEncoding, ClassWeight, RowSampling};
pub use extra_trees::{EXTRA_TREES, ExtraTrees, ExtraTreesParams};
pub use forest::OutOfBag;
pub use gradient_boosting::{GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams};
pub use grow::Growth;
pub use objective::{CustomObjective, MulticlassLoss, Objective, ScoreLink};
pub use random_forest::{RANDOM_FOREST, RandomForest, RandomForestParams};

#[cfg(test)]
pub(crate) mod tests;
