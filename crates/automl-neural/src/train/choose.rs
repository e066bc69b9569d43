//! What a training chooses for itself where the settings say `auto`.

use super::range_test::range_test;
use super::state::Progress;
use super::wait::first_works;
use super::{Job, TrainError, TrainSettings, Trainer};
use crate::network::Layout;
use automl_core::{Artifact, Solo};
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

/// Steps that an epoch has at least, if its batches are chosen and not the smallest.
const STEPS_MIN: usize = 64;
/// Rows of the smallest and of the largest batch that is chosen.
const BATCH: [usize; 2] = [32, 512];
/// The share of the memory that may be taken by the gradients of a batch.
const SHARE_OF_MEMORY: usize = 4;

/// What a training chose for itself.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Chosen {
    /// The learning rate, if it was left to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Rows of a batch, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    /// Steps of the range test that found the learning rate; none if it is one that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_steps: Option<u64>,
}

impl Chosen {
    /// Whether nothing was left to it.
    pub fn is_nothing(&self) -> bool {
        self.learning_rate.is_none() && self.batch_size.is_none()
    }

    /// Settings with what was chosen in its place.
    pub(super) fn in_place(&self, settings: &TrainSettings) -> TrainSettings {
        let mut settings = settings.clone();
        let optimizer = &mut settings.optimizer;
        optimizer.learning_rate = self.learning_rate.unwrap_or(optimizer.learning_rate);
        let trainer = &mut settings.trainer;
        trainer.batch_size = self.batch_size.unwrap_or(trainer.batch_size);
        settings
    }
}

/// Rows of a batch for so many rows to learn from: a power of two, such that an epoch has some dozens of steps.
///
/// Memory bounds it on the CPU only where there is little: a row's numbers are in work by shards, whatever the batch, but
/// each shard keeps the gradient of every parameter until they are summed.
fn batch_size(
    n_rows: usize,
    (n_parameters, shard_rows): (usize, usize),
    memory: Option<u64>,
) -> u64 {
    let [least, most] = BATCH;
    let by_rows = (n_rows / STEPS_MIN).clamp(least, most);
    let power_below = |n: usize| 1_u64 << n.max(1).ilog2();
    let by_memory = memory.map_or(most, |bytes| {
        let of_shard = size_of::<f32>() * n_parameters.max(1);
        let n_shards = bytes as usize / SHARE_OF_MEMORY / of_shard;
        n_shards.saturating_mul(shard_rows).max(1)
    });
    power_below(by_rows.min(by_memory))
}

impl Trainer<'_> {
    /// Chooses what is left to the training, or takes what the one chose that is gone on with. All ranks get the same.
    pub(super) fn choose<B: AutodiffBackend, J: Job<B>>(
        &self,
        job: &J,
        device: &B::Device,
        (from, on_device): (Option<&Artifact>, bool),
    ) -> Result<Chosen, TrainError> {
        let auto = self.settings.auto;
        if !auto.any() {
            return Ok(Chosen::default());
        }
        if let Some(artifact) = from {
            return Ok(artifact.meta::<Progress>("progress")?.chosen);
        }
        if auto.batch_size && on_device {
            return Err(TrainError::BatchOnDevice);
        }
        let cancel = &self.budget.cancel;
        let chosen = first_works(self.ranks, Some(cancel), || {
            match self.choose_alone(job, device, on_device) {
                Err(TrainError::Cancelled) => Ok(None),
                chosen => chosen.map(Some),
            }
        })?;
        chosen.ok_or(TrainError::Cancelled)
    }

    fn choose_alone<B: AutodiffBackend, J: Job<B>>(
        &self,
        job: &J,
        device: &B::Device,
        on_device: bool,
    ) -> Result<Chosen, TrainError> {
        let auto = self.settings.auto;
        let network = job.build(self.seed.named("init"), device);
        let mut chosen = Chosen::default();
        if auto.batch_size {
            let n_parameters = Layout::of(&network).len();
            let shard_rows = self.settings.trainer.shard_rows as usize;
            let memory = self.budget.memory.0;
            chosen.batch_size = Some(batch_size(job.n_rows(), (n_parameters, shard_rows), memory));
        }
        if auto.learning_rate {
            chosen.learning_rate = job.usual_rate();
        }
        if auto.learning_rate && chosen.learning_rate.is_none() {
            let settings = chosen.in_place(self.settings);
            let trainer = Trainer {
                settings: &settings,
                ranks: &Solo,
                ..*self
            };
            let (rate, n_steps) = range_test(&trainer, job, device, (network, on_device))?;
            chosen.learning_rate = Some(rate);
            chosen.range_steps = Some(n_steps);
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::batch_size;

    #[test]
    fn batches_grow_with_the_rows_in_powers_of_two_between_two_bounds() {
        let of = |n_rows| batch_size(n_rows, (1000, 128), None);
        assert_eq!(
            [0, 1, 720, 5000, 16_512, 39_074, 5_000_000].map(of),
            [32, 32, 32, 64, 256, 512, 512]
        );
    }

    #[test]
    fn a_batch_is_smaller_where_the_gradients_of_its_shards_would_not_fit() {
        // Four shards of a million gradients each.
        let of = |mega: u64| batch_size(1_000_000, (1_000_000, 64), Some(mega * 1_000_000));
        assert_eq!([1000, 64, 40, 1].map(of), [512, 256, 128, 1]);
    }
}
