//! Networks on texts: tokens, training and the model.

mod job;
mod model;
mod tokens;

pub(crate) use model::FAMILY;
pub use model::TextModel;
pub use tokens::{TextParams, Tokenizer, Tokens};

use crate::labelled::{Learned, Watched};
use crate::network::{Layout, TextTransformerParams};
use crate::tabular::{Loss, LossParams, Targets};
use crate::train::{TrainError, TrainRun, TrainSettings, Watch};
use automl_core::metrics::Metric;
use automl_core::{FitError, PredictError, Seed, TableView, TrainingData};
use burn_flex::{Flex, FlexDevice};
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
    run: &TrainRun<'_>,
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
        cancel: &run.budget.cancel,
        ranks: run.ranks,
        task,
        loss,
    };
    let first = Layout::of(&job.first::<Flex>(Seed(0), &FlexDevice));
    watch.network(&settings.network.summary(&first, tokenizer.length()));
    watch.graph(settings.network.graph(&first))?;
    let trained = run.train(&job, &settings.train, watch)?;
    let (network, scale) = (job.network(&trained), job.targets.scale);
    let model = TextModel {
        kind: run.learner.to_owned(),
        column: column.clone(),
        network,
        params: settings.network.clone(),
        task: task.clone(),
        tokenizer,
        loss,
        scale,
    };
    Ok(trained.into_learned(Box::new(model)))
}

fn tokenizer(data: &TrainingData<'_>, settings: &TextSettings) -> Result<Tokenizer, FitError> {
    let rows = data.train.table();
    let texts = rows.text(&settings.texts.column)?;
    let texts = rows.iter_rows().map(|row| texts.get(row));
    Ok(Tokenizer::fit(texts, &settings.texts))
}

/// The tokens of a column.
fn read(tokenizer: &Tokenizer, rows: &TableView<'_>, column: &str) -> Result<Tokens, PredictError> {
    let texts = rows.text(column)?;
    Ok(tokenizer.encode(rows.iter_rows().map(|row| texts.get(row))))
}
