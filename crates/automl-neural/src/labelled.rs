//! What jobs have in common whose rows have one target each: the loss of a batch, watched rows, predictions by blocks.

use crate::network::Layout;
use crate::tabular::{Loss, TargetScale, Targets};
use crate::train::{EpochRecord, Score, TrainError, Trained, pull};
use automl_core::metrics::Metric;
use automl_core::{
    Artifact, ArtifactError, CancelToken, FitError, Model, PredictError, Predictions, TableView,
    Task, Threads, TrainingData,
};
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

/// A trained network of any family.
pub struct Learned {
    /// The model.
    pub model: Box<dyn Model>,
    /// All epochs.
    pub history: Vec<EpochRecord>,
    /// The epoch that the model is of.
    pub best_epoch: u64,
    /// Steps taken.
    pub n_steps: u64,
    /// Whether the budget ended it.
    pub is_partial: bool,
}

impl Trained {
    /// The same with the model in place of its numbers.
    pub(crate) fn into_learned(self, model: Box<dyn Model>) -> Learned {
        Learned {
            model,
            history: self.history,
            best_epoch: self.best_epoch,
            n_steps: self.n_steps,
            is_partial: self.is_partial,
        }
    }
}

/// Rows that are watched, as a network takes them.
#[derive(Debug)]
pub(crate) struct Watched<R> {
    pub(crate) rows: R,
    target: Vec<f64>,
    weights: Option<Vec<f64>>,
    /// What is scored; the first one decides.
    metrics: Vec<Metric>,
}

impl<R> Watched<R> {
    /// The rows that are held out, if there are any.
    pub(crate) fn of(
        data: &TrainingData<'_>,
        metrics: &[Metric],
        encode: impl FnOnce(TableView<'_>) -> Result<R, PredictError>,
    ) -> Result<Option<Self>, TrainError> {
        let Some(valid) = data.valid.filter(|valid| valid.n_rows() > 0) else {
            return Ok(None);
        };
        let usual = [Metric::default_for(data.train.task().kind())];
        let metrics = if metrics.is_empty() { &usual } else { metrics };
        Ok(Some(Self {
            rows: encode(valid.table()).map_err(FitError::from)?,
            target: valid.target_numbers(),
            weights: valid.weights(),
            metrics: metrics.to_vec(),
        }))
    }

    /// Of two classes, the probability of the second and whether a row is of it.
    pub(crate) fn binary(&self, predicted: &Predictions) -> Option<Vec<(f64, bool)>> {
        let Predictions::Probabilities {
            n_classes: 2,
            values,
        } = predicted
        else {
            return None;
        };
        let pairs = values.as_chunks::<2>().0.iter().zip(&self.target);
        Some(pairs.map(|([_, p], &code)| (*p, code == 1.0)).collect())
    }

    /// The scores of predictions for them.
    pub(crate) fn scores(&self, predicted: &Predictions) -> Result<Vec<Score>, TrainError> {
        let score = |&metric: &Metric| {
            let value = metric.score(&self.target, predicted, self.weights.as_deref())?;
            Ok(Score {
                name: metric.name().to_owned(),
                value,
                higher_is_better: metric.higher_is_better(),
            })
        };
        self.metrics.iter().map(score).collect()
    }
}

/// The loss of rows with `rows × members × outputs` scores, the mean over members, summed, each times its weight.
pub(crate) fn weighted_loss<B: Backend>(
    loss: Loss,
    targets: &Targets,
    scores: Tensor<B, 3>,
    rows: &[u32],
    device: &B::Device,
) -> Tensor<B, 1> {
    let width = targets.values.len() / targets.weights.len();
    let n = rows.len();
    let mut target = Vec::with_capacity(n * width);
    for &row in rows {
        let start = row as usize * width;
        target.extend_from_slice(&targets.values[start..start + width]);
    }
    let weight = |&row: &u32| targets.weights[row as usize];
    let weights: Vec<f32> = rows.iter().map(weight).collect();
    let target = Tensor::from_data(TensorData::new(target, [n, 1, width]), device);
    let weights = Tensor::<B, 3>::from_data(TensorData::new(weights, [n, 1, 1]), device);
    let n_members = scores.dims()[1] as f64;
    (loss.forward(scores, target) * weights).sum() / n_members
}

/// Rows of a block at most.
const MAX_BLOCK_ROWS: usize = 64;

/// Rows of a block such that it has no more than `budget` numbers, of which each row has `n_numbers`; at least one.
pub(crate) fn block_rows(budget: usize, n_numbers: usize) -> usize {
    (budget / n_numbers.max(1)).clamp(1, MAX_BLOCK_ROWS)
}

/// What computes blocks of rows, and who may want it to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks<'a> {
    threads: &'a Threads,
    cancel: Option<&'a CancelToken>,
}

impl<'a> Blocks<'a> {
    /// Computes all of them.
    pub(crate) fn all(threads: &'a Threads) -> Self {
        Self {
            threads,
            cancel: None,
        }
    }

    /// Begins no further one after the flag is up.
    pub(crate) fn until(threads: &'a Threads, cancel: &'a CancelToken) -> Self {
        Self {
            threads,
            cancel: Some(cancel),
        }
    }

    /// What `compute` makes of each block of so many rows, in their order; none if it was ended.
    pub(crate) fn map<T: Send>(
        self,
        n_rows: usize,
        block_rows: usize,
        compute: impl Fn(&[u32]) -> T + Sync + Send,
    ) -> Option<Vec<T>> {
        let blocks = self.threads.map(n_rows.div_ceil(block_rows), |block| {
            if self.cancel.is_some_and(CancelToken::is_cancelled) {
                return None;
            }
            let start = (block * block_rows) as u32;
            let end = ((block + 1) * block_rows).min(n_rows) as u32;
            let ids: Vec<u32> = (start..end).collect();
            Some(compute(&ids))
        });
        blocks.into_iter().collect()
    }
}

/// Predictions for rows, a block of them at a time; the same at any number of threads. Without rows `predict` is asked
/// once, for none. None if it was ended.
pub(crate) fn in_blocks(
    blocks: Blocks<'_>,
    n_rows: usize,
    block_rows: usize,
    predict: impl Fn(&[u32]) -> Predictions + Sync + Send,
) -> Option<Predictions> {
    let mut parts = blocks.map(n_rows, block_rows, &predict)?.into_iter();
    let mut all = parts.next().unwrap_or_else(|| predict(&[]));
    for part in parts {
        all.append(part);
    }
    Some(all)
}

/// Task, loss and scale of the target of a model that is read back.
pub(crate) fn check_loss(artifact: &Artifact) -> Result<(Task, Loss, TargetScale), ArtifactError> {
    let task: Task = artifact.meta("task")?;
    let is_possible = match &task {
        Task::Binary { classes } => classes.len() == 2,
        Task::Multiclass { classes } => classes.len() > 2,
        _ => true,
    };
    if !is_possible {
        return Err(artifact.invalid("task", "it has a wrong number of classes"));
    }
    let loss: Loss = artifact.meta("loss")?;
    let fits = match loss {
        Loss::CrossEntropy => task.is_classification(),
        Loss::Bce => task.n_classes() == 2,
        _ => !task.is_classification(),
    };
    if !fits {
        return Err(artifact.invalid("loss", "it is of another task"));
    }
    let scale: TargetScale = artifact.meta("scale")?;
    let is_sound = scale.centre.is_finite() && scale.spread.is_finite() && scale.spread > 0.0;
    if !is_sound {
        return Err(artifact.invalid("scale", "it is not finite"));
    }
    Ok((task, loss, scale))
}

/// A network with the weights of an artifact.
pub(crate) fn read_weights<B: Backend, N: Module<B>>(
    artifact: &Artifact,
    network: N,
) -> Result<N, ArtifactError> {
    let layout = Layout::of(&network);
    let values = pull(artifact, "weights", &layout)?;
    let values = values.ok_or_else(|| artifact.invalid("weights", "they are not there"))?;
    if artifact.arrays.len() != layout.slots.len() {
        return Err(artifact.invalid("weights", "there are more than the network has"));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(artifact.invalid("weights", "they are not finite"));
    }
    Ok(layout.write(network, &values))
}

#[cfg(test)]
mod tests {
    use super::{Blocks, block_rows, in_blocks};
    use automl_core::{CancelToken, Predictions, Threads};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_block_is_begun_after_the_flag_is_up_and_nothing_is_given_then() {
        let threads = Threads::one();
        let cancel = CancelToken::default();
        let n_begun = AtomicUsize::new(0);
        let run = |last: usize| {
            n_begun.store(0, Ordering::Relaxed);
            in_blocks(Blocks::until(&threads, &cancel), 100, 10, |rows| {
                if n_begun.fetch_add(1, Ordering::Relaxed) + 1 == last {
                    cancel.cancel();
                }
                Predictions::Numbers(rows.iter().map(|&row| f64::from(row)).collect())
            })
        };
        let whole = run(0).expect("nobody ends it");
        let rows: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(whole.values(), rows);
        assert!(run(3).is_none());
        assert_eq!(n_begun.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn blocks_have_fewer_rows_the_larger_these_are_and_at_least_one() {
        assert_eq!(block_rows(1000, 0), 64);
        assert_eq!(block_rows(1000, 100), 10);
        assert_eq!(block_rows(1000, 5000), 1);
    }
}
