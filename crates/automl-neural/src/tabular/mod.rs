//! Networks on tables: encoders, losses, training and the model.

mod encoder;
mod job;
mod loss;
mod model;
mod numbers;

pub use encoder::{
    CategoryEncoding, ColumnWishes, EncodedRows, Encoder, EncoderParams, NumberScaling,
};
pub(crate) use loss::predictions;
pub use loss::{ClassWeights, Loss, LossKind, LossParams, TargetScale, Targets};
pub use model::TabularModel;

use crate::Device;
use crate::network::{Init, LayerSummary, Layout, Network, NetworkParams, summary};
use crate::train::{EpochRecord, TrainError, TrainSettings, Trainer, Watch};
use automl_core::metrics::Metric;
use automl_core::{Artifact, Budget, Collective, Seed, Threads, TrainingData};
use job::{TableJob, Watched};

/// Everything that decides what a tabular network becomes, beside data and seed.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularSettings {
    /// The network.
    pub network: NetworkParams,
    /// How columns are encoded.
    pub encoder: EncoderParams,
    /// Columns that are encoded in a way of their own.
    pub wishes: ColumnWishes,
    /// What is made small.
    pub loss: LossParams,
    /// How it is trained.
    pub train: TrainSettings,
    /// What is scored on watched rows; the first decides when to stop. The task's usual metric if it is empty.
    pub metrics: Vec<Metric>,
}

impl TabularSettings {
    /// The encoder of these rows. A transformer over columns reads every category as a token of its own.
    fn encoder(
        &self,
        learner: &'static str,
        rows: &automl_core::TableView<'_>,
    ) -> Result<Encoder, automl_core::FitError> {
        let mut params = self.encoder.clone();
        let is_token = matches!(self.network, NetworkParams::FtTransformer(_));
        if is_token && params.categories == CategoryEncoding::Auto {
            params.categories = CategoryEncoding::Embedding;
        }
        Encoder::fit(learner, rows, &params, &self.wishes)
    }
}

/// Surroundings of a training of a table.
#[derive(Clone, Copy)]
pub struct TabularRun<'a> {
    /// Who trains, as errors and the artifact name it.
    pub learner: &'static str,
    /// The root of all randomness.
    pub seed: Seed,
    /// Threads to use.
    pub threads: &'a Threads,
    /// When to wind up.
    pub budget: &'a Budget,
    /// What data and settings these are, for checkpoints.
    pub training: &'a str,
    /// A checkpoint to go on from.
    pub from: Option<&'a Artifact>,
    /// Who trains together; [`automl_core::Solo`] for one.
    pub ranks: &'a dyn Collective,
    /// What computes.
    pub device: Device,
}

/// A trained table network.
#[derive(Debug)]
pub struct TrainedTable {
    /// The model.
    pub model: TabularModel,
    /// All epochs.
    pub history: Vec<EpochRecord>,
    /// The epoch that the model is of.
    pub best_epoch: u64,
    /// Steps taken.
    pub n_steps: u64,
    /// Whether the budget ended it.
    pub is_partial: bool,
}

/// Trains a network on a table.
///
/// # Errors
/// Columns that cannot be encoded, a loss of another task, or what the trainer says.
pub fn train(
    data: &TrainingData<'_>,
    settings: &TabularSettings,
    run: &TabularRun<'_>,
    watch: &mut dyn Watch,
) -> Result<TrainedTable, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let rows = data.train.table();
    let encoder = settings.encoder(run.learner, &rows)?;
    let encode = |rows: automl_core::TableView<'_>| {
        encoder.encode(&rows).map_err(automl_core::FitError::from)
    };
    let metrics = if settings.metrics.is_empty() {
        vec![Metric::default_for(task.kind())]
    } else {
        settings.metrics.clone()
    };
    let watched = match data.valid.filter(|valid| valid.n_rows() > 0) {
        None => None,
        Some(valid) => Some(Watched {
            rows: encode(valid.table())?,
            target: valid.target_numbers(),
            weights: valid.weights(),
            metrics,
        }),
    };
    let job = TableJob {
        rows: encode(rows)?,
        targets: Targets::of(&data.train, loss, &settings.loss)?,
        encoder: &encoder,
        params: &settings.network,
        task,
        loss,
        watched,
    };
    let trainer = Trainer {
        settings: &settings.train,
        seed: run.seed,
        threads: run.threads,
        budget: run.budget,
        training: run.training,
        ranks: run.ranks,
    };
    let trained = trainer.train_on(run.device, &job, run.from, watch)?;
    let (network, scale) = (job.network(&trained), job.targets.scale);
    Ok(TrainedTable {
        history: trained.history,
        best_epoch: trained.best_epoch,
        n_steps: trained.n_steps,
        is_partial: trained.is_partial,
        model: TabularModel {
            kind: run.learner.to_owned(),
            network,
            params: settings.network.clone(),
            task: task.clone(),
            encoder,
            loss,
            scale,
        },
    })
}

/// The layers that a network of these settings has on these columns.
///
/// # Errors
/// As [`train`].
pub fn describe(
    data: &TrainingData<'_>,
    settings: &TabularSettings,
    learner: &'static str,
) -> Result<Vec<LayerSummary>, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let encoder = settings.encoder(learner, &data.train.table())?;
    let (shape, device) = (encoder.shape(), burn_flex::FlexDevice);
    let mut init = Init::<burn_flex::Flex>::new(Seed(0), &device);
    let n_outputs = loss.n_outputs(task.n_classes());
    let network = Network::new(&mut init, &settings.network, &shape, n_outputs);
    Ok(summary(&Layout::of(&network), &settings.network, &shape))
}
