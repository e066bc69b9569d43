//! Checkpoints on disk: directories of the format of models, so each is whole or not there, and checked when read.

use crate::commands::train::Plan;
use automl_core::Artifact;
use automl_neural::train::Progress;
use automl_store::{Lineage, Manifest, ModelContents, Overwrite, StoreError, read_model, rfc3339};
use std::path::{Path, PathBuf};

/// What names of checkpoints begin with; the step follows.
const PREFIX: &str = "step-";

/// Where the state at the end of a training is, beside its checkpoints, if it may be made longer.
const END: &str = "end";

/// The checkpoints of one training.
#[derive(Debug)]
pub(super) struct Checkpoints {
    folder: PathBuf,
    /// How many are kept.
    keep: usize,
}

/// A checkpoint that was found.
pub(super) struct Found {
    pub(super) step: u64,
    pub(super) state: Artifact,
    /// Later ones that cannot be read, with the reason.
    pub(super) damaged: Vec<String>,
    /// Whether it is that of the end of a training.
    pub(super) is_end: bool,
}

impl Found {
    fn progress(&self) -> Progress {
        // What is no progress is refused where the state is taken in.
        self.state.meta("progress").unwrap_or_default()
    }

    /// Epochs that were done, and whether early stopping ended the training.
    pub(super) fn epochs(&self) -> (u64, bool) {
        let progress = self.progress();
        (progress.epoch, progress.is_stopped)
    }
}

impl Checkpoints {
    pub(super) fn new(folder: PathBuf, keep: usize) -> Self {
        Self { folder, keep }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Steps and places, the latest first.
    fn list(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let step = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(PREFIX)?.parse().ok()
        };
        let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
        let mut found: Vec<(u64, PathBuf)> = entries
            .filter_map(|path| Some((step(&path)?, path)))
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    fn end(&self) -> PathBuf {
        self.folder.with_file_name(END)
    }

    /// The latest checkpoint that can be read; without any, the state at the end, if it was kept.
    ///
    /// # Errors
    /// There are checkpoints, but none can be read: the first reason.
    pub(super) fn latest(&self) -> Result<Option<Found>, StoreError> {
        let mut damaged = Vec::new();
        let mut first_error = None;
        for (step, path) in self.list() {
            match read_model(&path) {
                Ok(read) => {
                    return Ok(Some(Found {
                        step,
                        state: read.artifact,
                        damaged,
                        is_end: false,
                    }));
                }
                Err(error) => {
                    damaged.push(error.to_string());
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => self.at_end(),
        }
    }

    fn at_end(&self) -> Result<Option<Found>, StoreError> {
        if !self.end().exists() {
            return Ok(None);
        }
        let mut found = Found {
            step: 0,
            state: read_model(&self.end())?.artifact,
            damaged: Vec::new(),
            is_end: true,
        };
        found.step = found.progress().step;
        Ok(Some(found))
    }

    /// Keeps the state at the end of a training.
    pub(super) fn write_end(&self, state: Artifact, plan: &Plan) -> Result<(), StoreError> {
        let contents = ModelContents {
            manifest: manifest(plan),
            artifact: state,
            files: Vec::new(),
        };
        automl_store::write_model(&self.end(), &contents, Overwrite::Replace)
    }

    /// Removes the state at the end of an earlier training.
    pub(super) fn clear_end(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(self.end()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes a checkpoint and removes those that are too many.
    pub(super) fn write(&self, step: u64, state: Artifact, plan: &Plan) -> Result<(), StoreError> {
        let path = self.folder.join(format!("{PREFIX}{step:012}"));
        let contents = ModelContents {
            manifest: manifest(plan),
            artifact: state,
            files: Vec::new(),
        };
        automl_store::write_model(&path, &contents, Overwrite::Replace)?;
        // What lies beyond was not readable when this training went on from before it.
        let all = self.list().into_iter();
        let (beyond, kept): (Vec<_>, Vec<_>) = all.partition(|(other, _)| *other > step);
        for (_, old) in beyond.into_iter().chain(kept.into_iter().skip(self.keep)) {
            std::fs::remove_dir_all(&old).map_err(|source| StoreError::Io {
                operation: "replace",
                path: old.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Removes all, for a training that begins anew.
    pub(super) fn clear(&self) -> std::io::Result<()> {
        for (_, path) in self.list() {
            std::fs::remove_dir_all(path)?;
        }
        Ok(())
    }
}

/// What a checkpoint says of itself, beside the state.
fn manifest(plan: &Plan) -> Manifest {
    let task = plan.material.task().clone();
    Manifest {
        created: rfc3339(automl_core::Clock::unix_micros()),
        outputs: automl_store::prediction_schema(&task),
        task,
        inputs: crate::modeldir::signature(plan.material.schema()),
        metric: plan.metric.name().to_owned(),
        scores: std::collections::BTreeMap::new(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage {
            config: plan.config.to_value(),
            seed: plan.config.trainer.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Lineage::default()
        },
    }
}
