//! Images as a job of the trainer.

use super::pixels::{Form, ImageParams, Pixels};
use crate::Draw;
use crate::labelled::{Blocks, Watched, block_rows, in_blocks, weighted_loss};
use crate::mix::Mix;
use crate::network::parameters::floats;
use crate::network::{ImageNetwork, ImageNetworkParams, Init};
use crate::tabular::{Loss, TargetScale, Targets, predictions};
use crate::train::{Job, Score, TrainError, Trained, first_works};
use automl_core::{CancelToken, Collective, Predictions, Seed, Task, Threads};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn_flex::{Flex, FlexDevice};

/// Numbers of the images that a network predicts at once; its layers have many times as many.
const PREDICT_NUMBERS: usize = 1 << 20;

/// Images with what their network is and how it is scored.
pub(super) struct ImageJob<'a> {
    pub(super) form: &'a Form,
    pub(super) params: &'a ImageNetworkParams,
    pub(super) images: &'a ImageParams,
    pub(super) task: &'a Task,
    pub(super) loss: Loss,
    pub(super) pixels: Pixels,
    pub(super) targets: Targets,
    pub(super) watched: Option<Watched<Pixels>>,
    /// Ends scoring.
    pub(super) cancel: &'a CancelToken,
    /// Who scores.
    pub(super) ranks: &'a dyn Collective,
}

impl ImageJob<'_> {
    /// The network before the first step.
    pub(super) fn first<B: Backend>(&self, seed: Seed, device: &B::Device) -> ImageNetwork<B> {
        let n_outputs = self.loss.n_outputs(self.task.n_classes());
        let mut init = Init::new(seed, device);
        ImageNetwork::new(&mut init, self.params, &self.form.shape(), n_outputs)
    }

    /// The network of a training, to predict with.
    pub(super) fn network(&self, trained: &Trained) -> ImageNetwork<Flex> {
        let network = self.first(Seed(0), &FlexDevice);
        trained.layout.write(network, &trained.values)
    }
}

impl<B: AutodiffBackend> Job<B> for ImageJob<'_> {
    type Network = ImageNetwork<B>;

    fn n_rows(&self) -> usize {
        self.pixels.n_rows()
    }

    fn build(&self, seed: Seed, device: &B::Device) -> ImageNetwork<B> {
        self.first(seed, device)
    }

    fn weight(&self, rows: &[u32]) -> f64 {
        self.targets.weight_of(rows)
    }

    fn loss(
        &self,
        network: &ImageNetwork<B>,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1> {
        let changes = Some((self.images, &mut *draw));
        let images = self.form.batch::<B>(&self.pixels, rows, changes, device);
        let mix = Mix::draw(self.images.mixup, rows.len(), draw);
        let images = match &mix {
            Some(mix) => mix.blend(images),
            None => images,
        };
        let scores = network.forward(images, draw).unsqueeze_dim(1);
        let loss =
            |rows: &[u32]| weighted_loss(self.loss, &self.targets, scores.clone(), rows, device);
        match mix {
            Some(mix) => loss(rows) * mix.share + loss(&mix.partners(rows)) * (1.0 - mix.share),
            None => loss(rows),
        }
    }

    fn evaluate(
        &self,
        network: &ImageNetwork<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        let Some(watched) = &self.watched else {
            return Ok(Vec::new());
        };
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel).dealt(self.ranks);
        let predicted = predict(network, self.form, &watched.rows, how, blocks, device);
        let predicted = predicted?;
        first_works(self.ranks, None, || watched.scores(&predicted))
    }

    fn is_dealt(&self) -> bool {
        true
    }

    fn binary(
        &self,
        network: &ImageNetwork<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Option<Vec<(f64, bool)>> {
        let watched = self
            .watched
            .as_ref()
            .filter(|_| self.task.n_classes() == 2)?;
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel);
        let predicted = predict(network, self.form, &watched.rows, how, blocks, device);
        watched.binary(&predicted.ok()?)
    }
}

/// Predictions for images; the same at any number of threads and ranks.
pub(super) fn predict<B: Backend>(
    network: &ImageNetwork<B>,
    form: &Form,
    pixels: &Pixels,
    (loss, task, scale): (Loss, &Task, TargetScale),
    blocks: Blocks<'_>,
    device: &B::Device,
) -> Result<Predictions, TrainError>
where
    ImageNetwork<B>: Sync,
{
    let shape = form.shape();
    let n_numbers = shape.height * shape.width * shape.channels;
    let block = block_rows(PREDICT_NUMBERS, n_numbers);
    in_blocks(blocks, pixels.n_rows(), block, |rows| {
        if rows.is_empty() {
            return predictions(&[], 1, loss, task, scale);
        }
        let images = form.batch::<B>(pixels, rows, None, device);
        let scores = network.forward(images, &mut Draw::evaluating());
        predictions(&floats(scores), 1, loss, task, scale)
    })
}
