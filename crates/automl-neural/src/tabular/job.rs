//! A table as a job of the trainer.

use super::encoder::{EncodedRows, Encoder};
use super::loss::{Loss, TargetScale, Targets, predictions};
use crate::Draw;
use crate::labelled::{Blocks, Watched, in_blocks, weighted_loss};
use crate::network::parameters::floats;
use crate::network::{Init, Network, NetworkParams, RealMlpParams};
use crate::train::{Job, Score, TrainError, Trained, first_works};
use automl_core::{CancelToken, Collective, Predictions, Seed, Task, Threads};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn_flex::{Flex, FlexDevice};

/// Rows that a network predicts at once.
const PREDICT_ROWS: usize = 512;

/// A table, encoded, with what its network is and how it is scored.
pub(super) struct TableJob<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) params: &'a NetworkParams,
    pub(super) task: &'a Task,
    pub(super) loss: Loss,
    pub(super) rows: EncodedRows,
    pub(super) targets: Targets,
    pub(super) watched: Option<Watched<EncodedRows>>,
    /// Ends scoring.
    pub(super) cancel: &'a CancelToken,
    /// Who scores.
    pub(super) ranks: &'a dyn Collective,
}

impl TableJob<'_> {
    /// The network before the first step.
    pub(super) fn first<B: Backend>(&self, seed: Seed, device: &B::Device) -> Network<B> {
        let n_outputs = self.loss.n_outputs(self.task.n_classes());
        let mut init = Init::new(seed, device);
        Network::new(&mut init, self.params, &self.encoder.shape(), n_outputs)
    }

    /// The network of a training, to predict with.
    pub(super) fn network(&self, trained: &Trained) -> Network<Flex> {
        let network = self.first(Seed(0), &FlexDevice);
        trained.layout.write(network, &trained.values)
    }
}

impl<B: AutodiffBackend> Job<B> for TableJob<'_> {
    type Network = Network<B>;

    fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    fn build(&self, seed: Seed, device: &B::Device) -> Network<B> {
        self.first(seed, device)
    }

    fn rate_of(&self, parameter: &str) -> f64 {
        match self.params {
            NetworkParams::Realmlp(_) => RealMlpParams::rate_of(parameter),
            _ => 1.0,
        }
    }

    fn usual_rate(&self) -> Option<f64> {
        let is_real = matches!(self.params, NetworkParams::Realmlp(_));
        is_real.then(|| RealMlpParams::usual_rate(self.task.kind()))
    }

    fn weight(&self, rows: &[u32]) -> f64 {
        self.targets.weight_of(rows)
    }

    fn loss(
        &self,
        network: &Network<B>,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1> {
        let batch = self.encoder.batch::<B>(&self.rows, rows, device);
        let scores = network.forward(&batch, draw);
        weighted_loss(self.loss, &self.targets, scores, rows, device)
    }

    fn evaluate(
        &self,
        network: &Network<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        let Some(watched) = &self.watched else {
            return Ok(Vec::new());
        };
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel).dealt(self.ranks);
        let predicted = predict(network, self.encoder, &watched.rows, how, blocks, device);
        let predicted = predicted?;
        first_works(self.ranks, None, || watched.scores(&predicted))
    }

    fn is_dealt(&self) -> bool {
        true
    }

    fn binary(
        &self,
        network: &Network<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Option<Vec<(f64, bool)>> {
        let watched = self
            .watched
            .as_ref()
            .filter(|_| self.task.n_classes() == 2)?;
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel);
        let predicted = predict(network, self.encoder, &watched.rows, how, blocks, device);
        watched.binary(&predicted.ok()?)
    }
}

/// Predictions for encoded rows, a block of rows at a time; the same at any number of threads and ranks.
pub(super) fn predict<B: Backend>(
    network: &Network<B>,
    encoder: &Encoder,
    rows: &EncodedRows,
    (loss, task, scale): (Loss, &Task, TargetScale),
    blocks: Blocks<'_>,
    device: &B::Device,
) -> Result<Predictions, TrainError>
where
    Network<B>: Sync,
{
    in_blocks(blocks, rows.n_rows(), PREDICT_ROWS, |ids| {
        if ids.is_empty() {
            return predictions(&[], 1, loss, task, scale);
        }
        let batch = encoder.batch::<B>(rows, ids, device);
        let scores = network.forward(&batch, &mut Draw::evaluating());
        let n_members = scores.dims()[1];
        predictions(&floats(scores), n_members, loss, task, scale)
    })
}
