//! Texts as a job of the trainer.

use super::tokens::{PADDING, Tokenizer, Tokens, UNKNOWN};
use crate::Draw;
use crate::labelled::{Blocks, Watched, block_rows, in_blocks, weighted_loss};
use crate::network::parameters::floats;
use crate::network::{Init, TextBatch, TextTransformer, TextTransformerParams};
use crate::tabular::{Loss, TargetScale, Targets, predictions};
use crate::train::{Job, Score, TrainError, Trained, first_works};
use automl_core::{CancelToken, Collective, Predictions, Seed, Task, Threads};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use burn_flex::{Flex, FlexDevice};
use rand::RngExt as _;

/// Numbers by which the tokens of texts that a network predicts at once are compared with each other.
const PREDICT_NUMBERS: usize = 1 << 22;

/// Texts with what their network is and how it is scored.
pub(super) struct TextJob<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) params: &'a TextTransformerParams,
    pub(super) token_dropout: f64,
    pub(super) task: &'a Task,
    pub(super) loss: Loss,
    pub(super) tokens: Tokens,
    pub(super) targets: Targets,
    pub(super) watched: Option<Watched<Tokens>>,
    /// Ends scoring.
    pub(super) cancel: &'a CancelToken,
    /// Who scores.
    pub(super) ranks: &'a dyn Collective,
}

impl TextJob<'_> {
    /// The network before the first step.
    pub(super) fn first<B: Backend>(&self, seed: Seed, device: &B::Device) -> TextTransformer<B> {
        let n_outputs = self.loss.n_outputs(self.task.n_classes());
        let mut init = Init::new(seed, device);
        TextTransformer::new(&mut init, self.params, self.tokenizer.shape(), n_outputs)
    }

    /// The network of a training, to predict with.
    pub(super) fn network(&self, trained: &Trained) -> TextTransformer<Flex> {
        let network = self.first(Seed(0), &FlexDevice);
        trained.layout.write(network, &trained.values)
    }
}

impl<B: AutodiffBackend> Job<B> for TextJob<'_> {
    type Network = TextTransformer<B>;

    fn n_rows(&self) -> usize {
        self.tokens.n_rows()
    }

    fn build(&self, seed: Seed, device: &B::Device) -> TextTransformer<B> {
        self.first(seed, device)
    }

    fn weight(&self, rows: &[u32]) -> f64 {
        self.targets.weight_of(rows)
    }

    fn loss(
        &self,
        network: &TextTransformer<B>,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1> {
        let hide = (self.token_dropout > 0.0).then(|| draw.next_seed());
        let texts = batch::<B>(
            &self.tokens,
            rows,
            hide.flatten(),
            self.token_dropout,
            device,
        );
        let scores = network.forward(&texts, draw);
        weighted_loss(
            self.loss,
            &self.targets,
            scores.unsqueeze_dim(1),
            rows,
            device,
        )
    }

    fn evaluate(
        &self,
        network: &TextTransformer<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        let Some(watched) = &self.watched else {
            return Ok(Vec::new());
        };
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel).dealt(self.ranks);
        let predicted = predict(network, &watched.rows, how, blocks, device);
        let predicted = predicted?;
        first_works(self.ranks, None, || watched.scores(&predicted))
    }

    fn is_dealt(&self) -> bool {
        true
    }

    fn binary(
        &self,
        network: &TextTransformer<B::InnerBackend>,
        threads: &Threads,
        device: &B::Device,
    ) -> Option<Vec<(f64, bool)>> {
        let watched = self
            .watched
            .as_ref()
            .filter(|_| self.task.n_classes() == 2)?;
        let how = (self.loss, self.task, self.targets.scale);
        let blocks = Blocks::until(threads, self.cancel);
        watched.binary(&predict(network, &watched.rows, how, blocks, device).ok()?)
    }
}

/// Texts filled up to the longest of them, some tokens hidden where there is a seed for it.
fn batch<B: Backend>(
    tokens: &Tokens,
    rows: &[u32],
    hide: Option<Seed>,
    share: f64,
    device: &B::Device,
) -> TextBatch<B> {
    let texts = || rows.iter().map(|&row| tokens.row(row as usize));
    let longest = texts().map(<[u32]>::len).max().unwrap_or(1);
    let mut random = hide.map(Seed::rng);
    let mut ids: Vec<i64> = Vec::with_capacity(rows.len() * longest);
    let mut mask: Vec<f32> = Vec::with_capacity(ids.capacity());
    for text in texts() {
        for &token in text {
            let is_hidden = random
                .as_mut()
                .is_some_and(|rng| rng.random::<f64>() < share);
            ids.push(i64::from(if is_hidden { UNKNOWN } else { token }));
            mask.push(1.0);
        }
        let n_more = longest - text.len();
        ids.extend(std::iter::repeat_n(i64::from(PADDING), n_more));
        mask.extend(std::iter::repeat_n(0.0, n_more));
    }
    let shape = [rows.len(), longest];
    TextBatch {
        tokens: Tensor::from_data(TensorData::new(ids, shape), device),
        mask: Tensor::from_data(TensorData::new(mask, shape), device),
    }
}

/// Predictions for texts; the same at any number of threads and ranks.
pub(super) fn predict<B: Backend>(
    network: &TextTransformer<B>,
    tokens: &Tokens,
    (loss, task, scale): (Loss, &Task, TargetScale),
    blocks: Blocks<'_>,
    device: &B::Device,
) -> Result<Predictions, TrainError>
where
    TextTransformer<B>: Sync,
{
    let longest = tokens.longest();
    let block = block_rows(PREDICT_NUMBERS, longest * longest * network.n_heads());
    in_blocks(blocks, tokens.n_rows(), block, |rows| {
        if rows.is_empty() {
            return predictions(&[], 1, loss, task, scale);
        }
        let texts = batch::<B>(tokens, rows, None, 0.0, device);
        let scores = network.forward(&texts, &mut Draw::evaluating());
        predictions(&floats(scores), 1, loss, task, scale)
    })
}
