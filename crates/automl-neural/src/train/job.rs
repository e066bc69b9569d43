//! What is trained: a network, its rows, and how they become a loss.

use super::TrainError;
use crate::Draw;
use automl_core::{Seed, Threads};
use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

/// A thing to train. The trainer does the rest: order of rows, batches, threads, gradients, schedules, averages,
/// checkpoints, early stopping.
pub trait Job<B: AutodiffBackend>: Sync {
    /// The network, a burn module.
    type Network: AutodiffModule<B, InnerModule: Sync> + Sync;

    /// Rows to learn from.
    fn n_rows(&self) -> usize;

    /// The network before the first step; a function of the seed.
    fn build(&self, seed: Seed, device: &B::Device) -> Self::Network;

    /// The loss of some rows, summed over them (each times its weight, where rows have weights). `draw` gives the random
    /// numbers of the pass; the rows go to `device`, where the network is.
    fn loss(
        &self,
        network: &Self::Network,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1>;

    /// What the loss of these rows is divided by: their number, or the sum of their weights.
    fn weight(&self, rows: &[u32]) -> f64 {
        rows.len() as f64
    }

    /// Scores of the network on rows that it does not learn from; the first one is watched. None if there are no such
    /// rows.
    ///
    /// # Errors
    /// A score that cannot be computed.
    fn evaluate(
        &self,
        _network: &<Self::Network as AutodiffModule<B>>::InnerModule,
        _threads: &Threads,
        _device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        Ok(Vec::new())
    }
}

/// One score of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric's name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Whether more is better.
    pub higher_is_better: bool,
}
