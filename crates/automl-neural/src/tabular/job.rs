//! A table as a job of the trainer.

use super::encoder::{EncodedRows, Encoder};
use super::loss::{Loss, TargetScale, Targets, predictions};
use crate::Draw;
use crate::network::parameters::floats;
use crate::network::{Init, Network, NetworkParams};
use crate::train::{Job, Score, TrainError, Trained};
use automl_core::metrics::Metric;
use automl_core::{Predictions, Seed, Task, Threads};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use burn_flex::{Flex, FlexDevice};

/// Rows that a network predicts at once.
const PREDICT_ROWS: usize = 512;

/// Rows that are watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) rows: EncodedRows,
    pub(super) target: Vec<f64>,
    pub(super) weights: Option<Vec<f64>>,
    /// What is scored; the first one decides.
    pub(super) metrics: Vec<Metric>,
}

/// A table, encoded, with what its network is and how it is scored.
#[derive(Debug)]
pub(super) struct TableJob<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) params: &'a NetworkParams,
    pub(super) task: &'a Task,
    pub(super) loss: Loss,
    pub(super) rows: EncodedRows,
    pub(super) targets: Targets,
    pub(super) watched: Option<Watched>,
}

impl TableJob<'_> {
    /// The network before the first step.
    fn first<B: Backend>(&self, seed: Seed, device: &B::Device) -> Network<B> {
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

    fn weight(&self, rows: &[u32]) -> f64 {
        let weights = &self.targets.weights;
        let sum: f64 = rows
            .iter()
            .map(|&row| f64::from(weights[row as usize]))
            .sum();
        // Rows without weight have a loss of 0, whatever it is divided by.
        if sum > 0.0 { sum } else { 1.0 }
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
        let width = self.targets.values.len() / self.targets.weights.len();
        let n = rows.len();
        let mut target = Vec::with_capacity(n * width);
        for &row in rows {
            let start = row as usize * width;
            target.extend_from_slice(&self.targets.values[start..start + width]);
        }
        let weight = |&row: &u32| self.targets.weights[row as usize];
        let weights: Vec<f32> = rows.iter().map(weight).collect();
        let target = Tensor::from_data(TensorData::new(target, [n, 1, width]), device);
        let weights = Tensor::<B, 3>::from_data(TensorData::new(weights, [n, 1, 1]), device);
        let n_members = scores.dims()[1] as f64;
        (self.loss.forward(scores, target) * weights).sum() / n_members
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
        let predicted = predict(
            network,
            self.encoder,
            &watched.rows,
            (self.loss, self.task, self.targets.scale),
            threads,
            device,
        );
        let score = |&metric: &Metric| {
            let value = metric.score(&watched.target, &predicted, watched.weights.as_deref())?;
            Ok(Score {
                name: metric.name().to_owned(),
                value,
                higher_is_better: metric.higher_is_better(),
            })
        };
        watched.metrics.iter().map(score).collect()
    }
}

/// Predictions for encoded rows, a block of rows at a time; the same at any number of threads.
pub(super) fn predict<B: Backend>(
    network: &Network<B>,
    encoder: &Encoder,
    rows: &EncodedRows,
    (loss, task, scale): (Loss, &Task, TargetScale),
    threads: &Threads,
    device: &B::Device,
) -> Predictions
where
    Network<B>: Sync,
{
    let n_blocks = rows.n_rows().div_ceil(PREDICT_ROWS).max(1);
    let blocks = threads.map(n_blocks, |block| {
        let start = (block * PREDICT_ROWS) as u32;
        let end = (start + PREDICT_ROWS as u32).min(rows.n_rows() as u32);
        let ids: Vec<u32> = (start..end).collect();
        if ids.is_empty() {
            return predictions(&[], 1, loss, task, scale);
        }
        let batch = encoder.batch::<B>(rows, &ids, device);
        let scores = network.forward(&batch, &mut Draw::evaluating());
        let n_members = scores.dims()[1];
        predictions(&floats(scores), n_members, loss, task, scale)
    });
    let mut blocks = blocks.into_iter();
    let mut all = blocks.next().expect("there is at least one block");
    for block in blocks {
        all.append(block);
    }
    all
}
