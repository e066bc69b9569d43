//! Feature pipelines: a [`Recipe`] of steps is fitted on training rows and then maps tables to tables.
//!
//! A recipe is plain data, written in YAML; a [`FittedRecipe`] is what its steps learned. The same fitted recipe serves
//! the search, batch scoring and one row at a time, with the same numbers in each.
//!
//! ```
//! use automl_core::{Budget, Column, Dataset, FitContext, Seed, Table, Target, Task, Threads, Transformer, Warnings};
//! use automl_features::Recipe;
//!
//! let recipe = Recipe::from_yaml("steps: [ {impute: {strategy: mean}}, {scale: {method: standard}} ]")?;
//! let table = Table::new(vec![("age".into(), Column::Number(vec![1.0, f64::NAN, 3.0]))])?;
//! let data = Dataset::new(table, Task::Regression, Target::Numbers([0.0, 1.0, 2.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(1), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let rows = data.all_rows();
//! let fitted = recipe.fit(&ctx, &data.view(&rows))?;
//! let scaled = fitted.transform(&data.table().view())?;
//! assert_eq!(scaled.column("age").and_then(Column::as_number).map(|ages| ages[1]), Some(0.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate must not know: models, files.

mod behind;
mod fitted;
mod frame;
mod hash_index;
mod numeric;
mod per_column;
mod presets;
mod recipe;
mod select;
mod step;
mod steps;
mod stored;
mod text;

pub use fitted::FittedRecipe;
pub use recipe::{Recipe, RecipeError};
pub use select::{ColumnFilter, ColumnKind, Columns};
pub use step::Step;
pub use steps::combine_categories::CombineCategories;
pub use steps::correlation_filter::CorrelationFilter;
pub use steps::datetime::{Datetime, Part};
pub use steps::frequency::Frequency;
pub use steps::group_aggregate::{GroupAggregate, Statistic};
pub use steps::hashing::Hashing;
pub use steps::impute::{Impute, ImputeStrategy};
pub use steps::interactions::{Interactions, Operation};
pub use steps::number_as_category::NumberAsCategory;
pub use steps::one_hot::{Layout, OneHot};
pub use steps::ordinal::Ordinal;
pub use steps::pca::Pca;
pub use steps::scale::{Scale, ScaleMethod};
pub use steps::select_k_best::SelectKBest;
pub use steps::target_encode::TargetEncode;
pub use steps::variance_filter::VarianceFilter;
pub use text::stats::TextStats;
pub use text::svd::TextSvd;
pub use text::tfidf::TextTfidf;
pub use text::tokens::Analyzer;

#[cfg(test)]
mod tests;
