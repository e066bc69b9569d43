//! A trained network as a model.

use super::encoder::Encoder;
use super::job::predict;
use super::loss::{Loss, TargetScale};
use crate::Cpu;
use crate::labelled::{Blocks, check_loss, read_weights};
use crate::network::{Init, Layout, Network, NetworkParams};
use crate::train::push;
use automl_core::{
    Artifact, ArtifactError, Model, PredictError, Predictions, TableView, Task, Threads,
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
        let (task, loss, scale) = check_loss(artifact)?;
        let device = burn_flex::FlexDevice;
        let n_outputs = loss.n_outputs(task.n_classes());
        let mut init = Init::shapes(&device);
        let network = Network::new(&mut init, &params, &encoder.shape(), n_outputs);
        Ok(Self {
            kind: artifact.kind.clone(),
            network: read_weights(artifact, network)?,
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
        let predicted = predict(
            &self.network,
            &self.encoder,
            &encoded,
            how,
            Blocks::all(&Threads::one()),
            &burn_flex::FlexDevice,
        );
        Ok(predicted.expect("nobody ends it"))
    }

    fn row_work(&self) -> f64 {
        // A few tensors a layer, and a multiplication a weight, once for each member that shares it.
        let n_members = match &self.params {
            NetworkParams::Tabm(params) => f64::from(params.members),
            _ => 1.0,
        };
        1e4 + 0.3 * n_members * self.layout().len() as f64
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
