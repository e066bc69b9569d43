//! Learners that are not trees: the baseline, linear and logistic models, nearest neighbours, support vector machines and naive Bayes.
//!
//! Each learner is declared once as a [`LearnerSpec`](automl_core::LearnerSpec); [`LEARNERS`] lists them all. None takes
//! missing numbers or categories (but the baseline, which looks at no column): a recipe turns those into numbers.
//!
//! ```
//! use automl_core::{Column, Dataset, FitContext, Seed, Budget, Table, Target, Task, Threads, Warnings, ParamMap};
//! use automl_linear::ELASTIC_NET;
//!
//! let table = Table::new(vec![("x".into(), Column::Number(vec![0.0, 1.0, 2.0, 3.0]))])?;
//! let data = Dataset::new(table, Task::Regression, Target::Numbers(vec![1.0, 3.0, 5.0, 7.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let learner = (ELASTIC_NET.build)(&ParamMap::from([("alpha".into(), automl_core::ParamValue::Float(0.0))]))?;
//! let fitted = learner.fit(&ctx, &data.view(&data.all_rows()).into())?;
//! let predicted = fitted.model.predict(&data.table().view())?;
//! assert!((predicted.values()[3] - 7.0).abs() < 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate must not know: other learners, files, how features were made.

mod attribution;
mod baseline;
mod elastic_net;
mod inputs;
mod logistic;
mod matrix;
mod naive_bayes;
mod neighbours;
mod svm;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use baseline::{BASELINE, BaselineParams};
pub use elastic_net::{ELASTIC_NET, ElasticNetParams, LinearObjective};
pub use logistic::{LOGISTIC_REGRESSION, LogisticRegressionParams};
pub use naive_bayes::{NAIVE_BAYES, NaiveBayesParams};
pub use neighbours::{NEAREST_NEIGHBOURS, NearestNeighboursParams, Weighting};
pub use svm::{SVM, SvmParams};

/// Every learner of this crate, in the order of their cost.
pub static LEARNERS: [&automl_core::LearnerSpec; 6] = [
    &BASELINE,
    &NAIVE_BAYES,
    &ELASTIC_NET,
    &LOGISTIC_REGRESSION,
    &NEAREST_NEIGHBOURS,
    &SVM,
];
