//! Optuna's journal: a line of JSON for each operation, replayed as Optuna replays it.
//!
//! A line that was cut short is the end of a journal that is being written. Operations on what is not there, or has ended, are
//! passed over, as Optuna does.

use super::{ImportError, OptunaStudy, SYSTEM, USER, time_of};
use crate::studies::{self, Attribute, Direction, Measurement, NewTrial, Param, TrialState};
use serde_json::{Map, Value};

/// Python writes numbers that JSON has not. They are read as texts that begin with this letter, which no text of theirs has.
const MARK: &str = "\\u0000";
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// All studies that a journal leaves.
pub(super) fn replay(place: &str, bytes: &[u8]) -> Result<Vec<OptunaStudy>, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::NotAStorage {
        program: super::PROGRAM,
        place: place.to_owned(),
        reason: error.to_string(),
    })?;
    let mut state = Replay {
        place,
        line: 0,
        studies: Vec::new(),
        owners: Vec::new(),
    };
    for (at, line) in text.split_inclusive('\n').enumerate() {
        state.line = at + 1;
        let read: Result<Value, _> = serde_json::from_str(&marked(line));
        match read {
            Ok(operation) if operation["op_code"].is_u64() => state.apply(&operation)?,
            Ok(_) | Err(_) if at == 0 => {
                return Err(ImportError::NotAStorage {
                    program: super::PROGRAM,
                    place: place.to_owned(),
                    reason: "it begins neither as a database nor as a journal".into(),
                });
            }
            Err(_) if !line.ends_with('\n') => break,
            Ok(_) => return Err(state.odd("it is no operation")),
            Err(error) => return Err(state.odd(error.to_string())),
        }
    }
    if state.line == 0 {
        return Err(ImportError::NotAStorage {
            program: super::PROGRAM,
            place: place.to_owned(),
            reason: "it is empty".into(),
        });
    }
    Ok(state.studies.into_iter().flatten().collect())
}

/// Numbers that JSON has not, outside texts, as marked texts.
fn marked(line: &str) -> String {
    let mut done = String::with_capacity(line.len());
    let (mut rest, mut is_text) = (line, false);
    while let Some(letter) = rest.chars().next() {
        let word = WORDS.iter().find(|word| rest.starts_with(**word));
        if let (false, Some(word)) = (is_text, word) {
            done.extend(["\"", MARK, word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        let mut taken = letter.len_utf8();
        if is_text && letter == '\\' {
            taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
        } else if letter == '"' {
            is_text = !is_text;
        }
        done.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    done
}

/// The text of a value as Python would write it.
fn text_of(value: &Value) -> String {
    let mut text = value.to_string();
    for word in WORDS {
        text = text.replace(&format!("\"{MARK}{word}\""), word);
    }
    text
}

/// A number, as JSON has it or marked.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.strip_prefix('\0')?.parse().ok(),
        _ => None,
    }
}

struct Replay<'a> {
    place: &'a str,
    line: usize,
    /// By id; nothing where a study was deleted.
    studies: Vec<Option<OptunaStudy>>,
    /// The study and number of each trial, by id.
    owners: Vec<(usize, usize)>,
}

impl Replay<'_> {
    fn odd(&self, reason: impl Into<String>) -> ImportError {
        ImportError::odd(self.place, format!("line {}: {}", self.line, reason.into()))
    }

    fn index(&self, operation: &Value, field: &str) -> Result<usize, ImportError> {
        let index = operation[field].as_u64();
        let index = index.and_then(|index| usize::try_from(index).ok());
        index.ok_or_else(|| self.odd(format!("it has no '{field}'")))
    }

    fn apply(&mut self, operation: &Value) -> Result<(), ImportError> {
        match operation["op_code"].as_u64() {
            Some(0) => self.create_study(operation),
            Some(1) => {
                let id = self.index(operation, "study_id")?;
                if let Some(place) = self.studies.get_mut(id) {
                    *place = None;
                }
                Ok(())
            }
            Some(code @ (2 | 3)) => {
                let id = self.index(operation, "study_id")?;
                let (scope, field) = scope_of(code == 2);
                if let Some(Some(study)) = self.studies.get_mut(id) {
                    put_attributes(&mut study.attributes, scope, operation[field].as_object());
                }
                Ok(())
            }
            Some(4) => self.create_trial(operation),
            Some(code @ 5..=9) => self.change_trial(code, operation),
            // Written by another program on top of Optuna, and passed over by Optuna itself.
            Some(10) => Ok(()),
            _ => Err(self.odd("its operation is not known")),
        }
    }

    fn create_study(&mut self, operation: &Value) -> Result<(), ImportError> {
        let name = operation["study_name"].as_str();
        let name = name.ok_or_else(|| self.odd("it has no 'study_name'"))?;
        if self.studies.iter().flatten().any(|own| own.name == name) {
            return Ok(());
        }
        let directions = operation["directions"].as_array().into_iter().flatten();
        let directions = directions.map(|direction| match direction.as_u64() {
            Some(0 | 1) => Ok(Direction::Minimize),
            Some(2) => Ok(Direction::Maximize),
            _ => Err(self.odd("a direction is not known")),
        });
        let directions = directions.collect::<Result<Vec<_>, _>>()?;
        self.studies.push(Some(OptunaStudy {
            name: name.to_owned(),
            directions,
            attributes: Vec::new(),
            trials: Vec::new(),
        }));
        Ok(())
    }

    fn create_trial(&mut self, operation: &Value) -> Result<(), ImportError> {
        let id = self.index(operation, "study_id")?;
        if !matches!(self.studies.get(id), Some(Some(_))) {
            return Ok(());
        }
        let state = match &operation["state"] {
            Value::Null => TrialState::Running,
            state => self.state(state)?,
        };
        let mut trial = NewTrial {
            started_us: self.time(&operation["datetime_start"])?,
            ended_us: self.time(&operation["datetime_complete"])?,
            figures: self.figures(&operation["values"])?,
            ..NewTrial::in_state(state)
        };
        if let Some(value) = number(&operation["value"]) {
            trial.figures = Some(vec![value]);
        }
        for (name, value) in operation["params"].as_object().into_iter().flatten() {
            let distribution = &operation["distributions"][name];
            trial.params.push(self.param(name, value, distribution)?);
        }
        for (step, value) in operation["intermediate_values"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let step = step
                .parse()
                .map_err(|_odd| self.odd("a step is no number"))?;
            put_measurement(&mut trial, step, number(value).unwrap_or(f64::NAN));
        }
        for is_user in [true, false] {
            let scope = scope_of(is_user).0;
            let told = operation[&format!("{scope}_attrs")].as_object();
            put_attributes(&mut trial.attributes, scope, told);
        }
        if let Some(Some(study)) = self.studies.get_mut(id) {
            self.owners.push((id, study.trials.len()));
            study.trials.push(trial);
        }
        Ok(())
    }

    fn change_trial(&mut self, code: u64, operation: &Value) -> Result<(), ImportError> {
        let id = self.index(operation, "trial_id")?;
        let Some(&(study, at)) = self.owners.get(id) else {
            return Ok(());
        };
        let Some(Some(own)) = self.studies.get_mut(study) else {
            return Ok(());
        };
        if own.trials[at].state.is_finished() {
            return Ok(());
        }
        if code == 5 && has_changed(own, operation) {
            return Ok(());
        }
        // It is put back below, whatever comes of it.
        let absent = NewTrial::in_state(TrialState::Waiting);
        let mut trial = std::mem::replace(&mut own.trials[at], absent);
        let changed = self.changed(&mut trial, code, operation);
        if let Some(Some(own)) = self.studies.get_mut(study) {
            own.trials[at] = trial;
        }
        changed
    }

    /// What an operation makes of a trial that goes on.
    fn changed(
        &self,
        trial: &mut NewTrial,
        code: u64,
        operation: &Value,
    ) -> Result<(), ImportError> {
        match code {
            5 => {
                let name = operation["param_name"].as_str();
                let name = name.ok_or_else(|| self.odd("it has no 'param_name'"))?;
                let param = self.param(
                    name,
                    &operation["param_value_internal"],
                    &operation["distribution"],
                )?;
                match trial.params.iter_mut().find(|own| own.name == name) {
                    Some(own) => *own = param,
                    None => trial.params.push(param),
                }
            }
            6 => {
                let state = self.state(&operation["state"])?;
                if state == TrialState::Running && trial.state == state {
                    return Ok(());
                }
                trial.state = state;
                trial.started_us = self
                    .time(&operation["datetime_start"])?
                    .or(trial.started_us);
                trial.ended_us = self
                    .time(&operation["datetime_complete"])?
                    .or(trial.ended_us);
                trial.figures = self.figures(&operation["values"])?.or(trial.figures.take());
            }
            7 => {
                let step = operation["step"].as_i64();
                let step = step.ok_or_else(|| self.odd("it has no 'step'"))?;
                let value = number(&operation["intermediate_value"]);
                put_measurement(trial, step, value.unwrap_or(f64::NAN));
            }
            code => {
                let (scope, field) = scope_of(code == 8);
                put_attributes(&mut trial.attributes, scope, operation[field].as_object());
            }
        }
        Ok(())
    }

    fn state(&self, state: &Value) -> Result<TrialState, ImportError> {
        match state.as_u64() {
            Some(0) => Ok(TrialState::Running),
            Some(1) => Ok(TrialState::Complete),
            Some(2) => Ok(TrialState::Pruned),
            Some(3) => Ok(TrialState::Failed),
            Some(4) => Ok(TrialState::Waiting),
            _ => Err(self.odd("a state is not known")),
        }
    }

    fn time(&self, time: &Value) -> Result<Option<i64>, ImportError> {
        let Some(text) = time.as_str() else {
            return Ok(None);
        };
        let odd = || self.odd(format!("'{text}' is no time"));
        time_of(text).map(Some).ok_or_else(odd)
    }

    fn figures(&self, values: &Value) -> Result<Option<Vec<f64>>, ImportError> {
        let Some(values) = values.as_array() else {
            return Ok(None);
        };
        let figures: Option<Vec<f64>> = values.iter().map(number).collect();
        let figures = figures.ok_or_else(|| self.odd("a value is no number"))?;
        Ok(Some(figures))
    }

    fn param(&self, name: &str, value: &Value, distribution: &Value) -> Result<Param, ImportError> {
        let value = number(value);
        let (Some(value), Some(distribution)) = (value, distribution.as_str()) else {
            return Err(self.odd(format!(
                "parameter '{name}' has no value or no distribution"
            )));
        };
        Ok(Param {
            name: name.to_owned(),
            value: format!("{value:?}"),
            distribution: Some(distribution.to_owned()),
        })
    }
}

/// Whether a parameter has another distribution than it had in the study before: Optuna passes over such an operation.
fn has_changed(study: &OptunaStudy, operation: &Value) -> bool {
    let name = operation["param_name"].as_str().unwrap_or_default();
    let of_trial = |trial: &NewTrial| {
        let param = trial.params.iter().find(|own| own.name == name)?;
        param.distribution.clone()
    };
    let first = study.trials.iter().find_map(of_trial);
    let new = operation["distribution"].as_str().unwrap_or_default();
    first.is_some_and(|first| studies::distribution_difference(&first, new).is_some())
}

fn scope_of(is_user: bool) -> (&'static str, &'static str) {
    if is_user {
        (USER, "user_attr")
    } else {
        (SYSTEM, "system_attr")
    }
}

fn put_attributes(attributes: &mut Vec<Attribute>, scope: &str, told: Option<&Map<String, Value>>) {
    for (key, value) in told.into_iter().flatten() {
        attributes.retain(|own| own.scope != scope || own.key != *key);
        attributes.push(Attribute {
            scope: scope.to_owned(),
            key: key.clone(),
            value: text_of(value),
        });
    }
}

fn put_measurement(trial: &mut NewTrial, step: i64, value: f64) {
    let last = trial.measurements.last();
    if last.is_some_and(|last| last.step >= step) {
        trial.measurements.retain(|own| own.step != step);
    }
    trial.measurements.push(Measurement {
        step,
        figures: vec![value],
        extra: None,
    });
}
