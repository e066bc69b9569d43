//! A trained network of images as a model.

use super::job::predict;
use super::pixels::Form;
use crate::Cpu;
use crate::labelled::{Blocks, check_loss, read_weights};
use crate::network::{ImageNetwork, ImageNetworkParams, Init, Layout};
use crate::tabular::{Loss, TargetScale};
use crate::train::push;
use automl_core::{
    Artifact, ArtifactError, Model, PredictError, Predictions, TableView, Task, Threads,
};
use burn::tensor::backend::AutodiffBackend;
use serde_json::json;

/// The backend that predicts.
type Inner = <Cpu as AutodiffBackend>::InnerBackend;

/// What the artifact of such a model calls itself.
pub(crate) const FAMILY: &str = "image";

/// A network of images, with the form that it takes them in.
#[derive(Debug)]
pub struct ImageModel {
    pub(super) kind: String,
    pub(super) column: String,
    pub(super) form: Form,
    pub(super) params: ImageNetworkParams,
    pub(super) network: ImageNetwork<Inner>,
    pub(super) task: Task,
    pub(super) loss: Loss,
    pub(super) scale: TargetScale,
}

impl ImageModel {
    /// Reads a model back.
    ///
    /// # Errors
    /// A part is missing, or cannot be that of a network.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let form: Form = artifact.meta("form")?;
        if !form.is_sound() {
            return Err(artifact.invalid("form", "images cannot be made to it"));
        }
        let params: ImageNetworkParams = artifact.meta("network")?;
        let (task, loss, scale) = check_loss(artifact)?;
        let n_outputs = loss.n_outputs(task.n_classes());
        let shape = form.shape();
        let device = burn_flex::FlexDevice;
        let mut init = Init::shapes(&device);
        let network = ImageNetwork::new(&mut init, &params, &shape, n_outputs);
        Ok(Self {
            kind: artifact.kind.clone(),
            column: artifact.meta("column")?,
            network: read_weights(artifact, network)?,
            form,
            params,
            task,
            loss,
            scale,
        })
    }
}

impl Model for ImageModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let threads = Threads::one();
        let pixels = self.form.read(rows, &self.column, &threads)?;
        let how = (self.loss, &self.task, self.scale);
        let device = burn_flex::FlexDevice;
        let blocks = Blocks::all(&threads);
        let predicted = predict(&self.network, &self.form, &pixels, how, blocks, &device);
        Ok(predicted.expect("nobody ends it"))
    }

    fn row_work(&self) -> f64 {
        // A few tensors a layer, and a multiplication a weight.
        3e4 + 0.3 * Layout::of(&self.network).len() as f64
    }

    fn artifact(&self) -> Artifact {
        let meta = json!({
            "family": FAMILY,
            "column": self.column,
            "form": self.form,
            "network": self.params,
            "task": self.task,
            "loss": self.loss,
            "scale": self.scale,
        });
        let mut artifact = Artifact::new(&self.kind, meta);
        let layout = Layout::of(&self.network);
        push(
            &mut artifact,
            "weights",
            &layout,
            &layout.read(&self.network),
        );
        artifact
    }
}
