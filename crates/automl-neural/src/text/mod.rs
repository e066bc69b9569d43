//! Networks on texts: tokens, training and the model.

mod job;
mod model;
mod tokens;

pub(crate) use model::FAMILY;
pub use model::TextModel;
pub use tokens::{TextParams, Tokenizer, Tokens};

use crate::labelled::{Learned, Watched, texts_of};
use crate::network::{Init, LayerSummary, Layout, TextTransformer, TextTransformerParams};
use crate::tabular::{Loss, LossParams, TabularRun, Targets};
use crate::train::{TrainError, TrainSettings, Trainer, Watch};
use automl_core::metrics::Metric;
use automl_core::{FitError, PredictError, Seed, TableView, TrainingData};
use job::TextJob;

/// Everything that decides what a network of texts becomes, beside data and seed.
#[derive(Debug, Clone, PartialEq)]
pub struct TextSettings {
    /// The network.
    pub network: TextTransformerParams,
    /// How texts become tokens.
    pub texts: TextParams,
    /// What is made small.
    pub loss: LossParams,
    /// How it is trained.
    pub train: TrainSettings,
    /// What is scored on watched rows; the first decides when to stop. The task's usual metric if it is empty.
    pub metrics: Vec<Metric>,
}

/// Trains a network on a column of texts.
///
/// # Errors
/// A column that is not there, a loss of another task, or what the trainer says.
pub fn train(
    data: &TrainingData<'_>,
    settings: &TextSettings,
    run: &TabularRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Learned, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let column = &settings.texts.column;
    let tokenizer = tokenizer(data, settings)?;
    let job = TextJob {
        tokens: read(&tokenizer, &data.train.table(), column).map_err(FitError::from)?,
        watched: Watched::of(data, &settings.metrics, |rows| {
            read(&tokenizer, &rows, column)
        })?,
        tokenizer: &tokenizer,
        params: &settings.network,
        token_dropout: settings.texts.token_dropout,
        targets: Targets::of(&data.train, loss, &settings.loss)?,
        task,
        loss,
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
    Ok(Learned {
        history: trained.history,
        best_epoch: trained.best_epoch,
        n_steps: trained.n_steps,
        is_partial: trained.is_partial,
        model: Box::new(TextModel {
            kind: run.learner.to_owned(),
            column: column.clone(),
            network,
            params: settings.network.clone(),
            task: task.clone(),
            tokenizer,
            loss,
            scale,
        }),
    })
}

/// The layers that a network of these settings has on these texts.
///
/// # Errors
/// As [`train`].
pub fn describe(
    data: &TrainingData<'_>,
    settings: &TextSettings,
) -> Result<Vec<LayerSummary>, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let tokenizer = tokenizer(data, settings)?;
    let device = burn_flex::FlexDevice;
    let mut init = Init::<burn_flex::Flex>::new(Seed(0), &device);
    let n_outputs = loss.n_outputs(task.n_classes());
    let network = TextTransformer::new(&mut init, &settings.network, tokenizer.shape(), n_outputs);
    let layout = Layout::of(&network);
    Ok(settings.network.summary(&layout, tokenizer.length()))
}

fn tokenizer(data: &TrainingData<'_>, settings: &TextSettings) -> Result<Tokenizer, FitError> {
    let rows = data.train.table();
    let texts = texts_of(&rows, &settings.texts.column)?;
    let texts = rows.iter_rows().map(|row| texts.get(row));
    Ok(Tokenizer::fit(texts, &settings.texts))
}

/// The tokens of a column.
fn read(tokenizer: &Tokenizer, rows: &TableView<'_>, column: &str) -> Result<Tokens, PredictError> {
    let texts = texts_of(rows, column)?;
    Ok(tokenizer.encode(rows.iter_rows().map(|row| texts.get(row))))
}
