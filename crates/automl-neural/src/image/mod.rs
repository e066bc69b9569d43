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
pub use pixels::{Color, Form, ImageParams, Pixels};

use crate::labelled::{Learned, Watched};
use crate::network::{ImageNetwork, ImageNetworkParams, Init, LayerSummary, Layout};
use crate::tabular::{Loss, LossParams, TabularRun, Targets};
use crate::train::{TrainError, TrainSettings, Trainer, Watch};
use automl_core::metrics::Metric;
use automl_core::{FitError, Seed, TrainingData};
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
    run: &TabularRun<'_>,
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
        model: Box::new(ImageModel {
            kind: run.learner.to_owned(),
            column: column.clone(),
            network,
            params: settings.network.clone(),
            task: task.clone(),
            form,
            loss,
            scale,
        }),
    })
}

/// The layers that a network of these settings has on these images.
///
/// # Errors
/// As [`train`].
pub fn describe(
    data: &TrainingData<'_>,
    settings: &ImageSettings,
    run: &TabularRun<'_>,
) -> Result<Vec<LayerSummary>, TrainError> {
    let task = data.train.task();
    let loss = Loss::of(&settings.loss, task.kind())?;
    let form = Form::unscaled(&data.train.table(), &settings.images, run.threads);
    let form = form.map_err(FitError::from)?;
    let (shape, device) = (form.shape(), burn_flex::FlexDevice);
    let mut init = Init::<burn_flex::Flex>::new(Seed(0), &device);
    let n_outputs = loss.n_outputs(task.n_classes());
    let network = ImageNetwork::new(&mut init, &settings.network, &shape, n_outputs);
    Ok(settings.network.summary(&Layout::of(&network), &shape))
}
