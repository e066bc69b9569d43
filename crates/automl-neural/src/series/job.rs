//! Time series as a job of the trainer.

use super::SeriesError;
use super::scores::Errors;
use super::windows::Windows;
use crate::Draw;
use crate::labelled::Blocks;
use crate::network::parameters::floats;
use crate::network::{Init, SeriesNetwork, SeriesNetworkParams};
use crate::tabular::Loss;
use crate::train::{Job, Score, TrainError, Trained, first_works};
use automl_core::metrics::{Metric, MetricError};
use automl_core::{CancelToken, Collective, Seed, Threads};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn_flex::{Flex, FlexDevice};

/// Windows with what their network is and how it is scored. A row of it is a window with all its series.
pub(super) struct SeriesJob<'a> {
    pub(super) params: &'a SeriesNetworkParams,
    pub(super) loss: Loss,
    pub(super) metrics: &'a [Metric],
    pub(super) windows: Windows<'a>,
    pub(super) watched: Option<Windows<'a>>,
    /// Ends scoring.
    pub(super) cancel: &'a CancelToken,
    /// Who scores.
    pub(super) ranks: &'a dyn Collective,
}

impl SeriesJob<'_> {
    /// The network before the first step.
    pub(super) fn first<B: Backend>(&self, seed: Seed, device: &B::Device) -> SeriesNetwork<B> {
        let mut init = Init::new(seed, device);
        SeriesNetwork::new(&mut init, self.params, self.windows.lengths())
    }

    /// The network of a training, to predict with.
    pub(super) fn network(&self, trained: &Trained) -> SeriesNetwork<Flex> {
        let network = self.first(Seed(0), &FlexDevice);
        trained.layout.write(network, &trained.values)
    }
}

impl<B: AutodiffBackend> Job<B> for SeriesJob<'_> {
    type Network = SeriesNetwork<B>;

    fn n_rows(&self) -> usize {
        self.windows.n()
    }

    fn build(&self, seed: Seed, device: &B::Device) -> SeriesNetwork<B> {
        self.first(seed, device)
    }

    fn loss(
        &self,
        network: &SeriesNetwork<B>,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1> {
        let [_, horizon] = self.windows.lengths();
        let forecast = network.forward(self.windows.pasts::<B>(rows, device), draw);
        let came = self.windows.futures::<B>(rows, device);
        let losses = self
            .loss
            .forward(forecast.unsqueeze_dim(1), came.unsqueeze_dim(1));
        let losses = match self.windows.known_tensor::<B>(rows, device) {
            None => losses,
            Some(known) => losses * known.unsqueeze_dim(1),
        };
        losses.sum() / (horizon * self.windows.n_series()) as f64
    }

    fn evaluate(
        &self,
        network: &SeriesNetwork<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        let Some(watched) = &self.watched else {
            return Ok(Vec::new());
        };
        let blocks = Blocks::until(threads, self.cancel).dealt(self.ranks);
        let errors = errors(network, self.params, watched, blocks, device)?;
        if errors.n_known() == 0 {
            return Err(SeriesError::NothingToScore.into());
        }
        let score = |&metric: &Metric| {
            let value = errors.score(metric);
            if !value.is_finite() {
                return Err(TrainError::Metric(MetricError::Value {
                    metric,
                    part: "prediction",
                    value,
                    row: 0,
                    reason: "is not finite",
                    n_rows: watched.n(),
                }));
            }
            Ok(Score {
                name: metric.name().to_owned(),
                value,
                higher_is_better: metric.higher_is_better(),
            })
        };
        first_works(self.ranks, None, || {
            self.metrics.iter().map(score).collect()
        })
    }

    fn is_dealt(&self) -> bool {
        true
    }
}

/// The errors of a network's forecasts; the same at any number of threads and ranks.
pub(super) fn errors<B: Backend>(
    network: &SeriesNetwork<B>,
    params: &SeriesNetworkParams,
    windows: &Windows<'_>,
    blocks: Blocks<'_>,
    device: &B::Device,
) -> Result<Errors, TrainError>
where
    SeriesNetwork<B>: Sync,
{
    let n_numbers = params.n_numbers(windows.lengths());
    Errors::of(windows, n_numbers, blocks, |ids| {
        let pasts = windows.pasts::<B>(ids, device);
        floats(network.forward(pasts, &mut Draw::evaluating()))
    })
}
