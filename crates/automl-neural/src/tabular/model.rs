//! A trained network as a model.

use super::encoder::Encoder;
use super::job::predict;
use super::loss::{Loss, TargetScale};
use crate::Cpu;
use crate::network::{Init, Layout, Network, NetworkParams};
use crate::train::{pull, push};
use automl_core::{
    Artifact, ArtifactError, Model, PredictError, Predictions, Seed, TableView, Task, Threads,
};
use burn::tensor::backend::AutodiffBackend;
use serde_json::json;

/// The backend that predicts.
type Inner = <Cpu as AutodiffBackend>::InnerBackend;

/// An encoder and a network with their task.
#[derive(Debug)]
pub struct TabularModel {
    pub(super) kind: String,
    pub(super) encoder: Encoder,
    pub(super) params: NetworkParams,
    pub(super) network: Network<Inner>,
    pub(super) task: Task,
    pub(super) loss: Loss,
    pub(super) scale: TargetScale,
}

impl TabularModel {
    /// The network's parameters by name and shape.
    pub fn layout(&self) -> Layout {
        Layout::of(&self.network)
    }

    /// Reads a model back.
    ///
    /// # Errors
    /// A part is missing, or cannot be that of a network.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let encoder: Encoder = artifact.meta("encoder")?;
        if !encoder.is_sound() {
            return Err(artifact.invalid("encoder", "its columns cannot be encoded"));
        }
        let params: NetworkParams = artifact.meta("network")?;
        let task: Task = artifact.meta("task")?;
        let is_possible = match &task {
            Task::Binary { classes } => classes.len() == 2,
            Task::Multiclass { classes } => classes.len() > 2,
            _ => true,
        };
        if !is_possible {
            return Err(artifact.invalid("task", "it has a wrong number of classes"));
        }
        let loss: Loss = artifact.meta("loss")?;
        let fits = match loss {
            Loss::CrossEntropy => task.is_classification(),
            Loss::Bce => task.n_classes() == 2,
            _ => !task.is_classification(),
        };
        if !fits {
            return Err(artifact.invalid("loss", "it is of another task"));
        }
        let scale: TargetScale = artifact.meta("scale")?;
        let is_sound = scale.centre.is_finite() && scale.spread.is_finite() && scale.spread > 0.0;
        if !is_sound {
            return Err(artifact.invalid("scale", "it is not finite"));
        }
        // What a file claims must not make a network larger than the file: its arrays bound what is built.
        let n_stored: usize = artifact.arrays.values().map(automl_core::Array::len).sum();
        if encoder.n_parameters_min(&params) > n_stored {
            return Err(artifact.invalid("network", "it is larger than its arrays"));
        }
        let device = burn_flex::FlexDevice;
        let n_outputs = loss.n_outputs(task.n_classes());
        let mut init = Init::new(Seed(0), &device);
        let network = Network::new(&mut init, &params, &encoder.shape(), n_outputs);
        let layout = Layout::of(&network);
        let values = pull(artifact, "weights", &layout)?;
        let values = values.ok_or_else(|| artifact.invalid("weights", "they are not there"))?;
        if artifact.arrays.len() != layout.slots.len() {
            return Err(artifact.invalid("weights", "there are more than the network has"));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(artifact.invalid("weights", "they are not finite"));
        }
        Ok(Self {
            kind: artifact.kind.clone(),
            network: layout.write(network, &values),
            encoder,
            params,
            task,
            loss,
            scale,
        })
    }
}

impl Model for TabularModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let encoded = self.encoder.encode(rows)?;
        let how = (self.loss, &self.task, self.scale);
        Ok(predict(
            &self.network,
            &self.encoder,
            &encoded,
            how,
            &Threads::one(),
            &burn_flex::FlexDevice,
        ))
    }

    fn artifact(&self) -> Artifact {
        let meta = json!({
            "encoder": self.encoder,
            "network": self.params,
            "task": self.task,
            "loss": self.loss,
            "scale": self.scale,
        });
        let mut artifact = Artifact::new(&self.kind, meta);
        let layout = self.layout();
        push(
            &mut artifact,
            "weights",
            &layout,
            &layout.read(&self.network),
        );
        artifact
    }
}
