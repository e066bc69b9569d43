//! The state of a job as a directory: in the format of models, so that it is whole or not there, and checked when read.

use crate::{
    Lineage, Machine, Manifest, ModelContents, Overwrite, StoreError, read_model, rfc3339,
    write_model,
};
use automl_core::{Artifact, Clock, Schema, Task};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes a state, in the place of an older one.
///
/// ```
/// use automl_core::Artifact;
///
/// let folder = tempfile::tempdir()?;
/// let place = folder.path().join("state");
/// let mut state = Artifact::new("counter", serde_json::json!({ "n": 3 }));
/// state.push_f32("sums", vec![0.5, 2.0]);
/// automl_store::write_state(&place, state.clone())?;
/// assert_eq!(automl_store::read_state(&place)?, state);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// It cannot be written, or something else is in its place.
pub fn write_state(dir: &Path, state: Artifact) -> Result<(), StoreError> {
    let contents = ModelContents {
        manifest: Manifest {
            created: rfc3339(Clock::unix_micros()),
            task: Task::Regression,
            inputs: Schema::default(),
            outputs: Schema::default(),
            metric: String::new(),
            scores: BTreeMap::new(),
            threshold: None,
            thresholds: None,
            costs: None,
            lineage: Lineage {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                machine: Machine::this(0),
                ..Lineage::default()
            },
        },
        artifact: state,
        files: Vec::new(),
    };
    write_model(dir, &contents, Overwrite::Replace)
}

/// Reads a state back.
///
/// # Errors
/// There is none, or it was cut or altered.
pub fn read_state(dir: &Path) -> Result<Artifact, StoreError> {
    Ok(read_model(dir)?.artifact)
}
