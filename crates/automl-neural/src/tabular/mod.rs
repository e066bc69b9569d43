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

use crate::labelled::{Learned, Watched};
use crate::network::{Layout, NetworkParams, RealMlpParams, summary};
use crate::train::{TrainError, TrainRun, TrainSettings, Watch};
use automl_core::metrics::Metric;
use automl_core::{FitError, Seed, TableView, TaskKind, TrainingData};
use burn_flex::{Flex, FlexDevice};
use job::TableJob;

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
    fn encoder(&self, learner: &'static str, rows: &TableView<'_>) -> Result<Encoder, FitError> {
        let mut params = self.encoder.clone();
        let is_token = matches!(self.network, NetworkParams::FtTransformer(_));
        if is_token && params.categories == CategoryEncoding::Auto {
            params.categories = CategoryEncoding::Embedding;
        }
        Encoder::fit(learner, rows, &params, &self.wishes)
    }

    /// What is made small. What `RealMLP` says of classes by itself is nothing to those that predict numbers.
    fn loss(&self, task: TaskKind) -> LossParams {
        let mut loss = self.loss.clone();
        let usual = RealMlpParams::LABEL_SMOOTHING;
        let is_usual = matches!(self.network, NetworkParams::Realmlp(_))
            && loss.label_smoothing.total_cmp(&usual).is_eq();
        if is_usual && task == TaskKind::Regression {
            loss.label_smoothing = 0.0;
        }
        loss
    }
}

/// Trains a network on a table.
///
/// # Errors
/// Columns that cannot be encoded, a loss of another task, or what the trainer says.
pub fn train(
    data: &TrainingData<'_>,
    settings: &TabularSettings,
    run: &TrainRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Learned, TrainError> {
    let task = data.train.task();
    let wanted = settings.loss(task.kind());
    let loss = Loss::of(&wanted, task.kind())?;
    let rows = data.train.table();
    let encoder = settings.encoder(run.learner, &rows)?;
    let network = settings.network.for_task(task.kind());
    let job = TableJob {
        rows: encoder.encode(&rows).map_err(FitError::from)?,
        watched: Watched::of(data, &settings.metrics, |rows| encoder.encode(&rows))?,
        targets: Targets::of(&data.train, loss, &wanted)?,
        cancel: &run.budget.cancel,
        ranks: run.ranks,
        encoder: &encoder,
        params: &network,
        task,
        loss,
    };
    let first = Layout::of(&job.first::<Flex>(Seed(0), &FlexDevice));
    watch.network(&summary(&first, &network, &encoder.shape()));
    watch.graph(network.graph(&first, &encoder.shape()))?;
    let trained = run.train(&job, &settings.train, watch)?;
    let scale = job.targets.scale;
    let model = TabularModel {
        kind: run.learner.to_owned(),
        network: job.network(&trained),
        params: network,
        task: task.clone(),
        encoder,
        loss,
        scale,
    };
    Ok(trained.into_learned(Box::new(model)))
}
