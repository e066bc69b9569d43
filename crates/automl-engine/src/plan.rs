//! What a fit will do, decided from the data's shape and the limits before the first trial.

use crate::costs::CostsError;
use crate::fit::SplitBy;
use crate::{EngineError, FitOptions, Quality, SearchPart, calibrate, distill, outputs, registry};
use automl_core::metrics::Metric;
use automl_core::splits::{Scheme, Split, split, subsample};
use automl_core::{Column, Dataset, Event, LearnerSpec, Predictions, Target};
use std::fmt::Write as _;

/// Validation never needs more rows than this.
const HOLDOUT_ROWS_MAX: usize = 20_000;
/// Below this a holdout would say too little.
const HOLDOUT_ROWS_MIN: usize = 2_000;
/// Repeats of the cross-validation of few rows: with one, the best of many trials is the luckiest.
const REPEATS: usize = 3;
/// Seconds that growing one tree spends on one cell, measured on one core.
const SECONDS_PER_CELL: f64 = 3.6e-9;
/// Seconds that growing one tree spends on one column however few the rows: the scan of its bins in every leaf.
const SECONDS_PER_COLUMN: f64 = 3.0e-6;
/// Boosting has learned most of what it can when trees × learning rate reach this.
const TREES_TIMES_RATE: f64 = 30.0;
/// No table is so large that steps should be longer than this.
const LEARNING_RATE_MAX: f64 = 0.3;
/// Columns that a text becomes.
const TEXT_COLUMNS: usize = 60;
/// Trees of a typical boosting trial.
const TREES: f64 = 600.0;
/// Trials first learn from the rows of one of so many parts.
const PROBE_PARTS: usize = 4;
/// Fewer rows do not tell what would come of all.
const PROBE_ROWS_MIN: usize = 5_000;
/// Where there is time for so many fits of all rows, trials learn from all at once.
const PROBE_TRIALS: f64 = 40.0;
/// Core seconds that the plan counts on when trials, not time, end the search.
const CORE_SECONDS_WITHOUT_LIMIT: f64 = 600.0;

/// How scores are estimated and what the final model is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// How rows are split.
    pub scheme: Scheme,
    /// Whether members are fitted again on all rows; otherwise each is the mean of its fold models.
    pub refit: bool,
    /// What the splits heed beside the classes, as the end of a sentence; empty if nothing.
    heeds: String,
}

impl Validation {
    fn new(scheme: Scheme, refit: bool) -> Self {
        let heeds = String::new();
        Self {
            scheme,
            refit,
            heeds,
        }
    }

    /// The scheme in words, with the columns that the splits heed.
    pub fn describe(&self) -> String {
        format!("{}{}", self.describe_scheme(), self.heeds)
    }

    fn describe_scheme(&self) -> String {
        match self.scheme {
            Scheme::Holdout { fraction } => format!("holdout of {:.0} %", fraction * 100.0),
            Scheme::KFold { k } => format!("{k}-fold cross-validation"),
            Scheme::RepeatedKFold { k, repeats } => {
                format!("{repeats} × {k}-fold cross-validation")
            }
        }
    }
}

/// A plan: metric, validation, learners.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What decides.
    pub metric: Metric,
    /// How scores are estimated.
    pub validation: Validation,
    /// The splits themselves.
    pub splits: Vec<Split>,
    /// Learners that take part.
    pub learners: Vec<&'static LearnerSpec>,
    /// What predictions are raised to at least, for a metric that takes none below.
    pub floor: Option<f64>,
    /// Rough seconds of one boosting fit on one core: what the plan weighs costs by.
    pub fit_seconds_estimate: f64,
    /// The least learning rate with which boosting converges in the time that one fit may take; zero without a limit.
    pub(crate) learning_rate_min: f64,
    /// The proper score by which probabilities of the ensemble are made truer, if that is done.
    pub(crate) calibrated_by: Option<Metric>,
    /// Rows of the first split that trials learn from first where many fits of all rows would eat the time; empty if they learn from
    /// all at once.
    pub(crate) probe: Vec<u32>,
}

impl Plan {
    /// Plans a fit.
    ///
    /// # Errors
    /// An unknown learner, a metric of another task, no limit at all, data beyond the memory limit, too few rows.
    pub fn new(data: &Dataset, options: &FitOptions) -> Result<Self, EngineError> {
        if options.time_limit.is_none() && options.max_trials.is_none() {
            return Err(EngineError::NoLimit);
        }
        check_memory(data, options)?;
        let metric = choose_metric(data, options)?;
        let learners = choose_learners(data, options)?;
        if options.distills {
            distill::check(data.task().kind(), &learners)?;
        }
        let fit_seconds_estimate = estimate_fit_seconds(data);
        let (validation, splits) = choose_splits(data, options, metric, fit_seconds_estimate)?;
        let mut plan = Self {
            metric,
            validation,
            splits,
            learners,
            floor: floor(data, metric),
            fit_seconds_estimate,
            learning_rate_min: 0.0,
            calibrated_by: calibrated_by(metric, options),
            probe: Vec::new(),
        };
        plan.learning_rate_min = plan.learning_rate_floor(options);
        plan.probe = plan.probe_rows(data, options);
        Ok(plan)
    }

    /// The plan, telling in words what its splits heed.
    #[must_use]
    pub(crate) fn split_by(mut self, columns: SplitBy<'_>) -> Self {
        if let Some(group) = columns.group {
            write!(self.validation.heeds, " by group '{group}'").expect("a string takes all");
        }
        if let Some(time) = columns.time {
            write!(self.validation.heeds, ", forward in time by '{time}'")
                .expect("a string takes all");
        }
        self
    }

    /// Brings predictions into the metric's domain.
    pub(crate) fn raise(&self, predictions: &mut Predictions) {
        if let Some(floor) = self.floor {
            raise(predictions, floor);
        }
    }

    fn learning_rate_floor(&self, options: &FitOptions) -> f64 {
        let Some(seconds) = self.fit_seconds_max(options) else {
            return 0.0;
        };
        let trees_in_time = seconds * TREES / self.fit_seconds_estimate;
        (TREES_TIMES_RATE / trees_in_time).min(LEARNING_RATE_MAX)
    }

    /// A part of the first split's training rows in which every class keeps its share; none where there is time for many fits of all
    /// rows, or too few rows to tell good configurations by a part of them.
    fn probe_rows(&self, data: &Dataset, options: &FitOptions) -> Vec<u32> {
        let train = &self.splits[0].train;
        let n_rows = train.len() / PROBE_PARTS;
        let Some(limit) = options.time_limit else {
            return Vec::new();
        };
        let given = limit.as_secs_f64() * options.threads as f64;
        let wanted = PROBE_TRIALS * self.fit_seconds_estimate * self.splits.len() as f64;
        if n_rows < PROBE_ROWS_MIN || wanted <= given || options.is_without(SearchPart::Probing) {
            return Vec::new();
        }
        let mut rows = subsample(train, data, n_rows, options.seed.named("probe"));
        rows.sort_unstable();
        rows
    }

    /// How many times more rows a refit learns from than a fit of the search.
    pub(crate) fn refit_growth(&self, data: &Dataset) -> f64 {
        let n_train: usize = self.splits.iter().map(|split| split.train.len()).sum();
        data.n_rows() as f64 / (n_train / self.splits.len()) as f64
    }

    /// Rough seconds of one round of boosting, a tree for each output, on one core.
    pub(crate) fn round_seconds_estimate(&self) -> f64 {
        self.fit_seconds_estimate / TREES
    }

    /// Seconds that one fit of one trial may take on one core; `None` without a limit.
    pub(crate) fn fit_seconds_max(&self, options: &FitOptions) -> Option<f64> {
        let limit = options.time_limit?.as_secs_f64();
        let share = if self.validation.refit { 0.14 } else { 0.25 };
        let n_splits = self.splits.len();
        let side_by_side = options.threads.clamp(1, n_splits) as f64;
        Some(limit * share * side_by_side / n_splits as f64)
    }

    pub(crate) fn started(&self, data: &Dataset, options: &FitOptions) -> Event {
        Event::Started {
            task: data.task().kind().name().to_owned(),
            metric: self.metric.name().to_owned(),
            n_rows: data.n_rows() as u64,
            n_features: data.table().n_columns() as u64,
            validation: self.validation.describe(),
            time_limit_seconds: options.time_limit.map(|limit| limit.as_secs_f64()),
            max_trials: options.max_trials,
            fits_per_trial: self.splits.len() as u64,
        }
    }
}

/// Predictions below `floor` become `floor`.
pub(crate) fn raise(predictions: &mut Predictions, floor: f64) {
    let values = predictions.values_mut().iter_mut();
    values.for_each(|value| *value = value.max(floor));
}

/// Deviances take positive predictions only, and a hundredth of the mean is as sure of "nothing" as one should be;
/// errors of logarithms take none below zero.
fn floor(data: &Dataset, metric: Metric) -> Option<f64> {
    const SHARE_OF_MEAN: f64 = 0.01;
    let Target::Numbers(values) = data.target() else {
        return None;
    };
    let weight = |row: usize| data.weight().map_or(1.0, |weight| weight[row]);
    let rows = values.iter().enumerate();
    let (sum, total) = rows.fold((0.0, 0.0), |(sum, total), (row, value)| {
        (sum + weight(row) * value, total + weight(row))
    });
    let mean = sum / total;
    match metric {
        Metric::PoissonDeviance | Metric::TweedieDeviance if mean > 0.0 => {
            Some(SHARE_OF_MEAN * mean)
        }
        Metric::Rmsle => Some(0.0),
        _ => None,
    }
}

/// Bytes of the table, its encodings (twice) and the out-of-fold predictions.
pub(crate) fn memory_needed(data: &Dataset) -> u64 {
    let outputs = data.task().n_classes().max(n_outputs(data)) as u64;
    3 * data.table().n_bytes() as u64 + 30 * 8 * outputs * data.n_rows() as u64
}

fn check_memory(data: &Dataset, options: &FitOptions) -> Result<(), EngineError> {
    let needed = memory_needed(data);
    match options.memory_limit {
        Some(limit) if needed > limit => Err(EngineError::Memory { needed, limit }),
        _ => Ok(()),
    }
}

fn choose_metric(data: &Dataset, options: &FitOptions) -> Result<Metric, EngineError> {
    let task = data.task().kind();
    let metric = options.metric.unwrap_or_else(|| Metric::default_for(task));
    if metric.tasks().contains(&task) {
        return match options.costs {
            Some(_) if metric.reads_classes() => Err(CostsError::Metric {
                metric: metric.name(),
            }
            .into()),
            _ => Ok(metric),
        };
    }
    let known = Metric::all()
        .filter(|metric| metric.tasks().contains(&task))
        .map(Metric::name)
        .collect();
    Err(EngineError::MetricTask {
        metric: metric.name(),
        task: task.name(),
        known,
    })
}

/// Costs weigh probabilities, so these must be true whatever the metric.
fn calibrated_by(metric: Metric, options: &FitOptions) -> Option<Metric> {
    let of_costs = options.costs.as_ref().map(|_| Metric::LogLoss);
    if calibrate::is_proper(metric) {
        Some(metric)
    } else {
        of_costs
    }
}

fn choose_learners(
    data: &Dataset,
    options: &FitOptions,
) -> Result<Vec<&'static LearnerSpec>, EngineError> {
    registry::check_names(options.include.iter().chain(&options.exclude))?;
    let task = data.task().kind();
    let takes_part = |spec: &LearnerSpec| {
        let is_asked_for =
            options.include.is_empty() || options.include.iter().any(|id| id == spec.id);
        let is_left_out = options.exclude.iter().any(|id| id == spec.id);
        outputs::does(spec, task) && is_asked_for && !is_left_out
    };
    let learners: Vec<_> = registry::LEARNERS
        .iter()
        .copied()
        .filter(|spec| takes_part(spec))
        .collect();
    if learners.is_empty() {
        Err(EngineError::NoLearner { task: task.name() })
    } else {
        Ok(learners)
    }
}

/// Rows × columns × outputs × trees × a cost per cell.
fn estimate_fit_seconds(data: &Dataset) -> f64 {
    let seconds_per_column = data.n_rows() as f64 * SECONDS_PER_CELL + SECONDS_PER_COLUMN;
    n_columns(data).max(4) as f64 * seconds_per_column * n_outputs(data) as f64 * TREES
}

/// Columns as trees see them; a text column counts as the components it becomes.
pub(crate) fn n_columns(data: &Dataset) -> usize {
    let columns = data.table().iter();
    columns
        .map(|(_, column)| match column {
            Column::Text(_) => TEXT_COLUMNS,
            _ => 1,
        })
        .sum()
}

/// Numbers that are learned of a row: one for numbers and two classes, one a quantile, else one a class.
pub(crate) fn n_outputs(data: &Dataset) -> usize {
    match data.task().n_classes() {
        0 => data.task().levels().len().max(1),
        1..=2 => 1,
        n_classes => n_classes,
    }
}

/// The scheme that fits size and budget, or, where the user asked for none, the next one that this table can be split
/// by: few groups or times, or a class too rare for every fold to have it, ask for fewer folds.
fn choose_splits(
    data: &Dataset,
    options: &FitOptions,
    metric: Metric,
    fit_seconds: f64,
) -> Result<(Validation, Vec<Split>), EngineError> {
    let preferred = choose_validation(data, options, fit_seconds);
    let is_asked_for = options.holdout.is_some() || options.folds.is_some();
    let is_single = options.inference_limit.is_some() || options.is_without(SearchPart::Bagging);
    let refit = preferred.refit || is_single;
    let preferred = Validation { refit, ..preferred };
    let fewer = [5, 3, 2].map(|k| Scheme::KFold { k });
    let wider = [0.2, 0.3, 0.4, 0.5].map(|fraction| Scheme::Holdout { fraction });
    let others = fewer.map(|scheme| Validation::new(scheme, refit));
    let wider = wider.map(|scheme| Validation::new(scheme, true));
    let others = others.into_iter().chain(wider);
    let mut candidates = vec![preferred];
    candidates.extend(others.filter(|_| !is_asked_for));
    let mut failure = None;
    for validation in candidates {
        let splits = match split(data, &validation.scheme, options.seed.named("splits")) {
            Ok(splits) => splits,
            Err(error) => {
                failure.get_or_insert(EngineError::Split(error));
                continue;
            }
        };
        match splits.iter().find_map(|split| fault(data, metric, split)) {
            None => return Ok((validation, splits)),
            Some(reason) => {
                let metric = metric.name();
                failure.get_or_insert(EngineError::NoSplit { metric, reason });
            }
        }
    }
    Err(failure.expect("at least one candidate was tried"))
}

/// Why the validation rows of `split` could not be scored, whatever is predicted for them, or if all is predicted right.
fn fault(data: &Dataset, metric: Metric, split: &Split) -> Option<String> {
    let view = data.view(&split.valid);
    let target = view.target_numbers();
    let levels = data.task().levels();
    let any = match data.task().n_classes() {
        0 if !levels.is_empty() => Predictions::Quantiles {
            levels: levels.into(),
            values: vec![0.0; levels.len() * target.len()],
        },
        // Positive and not constant, so that only the target can be at fault.
        0 => Predictions::Numbers((0..target.len()).map(|row| 1.0 + row as f64).collect()),
        n_classes => {
            let share = 1.0 / n_classes as f64;
            let values = vec![share; n_classes * target.len()];
            Predictions::Probabilities { n_classes, values }
        }
    };
    let mut tried = vec![any];
    if let n_classes @ 1.. = data.task().n_classes() {
        let mut values = vec![0.0; n_classes * target.len()];
        for (row, class) in values.chunks_exact_mut(n_classes).zip(target.iter()) {
            row[*class as usize] = 1.0;
        }
        tried.push(Predictions::Probabilities { n_classes, values });
    }
    let weight = view.weights();
    let mut scores = (tried.iter()).map(|tried| metric.score(&target, tried, weight.as_deref()));
    let error = scores.find_map(Result::err)?;
    Some(error.to_string())
}

fn choose_validation(data: &Dataset, options: &FitOptions, fit_seconds: f64) -> Validation {
    let n_rows = data.n_rows();
    let by_time = data.time().is_some();
    let fast = options.quality == Quality::Fast;
    if let Some(fraction) = options.holdout {
        return Validation::new(Scheme::Holdout { fraction }, true);
    }
    if let Some(k) = options.folds {
        return Validation::new(Scheme::KFold { k }, fast || by_time);
    }
    let core_seconds = options
        .time_limit
        .map_or(CORE_SECONDS_WITHOUT_LIMIT, |limit| {
            limit.as_secs_f64() * options.threads as f64
        });
    let (folds, trials_wanted) = match options.quality {
        Quality::Fast => (5, 60),
        Quality::Balanced => (8, 25),
        Quality::Best => (10, 8),
    };
    let affords =
        |n_trials: usize, n_fits: usize| fit_seconds * (n_trials * n_fits) as f64 <= core_seconds;
    let small = n_rows < HOLDOUT_ROWS_MIN;
    let scheme = if (by_time || fast) && !small {
        holdout(n_rows)
    } else if n_rows < 2 * folds {
        Scheme::KFold {
            k: n_rows.clamp(2, 4),
        }
    } else if small && !fast && !by_time && affords(trials_wanted, folds * REPEATS) {
        Scheme::RepeatedKFold {
            k: folds,
            repeats: REPEATS,
        }
    } else if affords(trials_wanted, folds) {
        Scheme::KFold { k: folds }
    } else if affords(trials_wanted / 2, 5) || small {
        Scheme::KFold { k: 5 }
    } else {
        holdout(n_rows)
    };
    let refit = fast || by_time || matches!(scheme, Scheme::Holdout { .. });
    Validation::new(scheme, refit)
}

fn holdout(n_rows: usize) -> Scheme {
    Scheme::Holdout {
        fraction: (HOLDOUT_ROWS_MAX as f64 / n_rows as f64).min(0.2),
    }
}
