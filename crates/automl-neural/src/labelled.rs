//! What jobs have in common whose rows have one target each: the loss of a batch, watched rows, predictions by blocks.

use crate::network::Layout;
use crate::tabular::{Loss, TargetScale, Targets};
use crate::train::{EpochRecord, Score, TrainError, Trained, each_works, pull};
use automl_core::metrics::Metric;
use automl_core::{
    Artifact, ArtifactError, CancelToken, Collective, CollectiveError, FitError, Model,
    PredictError, Predictions, Solo, TableView, Task, Threads, TrainingData,
};
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use std::ops::Range;

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

/// Who computes blocks of rows, and who may want it to end.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    threads: &'a Threads,
    cancel: Option<&'a CancelToken>,
    ranks: &'a dyn Collective,
}

impl<'a> Blocks<'a> {
    /// Computes all of them.
    pub(crate) fn all(threads: &'a Threads) -> Self {
        Self {
            threads,
            cancel: None,
            ranks: &Solo,
        }
    }

    /// Begins no further one after the flag is up.
    pub(crate) fn until(threads: &'a Threads, cancel: &'a CancelToken) -> Self {
        Self {
            threads,
            cancel: Some(cancel),
            ranks: &Solo,
        }
    }

    /// The same, each rank its share of the blocks.
    pub(crate) fn dealt(self, ranks: &'a dyn Collective) -> Self {
        Self { ranks, ..self }
    }

    /// The rows that are a rank's, of blocks of so many: those before them are the ranks' before it.
    pub(crate) fn share(self, rank: usize, n_rows: usize, block_rows: usize) -> Range<usize> {
        let n_blocks = n_rows.div_ceil(block_rows);
        let start = |rank: usize| (rank * n_blocks / self.ranks.size() * block_rows).min(n_rows);
        start(rank)..start(rank + 1)
    }

    /// What `compute` makes of each of this rank's blocks of so many rows, in their order; none if it was ended.
    pub(crate) fn map<T: Send>(
        self,
        n_rows: usize,
        block_rows: usize,
        compute: impl Fn(&[u32]) -> T + Sync + Send,
    ) -> Option<Vec<T>> {
        let own = self.share(self.ranks.rank(), n_rows, block_rows);
        let blocks = self.threads.map(own.len().div_ceil(block_rows), |block| {
            if self.cancel.is_some_and(CancelToken::is_cancelled) {
                return None;
            }
            let start = own.start + block * block_rows;
            let end = (start + block_rows).min(own.end);
            let ids: Vec<u32> = (start as u32..end as u32).collect();
            Some(compute(&ids))
        });
        blocks.into_iter().collect()
    }

    /// The numbers of all ranks, in the order of the blocks, of which `own` gives this rank's; `expected` says how many a rank
    /// has by its rows.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`] on all of them if `own` gives none on any; a rank that is gone, or has other rows.
    pub(crate) fn gather(
        self,
        own: impl FnOnce() -> Option<Vec<f64>>,
        expected: impl Fn(usize) -> usize,
    ) -> Result<Vec<f64>, TrainError> {
        if self.ranks.size() == 1 {
            return own().ok_or(TrainError::Cancelled);
        }
        let all = each_works(self.ranks, self.cancel, || {
            // What begins with nothing was ended.
            Ok::<_, TrainError>(own().map_or_else(Vec::new, |numbers| {
                let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
                std::iter::once(1).chain(numbers).collect()
            }))
        })?;
        let mut numbers = Vec::new();
        for (rank, bytes) in all.iter().enumerate() {
            let (_, bytes) = bytes.split_first().ok_or(TrainError::Cancelled)?;
            let (words, _) = bytes.as_chunks::<8>();
            let (found, expected) = (words.len(), expected(rank));
            if found != expected {
                return Err(CollectiveError::Length {
                    rank,
                    found,
                    expected,
                }
                .into());
            }
            numbers.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
        }
        Ok(numbers)
    }
}

/// Predictions for rows, a block of them at a time; the same at any number of threads and ranks. `predict` is also asked once
/// for no rows.
///
/// # Errors
/// As [`Blocks::gather`].
pub(crate) fn in_blocks(
    blocks: Blocks<'_>,
    n_rows: usize,
    block_rows: usize,
    predict: impl Fn(&[u32]) -> Predictions + Sync + Send,
) -> Result<Predictions, TrainError> {
    // Of what kind predictions are is known without any.
    let kind = predict(&[]);
    let own = || {
        let parts = blocks.map(n_rows, block_rows, &predict)?;
        Some(
            parts
                .iter()
                .flat_map(Predictions::values)
                .copied()
                .collect(),
        )
    };
    let expected = |rank| blocks.share(rank, n_rows, block_rows).len() * kind.width();
    Ok(kind.with_values(blocks.gather(own, expected)?))
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
    use crate::train::TrainError;
    use automl_collective::threads;
    use automl_core::{CancelToken, Collective as _, Predictions, Threads};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const SOON: Duration = Duration::from_mins(1);

    /// Predictions that are the rows.
    fn rows(rows: &[u32]) -> Predictions {
        Predictions::Numbers(rows.iter().map(|&row| f64::from(row)).collect())
    }

    fn first_rows(n_rows: usize) -> Predictions {
        rows(&(0..n_rows as u32).collect::<Vec<_>>())
    }

    #[test]
    fn no_block_is_begun_after_the_flag_is_up_and_nothing_is_given_then() {
        let threads = Threads::one();
        let cancel = CancelToken::default();
        let n_begun = AtomicUsize::new(0);
        let run = |last: usize| {
            n_begun.store(0, Ordering::Relaxed);
            in_blocks(Blocks::until(&threads, &cancel), 100, 10, |block| {
                if !block.is_empty() && n_begun.fetch_add(1, Ordering::Relaxed) + 1 == last {
                    cancel.cancel();
                }
                rows(block)
            })
        };
        let whole = run(0).expect("nobody ends it");
        assert_eq!(whole, first_rows(100));
        assert!(matches!(run(3), Err(TrainError::Cancelled)));
        assert_eq!(n_begun.load(Ordering::Relaxed), 3);
    }

    /// What each rank gets, and how many blocks each has begun; `ends` is a rank whose flag goes up with its first.
    fn on_ranks(
        size: usize,
        n_rows: usize,
        ends: Option<usize>,
    ) -> Vec<(Result<Predictions, TrainError>, usize)> {
        let ranks = threads(size, SOON);
        let run = |rank: automl_collective::Ranks| {
            let (threads, cancel) = (Threads::one(), CancelToken::default());
            let n_begun = AtomicUsize::new(0);
            let blocks = Blocks::until(&threads, &cancel).dealt(&rank);
            let predicted = in_blocks(blocks, n_rows, 10, |block| {
                if !block.is_empty() {
                    n_begun.fetch_add(1, Ordering::Relaxed);
                    if ends == Some(rank.rank()) {
                        cancel.cancel();
                    }
                }
                rows(block)
            });
            (predicted, n_begun.into_inner())
        };
        std::thread::scope(|scope| {
            let started: Vec<_> = ranks
                .into_iter()
                .map(|rank| scope.spawn(move || run(rank)))
                .collect();
            let join = |one: std::thread::ScopedJoinHandle<'_, _>| one.join().expect("it ends");
            started.into_iter().map(join).collect()
        })
    }

    #[test]
    fn each_rank_computes_its_share_of_the_blocks_and_gets_all_in_their_order() {
        for (size, n_rows, shares) in [
            (1, 95, vec![10]),
            (2, 95, vec![5, 5]),
            (4, 95, vec![2, 3, 2, 3]),
            // Fewer blocks than ranks, and none.
            (4, 15, vec![0, 1, 0, 1]),
            (2, 0, vec![0, 0]),
        ] {
            let all = on_ranks(size, n_rows, None);
            let n_begun: Vec<usize> = all.iter().map(|(_, n)| *n).collect();
            assert_eq!(n_begun, shares);
            for (predicted, _) in all {
                let predicted = predicted.expect("nobody ends it");
                assert_eq!(predicted, first_rows(n_rows));
            }
        }
    }

    #[test]
    fn a_flag_that_goes_up_on_one_rank_ends_scoring_on_all() {
        for ends in 0..3 {
            for (predicted, _) in on_ranks(3, 95, Some(ends)) {
                assert!(matches!(predicted, Err(TrainError::Cancelled)), "{ends}");
            }
        }
    }

    #[test]
    fn ranks_with_other_rows_are_told() {
        let ranks = threads(2, SOON);
        std::thread::scope(|scope| {
            for rank in ranks {
                scope.spawn(move || {
                    let (threads, cancel) = (Threads::one(), CancelToken::default());
                    let blocks = Blocks::until(&threads, &cancel).dealt(&rank);
                    let n_rows = 40 + 20 * rank.rank();
                    let told = in_blocks(blocks, n_rows, 10, rows).expect_err("they differ");
                    let (found, expected) = [(30, 20), (20, 30)][rank.rank()];
                    let other = 1 - rank.rank();
                    assert_eq!(
                        told.to_string(),
                        format!(
                            "rank {other} gave {found} elements where {expected} were expected"
                        )
                    );
                });
            }
        });
    }

    #[test]
    fn blocks_have_fewer_rows_the_larger_these_are_and_at_least_one() {
        assert_eq!(block_rows(1000, 0), 64);
        assert_eq!(block_rows(1000, 100), 10);
        assert_eq!(block_rows(1000, 5000), 1);
    }
}
