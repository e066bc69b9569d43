//! A trained network of texts as a model.

use super::job::predict;
use super::{Tokenizer, read};
use crate::Cpu;
use crate::labelled::{Blocks, check_loss, read_weights};
use crate::network::{Init, Layout, TextTransformer, TextTransformerParams};
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
pub(crate) const FAMILY: &str = "text";

/// A network of texts, with its vocabulary.
#[derive(Debug)]
pub struct TextModel {
    pub(super) kind: String,
    pub(super) column: String,
    pub(super) tokenizer: Tokenizer,
    pub(super) params: TextTransformerParams,
    pub(super) network: TextTransformer<Inner>,
    pub(super) task: Task,
    pub(super) loss: Loss,
    pub(super) scale: TargetScale,
}

impl TextModel {
    /// Reads a model back.
    ///
    /// # Errors
    /// A part is missing, or cannot be that of a network.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let tokenizer: Tokenizer = artifact.meta("tokenizer")?;
        if !tokenizer.is_sound() {
            return Err(artifact.invalid("tokenizer", "texts cannot become tokens by it"));
        }
        let params: TextTransformerParams = artifact.meta("network")?;
        let (task, loss, scale) = check_loss(artifact)?;
        let n_outputs = loss.n_outputs(task.n_classes());
        let [n_tokens, length] = tokenizer.shape();
        let device = burn_flex::FlexDevice;
        let mut init = Init::shapes(&device);
        let network = TextTransformer::new(&mut init, &params, [n_tokens, length], n_outputs);
        Ok(Self {
            kind: artifact.kind.clone(),
            column: artifact.meta("column")?,
            network: read_weights(artifact, network)?,
            tokenizer,
            params,
            task,
            loss,
            scale,
        })
    }
}

impl Model for TextModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let tokens = read(&self.tokenizer, rows, &self.column)?;
        let how = (self.loss, &self.task, self.scale);
        let device = burn_flex::FlexDevice;
        let threads = Threads::one();
        let predicted = predict(&self.network, &tokens, how, Blocks::all(&threads), &device);
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
            "tokenizer": self.tokenizer,
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
