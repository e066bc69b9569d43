//! What is trained: a network, its rows, and how they become a loss.

use super::TrainError;
use crate::Draw;
use automl_core::{Seed, Threads};
use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};

/// A thing to train. The trainer does the rest: order of rows, batches, threads, gradients, schedules, averages,
/// checkpoints, early stopping. A job that is written for any `B` trains on every device ([`Trainer::train_on`]).
///
/// ```
/// use automl_core::{Budget, Seed, Solo, Threads};
/// use automl_neural::burn_core::tensor::backend::AutodiffBackend;
/// use automl_neural::burn_core::tensor::{Tensor, TensorData};
/// use automl_neural::burn_nn::Linear;
/// use automl_neural::train::{Job, NoWatch, TrainSettings, Trainer};
/// use automl_neural::{Device, Draw, network::Init};
///
/// /// The points of `y = 2x + 1`.
/// struct Line;
///
/// impl<B: AutodiffBackend> Job<B> for Line {
///     type Network = Linear<B>;
///
///     fn n_rows(&self) -> usize {
///         100
///     }
///
///     fn build(&self, seed: Seed, device: &B::Device) -> Linear<B> {
///         Init::new(seed, device).linear(1, 1)
///     }
///
///     fn loss(&self, line: &Linear<B>, rows: &[u32], _: &mut Draw, at: &B::Device) -> Tensor<B, 1> {
///         let x: Vec<f32> = rows.iter().map(|&row| row as f32 / 100.0).collect();
///         let y = x.iter().map(|x| 2.0 * x + 1.0).collect();
///         let column = |values| Tensor::<B, 2>::from_data(TensorData::new(values, [rows.len(), 1]), at);
///         (line.forward(column(x)) - column(y)).powi_scalar(2).sum()
///     }
/// }
///
/// let mut settings = TrainSettings::default();
/// settings.optimizer.learning_rate = 0.05;
/// settings.trainer.batch_size = 20;
/// let trainer = Trainer {
///     settings: &settings,
///     seed: Seed(0),
///     threads: &Threads::one(),
///     budget: &Budget::unlimited(),
///     training: "a line",
///     ranks: &Solo,
/// };
/// let trained = trainer.train_on(Device::Cpu, &Line, None, &mut NoWatch)?;
/// assert!((trained.values[0] - 2.0).abs() < 0.01);
/// # Ok::<(), automl_neural::train::TrainError>(())
/// ```
///
/// [`Trainer::train_on`]: super::Trainer::train_on
pub trait Job<B: AutodiffBackend>: Sync {
    /// The network, a burn module.
    type Network: AutodiffModule<B, InnerModule: Sync> + Sync;

    /// Rows to learn from.
    fn n_rows(&self) -> usize;

    /// The network before the first step; a function of the seed.
    fn build(&self, seed: Seed, device: &B::Device) -> Self::Network;

    /// The loss of some rows, summed over them (each times its weight, where rows have weights). `draw` gives the random
    /// numbers of the pass; the rows go to `device`, where the network is.
    fn loss(
        &self,
        network: &Self::Network,
        rows: &[u32],
        draw: &mut Draw,
        device: &B::Device,
    ) -> Tensor<B, 1>;

    /// What the loss of these rows is divided by: their number, or the sum of their weights.
    fn weight(&self, rows: &[u32]) -> f64 {
        rows.len() as f64
    }

    /// What the learning rate is multiplied by for a parameter, by its name in the network (see
    /// [`Slot::name`](crate::network::Slot)).
    fn rate_of(&self, _parameter: &str) -> f64 {
        1.0
    }

    /// The learning rate that `auto` takes, where one is published for this network and this kind of target; without one, a
    /// range test finds it.
    fn usual_rate(&self) -> Option<f64> {
        None
    }

    /// Scores of the network on rows that it does not learn from; the first one is watched. None if there are no such
    /// rows. Of several ranks the first is asked alone, while the others wait for its scores; but see [`Job::is_dealt`].
    ///
    /// # Errors
    /// A score that cannot be computed; or [`TrainError::Cancelled`], by which a job that holds the token of the budget gives up
    /// scoring: the training ends with the state after the epoch's last step, which goes on with these scores.
    fn evaluate(
        &self,
        _network: &<Self::Network as AutodiffModule<B>>::InnerModule,
        _threads: &Threads,
        _device: &B::Device,
    ) -> Result<Vec<Score>, TrainError> {
        Ok(Vec::new())
    }

    /// Whether [`Job::evaluate`] deals its rows to the ranks that train together. Then all of them are asked, the job makes the
    /// calls by which they exchange what each predicts, and gives the same on all: scores, or [`TrainError::Cancelled`] where
    /// one was ended.
    fn is_dealt(&self) -> bool {
        false
    }

    /// Of two classes, the probability of the second for each row that is not learned from, and whether it is of that one;
    /// none of anything else. Only the first rank is asked.
    fn binary(
        &self,
        _network: &<Self::Network as AutodiffModule<B>>::InnerModule,
        _threads: &Threads,
        _device: &B::Device,
    ) -> Option<Vec<(f64, bool)>> {
        None
    }
}

/// One score of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric's name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Whether more is better.
    pub higher_is_better: bool,
}
