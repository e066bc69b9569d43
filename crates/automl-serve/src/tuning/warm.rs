//! Beginning with what earlier studies found.
//!
//! The complete trials of the studies that are named are kept with the new study when it is made, so that what it proposes
//! stays a function of its own record: earlier studies may go on, or go.

use super::plain::{constraints, param_value, plain};
use super::{Spec, TuneError};
use automl_core::ParamMap;
use automl_store::db::Sql;
use automl_store::studies::{
    self, Attribute, Direction, Objective, StudiesError, Study, Trial, TrialState, Wanted,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_tune::{Algorithm, Earlier, Source};
use serde::{Deserialize, Serialize};

/// The scope of the attributes that hold what is learned from.
const SCOPE: &str = "warm_start";
/// Trials of an earlier study that are kept: half of them the best, the others evenly spaced.
const TRIALS_MAX: usize = 500;

/// What an earlier study says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lesson {
    /// Its place among those that are learned from.
    place: usize,
    study: String,
    /// How long its log was.
    n_events: i64,
    trials: Vec<Earlier>,
}

/// Reads what the studies say that a spec names.
pub(super) fn gather(sql: &mut dyn Sql, spec: &Spec) -> Result<Vec<Lesson>, TuneError> {
    if spec.warm_start.is_empty() {
        return Ok(Vec::new());
    }
    let learns = matches!(
        spec.algorithm,
        Algorithm::Auto(_) | Algorithm::Gp(_) | Algorithm::Turbo(_) | Algorithm::CmaEs(_)
    );
    if !learns {
        return Err(TuneError::Setting {
            field: "warm_start",
            wanted: "used with the algorithm auto, gp, turbo or cma_es: others learn nothing from earlier studies",
        });
    }
    let names = spec.warm_start.iter().enumerate();
    names
        .map(|(place, name)| {
            let study = studies::by_name(sql, W, name)?;
            let complete = Wanted::In(TrialState::Complete);
            let trials = studies::trials(sql, study.id, &complete)?;
            lesson(spec, place, &study, &trials)
        })
        .collect()
}

fn lesson(
    spec: &Spec,
    place: usize,
    study: &Study,
    complete: &[Trial],
) -> Result<Lesson, TuneError> {
    let refused = |reason: String| TuneError::WarmStart {
        name: study.name.clone(),
        reason,
    };
    let places = matched(spec, study).map_err(refused)?;
    let mut trials: Vec<Earlier> = (complete.iter())
        .filter_map(|trial| earlier(study, trial, &places))
        .collect();
    if trials.is_empty() {
        return Err(refused(
            "it has no complete trial with finite values".into(),
        ));
    }
    let shares = |trial: &Earlier| !spec.space.shared_with(&trial.params).is_empty();
    if !trials.iter().any(shares) {
        return Err(refused(
            "the two have no parameter of the same name and kind".into(),
        ));
    }
    trials.retain(shares);
    thin(&mut trials);
    if Source::of_trials(&spec.space, &trials).n_trials() == 0 {
        return Err(refused(
            "none of its trials lies within the domains of this study".into(),
        ));
    }
    Ok(Lesson {
        place,
        study: study.name.clone(),
        n_events: study.n_events,
        trials,
    })
}

/// For each objective of the new study which of the earlier ones it is: by name, or the only one, or, where names say
/// nothing, as with Optuna, by order.
fn matched(spec: &Spec, study: &Study) -> Result<Vec<usize>, String> {
    let (n, n_earlier) = (spec.objectives.len(), study.objectives.len());
    let named = |name: &str| study.objectives.iter().position(|own| own.name == name);
    let by_name: Option<Vec<usize>> = spec.objectives.iter().map(|own| named(&own.name)).collect();
    match by_name {
        Some(places) => Ok(places),
        None if n == n_earlier && (n == 1 || study.protocol == "optuna") => Ok((0..n).collect()),
        None => Err(format!(
            "its objectives are {}",
            names(&study.objectives).join(", ")
        )),
    }
}

fn names(objectives: &[Objective]) -> Vec<&str> {
    objectives.iter().map(|own| own.name.as_str()).collect()
}

/// A complete trial, if its values are finite.
fn earlier(study: &Study, trial: &Trial, places: &[usize]) -> Option<Earlier> {
    let figures = trial.figures.as_ref()?;
    let loss = |&place: &usize| {
        let value = *figures.get(place)?;
        let loss = match study.objectives[place].direction {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        };
        loss.is_finite().then_some(loss)
    };
    let params: ParamMap = (trial.params.iter())
        .map(|param| (param.name.clone(), param_value(&plain(param))))
        .collect();
    Some(Earlier {
        params,
        losses: places.iter().map(loss).collect::<Option<_>>()?,
        constraints: constraints(trial),
    })
}

/// Keeps the best and evenly spaced others, in the order in which they were.
fn thin(trials: &mut Vec<Earlier>) {
    let n = trials.len();
    if n <= TRIALS_MAX {
        return;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| {
        let first = |at: usize| trials[at].losses.first().copied().unwrap_or(0.0);
        first(a).total_cmp(&first(b)).then(a.cmp(&b))
    });
    let (best, rest) = order.split_at(TRIALS_MAX / 2);
    let n_rest = TRIALS_MAX - best.len();
    let evenly = (0..n_rest).map(|at| rest[at * rest.len() / n_rest]);
    let mut is_kept = vec![false; n];
    for at in best.iter().copied().chain(evenly) {
        is_kept[at] = true;
    }
    let mut kept = is_kept.into_iter();
    trials.retain(|_| kept.next() == Some(true));
}

/// Keeps what was gathered with a study.
pub(super) fn keep(sql: &mut dyn Sql, study: i64, lessons: &[Lesson]) -> Result<(), StudiesError> {
    for lesson in lessons {
        let attribute = Attribute {
            scope: SCOPE.to_owned(),
            key: lesson.study.clone(),
            value: serde_json::json!(lesson).to_string(),
        };
        studies::set_attribute(sql, study, &attribute)?;
    }
    Ok(())
}

/// What a study was made with, in the order in which it names its teachers.
pub(super) fn kept(sql: &mut dyn Sql, study: i64) -> Result<Vec<Lesson>, TuneError> {
    let attributes = studies::attributes(sql, study)?;
    let own = attributes.iter().filter(|one| one.scope == SCOPE);
    let lessons: Result<Vec<Lesson>, _> = own.map(|one| serde_json::from_str(&one.value)).collect();
    let mut lessons = lessons.map_err(|error| TuneError::Spec {
        reason: error.to_string(),
    })?;
    lessons.sort_by_key(|lesson| lesson.place);
    Ok(lessons)
}

/// As samplers take it.
pub(super) fn sources(spec: &Spec, lessons: &[Lesson]) -> Vec<Source> {
    let each = lessons.iter();
    each.map(|lesson| Source::of_trials(&spec.space, &lesson.trials))
        .collect()
}
