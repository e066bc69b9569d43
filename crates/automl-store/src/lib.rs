//! Where models live on disk: a directory of plain data that is written whole or not at all and checked when read.
//!
//! `manifest.json` says what the model is, what it takes and gives, how it scored and where it came from;
//! `weights.safetensors` holds every array; beside them stand `leaderboard.json`, `events.jsonl`, `report.html` and
//! the like. Nothing in it can execute, and an altered or cut file is a typed error that names it.
//!
//! ```
//! use automl_core::{Artifact, Schema, Task};
//! use automl_store::{Lineage, Manifest, ModelContents, Overwrite, prediction_schema, read_model, write_model};
//!
//! let mut artifact = Artifact::new("mean", serde_json::json!({}));
//! artifact.push_f64("mean", vec![2.5]);
//! let manifest = Manifest {
//!     created: automl_store::rfc3339(0),
//!     task: Task::Regression,
//!     inputs: Schema::default(),
//!     outputs: prediction_schema(&Task::Regression),
//!     metric: "rmse".into(),
//!     scores: [("rmse".to_owned(), 1.5)].into(),
//!     threshold: None,
//!     thresholds: None,
//!     costs: None,
//!     lineage: Lineage::default(),
//! };
//! let contents = ModelContents { manifest, artifact, files: vec![("leaderboard.json".into(), b"[]".to_vec())] };
//! let parent = std::env::temp_dir().join(format!("automl-store-doc-{}", std::process::id()));
//! write_model(&parent.join("model"), &contents, Overwrite::Refuse)?;
//! let model = read_model(&parent.join("model"))?;
//! assert_eq!(model.artifact.f64s("mean")?, [2.5]);
//! std::fs::remove_dir_all(&parent)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate must not know: learners, the command line, HTTP.

pub mod access;
pub mod artifact_uri;
pub mod artifacts;
mod atomic;
pub mod backup;
pub mod batches;
pub mod buckets;
pub mod captures;
pub mod datasets;
pub mod db;
pub mod endpoints;
mod error;
pub mod filter;
pub mod gc;
mod hex;
mod journal;
pub mod lineage;
mod made;
mod manifest;
mod model_dir;
pub mod moving;
pub mod registry;
mod scratch;
pub mod sealed;
pub mod spool;
mod staging;
mod state;
pub mod studies;
pub mod tracking;
mod weights;
pub mod workspace;
mod write;

pub use atomic::{AtomicFile, write_atomic};
pub use backup::sha256_of;
pub use error::StoreError;
pub use journal::{Journal, Noted, journal_dir};
pub use manifest::{
    FORMAT_VERSION, FileEntry, Git, Lineage, Machine, Manifest, ModelId, prediction_schema, rfc3339,
};
pub use model_dir::{ModelDir, ReadModel, hex_sha256, read_model};
pub use scratch::Scratch;
pub use state::{read_state, write_state};
pub use write::{
    ModelContents, ModelPart, Overwrite, check_target, write_directory, write_model, write_model_of,
};

#[cfg(test)]
mod tests;
