//! Networks on time series: windows, training and the model that forecasts.
//!
//! A frame holds series of one table, side by side. A network reads the last `lookback` values of a series and gives the
//! `horizon` values that follow; all series share it. Windows are row numbers into one array of scaled values.

mod error;
mod frame;
mod job;
mod model;
mod parts;
mod scores;
mod step;
#[cfg(test)]
mod tests;
mod windows;

pub use error::SeriesError;
pub use frame::SeriesFrame;
pub use model::{FAMILY, Forecast, SeriesModel};
pub use parts::Parts;
pub use scores::{Naive, PartScores, SeriesScore};
pub use step::Step;

use crate::network::{Layout, SeriesNetworkParams};
use crate::tabular::{Loss, LossParams};
use crate::train::{EpochRecord, TrainError, TrainRun, TrainSettings, Watch, each_works};
use automl_core::metrics::Metric;
use automl_core::{Params, Seed, TaskKind};
use burn_flex::{Flex, FlexDevice};
use job::SeriesJob;
use model::Parameters;
use windows::{Scale, Scaled, Windows};

/// How long windows are, and which rows they are of.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct SeriesParams {
    /// Values of a series that a forecast is made from.
    #[param(default = 336, range = 1..=100_000, log)]
    pub lookback: u64,
    /// Values that are forecast.
    #[param(default = 96, range = 1..=100_000, log)]
    pub horizon: u64,
    /// First rows, to learn from; 0 for all that validation and test leave.
    #[param(default = 0, range = 0..=1_000_000_000)]
    pub train_rows: u64,
    /// Rows behind those, to score on while training; 0 for `data.validation_share`.
    #[param(default = 0, range = 0..=1_000_000_000)]
    pub validation_rows: u64,
    /// Rows behind those, to score on at the end; 0 for `test_share`.
    #[param(default = 0, range = 0..=1_000_000_000)]
    pub test_rows: u64,
    /// Share of the rows at the end that is scored on when training has ended.
    #[param(default = 0.0, range = 0.0..=0.9)]
    pub test_share: f64,
    /// Rows of a season, for the forecast that repeats the last one; 0 to tell it from the time.
    #[param(default = 0, range = 0..=1_000_000)]
    pub season: u64,
}

/// Everything that decides what a network of time series becomes, beside data and seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSettings {
    /// The network.
    pub network: SeriesNetworkParams,
    /// How long windows are.
    pub series: SeriesParams,
    /// What is made small.
    pub loss: LossParams,
    /// How it is trained.
    pub train: TrainSettings,
    /// What is scored on watched rows, of scaled values: `mse`, `mae` or `rmse`; the first decides when to stop.
    pub metrics: Vec<Metric>,
}

impl SeriesSettings {
    /// The metrics that time series are scored by.
    pub const METRICS: [Metric; 3] = [Metric::Mse, Metric::Mae, Metric::Rmse];
}

/// A trained network of time series.
#[derive(Debug)]
pub struct LearnedSeries {
    /// The model.
    pub model: SeriesModel,
    /// How good it is on the validation rows, if there are any.
    pub validation: Option<PartScores>,
    /// How good it is on the test rows, if there are any.
    pub test: Option<PartScores>,
    /// All epochs.
    pub history: Vec<EpochRecord>,
    /// The epoch that the model is of.
    pub best_epoch: u64,
    /// Steps taken.
    pub n_steps: u64,
    /// Whether the budget ended it.
    pub is_partial: bool,
}

/// Trains a network on the first part of a frame.
///
/// # Errors
/// A loss that is not one of numbers, or what the trainer says.
pub fn train(
    (frame, parts): (&SeriesFrame, &Parts),
    settings: &SeriesSettings,
    run: &TrainRun<'_>,
    watch: &mut dyn Watch,
) -> Result<LearnedSeries, TrainError> {
    let loss = Loss::of(&settings.loss, TaskKind::Regression)?;
    let lengths = [
        settings.series.lookback as usize,
        settings.series.horizon as usize,
    ];
    let scales = frame
        .series()
        .map(|(_, values)| Scale::of(&values[parts.train.clone()]));
    let scales: Vec<Scale> = scales.collect();
    let scaled = Scaled::of(frame, &scales)?;
    let [lookback, horizon] = lengths;
    let job = SeriesJob {
        params: &settings.network,
        loss,
        metrics: &settings.metrics,
        windows: Windows::within(&scaled, &parts.train, lengths),
        watched: Windows::forecasting(&scaled, &parts.valid, lengths),
        cancel: &run.budget.cancel,
        ranks: run.ranks,
    };
    let first = Layout::of(&job.first::<Flex>(Seed(0), &FlexDevice));
    watch.network(&settings.network.summary(&first, lookback));
    watch.graph(settings.network.graph(&first))?;
    let trained = run.train(&job, &settings.train, watch)?;
    let model = SeriesModel {
        network: job.network(&trained),
        parameters: Parameters {
            kind: run.learner.to_owned(),
            names: frame.names().to_vec(),
            scales,
            time: frame.time_name().map(str::to_owned),
            step: frame.step(),
            season: season(settings, frame),
            lookback,
            horizon,
            network: settings.network.clone(),
        },
    };
    let scores = |rows| {
        let windows = Windows::forecasting(&scaled, rows, lengths)?;
        model.scores(&windows, run.threads)
    };
    let (mut validation, mut test) = (None, None);
    let all = each_works(run.ranks, None, || {
        (validation, test) = (scores(&parts.valid), scores(&parts.test));
        Ok::<_, TrainError>(Vec::new())
    });
    // The model is whole, whoever is gone by now.
    drop(all);
    Ok(LearnedSeries {
        validation,
        test,
        model,
        history: trained.history,
        best_epoch: trained.best_epoch,
        n_steps: trained.n_steps,
        is_partial: trained.is_partial,
    })
}

/// Rows of a season, if one is said or the time tells it, and windows reach back that far.
fn season(settings: &SeriesSettings, frame: &SeriesFrame) -> Option<usize> {
    let season = match settings.series.season {
        0 => frame.step().and_then(Step::season)?,
        said => said,
    };
    (season <= settings.series.lookback).then_some(season as usize)
}
