//! Trials as Vizier's clients write them, and ours.
//!
//! Measurements are kept as their bytes beside the figures that samplers read, so that they come back as they came. One that
//! says no step is of the step after those before it.

use super::kept::Kept;
use super::metadata::{self, bytes_of, plain, text_of};
use super::names::id_of;
use super::refused::{Refused, invalid, unreadable};
use super::times::{micros, timestamp};
use super::wire;
use crate::tuning::{self, Spec};
use automl_core::{Clock, ParamMap, ParamValue, nearest};
use automl_store::studies::{Measurement, NewTrial, Trial, TrialState};
use automl_tune::StudyError;
use prost::Message;
use std::collections::BTreeMap;

pub(super) fn decoded(bytes: &[u8]) -> Result<wire::Measurement, Refused> {
    wire::Measurement::decode(bytes).map_err(unreadable("the measurement"))
}

/// What a client measured after so many other measurements.
pub(super) fn measurement(
    kept: &Kept,
    bytes: &[u8],
    n_before: usize,
) -> Result<Measurement, Refused> {
    let told = decoded(bytes)?;
    if told.step_count < 0 {
        return Err(invalid("the step", "it is below zero"));
    }
    let step = match told.step_count {
        0 => i64::try_from(n_before).unwrap_or(i64::MAX - 1) + 1,
        step => step,
    };
    Ok(Measurement {
        step,
        figures: kept.metrics.figures(&told).unwrap_or_default(),
        extra: Some(text_of(bytes)),
    })
}

/// Whether a measurement is surely the last one, sent again: it says the same of the same step or time.
pub(super) fn is_repeated(trial: &Trial, bytes: &[u8]) -> Result<bool, Refused> {
    let told = decoded(bytes)?;
    let is_placed = told.step_count != 0
        || (told.elapsed_duration).is_some_and(|time| (time.seconds, time.nanos) != (0, 0));
    let last = trial.measurements.last();
    let is_same = last.is_some_and(|last| last.extra.as_deref() == Some(&text_of(bytes)));
    Ok(is_placed && is_same)
}

/// The bytes of what was measured, which may have been told in JSON.
fn sent(kept: &Kept, measured: &Measurement) -> Result<Vec<u8>, Refused> {
    match &measured.extra {
        Some(extra) => bytes_of(extra),
        None => Ok(wire::Measurement {
            step_count: measured.step,
            ..kept.metrics.measurement(&measured.figures, &[])
        }
        .encode_to_vec()),
    }
}

/// The bytes of the measurement that a trial ended with.
fn last(kept: &Kept, trial: &Trial) -> Result<Option<Vec<u8>>, Refused> {
    Ok(match (&trial.extra, &trial.figures) {
        (Some(extra), _) => Some(bytes_of(extra)?),
        (None, Some(figures)) => {
            let told = kept.metrics.measurement(figures, &trial.constraints);
            Some(told.encode_to_vec())
        }
        (None, None) if trial.state == TrialState::Pruned => match trial.measurements.last() {
            Some(measured) => Some(sent(kept, measured)?),
            None => None,
        },
        (None, None) => None,
    })
}

/// Clients know no trials that were ended early: such a trial succeeded with what it measured last, if it did measure.
fn wire_state(trial: &Trial) -> wire::TrialState {
    match trial.state {
        TrialState::Waiting => wire::TrialState::Requested,
        TrialState::Running => wire::TrialState::Active,
        TrialState::Stopping => wire::TrialState::Stopping,
        TrialState::Pruned if trial.figures.is_none() && trial.measurements.is_empty() => {
            wire::TrialState::Infeasible
        }
        TrialState::Complete | TrialState::Pruned => wire::TrialState::Succeeded,
        TrialState::Failed => wire::TrialState::Infeasible,
    }
}

/// A number for numbers, a text for all else, as Vizier's categories are texts.
fn wire_value(value: &ParamValue) -> wire::Value {
    wire::Value {
        number_value: value.as_f64(),
        string_value: value.as_f64().is_none().then(|| value.to_string()),
        bool_value: None,
    }
}

/// A trial as it is sent.
pub(super) fn wire_trial(kept: &Kept, trial: &Trial) -> Result<wire::Trial, Refused> {
    let parameters = tuning::params_of(trial)?;
    let parameters = parameters.iter().map(|(name, value)| wire::Parameter {
        parameter_id: kept.parameters.told(name).to_owned(),
        value: Some(wire_value(value)),
    });
    let measured = trial.measurements.iter();
    let state = wire_state(trial);
    let is_infeasible = state == wire::TrialState::Infeasible;
    Ok(wire::Trial {
        name: kept.name.trial(trial.number),
        id: id_of(trial.number),
        state: state.into(),
        parameters: parameters.collect(),
        final_measurement: last(kept, trial)?,
        measurements: measured
            .map(|one| sent(kept, one))
            .collect::<Result<_, _>>()?,
        start_time: trial.started_us.map(timestamp),
        end_time: trial.ended_us.map(timestamp),
        client_id: trial.client.clone().unwrap_or_default(),
        infeasible_reason: trial
            .note
            .clone()
            .filter(|_| is_infeasible)
            .unwrap_or_default(),
        metadata: metadata::all(&trial.attributes)?,
    })
}

/// A value that a client wrote. Truth values are categories with the names of Python's.
fn value_of(told: &wire::Value) -> Option<ParamValue> {
    let text = |text: &str| ParamValue::Text(text.to_owned().into());
    let number = told.number_value.map(ParamValue::Float);
    let named = (told.string_value.as_deref()).or(match told.bool_value {
        Some(true) => Some("True"),
        Some(false) => Some("False"),
        None => None,
    });
    number.or_else(|| named.map(text))
}

/// The point of a trial that a client made: its values as the space writes them.
fn point(kept: &Kept, spec: &Spec, told: &[wire::Parameter]) -> Result<ParamMap, Refused> {
    let mut values = BTreeMap::new();
    for parameter in told {
        let name = parameter.parameter_id.as_str();
        if kept.parameters.all_told().all(|known| known != name) {
            let near = nearest(name, kept.parameters.all_told());
            let name = name.to_owned();
            return Err(StudyError::ParameterUnknown { name, near }.into());
        }
        if values.insert(name, parameter.value.as_ref()).is_some() {
            return Err(Refused::Parameter {
                name: name.to_owned(),
                reason: "appears twice",
            });
        }
    }
    let fault = |name: &str, reason| StudyError::ParameterInvalid {
        name: name.to_owned(),
        reason,
    };
    let mut point = ParamMap::new();
    let own = spec.space.parameters().iter();
    for (place, (own, name)) in own.zip(kept.parameters.all_told()).enumerate() {
        if !values.contains_key(name) || !kept.parameters.is_meant(place, &point) {
            continue;
        }
        let value = values.remove(name).flatten().and_then(value_of);
        let value = value.and_then(|value| spec.space.coerce(place, &value));
        let value = value.ok_or_else(|| fault(name, "is outside its domain"))?;
        point.insert(own.name.clone(), value);
    }
    if let Some(name) = values.keys().next() {
        return Err(fault(name, "is given although its condition does not hold").into());
    }
    automl_tune::Study::new(spec.space.clone(), spec.objectives.clone())?
        .start(0, point.clone())?;
    Ok(point)
}

/// A trial that a client made: it waits for a worker unless it has ended.
pub(super) fn new_trial(kept: &Kept, told: wire::Trial) -> Result<NewTrial, Refused> {
    let spec = tuning::spec_of(&kept.study)?;
    let point = point(kept, &spec, &told.parameters)?;
    let state = match told.state() {
        wire::TrialState::Succeeded => TrialState::Complete,
        wire::TrialState::Infeasible => TrialState::Failed,
        _ => TrialState::Waiting,
    };
    plain("the reason", &told.infeasible_reason)?;
    let now_us = Clock::unix_micros();
    let last = told.final_measurement.filter(|_| state.is_finished());
    let mut new = NewTrial {
        params: tuning::text_of(&point),
        started_us: Some(now_us),
        note: (state == TrialState::Failed).then_some(told.infeasible_reason),
        ..NewTrial::in_state(state)
    };
    if state.is_finished() {
        new.ended_us = Some(told.end_time.as_ref().map_or(now_us, micros));
    }
    if let Some(bytes) = last {
        let outcome = kept.metrics.outcome(&decoded(&bytes)?);
        new.extra = Some(text_of(&bytes));
        if let Some((figures, excesses)) = outcome.filter(|_| state == TrialState::Complete) {
            (new.figures, new.constraints) = (Some(figures), excesses);
        }
    }
    for bytes in told.measurements {
        let n_before = new.measurements.len();
        new.measurements.push(measurement(kept, &bytes, n_before)?);
    }
    for own in told.metadata {
        let own = metadata::attribute(own)?;
        (new.attributes).retain(|known| (&known.scope, &known.key) != (&own.scope, &own.key));
        new.attributes.push(own);
    }
    Ok(new)
}
