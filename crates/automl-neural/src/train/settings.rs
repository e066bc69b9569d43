//! What decides how a network is trained.

use automl_core::Params;

/// How weights follow gradients.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
    Adamw,
    /// Adam (Kingma and Ba, 2015); weight decay is added to the gradient.
    Adam,
    /// Gradient descent with momentum, after Nesterov where momentum is not 0.
    Sgd,
    /// The sign of a momentum (Chen et al., 2023); its rates are 3 to 10 times lower than those of `AdamW`.
    Lion,
    /// Momentum made orthogonal for matrices (Jordan et al., 2024), `AdamW` for the rest.
    Muon,
}

/// The optimiser.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct OptimizerParams {
    /// Which optimiser: `adamw`, `adam`, `sgd`, `lion` or `muon`.
    #[param(default = OptimizerKind::Adamw)]
    pub r#type: OptimizerKind,
    /// How far a step goes, at the height of the schedule; `auto` finds it by a range test: steps on a copy of the network
    /// at rising rates, of which that is taken at which the loss falls steepest.
    #[param(default = 0.001, range = 1e-7..=10.0, log, search = 3e-4..=5e-3, alias = "lr")]
    pub learning_rate: f64,
    /// How strongly matrices are drawn to 0; biases, norms and scales are not.
    #[param(default = 0.0001, range = 0.0..=10.0)]
    pub weight_decay: f64,
    /// Share of the old mean of gradients that a step keeps.
    #[param(default = 0.9, range = 0.0..=0.9999, alias = "momentum")]
    pub beta1: f64,
    /// Share of the old mean of squared gradients that a step keeps; of `lion`, whose momentum it is, 0.99 where nothing is
    /// said.
    #[param(default = 0.999, range = 0.0..=0.999_999)]
    pub beta2: f64,
    /// Added to the root of squared gradients.
    #[param(default = 1e-8, range = 1e-16..=1.0, log)]
    pub epsilon: f64,
}

impl OptimizerParams {
    /// The usual values of an optimiser: the defaults, but for Lion its paper's share of the old momentum.
    pub fn of(kind: OptimizerKind) -> Self {
        let mut params = Self {
            r#type: kind,
            ..Self::default()
        };
        if kind == OptimizerKind::Lion {
            params.beta2 = 0.99;
        }
        params
    }
}

/// How the learning rate changes over the training.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// It stays.
    Constant,
    /// It falls like half a cosine (Loshchilov and Hutter, 2017).
    Cosine,
    /// It rises for a share of the steps, then falls far below its start (Smith, 2018).
    OneCycle,
    /// It falls in a straight line.
    Linear,
    /// It is multiplied by `factor` when the watched metric did not improve for `patience` epochs; refused where no rows are held
    /// out to score on.
    Plateau,
    /// It rises and falls four times, ever more slowly: `(1 - cos(2π log₂(1 + 15 t))) / 2` (Holzmüller et al., 2024).
    Coslog4,
}

/// How what is not the learning rate changes over the training.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It stays.
    Constant,
    /// It stays for half of the steps, then falls to 0 like half a cosine.
    FlatCosine,
}

/// The schedule of the learning rate.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ScheduleParams {
    /// Which schedule: `constant`, `cosine`, `one_cycle`, `linear`, `plateau` or `coslog4`.
    #[param(default = ScheduleKind::Constant)]
    pub r#type: ScheduleKind,
    /// Steps over which the rate rises from 0 before the schedule begins.
    #[param(default = 0, range = 0..=1_000_000_000)]
    pub warmup_steps: u64,
    /// Where the schedule ends, as a share of the learning rate.
    #[param(default = 0.0, range = 0.0..=1.0)]
    pub final_share: f64,
    /// Share of the steps over which `one_cycle` rises.
    #[param(default = 0.3, range = 0.0..=1.0)]
    pub rise_share: f64,
    /// What plateau multiplies the rate by.
    #[param(default = 0.5, range = 0.01..=0.99)]
    pub factor: f64,
    /// Epochs without improvement after which plateau lowers the rate.
    #[param(default = 5, range = 1..=100_000)]
    pub patience: u64,
    /// How `optimizer.weight_decay` changes: `constant`, or `flat_cosine`: it stays for half of the steps, then falls to 0.
    #[param(default = Course::Constant)]
    pub weight_decay: Course,
    /// How dropout changes, wherever a network has it: `constant` or `flat_cosine`.
    #[param(default = Course::Constant)]
    pub dropout: Course,
}

/// What numbers are multiplied as. Weights, gradients and all else are float32 whichever it is.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    Float32,
    /// 16 bits with the range of float32 and three digits.
    Bfloat16,
    /// 16 bits with four digits and a small range: losses are scaled so that gradients stay within it.
    Float16,
}

/// How long and in what portions a network learns.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TrainerParams {
    /// Times that all rows are learned from, at most.
    #[param(default = 100, range = 1..=1_000_000, alias = "max_epochs")]
    pub epochs: u64,
    /// Rows of a batch; `auto`, on the CPU, takes the power of two below a 64th of the rows, 32 at least and 512 at most, or
    /// fewer where memory is short.
    #[param(default = 256, range = 1..=10_000_000, log)]
    pub batch_size: u64,
    /// Batches whose gradients are summed for one step.
    #[param(default = 1, range = 1..=100_000)]
    pub accumulate: u64,
    /// Rows that are computed together on one thread. It decides what runs at once and the order of sums, so the network
    /// depends on it; it does not depend on the number of threads.
    #[param(default = 128, range = 1..=10_000_000)]
    pub shard_rows: u64,
    /// Greatest norm of a step's gradient, all parameters together; 0 for none.
    #[param(default = 1.0, range = 0.0..=1e9)]
    pub clip_norm: f64,
    /// Share of the old average that a step keeps in the moving average of the weights, such as 0.999; 0 for no average.
    #[param(default = 0.0, range = 0.0..=0.999_999, alias = "ema")]
    pub ema_decay: f64,
    /// Epochs without a better validation score after which training ends; 0 for never, as where no rows are held out to score
    /// on: any other number is refused there.
    #[param(default = 16, range = 0..=1_000_000)]
    pub patience: u64,
    /// Whether the network of the best epoch is kept rather than that of the last; without rows to score on, the last epoch
    /// counts as the best.
    #[param(default = true)]
    pub keep_best: bool,
    /// What matrices and convolutions multiply: `float32`, or on a GPU `bfloat16` or `float16` (mixed precision). Weights,
    /// gradients, norms and losses are float32 in any case; with `float16` losses are scaled so that gradients do not
    /// vanish, and a step that overflows is left out. TabM's heads and piecewise-linear embeddings stay float32. On a GPU
    /// only the MLP was run so, in `bfloat16`: `float16`, and other networks in either, have not been.
    #[param(default = Precision::Float32)]
    pub precision: Precision,
    /// Root of all randomness.
    #[param(default = 0, range = 0..=9_007_199_254_740_991)]
    pub seed: u64,
}

/// When the state of a training is written down, to go on from after an end.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct CheckpointParams {
    /// Steps between checkpoints; 0 for none by steps.
    #[param(default = 0, range = 0..=1_000_000_000)]
    pub every_steps: u64,
    /// Minutes between checkpoints; 0 for none by time.
    #[param(default = 1.0, range = 0.0..=1e6)]
    pub every_minutes: f64,
    /// Checkpoints that are kept; older ones are removed.
    #[param(default = 2, range = 1..=1000)]
    pub keep: u64,
}

/// What is written for TensorBoard beside losses, scores and settings.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TensorBoardParams {
    /// Epochs from one look at the network to the next: histograms of weights and of gradients, and of two classes the
    /// curve of precision and recall; 0 for none.
    #[param(default = 0, range = 0..=1_000_000)]
    pub every_epochs: u64,
    /// Rows that are shown as they are, of images and of texts; 0 for none.
    #[param(default = 8, range = 0..=256)]
    pub samples: u64,
}

/// Which settings a training finds for itself; what else is said of these does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Auto {
    /// `optimizer.learning_rate`.
    pub learning_rate: bool,
    /// `trainer.batch_size`.
    pub batch_size: bool,
}

impl Auto {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self.learning_rate || self.batch_size
    }
}

/// All settings of the trainer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainSettings {
    /// How weights follow gradients.
    pub optimizer: OptimizerParams,
    /// How the learning rate changes.
    pub schedule: ScheduleParams,
    /// How long and in what portions.
    pub trainer: TrainerParams,
    /// What of that the training finds for itself.
    pub auto: Auto,
}
