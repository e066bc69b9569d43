//! What a fit would do, told without doing it.

use crate::fit::FitRun;
use crate::plan::{self, Plan};
use crate::portfolio::Facts;
use crate::search::{self, Forecast, Schedule};
use crate::suggest::Suggester;
use crate::trial::TrialConfig;
use crate::{EngineError, FitOptions};
use automl_core::{Dataset, ParamMap};
use serde::Serialize;
use std::collections::BTreeMap;

/// The plan of a fit, for people and programs. Seconds and bytes are rough forecasts, made from the table's shape alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// The task's name.
    pub task: String,
    /// What decides.
    pub metric: String,
    /// Rows learned from.
    pub n_rows: usize,
    /// Feature columns.
    pub n_features: usize,
    /// What tables that are alike have alike, by which the portfolio is ordered.
    pub meta_features: BTreeMap<&'static str, f64>,
    /// How scores are estimated, in words.
    pub validation: String,
    /// Fits of one trial: one a split.
    pub fits_per_trial: usize,
    /// Rows that a fit of the search learns from, and is scored on.
    pub rows_per_fit: [usize; 2],
    /// Training rows that a trial that is not the first of its learner begins with, to go on if it does well; `None` if all at once.
    pub rows_per_probe: Option<usize>,
    /// Whether members are fitted again on all rows; otherwise each is the mean of its fold models.
    pub refit: bool,
    /// Whether models of a bag are left out where a row would take too long.
    pub thins_bags: bool,
    /// When the phases end; `None` if trials alone end the search.
    pub phases: Option<Phases>,
    /// Bytes that the table, its encodings and the out-of-fold predictions take.
    pub memory_bytes: u64,
    /// Bytes allowed.
    pub memory_limit: Option<u64>,
    /// Fixed configurations in the order in which they are tried.
    pub trials: Vec<PlannedTrial>,
    /// Ids of the learners of which the best are tuned when those are done.
    pub tuned: Vec<&'static str>,
}

/// When the phases of a fit end, in seconds from its start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Phases {
    /// The search.
    pub search_seconds: f64,
    /// The choice of members.
    pub ensemble_seconds: f64,
    /// Fits on all rows.
    pub refit_seconds: f64,
    /// The small model that is made of the ensemble, if there is to be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distill_seconds: Option<f64>,
    /// What people are told of the model.
    pub explain_seconds: f64,
    /// Writing.
    pub limit_seconds: f64,
}

/// One fixed configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedTrial {
    /// Its number, from 0.
    pub trial: usize,
    /// The learner's id.
    pub learner: &'static str,
    /// The recipe's name.
    pub recipe: &'static str,
    /// How it sees the target: `identity` or `log1p`.
    pub target_map: &'static str,
    /// Its parameters.
    pub params: ParamMap,
    /// Seconds until one fit has a first model, at least.
    pub first_model_seconds: f64,
    /// Seconds after which a fit winds up; `None` without a time limit.
    pub fit_seconds_max: Option<f64>,
    /// Bytes of the table as this learner sees it.
    pub memory_bytes: u64,
    /// Whether it would be left out, since its first model alone takes longer than the search, or much longer than its share of it.
    pub is_too_slow: bool,
}

/// Plans a fit of `data` and tells the plan.
///
/// # Errors
/// What [`crate::fit()`] refuses before its first trial.
pub fn preview(
    data: &Dataset,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<Preview, EngineError> {
    let plan = Plan::new(data, options)?.split_by(run.split_by);
    Preview::of(&plan, data, options, run.clock.seconds())
}

impl Preview {
    /// What a plan of a fit comes to that begins its search `now`, in seconds.
    ///
    /// # Errors
    /// Configurations of a portfolio that are refused.
    pub fn of(
        plan: &Plan,
        data: &Dataset,
        options: &FitOptions,
        now: f64,
    ) -> Result<Self, EngineError> {
        let facts = Facts::of(data);
        let suggester = Suggester::new(data, &facts, plan, options)?;
        let schedule = Schedule::new(plan, options);
        let n_fixed = suggester.n_fixed() as u64;
        let n_trials = options.max_trials.map_or(n_fixed, |max| max.min(n_fixed));
        let fixed = (0..n_trials).filter_map(|id| suggester.suggest(id, &[], &[], 0.0));
        let splits = &plan.splits;
        Ok(Self {
            task: data.task().kind().name().to_owned(),
            metric: plan.metric.name().to_owned(),
            n_rows: data.n_rows(),
            n_features: data.table().n_columns(),
            meta_features: facts.named_shape(),
            validation: plan.validation.describe(),
            fits_per_trial: splits.len(),
            rows_per_fit: [splits[0].train.len(), splits[0].valid.len()],
            rows_per_probe: Some(plan.probe.len()).filter(|&n_rows| n_rows > 0),
            refit: plan.validation.refit,
            thins_bags: options.thins_bags() && !plan.validation.refit,
            phases: schedule.phases(options),
            memory_bytes: plan::memory_needed(data),
            memory_limit: options.memory_limit,
            trials: planned(
                fixed.collect(),
                (plan, data, &facts),
                &schedule,
                (options, now),
            ),
            tuned: if options.max_trials.is_none_or(|max| max > n_fixed) {
                suggester.tuned()
            } else {
                Vec::new()
            },
        })
    }
}

/// What is forecast of fixed configurations.
fn planned(
    fixed: Vec<TrialConfig>,
    (plan, data, facts): (&Plan, &Dataset, &Facts),
    schedule: &Schedule,
    (options, now): (&FitOptions, f64),
) -> Vec<PlannedTrial> {
    let n_threads = search::threads_per_fit(plan, options);
    let forecast = Forecast::new(data, plan, facts, n_threads);
    let fit_seconds_max = plan.fit_seconds_max(options);
    // The baseline is always fitted, and so is the first trial beside it that is in time at all.
    let is_skipped = |trial: usize, seconds: f64| {
        let is_too_late = schedule.search_end().is_some_and(|end| now + seconds > end);
        let is_unfair = trial > 1 && search::is_beyond_share(plan, options, seconds);
        trial > 0 && (is_too_late || is_unfair)
    };
    let trial = |(trial, config): (usize, TrialConfig)| {
        let first_model_seconds = forecast.first_model_seconds(&config);
        PlannedTrial {
            trial,
            learner: config.learner.id,
            recipe: config.recipe,
            target_map: config.target_map.name(),
            memory_bytes: forecast.encoded_bytes(&config),
            params: config.params,
            first_model_seconds,
            fit_seconds_max,
            is_too_slow: is_skipped(trial, first_model_seconds),
        }
    };
    fixed.into_iter().enumerate().map(trial).collect()
}
