//! Networks as learners of a search: a perceptron and a TabM, with settings that hold for most tables.
//!
//! # What they fit
//! A network over quantile-normal numbers and coded categories (see [`crate::tabular`]), trained by `AdamW` along one cycle
//! of the learning rate. A tenth of the rows is held out, or the validation rows where there are some: the epoch that is
//! best on them counts. Where time is short, the cycle has fewer epochs, so that it ends in time rather than being cut.
//!
//! # Formula
//! That of [`Mlp`](crate::network::Mlp) and [`TabM`](crate::network::TabM); log loss for classes, squared error of the
//! standardised target for numbers.
//!
//! # Parameters
//! Shape, learning rate, weight decay, batch size, and how long to learn.
//!
//! # Cost
//! Epochs × rows × parameters × 6 operations, times the members for a TabM.
//!
//! # When they fail
//! On columns that are neither numbers nor categories, which a recipe changes first.
//!
//! # References
//! Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (2021) and "TabM" (2025).

use crate::network::{MlpParams, NetworkParams, NumberEmbedding, TabMParams};
use crate::tabular::{
    ColumnWishes, EncoderParams, LossParams, TabularModel, TabularSettings, train,
};
use crate::train::{
    NoWatch, OptimizerParams, ScheduleKind, ScheduleParams, TrainError, TrainRun, TrainSettings,
    TrainerParams,
};
use automl_core::metrics::Metric;
use automl_core::splits::{self, Scheme, Split};
use automl_core::{
    Capabilities, Clock, DatasetView, FitContext, FitError, Fitted, Learner, LearnerSpec, ParamMap,
    Params, TaskKind, TrainingData,
};

/// Below so many rows nothing is held out: a network learns from all of them for a fixed number of epochs.
const MIN_ROWS_HELD_OUT: usize = 40;
/// Steps that an epoch has at least, unless batches would be smaller than the least.
const STEPS_MIN: u64 = 20;
/// Rows of the smallest batch that a small table has.
const BATCH_MIN: u64 = 32;
/// Steps that tell how long an epoch will take.
const PROBE_STEPS: u64 = 4;
/// Share of the time left that epochs may take as they are forecast: scores and the end need some.
const SHARE_OF_TIME: f64 = 0.85;

/// What both take.
const CAPABILITIES: Capabilities = Capabilities {
    tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
    missing: true,
    categories: true,
    sparse: false,
    weights: true,
    early_stopping: false,
};

/// A multilayer perceptron for tables.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct MlpLearner {
    /// Hidden layers.
    #[param(default = 3, range = 1..=16, search = 1..=4)]
    pub layers: u32,
    /// Neurons of each hidden layer.
    #[param(default = 128, range = 1..=8192, log, search = 32..=512)]
    pub width: u32,
    /// Share of neurons left out at random in each step.
    #[param(default = 0.05, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub dropout: f64,
    /// How far a step goes, at the height of the cycle.
    #[param(default = 0.004, range = 1e-6..=1.0, log, search = 5e-4..=2e-2)]
    pub learning_rate: f64,
    /// How strongly weights are drawn to 0.
    #[param(default = 0.0001, range = 0.0..=10.0)]
    pub weight_decay: f64,
    /// Rows of a step; fewer where a table has few.
    #[param(default = 256, range = 1..=1_000_000)]
    pub batch_size: u64,
    /// Times that all rows are learned from, at most.
    #[param(default = 30, range = 1..=100_000, log, search = 10..=60)]
    pub epochs: u64,
}

/// Many perceptrons that share their weights, over piecewise-linear numbers.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TabMLearner {
    /// Members.
    #[param(default = 32, range = 1..=256, log)]
    pub members: u32,
    /// Hidden layers.
    #[param(default = 2, range = 1..=16, search = 1..=3)]
    pub layers: u32,
    /// Neurons of each hidden layer.
    #[param(default = 192, range = 1..=8192, log, search = 64..=384)]
    pub width: u32,
    /// Share of neurons left out at random in each step.
    #[param(default = 0.1, range = 0.0..=0.9, search = 0.0..=0.4)]
    pub dropout: f64,
    /// Pieces into which each number is cut.
    #[param(default = 32, range = 2..=1024, search = 8..=64)]
    pub pieces: u32,
    /// Length of the vector of a number.
    #[param(default = 12, range = 1..=1024, search = 8..=24)]
    pub embedding_size: u32,
    /// How far a step goes.
    #[param(default = 0.002, range = 1e-6..=1.0, log, search = 5e-4..=5e-3)]
    pub learning_rate: f64,
    /// How strongly weights are drawn to 0.
    #[param(default = 0.0003, range = 0.0..=10.0)]
    pub weight_decay: f64,
    /// Rows of a step; fewer where a table has few.
    #[param(default = 256, range = 1..=1_000_000)]
    pub batch_size: u64,
    /// Times that all rows are learned from, at most.
    #[param(default = 30, range = 1..=100_000, log, search = 10..=60)]
    pub epochs: u64,
}

/// A multilayer perceptron.
pub static MLP: LearnerSpec = LearnerSpec {
    id: "mlp",
    title: "Multilayer perceptron",
    capabilities: CAPABILITIES,
    params: MlpLearner::SPECS,
    references: &["Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data"],
    build: |map| Ok(Box::new(MlpLearner::from_map(map)?)),
    load: |artifact| Ok(Box::new(TabularModel::load(artifact)?)),
};

/// Many perceptrons that share their weights.
pub static TABM: LearnerSpec = LearnerSpec {
    id: "tabm",
    title: "TabM",
    capabilities: CAPABILITIES,
    params: TabMLearner::SPECS,
    references: &["Gorishniy et al. 2025, TabM"],
    build: |map| Ok(Box::new(TabMLearner::from_map(map)?)),
    load: |artifact| Ok(Box::new(TabularModel::load(artifact)?)),
};

/// The part of a training that both share.
struct Course {
    learning_rate: f64,
    weight_decay: f64,
    batch_size: u64,
    epochs: u64,
}

impl Learner for MlpLearner {
    fn spec(&self) -> &'static LearnerSpec {
        &MLP
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let network = NetworkParams::Mlp(MlpParams {
            layers: self.layers,
            width: self.width,
            dropout: self.dropout,
            ..MlpParams::default()
        });
        let course = Course {
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            epochs: self.epochs,
        };
        let encoder = EncoderParams::default();
        learn(MLP.id, ctx, data, &course.settings(network, encoder))
    }
}

impl Learner for TabMLearner {
    fn spec(&self) -> &'static LearnerSpec {
        &TABM
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let network = NetworkParams::Tabm(TabMParams {
            members: self.members,
            layers: self.layers,
            width: self.width,
            dropout: self.dropout,
            ..TabMParams::default()
        });
        let course = Course {
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            epochs: self.epochs,
        };
        let encoder = EncoderParams {
            number_embedding: NumberEmbedding::PiecewiseLinear,
            pieces: self.pieces,
            embedding_size: self.embedding_size,
            ..EncoderParams::default()
        };
        learn(TABM.id, ctx, data, &course.settings(network, encoder))
    }
}

impl Course {
    fn settings(&self, network: NetworkParams, encoder: EncoderParams) -> TabularSettings {
        TabularSettings {
            network,
            encoder,
            wishes: ColumnWishes::new(),
            loss: LossParams::default(),
            train: TrainSettings {
                optimizer: OptimizerParams {
                    learning_rate: self.learning_rate,
                    weight_decay: self.weight_decay,
                    ..OptimizerParams::default()
                },
                schedule: ScheduleParams {
                    r#type: ScheduleKind::OneCycle,
                    ..ScheduleParams::default()
                },
                trainer: TrainerParams {
                    batch_size: self.batch_size,
                    epochs: self.epochs,
                    patience: 0,
                    ..TrainerParams::default()
                },
                ..TrainSettings::default()
            },
            metrics: Vec::new(),
        }
    }
}

/// Trains on a view, with rows to watch.
fn learn(
    learner: &'static str,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
    settings: &TabularSettings,
) -> Result<Fitted, FitError> {
    let kind = data.train.task().kind();
    let mut settings = settings.clone();
    // Both are defined for any rows, where others need both classes.
    settings.metrics = vec![match kind {
        TaskKind::Regression => Metric::Rmse,
        _ => Metric::LogLoss,
    }];
    let held_out = match data.valid {
        Some(_) => None,
        None => hold_out(ctx, &data.train)?,
    };
    let watched = match &held_out {
        None => *data,
        Some(split) => TrainingData {
            train: data.train.data().view(&split.train),
            valid: Some(data.train.data().view(&split.valid)),
        },
    };
    let trainer = &mut settings.train.trainer;
    let few = (watched.train.n_rows() as u64 / STEPS_MIN).max(BATCH_MIN);
    trainer.batch_size = trainer.batch_size.min(few);
    trainer.shard_rows = trainer.shard_rows.min(trainer.batch_size.div_ceil(2));
    let run = TrainRun {
        learner,
        seed: ctx.seed,
        threads: &ctx.threads,
        budget: &ctx.budget,
        training: learner,
        from: None,
        ranks: &automl_core::Solo,
        device: crate::Device::Cpu,
    };
    let n_asked = settings.train.trainer.epochs;
    fit_to_time(&watched, &mut settings, &run);
    let trained = train(&watched, &settings, &run, &mut NoWatch);
    let trained = trained.map_err(|error| match error {
        TrainError::Cancelled => FitError::Cancelled,
        TrainError::Fit(error) => error,
        TrainError::Param(error) => error.into(),
        TrainError::Metric(error) => error.into(),
        other => FitError::Numeric {
            learner,
            reason: other.to_string(),
        },
    })?;
    Ok(Fitted {
        model: trained.model,
        learned: ParamMap::new(),
        is_partial: trained.is_partial || settings.train.trainer.epochs < n_asked,
    })
}

/// Where there is a deadline, leaves as many epochs as will end before it, told by a few steps on some rows.
fn fit_to_time(data: &TrainingData<'_>, settings: &mut TabularSettings, run: &TrainRun<'_>) {
    let Some(left) = run.budget.deadline.remaining() else {
        return;
    };
    let rows = data.train.rows();
    let n_probed = (settings.train.trainer.batch_size * PROBE_STEPS) as usize;
    let n_probed = n_probed.min(rows.len());
    let spread = |place: usize| rows[place * rows.len() / n_probed];
    let probed: Vec<u32> = (0..n_probed).map(spread).collect();
    let mut short = settings.clone();
    short.train.trainer.epochs = 1;
    let probe = TrainingData {
        train: data.train.data().view(&probed),
        valid: None,
    };
    let mut seconds = f64::INFINITY;
    let all = Clock::start();
    for _ in 0..2 {
        let clock = Clock::start();
        if train(&probe, &short, run, &mut NoWatch).is_err() {
            // What is wrong with these rows may not be with all, and the training itself tells.
            return;
        }
        seconds = seconds.min(clock.seconds());
    }
    let epoch = seconds * rows.len() as f64 / probed.len() as f64;
    let left = (left.as_secs_f64() - all.seconds()) * SHARE_OF_TIME;
    let epochs = &mut settings.train.trainer.epochs;
    *epochs = (*epochs).min((left / epoch) as u64).max(1);
}

/// A tenth of the rows to watch, if there are enough; none where the rows cannot be split.
fn hold_out(ctx: &FitContext<'_>, rows: &DatasetView<'_>) -> Result<Option<Split>, FitError> {
    if rows.n_rows() < MIN_ROWS_HELD_OUT {
        return Ok(None);
    }
    let table = automl_core::Table::without_columns(rows.n_rows());
    let target = match rows.task().kind() {
        TaskKind::Regression => automl_core::Target::Numbers(rows.target_numbers().into()),
        _ => automl_core::Target::Classes(rows.class_codes().into()),
    };
    let unfit = |error: &dyn std::error::Error| FitError::Numeric {
        learner: "mlp",
        reason: error.to_string(),
    };
    let data = automl_core::Dataset::new(table, rows.task().clone(), target);
    let data = data.map_err(|error| unfit(&error))?;
    let data = match rows.data().time() {
        None => data,
        Some(time) => {
            let time: Vec<f64> = rows.rows().iter().map(|&row| time[row as usize]).collect();
            data.with_time(time).map_err(|error| unfit(&error))?
        }
    };
    let data = match rows.data().groups() {
        None => data,
        Some(groups) => {
            let codes: Vec<u32> = rows
                .rows()
                .iter()
                .map(|&row| groups[row as usize])
                .collect();
            data.with_groups(codes).map_err(|error| unfit(&error))?
        }
    };
    let scheme = Scheme::Holdout { fraction: 0.1 };
    let Ok(mut splits) = splits::split(&data, &scheme, ctx.seed.named("watched")) else {
        return Ok(None);
    };
    let split = splits.remove(0);
    let ids = |places: &[u32]| -> Vec<u32> {
        places
            .iter()
            .map(|&place| rows.rows()[place as usize])
            .collect()
    };
    Ok(Some(Split {
        train: ids(&split.train),
        valid: ids(&split.valid),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::ParamValue;
    use automl_testkit::check_learner_with;

    fn small(extra: &[(&str, i64)]) -> ParamMap {
        let usual = [("width", 16), ("epochs", 25)];
        let all = usual.iter().chain(extra);
        all.map(|&(name, value)| (name.to_owned(), ParamValue::Int(value)))
            .collect()
    }

    #[test]
    fn the_perceptron_keeps_the_contract_of_learners() {
        let mut params = small(&[("layers", 2), ("batch_size", 32)]);
        params.insert("learning_rate".into(), ParamValue::Float(0.01));
        check_learner_with(&MLP, &params);
    }

    #[test]
    fn tabm_keeps_the_contract_of_learners() {
        let sizes = [
            ("members", 4),
            ("pieces", 8),
            ("embedding_size", 4),
            ("batch_size", 32),
        ];
        let mut params = small(&sizes);
        params.insert("learning_rate".into(), ParamValue::Float(0.01));
        check_learner_with(&TABM, &params);
    }
}
