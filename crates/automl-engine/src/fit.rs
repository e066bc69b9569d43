//! The main job: plan, search, ensemble, refit.

use crate::EngineError;
use crate::conformal;
use crate::distill::{Distilled, Distiller};
use crate::ensemble::{self, Selection};
use crate::explain::{Explanations, LeftOut, Questions, Unseen};
use crate::intervals::Intervals;
use crate::journal::{self, Journal, JournalEntry, NoJournal};
use crate::latency;
use crate::leaderboard::Leaderboard;
use crate::model::{EnsembleModel, Part};
use crate::nested::NestedScore;
use crate::options::{FitOptions, SearchPart};
use crate::plan::Plan;
use crate::refit::Refit;
use crate::search::{self, Found};
use automl_core::metrics::Metric;
use automl_core::{
    CancelToken, Clock, Dataset, Decision, Event, Events, NoEvents, PredictError, Predictions,
    Threads, Warning, WarningKind, Warnings,
};
use std::collections::BTreeSet;

/// What surrounds one fit.
pub struct FitRun<'a> {
    /// Started when the command did: the time limit counts from there.
    pub clock: Clock,
    /// Raised by Ctrl-C: the search stops and the best so far is kept.
    pub cancel: CancelToken,
    /// Bytes of memory that the process holds, or `None` where that cannot be told.
    pub memory_in_use: &'a (dyn Fn() -> Option<u64> + Sync),
    /// The columns that tie rows together and order them, if any, for words alone: the dataset holds their values.
    pub split_by: SplitBy<'a>,
    /// Where what is done is kept, for a process that goes on after this one.
    pub journal: &'a dyn Journal,
    /// What earlier processes noted of this very search: the same data, settings and seed.
    pub past: &'a [JournalEntry],
    /// Where findings go.
    pub warnings: &'a Warnings,
    /// Who hears of progress.
    pub events: &'a dyn Events,
}

impl<'a> FitRun<'a> {
    /// A fit that nobody watches or ends and of which nothing is kept, from now on.
    pub fn alone(warnings: &'a Warnings) -> Self {
        Self {
            clock: Clock::start(),
            cancel: CancelToken::default(),
            memory_in_use: &|| None,
            split_by: SplitBy::default(),
            journal: &NoJournal,
            past: &[],
            warnings,
            events: &NoEvents,
        }
    }
}

/// Names of the columns that the splits heed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SplitBy<'a> {
    /// Rows that are equal in it stay together.
    pub group: Option<&'a str>,
    /// Validation follows training in it.
    pub time: Option<&'a str>,
}

/// Rows that the models have not seen, and what the ensemble of their out-of-fold predictions says of them. Where rows are
/// many they are a sample in which every class keeps its share; with repeats a row stands once a repeat.
#[derive(Debug, Clone)]
pub struct OutOfFold {
    /// The rows of the data; each once, or as often as the validation is repeated.
    pub rows: Vec<u32>,
    /// Targets; class codes as numbers for classification.
    pub target: Vec<f64>,
    /// The ensemble's predictions.
    pub predictions: Predictions,
    /// Row weights, if there are any.
    pub weight: Option<Vec<f64>>,
}

/// What a fit gives.
pub struct FitOutcome {
    /// The model, ready to predict tables with the dataset's feature columns.
    pub model: EnsembleModel,
    /// Everything that was tried.
    pub leaderboard: Leaderboard,
    /// What decided.
    pub metric: Metric,
    /// The model's score on rows that its parts were not fitted on. Early stopping and the choice of members looked at
    /// them, so it is a little too good: rows kept apart from `fit` have the final word.
    pub score: f64,
    /// The score on rows that the choice of members did not look at either, with an interval; none where there was no time for
    /// it, or too few rows.
    pub nested: Option<NestedScore>,
    /// How classes are told from their probabilities: the likeliest, unless thresholds are better by a metric that reads predicted
    /// classes, and `score` is with them, or costs decide.
    pub decision: Decision,
    /// Seconds that one row takes the model, the median of some; only where that was limited.
    pub row_seconds: Option<f64>,
    /// What the model is beside the ensemble, if it was made to take that one's place.
    pub distilled: Option<Distilled>,
    /// What the score was computed on.
    pub out_of_fold: OutOfFold,
    /// What the errors of numbers are like, for intervals around predictions; none for classes.
    pub intervals: Option<Intervals>,
    /// What the model does, as far as it was asked for and there was time.
    pub explanations: Explanations,
    /// What was planned.
    pub plan: Plan,
    /// Trials that gave a score.
    pub n_trials: u64,
    /// Trials that were begun; the others were given up early, failed, or had no model in their time.
    pub n_started: u64,
    /// Whether the user stopped the search.
    pub interrupted: bool,
}

impl FitOutcome {
    /// What was learned for one unit of exposure, as a model of as many as a column says. What is known of errors is of one
    /// unit, so it knows no intervals.
    #[must_use]
    pub fn exposed_to(self, column: &str) -> Self {
        Self {
            model: self.model.exposed_to(Some(column.to_owned())),
            intervals: None,
            ..self
        }
    }
}

/// Searches for the best model of `data` within the limits of `options`.
///
/// The time limit counts from the start of `run.clock`; 6 % of it is kept for the ensemble and writing, and a little for
/// explanations if they are asked for, where fold models
/// are bagged, up to 28 % where members are fitted again on all rows. With `max_trials` and no time limit, the same data,
/// options and seed give the same model at any number of threads.
///
/// # Errors
/// A learner or metric that does not exist or fit, limits that are missing, or no trial that gave a model.
pub fn fit(
    data: &Dataset,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<FitOutcome, EngineError> {
    let planned_for = journal::planned_for(run.past, options);
    let plan = Plan::new(data, &planned_for.restrict(options))?.split_by(run.split_by);
    check_memory_in_use(options, run)?;
    run.events.emit(&plan.started(data, options));
    run.journal.note(&JournalEntry::Opened {
        planned_for,
        at_seconds: run.clock.seconds(),
    });
    let mut found = search::run(data, &plan, options, run)?;
    phase(run, "ensemble");
    let mut selection = ensemble::select(data, &plan, &found, options, run)?;
    if plan.validation.refit {
        phase(run, "refit");
    }
    let refit = Refit {
        data,
        plan: &plan,
        found: &found,
        options,
        run,
        deadline: found.refit_deadline(run),
    };
    let mut parts = refit.parts(&selection);
    let row_seconds = keep_limit(&refit, &mut selection, &mut parts)?;
    let mut made = Made {
        model: refit.joined(&selection, &parts),
        leaderboard: selection.leaderboard(&plan, &found),
        selection,
        distilled: None,
    };
    let (n_trials, n_started) = (found.n_scored() as u64, found.n_started as u64);
    if made.selection.is_baseline_alone(&found) {
        warn_of_baseline(run);
    } else if options.distills {
        made = distilled((data, &plan), &mut found, made, options, run)?;
    }
    let Made {
        model,
        selection,
        leaderboard,
        distilled,
    } = made;
    warn_of_levels(data, &selection, run);
    let chosen = (&model, &selection, &found);
    let explanations = explanations((data, &plan), chosen, options, run);
    let interrupted = run.cancel.is_cancelled();
    run.events.emit(&Event::Finished {
        score: selection.score,
        n_trials,
        n_started,
        interrupted,
        at_seconds: run.clock.seconds(),
    });
    Ok(FitOutcome {
        model,
        leaderboard,
        metric: plan.metric,
        score: selection.score,
        nested: selection.nested,
        decision: selection.decision,
        row_seconds,
        distilled,
        intervals: Intervals::of(&selection.out_of_fold),
        explanations,
        out_of_fold: selection.out_of_fold,
        plan,
        n_trials,
        n_started,
        interrupted,
    })
}

/// Leaves out the lightest members until a row is predicted within the limit; gives how long it takes, if there is one.
///
/// # Errors
/// The metric has no value for what is left.
fn keep_limit(
    refit: &Refit<'_>,
    selection: &mut Selection,
    parts: &mut Vec<Vec<Part>>,
) -> Result<Option<f64>, EngineError> {
    let Some(limit) = refit.options.inference_limit else {
        return Ok(None);
    };
    let model_of = |n: usize| refit.joined(selection, &parts[..n]);
    let (n_kept, seconds) =
        latency::keep_limit(parts.len(), model_of, refit.data, limit, refit.run);
    if n_kept < parts.len() {
        parts.truncate(n_kept);
        let kept = (&*selection, n_kept);
        *selection = ensemble::heaviest(refit.data, refit.plan, refit.found, refit.options, kept)?;
    }
    Ok(Some(seconds))
}

/// A model, what was chosen for it, and what it stands beside.
struct Made {
    model: EnsembleModel,
    selection: Selection,
    leaderboard: Leaderboard,
    distilled: Option<Distilled>,
}

/// One small model in the place of the ensemble, which stays if there was no time for one.
///
/// # Errors
/// The metric has no value for what the small model says.
fn distilled(
    (data, plan): (&Dataset, &Plan),
    found: &mut Found,
    made: Made,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<Made, EngineError> {
    phase(run, "distill");
    let distiller = Distiller {
        data,
        plan,
        found,
        selection: &made.selection,
        options,
        run,
    };
    let Some(student) = distiller.student() else {
        return Ok(made);
    };
    let learner = student.trial.config.learner.title;
    let mut row = student.row();
    found.trials.push(student.trial);
    let members = vec![(found.trials.len() - 1, 1.0)];
    let calibrates = !options.is_without(SearchPart::Calibration);
    let selection_of =
        |members| ensemble::of_members((data, plan), found, options, members, calibrates);
    let selection = selection_of(members)?;
    let plain = selection_of(vec![(student.plain, 1.0)])?;
    let model = EnsembleModel::new(data.task().clone(), plan.floor, vec![student.part])
        .raised_to(selection.power)
        .shifted_by(selection.shifts.clone());
    let distilled = Distilled {
        learner,
        learned_from_ensemble: student.is_taught,
        score: selection.score,
        plain_score: plain.score,
        ensemble_score: made.selection.score,
        ensemble_models: made.model.n_models(),
        row_seconds: latency::seconds_of(&model, data),
        ensemble_row_seconds: latency::seconds_of(&made.model, data),
    };
    selection.fill(&mut row);
    Ok(Made {
        model,
        selection,
        leaderboard: made.leaderboard.under(row),
        distilled: Some(distilled),
    })
}

/// What the model does, asked of the models of the search: no time of theirs is wasted on rows that they have seen.
fn explanations(
    (data, plan): (&Dataset, &Plan),
    (model, selection, found): (&EnsembleModel, &Selection, &Found),
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Explanations {
    if !options.explains {
        return Explanations::none(&LeftOut::NotAsked);
    }
    phase(run, "explain");
    let seed = options.seed.named("explain");
    let questions = Questions {
        unseen: &Unseen::new((data, plan), found, selection, seed),
        columns: match by_importance(data, model) {
            Ok(columns) => columns,
            Err(error) => return Explanations::none(&LeftOut::Failed(error.to_string())),
        },
        metric: plan.metric,
        decision: selection.decision.clone(),
        seed,
        threads: Threads::new(options.threads).unwrap_or_else(|_| Threads::one()),
        clock: run.clock,
        until: found.explain_end(),
        cancel: run.cancel.clone(),
    };
    questions.answers()
}

/// The columns of the data, those that matter most to the members first.
fn by_importance(data: &Dataset, model: &EnsembleModel) -> Result<Vec<String>, PredictError> {
    let told = model.column_importance()?;
    let told = told.into_iter().flat_map(|told| told.columns);
    let mut names: Vec<String> = told.map(|one| one.column).collect();
    let others = data
        .table()
        .names()
        .filter(|name| !names.iter().any(|known| known == name));
    let others: Vec<String> = others.map(str::to_owned).collect();
    names.extend(others);
    Ok(names)
}

/// A search that would end before it began, since the limit is passed already, is refused.
fn check_memory_in_use(options: &FitOptions, run: &FitRun<'_>) -> Result<(), EngineError> {
    match (options.memory_limit, (run.memory_in_use)()) {
        (Some(limit), Some(used)) if search::is_full(used, limit) => {
            Err(EngineError::MemoryInUse { used, limit })
        }
        _ => Ok(()),
    }
}

/// A constant is a model, but hardly the one that was hoped for.
fn warn_of_baseline(run: &FitRun<'_>) {
    let message = if run.cancel.is_cancelled() {
        "the model is the constant baseline: you stopped it before another trial had ended"
    } else {
        "the model is the constant baseline: no trial that ended was better; \
         give it more time or trials, or see whether the features say anything of the target"
    };
    let none = Vec::<String>::new();
    run.warnings
        .push(Warning::new(WarningKind::BudgetReached, none, message));
}

/// Quantiles so far out that the rows cannot tell whether they cover.
fn warn_of_levels(data: &Dataset, selection: &Selection, run: &FitRun<'_>) {
    let levels = data.task().levels().iter().map(|level| level.share());
    // A row that several folds tell of is one.
    let distinct: BTreeSet<u32> = selection.out_of_fold.rows.iter().copied().collect();
    let (n_rows, needed) = (distinct.len(), conformal::rows_needed(levels));
    if n_rows < needed {
        let message = format!(
            "the outermost quantiles are told by the greatest errors of {n_rows} rows and may cover less than they say; {needed} rows are needed"
        );
        let none = Vec::<String>::new();
        run.warnings
            .push(Warning::new(WarningKind::FewRows, none, message));
    }
}

fn phase(run: &FitRun<'_>, name: &str) {
    run.events.emit(&Event::Phase {
        name: name.to_owned(),
        at_seconds: run.clock.seconds(),
    });
}
