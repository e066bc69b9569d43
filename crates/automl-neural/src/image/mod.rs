//! Networks on images: pixels, training and the model.
//!
//! An image is a cell of a text column that holds the bytes of a file in base64; which size and colours it is given is a
//! part of the model.

mod job;
mod model;
mod pixels;
#[cfg(test)]
mod tests;

pub(crate) use model::FAMILY;
pub use model::ImageModel;
pub use pixels::{Color, Form, ImageParams, Pixels, as_png};

use crate::labelled::{Learned, Watched};
use crate::network::{ImageNetworkParams, Layout};
use crate::tabular::{Loss, LossParams, Targets};
use crate::train::{TrainError, TrainRun, TrainSettings, Watch};
use automl_core::metrics::Metric;
use automl_core::{FitError, Seed, TrainingData};
use burn_flex::{Flex, FlexDevice};
use job::ImageJob;

/// Everything that decides what a network of images becomes, beside data and seed.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSettings {
    /// The network.
    pub network: ImageNetworkParams,
    /// How images are read and changed.
    pub images: ImageParams,
    /// What is made small.
    pub loss: LossParams,
    /// How it is trained.
    pub train: TrainSettings,
    /// What is scored on watched rows; the first decides when to stop. The task's usual metric if it is empty.
    pub metrics: Vec<Metric>,
}

/// Trains a network on a column of images.
///
/// # Errors
/// A cell that is no image, images of several sizes where none is wanted, a loss of another task, or what the trainer says.
pub fn train(
    data: &TrainingData<'_>,
    settings: &ImageSettings,
    run: &TrainRun<'_>,
    watch: &mut dyn Watch,
) -> Result<Learned, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let rows = data.train.table();
    let fitted = Form::fit(&rows, &settings.images, run.threads);
    let (form, pixels) = fitted.map_err(FitError::from)?;
    let column = &settings.images.column;
    let job = ImageJob {
        pixels,
        watched: Watched::of(data, &settings.metrics, |rows| {
            form.read(&rows, column, run.threads)
        })?,
        form: &form,
        params: &settings.network,
        images: &settings.images,
        targets: Targets::of(&data.train, loss, &settings.loss)?,
        cancel: &run.budget.cancel,
        ranks: run.ranks,
        task,
        loss,
    };
    let first = Layout::of(&job.first::<Flex>(Seed(0), &FlexDevice));
    watch.network(&settings.network.summary(&first, &form.shape()));
    watch.graph(settings.network.graph(&first))?;
    let trained = run.train(&job, &settings.train, watch)?;
    let (network, scale) = (job.network(&trained), job.targets.scale);
    let model = ImageModel {
        kind: run.learner.to_owned(),
        column: column.clone(),
        network,
        params: settings.network.clone(),
        task: task.clone(),
        form,
        loss,
        scale,
    };
    Ok(trained.into_learned(Box::new(model)))
}
