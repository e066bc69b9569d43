//! Where a training stands, whole: what a checkpoint holds.

use super::optimizer::OptimizerState;
use super::settings::OptimizerKind;
use super::{Chosen, TrainError};
use crate::network::Layout;
use automl_core::{Array, ArrayData, Artifact};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The kind of a checkpoint's artifact.
pub const CHECKPOINT: &str = "neural_checkpoint";

/// Scores and the loss of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps taken by its end.
    pub step: u64,
    /// Mean loss of its steps, as learned from.
    pub loss: f64,
    /// Scores on validation rows, by name.
    pub scores: Vec<(String, f64)>,
    /// Whether it is the best so far.
    pub is_best: bool,
}

/// What losses are multiplied by where numbers are multiplied in 16 bits of a small range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// The factor.
    pub scale: f32,
    /// Steps since it last changed.
    pub n_good: f32,
}

impl LossScale {
    /// As PyTorch begins.
    pub(super) const START: Self = Self {
        scale: 65536.0,
        n_good: 0.0,
    };
}

/// The part of the state that is no array.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs done.
    pub epoch: u64,
    /// Steps taken.
    pub step: u64,
    /// Steps taken in this epoch: where the order of its rows goes on.
    pub cursor: u64,
    /// Sum of the losses of this epoch's steps.
    pub loss_sum: f64,
    /// The best value of the watched score, and its epoch.
    pub best: Option<(f64, u64)>,
    /// Epochs since then.
    pub n_stale: u64,
    /// What plateaus multiplied the rate by so far.
    pub plateau: f64,
    /// Epochs since plateau last lowered the rate or the score improved.
    pub n_flat: u64,
    /// All epochs done.
    pub history: Vec<EpochRecord>,
    /// Whether early stopping has ended the training.
    pub is_stopped: bool,
    /// What losses are multiplied by, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// What the training chose for itself before its first step.
    #[serde(default, skip_serializing_if = "Chosen::is_nothing")]
    pub chosen: Chosen,
}

/// Where a training stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainState {
    /// Counters and scores.
    pub progress: Progress,
    /// The parameters.
    pub values: Vec<f32>,
    /// The optimiser's memory.
    pub optimizer: OptimizerState,
    /// The moving average of the parameters, if there is one.
    pub average: Option<Vec<f32>>,
    /// The parameters of the best epoch, if they are kept.
    pub best: Option<Vec<f32>>,
}

impl TrainState {
    /// The state before the first step.
    pub fn new(values: Vec<f32>, kind: OptimizerKind, has_average: bool) -> Self {
        Self {
            progress: Progress {
                plateau: 1.0,
                ..Progress::default()
            },
            optimizer: OptimizerState::new(kind, values.len()),
            average: has_average.then(|| values.clone()),
            best: None,
            values,
        }
    }

    /// The parameters that count: the average if there is one.
    pub fn current(&self) -> &[f32] {
        self.average.as_ref().unwrap_or(&self.values)
    }

    /// The state as plain data. `training` says what it is a state of; only the same goes on from it. Randomness needs no
    /// state: every random number is a function of the seed and of these counters.
    pub fn to_artifact(&self, layout: &Layout, training: &str) -> Artifact {
        let meta = json!({
            "training": training,
            "progress": self.progress,
            "n_optimizer_steps": self.optimizer.n_steps,
        });
        let mut artifact = Artifact::new(CHECKPOINT, meta);
        push(&mut artifact, "weights", layout, &self.values);
        push(&mut artifact, "first", layout, &self.optimizer.first);
        push(&mut artifact, "second", layout, &self.optimizer.second);
        push(
            &mut artifact,
            "average",
            layout,
            self.average.as_deref().unwrap_or_default(),
        );
        push(
            &mut artifact,
            "best",
            layout,
            self.best.as_deref().unwrap_or_default(),
        );
        artifact
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// It is of another training, or a part is missing or of another shape.
    pub fn from_artifact(
        artifact: &Artifact,
        layout: &Layout,
        training: &str,
    ) -> Result<Self, TrainError> {
        if artifact.kind != CHECKPOINT {
            let kind = artifact.kind.clone();
            return Err(automl_core::ArtifactError::UnknownKind { kind }.into());
        }
        let found: String = artifact.meta("training")?;
        if found != training {
            return Err(TrainError::OtherTraining {
                reason: first_difference(&found, training),
            });
        }
        let required = |group| {
            pull(artifact, group, layout)?
                .ok_or_else(|| TrainError::Artifact(artifact.invalid(group, "it is not there")))
        };
        Ok(Self {
            progress: artifact.meta("progress")?,
            values: required("weights")?,
            optimizer: OptimizerState {
                first: required("first")?,
                second: pull(artifact, "second", layout)?.unwrap_or_default(),
                n_steps: artifact.meta("n_optimizer_steps")?,
            },
            average: pull(artifact, "average", layout)?,
            best: pull(artifact, "best", layout)?,
        })
    }
}

/// Adds parameters as arrays of their names and shapes; none if there are none.
pub(crate) fn push(artifact: &mut Artifact, group: &str, layout: &Layout, values: &[f32]) {
    if values.is_empty() {
        return;
    }
    for slot in &layout.slots {
        let array = Array {
            shape: slot.shape.clone(),
            data: ArrayData::F32(values[slot.range.clone()].to_vec()),
        };
        artifact
            .arrays
            .insert(format!("{group}.{}", slot.name), array);
    }
}

/// The parameters of a group; none if the artifact has none of it.
pub(crate) fn pull(
    artifact: &Artifact,
    group: &str,
    layout: &Layout,
) -> Result<Option<Vec<f32>>, automl_core::ArtifactError> {
    let prefix = format!("{group}.");
    if !artifact.arrays.keys().any(|name| name.starts_with(&prefix)) {
        return Ok(None);
    }
    // Not as long as the network claims: it grows by what is stored.
    let mut values = Vec::new();
    for slot in &layout.slots {
        let name = format!("{group}.{}", slot.name);
        let numbers = artifact.f32s(&name)?;
        if numbers.len() != slot.range.len() || artifact.arrays[&name].shape != slot.shape {
            return Err(artifact.invalid(&name, "its shape is not that of the network"));
        }
        values.extend_from_slice(numbers);
    }
    Ok(Some(values))
}

/// The first line in which two descriptions differ.
pub fn first_difference(found: &str, wanted: &str) -> String {
    let mut lines = found.lines().zip(wanted.lines());
    match lines.find(|(a, b)| a != b) {
        Some((a, b)) => {
            let plain = |line: &str| line.trim().trim_end_matches(',').to_owned();
            format!("it has {}, this one {}", plain(a), plain(b))
        }
        None => "it has other settings".to_owned(),
    }
}
