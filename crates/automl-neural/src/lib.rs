//! Neural networks on burn: encoders of tables, networks, the trainer with its exact checkpoints, and the configuration.
//!
//! [`train`] is the trainer: it takes a [`train::Job`], which may be anyone's network, and gives parameters that are a
//! function of data, settings and seed, whatever the number of threads. [`tabular`] is the job of tables with the model
//! that it gives; [`config`] the file that describes one; [`MLP`] and [`TABM`] are learners of a search.
//!
//! ```
//! use automl_core::{Budget, Column, Dataset, FitContext, ParamMap, Seed, Table, Target, Task, Threads, Warnings};
//!
//! let x: Vec<f64> = (0..60).map(f64::from).collect();
//! let y: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
//! let data = Dataset::new(Table::new(vec![("x".into(), Column::Number(x))])?, Task::Regression, Target::Numbers(y.into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let learner = (automl_neural::MLP.build)(&ParamMap::from([("epochs".into(), automl_core::ParamValue::Int(5))]))?;
//! let model = learner.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?.n_rows(), 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate must not know: files, the command line, other learners.

extern crate burn_core as burn;

pub mod config;
mod device;
mod draw;
mod error;
pub mod image;
mod labelled;
mod learners;
mod mix;
pub mod network;
pub mod series;
pub mod tabular;
pub mod text;
pub mod train;

pub use burn_core;
pub use burn_nn;
pub use device::Device;
pub use draw::Draw;
pub use labelled::Learned;
pub use learners::{MLP, MlpLearner, TABM, TabMLearner};

/// The backend that trains on the CPU: one thread a shard, so that what runs at once is the trainer's choice.
pub type Cpu = burn_autodiff::Autodiff<burn_flex::Flex>;

/// The backend that trains on an NVIDIA GPU.
#[cfg(feature = "cuda")]
pub type Cuda = burn_autodiff::Autodiff<burn_cuda::Cuda>;

/// The kind of the artifact of a network that a configuration trained.
pub const NETWORK: &str = "neural_network";

/// Reads back a network that a configuration trained.
///
/// # Errors
/// A part is missing, or cannot be that of a network.
pub fn load(
    artifact: &automl_core::Artifact,
) -> Result<Box<dyn automl_core::Model>, automl_core::ArtifactError> {
    // Those of tables were there first, and do not say what they are.
    let family = artifact
        .meta
        .get("family")
        .and_then(serde_json::Value::as_str);
    match family {
        None => Ok(Box::new(tabular::TabularModel::load(artifact)?)),
        Some(image::FAMILY) => Ok(Box::new(image::ImageModel::load(artifact)?)),
        Some(text::FAMILY) => Ok(Box::new(text::TextModel::load(artifact)?)),
        Some(_) => Err(artifact.invalid("family", "no network is of it")),
    }
}
