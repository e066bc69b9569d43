//! Fits of tasks of several outputs by learners of one: for quantiles a model each, of which what crosses is put in order.
//!
//! Each quantile is learned by the pinball loss of its level (Koenker and Bassett, 1978). Nothing keeps models that are fitted apart
//! from crossing; sorting what they say of a row brings it nearer to the true quantiles, never farther away (Chernozhukov,
//! Fernández-Val and Galichon, 2010).

use crate::conformal::weighted_quantile;
use crate::importance;
use crate::registry;
use crate::suggest::BASELINE;
use crate::trial::TargetMap;
use automl_core::params::Domain;
use automl_core::{
    Artifact, ArtifactError, Budget, DatasetError, DatasetView, FitContext, FitError, Fitted,
    Importance, LearnerSpec, Level, Model, ParamMap, ParamValue, PredictError, Predictions,
    TableView, Target, Task, TaskKind, TrainingData,
};
use serde_json::json;
use std::sync::Arc;

/// The kind that artifacts of models of several quantiles carry.
pub(crate) const QUANTILES: &str = "quantiles";
/// Parameters of a learner that minimises a pinball loss, and what the first is then.
pub(crate) const OBJECTIVE: &str = "objective";
pub(crate) const PINBALL: &str = "quantile";
const LEVEL: &str = "alpha";

/// Whether the learner does the task, by itself or once an output.
pub(crate) fn does(learner: &LearnerSpec, task: TaskKind) -> bool {
    match task {
        TaskKind::Quantile => learner.id == BASELINE || can_minimise(learner, PINBALL),
        _ => learner.capabilities.tasks.contains(&task),
    }
}

/// Lets a learner minimise what decides, if it can and sees the target itself, not its logarithm.
pub(crate) fn minimise(
    objective: Option<&'static str>,
    learner: &LearnerSpec,
    target_map: TargetMap,
    params: &mut ParamMap,
) {
    let objective = objective.filter(|name| can_minimise(learner, name));
    if let Some(name) = objective.filter(|_| target_map == TargetMap::Identity) {
        let name = ParamValue::Text(name.into());
        params.insert(OBJECTIVE.to_owned(), name);
    }
}

/// Whether the learner has an objective of this name.
fn can_minimise(learner: &LearnerSpec, name: &str) -> bool {
    let mut params = learner.params.iter();
    let objective = params.find(|param| param.name == OBJECTIVE);
    objective.is_some_and(|param| match param.domain {
        Domain::Choice(names) => names.contains(&name),
        _ => false,
    })
}

/// Fits a learner to a dataset of any task that it does.
///
/// # Errors
/// The parameters are not valid, or a fit fails.
pub(crate) fn fit(
    learner: &LearnerSpec,
    params: &ParamMap,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> Result<Fitted, FitError> {
    match data.train.task() {
        Task::Quantile { levels } => fit_quantiles(learner, params, levels, (ctx, data)),
        _ => (learner.build)(params)?.fit(ctx, data),
    }
}

fn fit_quantiles(
    learner: &LearnerSpec,
    params: &ParamMap,
    levels: &[Level],
    (ctx, data): (&FitContext<'_>, &TrainingData<'_>),
) -> Result<Fitted, FitError> {
    let mut models = Vec::with_capacity(levels.len());
    let mut learned = ParamMap::new();
    let mut is_partial = false;
    for (index, &level) in levels.iter().enumerate() {
        // What an early level leaves of its share goes to the later ones.
        let n_left = (levels.len() - index) as u32;
        let deadline = ctx.budget.deadline;
        let deadline = deadline
            .remaining()
            .map_or(deadline, |left| deadline.capped(left / n_left));
        let ctx = FitContext {
            budget: Budget {
                deadline,
                ..ctx.budget.clone()
            },
            ..ctx.with_seed(ctx.seed.named("level").indexed(index as u64))
        };
        let fitted = fit_level(learner, params, level, (&ctx, data))?;
        let names = fitted.learned.into_iter();
        learned.extend(names.map(|(name, value)| (of_level(&name, level), value)));
        is_partial |= fitted.is_partial;
        models.push(fitted.model);
    }
    Ok(Fitted {
        model: Box::new(Quantiles {
            levels: levels.into(),
            models,
        }),
        learned,
        is_partial,
    })
}

fn fit_level(
    learner: &LearnerSpec,
    params: &ParamMap,
    level: Level,
    (ctx, data): (&FitContext<'_>, &TrainingData<'_>),
) -> Result<Fitted, FitError> {
    let Target::Numbers(values) = data.train.data().target() else {
        let (learner, task) = (learner.id, TaskKind::Quantile.name());
        return Err(FitError::Task { learner, task });
    };
    let target = if learner.id == BASELINE {
        // The mean of the quantile is the quantile.
        let known = data.train.target_numbers();
        let constant = weighted_quantile(&known, data.train.weights().as_deref(), level.share());
        vec![constant; values.len()].into()
    } else {
        values.clone()
    };
    let unfit = |error: DatasetError| FitError::Numeric {
        learner: learner.id,
        reason: error.to_string(),
    };
    let whole = data.train.data();
    let numbers = whole
        .with_target(Task::Regression, Target::Numbers(target))
        .map_err(unfit)?;
    let seen = |view: DatasetView<'_>| view.rows().to_vec();
    let (train, valid) = (seen(data.train), data.valid.map(seen));
    let data = TrainingData {
        train: numbers.view(&train),
        valid: valid.as_deref().map(|rows| numbers.view(rows)),
    };
    (learner.build)(&params_of(learner, params, level))?.fit(ctx, &data)
}

/// The name of what the fit of one level has learned.
fn of_level(name: &str, level: Level) -> String {
    format!("{name}@{level}")
}

/// The parameters of the fit of one level, with what earlier fits of it have learned.
fn params_of(learner: &LearnerSpec, params: &ParamMap, level: Level) -> ParamMap {
    let suffix = of_level("", level);
    let (own, common): (ParamMap, ParamMap) = params
        .clone()
        .into_iter()
        .partition(|(name, _)| name.contains('@'));
    let own = own.into_iter();
    let own = own.filter_map(|(name, value)| Some((name.strip_suffix(&suffix)?.to_owned(), value)));
    let mut params = common;
    params.extend(own);
    if learner.id != BASELINE {
        params.insert(OBJECTIVE.into(), ParamValue::Text(PINBALL.into()));
        params.insert(LEVEL.into(), ParamValue::Float(level.share()));
    }
    params
}

/// A model a level.
struct Quantiles {
    levels: Arc<[Level]>,
    models: Vec<Box<dyn Model>>,
}

/// Reads quantiles back.
///
/// # Errors
/// A part is missing, or levels and models are not one for the other.
pub(crate) fn load_quantiles(artifact: &Artifact) -> Result<Box<dyn Model>, ArtifactError> {
    let levels: Vec<Level> = artifact.meta("levels")?;
    if !are_levels(&levels) || levels.len() != artifact.children.len() {
        return Err(artifact.invalid("levels", "they do not rise, or are not one a model"));
    }
    let models = artifact.children.iter().map(registry::load);
    Ok(Box::new(Quantiles {
        levels: levels.into(),
        models: models.collect::<Result<_, _>>()?,
    }))
}

/// Whether there is at least one, and each is above the one before it.
pub(crate) fn are_levels(levels: &[Level]) -> bool {
    !levels.is_empty() && levels.windows(2).all(|pair| pair[0] < pair[1])
}

/// Puts the quantiles of each row in order.
pub(crate) fn in_order(predictions: &mut Predictions) {
    let width = predictions.width();
    for row in predictions.values_mut().chunks_exact_mut(width) {
        row.sort_unstable_by(f64::total_cmp);
    }
}

impl Model for Quantiles {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let width = self.levels.len();
        let mut values = vec![0.0; rows.n_rows() * width];
        for (level, model) in self.models.iter().enumerate() {
            let predictions = model.predict(rows)?;
            if predictions.width() != 1 {
                return Err(PredictError::Width {
                    found: predictions.width(),
                    expected: 1,
                });
            }
            for (row, value) in values.chunks_exact_mut(width).zip(predictions.values()) {
                row[level] = *value;
            }
        }
        let mut predictions = Predictions::Quantiles {
            levels: self.levels.clone(),
            values,
        };
        in_order(&mut predictions);
        Ok(predictions)
    }

    fn importance(&self) -> Option<Importance> {
        let models = self.models.iter();
        importance::weighted(models.filter_map(|model| Some((1.0, model.importance()?))))
    }

    fn row_work(&self) -> f64 {
        self.models.iter().map(|model| model.row_work()).sum()
    }

    fn artifact(&self) -> Artifact {
        let levels: &[Level] = &self.levels;
        let mut artifact = Artifact::new(QUANTILES, json!({ "levels": levels }));
        let models = self.models.iter();
        artifact.children = models.map(|model| model.artifact()).collect();
        artifact
    }
}
