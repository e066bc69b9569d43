//! What workers tell.

use super::spec::{named, open};
use super::{Desk, TuneError};
use automl_core::{ParamMap, ParamValue, nearest};
use automl_store::db::{Database, Sql};
use automl_store::studies::{self, Change, Measurement, NewTrial, Param, Study, Trial, TrialState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_tune::{Outcome, Stopper, StudyError};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// How a trial ended.
#[derive(Debug, Clone)]
pub struct Tell {
    /// Complete, pruned or failed.
    pub state: TrialState,
    /// A value for each objective, by name, in order, or one alone; nothing if it has none.
    pub values: Option<Value>,
    /// By how much each constraint is exceeded.
    pub constraints: Vec<f64>,
    /// Why it failed.
    pub note: Option<String>,
    /// A key of the request: told again with it, nothing more is done.
    pub request: Option<String>,
}

/// Parameters as they are stored.
pub(crate) fn text_of(point: &ParamMap) -> Vec<Param> {
    let param = |(name, value): (&String, &ParamValue)| Param {
        name: name.clone(),
        value: serde_json::json!(value).to_string(),
        distribution: None,
    };
    point.iter().map(param).collect()
}

/// Stored parameters.
pub(crate) fn params_of(trial: &Trial) -> Result<ParamMap, TuneError> {
    let unreadable = |error: serde_json::Error| TuneError::Spec {
        reason: error.to_string(),
    };
    let params = trial.params.iter();
    params
        .map(|param| {
            let value = serde_json::from_str(&param.value).map_err(unreadable)?;
            Ok((param.name.clone(), value))
        })
        .collect()
}

/// A value for each objective, in their order.
fn values_of(study: &Study, values: &Value) -> Result<Vec<f64>, TuneError> {
    let names = || study.objectives.iter().map(|own| own.name.as_str());
    let n = study.objectives.len();
    let number = |name: &str, value: &Value| {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            // JSON has no such numbers, so they come as texts.
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or(TuneError::Setting {
            field: "values",
            wanted: "numbers",
        })?;
        if number.is_finite() {
            Ok(number)
        } else {
            let name = name.to_owned();
            Err(TuneError::Study(StudyError::ValueNotFinite { name }))
        }
    };
    let count = |given| TuneError::Study(StudyError::ValueCount { wanted: n, given });
    match values {
        Value::Object(map) => {
            if let Some(name) = map.keys().find(|key| names().all(|name| name != *key)) {
                let near = nearest(name, names());
                let name = name.clone();
                return Err(TuneError::ObjectiveUnknown { name, near });
            }
            let each =
                names().map(|name| number(name, map.get(name).ok_or_else(|| count(map.len()))?));
            each.collect()
        }
        Value::Array(list) if list.len() == n => names()
            .zip(list)
            .map(|(name, value)| number(name, value))
            .collect(),
        Value::Array(list) => Err(count(list.len())),
        single if n == 1 => Ok(vec![number(names().next().unwrap_or_default(), single)?]),
        _ => Err(count(1)),
    }
}

/// Whether a request to tell how a trial ended was done before. One that only asked for the trial has told nothing, though a
/// client may name it alike.
pub(super) fn has_told(
    sql: &mut dyn Sql,
    study: i64,
    id: i64,
    tell: &Tell,
) -> Result<bool, TuneError> {
    let Some(request) = &tell.request else {
        return Ok(false);
    };
    let is_known = studies::trials_of_request(sql, study, request)?.contains(&id);
    Ok(is_known && studies::trial(sql, W, id)?.state.is_finished())
}

/// Says how a trial ended.
///
/// # Errors
/// If it is not there or has ended, or the values are not one finite number for each objective.
pub fn tell(sql: &mut dyn Sql, name: &str, number: i64, tell: &Tell) -> Result<Trial, TuneError> {
    let study = named(sql, name)?;
    let id = studies::id_of_number(sql, study.id, number)?;
    if has_told(sql, study.id, id, tell)? {
        return Ok(studies::trial(sql, W, id)?);
    }
    if !tell.state.is_finished() {
        return Err(TuneError::Setting {
            field: "state",
            wanted: "'complete', 'pruned' or 'failed'",
        });
    }
    let values = tell.values.as_ref();
    let figures = values.map(|values| values_of(&study, values)).transpose()?;
    if tell.state == TrialState::Complete && figures.is_none() {
        let wanted = study.objectives.len();
        return Err(StudyError::ValueCount { wanted, given: 0 }.into());
    }
    if tell.constraints.iter().any(|excess| !excess.is_finite()) {
        let name = "constraint".to_owned();
        return Err(StudyError::ValueNotFinite { name }.into());
    }
    let change = Change {
        figures,
        constraints: tell.constraints.clone(),
        note: tell.note.clone(),
        request: tell.request.clone(),
        ..Change::to(tell.state)
    };
    studies::change(sql, W, id, &change)?;
    Ok(studies::trial(sql, W, id)?)
}

/// Keeps what a running trial measured.
///
/// # Errors
/// As those of [`tell`], and if the step is negative.
pub fn measure(
    sql: &mut dyn Sql,
    name: &str,
    number: i64,
    step: i64,
    values: &Value,
) -> Result<Trial, TuneError> {
    let study = named(sql, name)?;
    if step < 0 {
        return Err(TuneError::Setting {
            field: "step",
            wanted: "at least 0",
        });
    }
    let id = studies::id_of_number(sql, study.id, number)?;
    let measurement = Measurement {
        step,
        figures: values_of(&study, values)?,
        extra: None,
    };
    studies::measure(sql, W, id, &measurement)?;
    Ok(studies::trial(sql, W, id)?)
}

/// Whether a study has a rule of stopping.
fn has_rule(study: &Study) -> Result<bool, TuneError> {
    #[derive(Deserialize)]
    struct Ruled {
        stopping: Option<IgnoredAny>,
    }
    let read: Result<Ruled, _> = serde_json::from_str(&study.spec);
    let ruled = read.map_err(|error| TuneError::Spec {
        reason: error.to_string(),
    })?;
    Ok(ruled.stopping.is_some())
}

/// Whether a running trial should be ended: it was asked for, or the study's rule says so.
///
/// # Errors
/// If the study or the trial is not there.
pub fn should_stop(
    desk: &Desk,
    db: &Database,
    name: &str,
    trial: &Trial,
) -> Result<bool, TuneError> {
    if trial.state == TrialState::Stopping {
        return Ok(true);
    }
    let wanted = name.to_owned();
    let study = db.read(move |sql| named(sql, &wanted)).wait()?;
    // A sampler that is at work on the study is not waited for where there is nothing to ask.
    if !has_rule(&study)? {
        return Ok(false);
    }
    desk.with(db, name, |study, spec| {
        let rule = spec.stopping.as_ref();
        rule.is_some_and(|rule| rule.should_stop(study, trial.number.unsigned_abs()))
    })
}

/// The key of a request to add a point, which is unlike that of one to give out trials that a client names alike.
fn key_of_added(request: &str) -> String {
    format!("add {request}")
}

/// Adds a point that the user chose: it waits for a worker, or was evaluated already. Added again under the same key of a
/// request, nothing more is done.
///
/// # Errors
/// If it is no point of the space, or what came of it makes no sense.
pub fn add(
    sql: &mut dyn Sql,
    name: &str,
    point: &ParamMap,
    told: Option<&Tell>,
    request: Option<&str>,
) -> Result<Trial, TuneError> {
    let (study, spec) = open(sql, name)?;
    let key = request.map(key_of_added);
    if let Some(key) = &key {
        // Whoever sends it again may do so at the same time.
        studies::hold(sql, study.id)?;
        if let Some(&id) = studies::trials_of_request(sql, study.id, key)?.first() {
            return Ok(studies::trial(sql, W, id)?);
        }
    }
    let mut probe = automl_tune::Study::new(spec.space, spec.objectives)?;
    probe.start(0, point.clone())?;
    let mut new = NewTrial {
        params: text_of(point),
        request: key,
        ..NewTrial::in_state(TrialState::Waiting)
    };
    if let Some(told) = told {
        let values = told.values.as_ref();
        new.figures = values.map(|values| values_of(&study, values)).transpose()?;
        new.state = told.state;
        new.note.clone_from(&told.note);
        new.constraints.clone_from(&told.constraints);
        if told.state == TrialState::Complete {
            probe.finish(
                0,
                Outcome::Complete {
                    values: new.figures.clone().unwrap_or_default(),
                    constraints: new.constraints.clone(),
                },
            )?;
        }
    }
    let (id, _number) = studies::add_trial(sql, study.id, &new)?;
    Ok(studies::trial(sql, W, id)?)
}
