//! Trials as Optuna writes them, and ours.

use super::wire;
use automl_store::studies::{
    Attribute, Measurement, NewTrial, Param, StudiesError, Trial, TrialState,
};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The scopes of attributes: of users, and of samplers.
pub(super) const USER: &str = "user";
pub(super) const SYSTEM: &str = "system";

pub(super) fn invalid(field: &'static str, reason: impl Into<String>) -> StudiesError {
    StudiesError::Invalid {
        field,
        reason: reason.into(),
    }
}

/// A time without zone, in microseconds; an empty text is none.
pub(super) fn time_of(text: &str) -> Result<Option<i64>, StudiesError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |error: jiff::Error| invalid("a time", error.to_string());
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text).map_err(wrong)?;
    let zoned = time.to_zoned(TimeZone::UTC).map_err(wrong)?;
    Ok(Some(zoned.timestamp().as_microsecond()))
}

/// The text of a time.
pub(super) fn text_of(time_us: Option<i64>) -> String {
    let time = time_us.and_then(|time| Timestamp::from_microsecond(time).ok());
    time.map_or_else(String::new, |time| {
        let civil = time.to_zoned(TimeZone::UTC).datetime();
        civil.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
    })
}

pub(super) fn state_of(state: i32) -> Result<TrialState, StudiesError> {
    let known = wire::TrialState::try_from(state);
    match known.map_err(|error| invalid("the state", error.to_string()))? {
        wire::TrialState::Running => Ok(TrialState::Running),
        wire::TrialState::Complete => Ok(TrialState::Complete),
        wire::TrialState::Pruned => Ok(TrialState::Pruned),
        wire::TrialState::Fail => Ok(TrialState::Failed),
        wire::TrialState::Waiting => Ok(TrialState::Waiting),
    }
}

fn wire_state(state: TrialState) -> wire::TrialState {
    match state {
        TrialState::Running | TrialState::Stopping => wire::TrialState::Running,
        TrialState::Complete => wire::TrialState::Complete,
        TrialState::Pruned => wire::TrialState::Pruned,
        TrialState::Failed => wire::TrialState::Fail,
        TrialState::Waiting => wire::TrialState::Waiting,
    }
}

/// Attributes of one scope by key.
pub(super) fn of_scope(attributes: &[Attribute], scope: &str) -> BTreeMap<String, String> {
    let own = attributes.iter().filter(|one| one.scope == scope);
    own.map(|one| (one.key.clone(), one.value.clone()))
        .collect()
}

fn attributes(texts: BTreeMap<String, String>, scope: &str) -> impl Iterator<Item = Attribute> {
    texts.into_iter().map(move |(key, value)| Attribute {
        scope: scope.to_owned(),
        key,
        value,
    })
}

/// A parameter, whose value is the number that Optuna keeps for it.
pub(super) fn param(name: String, value: f64, distribution: String) -> Param {
    Param {
        name,
        value: format!("{value:?}"),
        distribution: Some(distribution),
    }
}

/// A trial that a client made.
pub(super) fn new_trial(mut trial: wire::Trial) -> Result<NewTrial, StudiesError> {
    let mut params = Vec::with_capacity(trial.params.len());
    for (name, value) in trial.params {
        let distribution = trial.distributions.remove(&name);
        let distribution = distribution
            .ok_or_else(|| invalid("the trial", format!("'{name}' has no distribution")))?;
        params.push(param(name, value, distribution));
    }
    let measured = trial.intermediate_values.into_iter();
    let user = attributes(trial.user_attributes, USER);
    Ok(NewTrial {
        params,
        figures: (!trial.values.is_empty()).then_some(trial.values),
        started_us: time_of(&trial.datetime_start)?,
        ended_us: time_of(&trial.datetime_complete)?,
        measurements: measured
            .map(|(step, value)| measurement(step, value))
            .collect(),
        attributes: user
            .chain(attributes(trial.system_attributes, SYSTEM))
            .collect(),
        ..NewTrial::in_state(state_of(trial.state)?)
    })
}

pub(super) fn measurement(step: i64, value: f64) -> Measurement {
    Measurement {
        step,
        figures: vec![value],
        extra: None,
    }
}

/// A trial as it is sent.
pub(super) fn wire_trial(trial: Trial) -> Result<wire::Trial, StudiesError> {
    let (mut params, mut distributions) = (BTreeMap::new(), BTreeMap::new());
    for param in trial.params {
        let odd = |error: std::num::ParseFloatError| invalid("the stored trial", error.to_string());
        params.insert(param.name.clone(), param.value.parse().map_err(odd)?);
        distributions.insert(param.name, param.distribution.unwrap_or_default());
    }
    let measured = trial.measurements.iter();
    Ok(wire::Trial {
        trial_id: trial.id,
        number: trial.number,
        state: wire_state(trial.state).into(),
        values: trial.figures.unwrap_or_default(),
        datetime_start: text_of(trial.started_us),
        datetime_complete: text_of(trial.ended_us),
        params,
        distributions,
        user_attributes: of_scope(&trial.attributes, USER),
        system_attributes: of_scope(&trial.attributes, SYSTEM),
        intermediate_values: measured
            .filter_map(|one| Some((one.step, *one.figures.first()?)))
            .collect(),
    })
}
