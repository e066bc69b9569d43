//! What a request of our own protocol or of the scoring servers wants beside predictions: said in its body if that is JSON, or in
//! its address.

use super::error::ScoreError;
use axum::extract::Query;
use axum::http::Uri;
use serde_json::Value;
use std::fmt;

/// Intervals of one request.
const COVERAGES_MAX: usize = 16;
/// What may be wanted, by name.
pub(super) const NAMES: [&str; 4] = ["threshold", "interval", "explain", "probabilities"];
const NO_PROBABILITY: &str = "interval is a probability, or a list of some";

/// What is wanted beside predictions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    /// Above which probability the positive class of two is predicted.
    pub(crate) threshold: Option<f64>,
    /// Probabilities with which intervals shall hold the truth.
    pub(crate) coverages: Vec<f64>,
    /// Whether it is told what each column did to each prediction.
    pub(crate) explains: Option<bool>,
    /// Whether the probabilities of classes are told; as the protocol has it if it is not said.
    pub(crate) probabilities: Option<bool>,
    /// Whether it was asked for as clients of Vertex AI do, which read nothing beside a list of predictions.
    pub(crate) is_of_vertex: bool,
}

impl Wanted {
    /// What an address says behind its question mark: `threshold=0.3&interval=0.5,0.9&explain=true&probabilities=true`.
    pub(super) fn of_address(uri: &Uri) -> Result<Self, ScoreError> {
        let mut wanted = Self::default();
        if uri.query().is_none() {
            return Ok(wanted);
        }
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|error| ScoreError::form(error.to_string()))?;
        for (place, (name, text)) in pairs.iter().enumerate() {
            if pairs[..place].iter().any(|(other, _)| other == name) {
                return Err(twice(name));
            }
            let numbers = text.split(',').map(|part| part.trim().parse::<f64>());
            let numbers: Result<Vec<f64>, _> = numbers.collect();
            match (name.as_str(), numbers.as_deref()) {
                ("threshold", Ok([threshold])) => wanted.threshold = Some(*threshold),
                ("threshold", _) => {
                    return Err(ScoreError::form(format!("threshold is no number: {text}")));
                }
                ("interval", Ok(coverages)) => wanted.coverages = coverages.to_vec(),
                ("interval", Err(_)) => {
                    return Err(ScoreError::form(format!("{NO_PROBABILITY}: {text}")));
                }
                ("explain" | "probabilities", _) => {
                    let is_so = text.parse().map_err(|_odd| no_truth_value(name, text))?;
                    *wanted.said_of(name) = Some(is_so);
                }
                (other, _) => {
                    let told = format!(
                        "'{other}' is not understood in the address; there may be {}",
                        NAMES.join(", ")
                    );
                    return Err(ScoreError::form(told));
                }
            }
        }
        wanted.check()?;
        Ok(wanted)
    }

    /// Takes what a body says under one of [`NAMES`].
    pub(super) fn take(&mut self, name: &str, given: &Value) -> Result<(), ScoreError> {
        match name {
            "threshold" => {
                if self.threshold.is_some() {
                    return Err(twice(name));
                }
                let number = given.as_f64();
                if number.is_none() && !given.is_null() {
                    return Err(ScoreError::form(format!("threshold is no number: {given}")));
                }
                self.threshold = number;
            }
            "explain" | "probabilities" => {
                let said = self.said_of(name);
                if said.is_some() {
                    return Err(twice(name));
                }
                let is_so = given.as_bool();
                *said = Some(is_so.ok_or_else(|| no_truth_value(name, given))?);
            }
            _ => {
                if !self.coverages.is_empty() {
                    return Err(twice(name));
                }
                let Some(coverages) = probabilities(given) else {
                    return Err(ScoreError::form(NO_PROBABILITY));
                };
                self.coverages = coverages;
            }
        }
        self.check()
    }

    /// What is said of `explain` or of `probabilities`.
    fn said_of(&mut self, name: &str) -> &mut Option<bool> {
        if name == "explain" {
            &mut self.explains
        } else {
            &mut self.probabilities
        }
    }

    fn check(&self) -> Result<(), ScoreError> {
        let is_probability = |value: f64| (0.0..=1.0).contains(&value);
        if self.threshold.is_some_and(|value| !is_probability(value)) {
            return Err(ScoreError::form("a threshold is from 0 to 1"));
        }
        if self.coverages.len() > COVERAGES_MAX {
            let told = format!("at most {COVERAGES_MAX} intervals are told");
            return Err(ScoreError::form(told));
        }
        Ok(())
    }
}

fn no_truth_value(name: &str, given: impl fmt::Display) -> ScoreError {
    ScoreError::form(format!("{name} is true or false: {given}"))
}

fn twice(name: &str) -> ScoreError {
    ScoreError::form(format!("{name} is said twice"))
}

/// One number or some.
fn probabilities(given: &Value) -> Option<Vec<f64>> {
    match given {
        Value::Array(list) => list.iter().map(Value::as_f64).collect(),
        one => Some(vec![one.as_f64()?]),
    }
}
