//! Parameters of a study: where they may lie, from its space, from Optuna's distributions, or from the values themselves.

use crate::tuning;
use automl_core::ParamValue;
use automl_store::studies::{Param, Study, Trial};
use automl_tune::{Domain, Scale};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values of a parameter without a declared domain that make it spread over powers of ten.
const LOG_SPAN: f64 = 1000.0;

/// A parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// Its values, as measures of importance need them.
    pub(crate) domain: Domain,
    /// Its values, as charts need them.
    pub(crate) along: Along,
}

/// What a chart shows along an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Along {
    /// Numbers between two.
    Numbers { low: f64, high: f64, is_log: bool },
    /// Names side by side.
    Choices(Vec<String>),
}

impl Along {
    fn of(domain: &Domain) -> Self {
        match domain {
            Domain::Float {
                low, high, scale, ..
            } => Self::Numbers {
                low: *low,
                high: *high,
                is_log: *scale == Scale::Log,
            },
            Domain::Integer {
                low, high, scale, ..
            } => Self::Numbers {
                low: *low as f64,
                high: *high as f64,
                is_log: *scale == Scale::Log,
            },
            Domain::Discrete { values } => Self::Numbers {
                low: values.first().copied().unwrap_or(0.0),
                high: values.last().copied().unwrap_or(1.0),
                is_log: false,
            },
            Domain::Ordinal { values } | Domain::Categorical { values } => {
                Self::Choices(values.iter().map(ParamValue::to_string).collect())
            }
        }
    }

    /// The number itself, or which of the choices it is; nothing if it is none of them.
    pub(crate) fn position(&self, value: &ParamValue) -> Option<f64> {
        match self {
            Self::Numbers { is_log, .. } => value
                .as_f64()
                .filter(|number| number.is_finite() && (!is_log || *number > 0.0)),
            Self::Choices(names) => {
                let text = value.to_string();
                let at = names.iter().position(|name| *name == text);
                at.map(|at| at as f64)
            }
        }
    }

    /// From 0 to 1 where a number stands, or the middle of a choice's share.
    pub(crate) fn share(&self, at: f64) -> f64 {
        match self {
            Self::Numbers { low, high, is_log } => {
                let scaled = |number: f64| if *is_log { number.ln() } else { number };
                let (low, high) = (scaled(*low), scaled(*high));
                if high > low {
                    ((scaled(at) - low) / (high - low)).clamp(0.0, 1.0)
                } else {
                    0.5
                }
            }
            Self::Choices(names) => (at + 0.5) / names.len().max(1) as f64,
        }
    }
}

/// The parameters of a study, as declared, or in the order in which trials named them.
pub(super) fn parameters(study: &Study, trials: &[Trial]) -> Vec<Parameter> {
    let domains: Vec<(String, Domain)> = if let Ok(spec) = tuning::spec_of(study) {
        let declared = spec.space.parameters().iter();
        declared
            .map(|own| (own.name.clone(), own.domain.clone()))
            .collect()
    } else {
        told(trials)
    };
    domains
        .into_iter()
        .map(|(name, domain)| Parameter {
            along: Along::of(&domain),
            name,
            domain,
        })
        .collect()
}

/// What trials of clients with a space of their own tell of it.
fn told(trials: &[Trial]) -> Vec<(String, Domain)> {
    let mut order: Vec<&str> = Vec::new();
    let mut values: BTreeMap<&str, Vec<&Param>> = BTreeMap::new();
    for param in trials.iter().flat_map(|trial| &trial.params) {
        let own = values.entry(&param.name).or_default();
        if own.is_empty() {
            order.push(&param.name);
        }
        own.push(param);
    }
    let domain = |name: &&str| {
        let params = &values[name];
        drawn(params).unwrap_or_else(|| observed(params))
    };
    order
        .iter()
        .map(|name| ((*name).to_owned(), domain(name)))
        .collect()
}

/// The union of the distributions that a parameter was drawn from; nothing if one of them is not understood.
fn drawn(params: &[&Param]) -> Option<Domain> {
    let mut texts: Vec<&str> = params
        .iter()
        .map(|param| param.distribution.as_deref())
        .collect::<Option<_>>()?;
    texts.sort_unstable();
    texts.dedup();
    let domains: Option<Vec<Domain>> = texts.into_iter().map(distribution).collect();
    let domains = domains?;
    let mut all = domains.into_iter();
    let first = all.next()?;
    all.try_fold(first, joined)
}

/// A distribution as Optuna writes it, by the names of all its versions.
fn distribution(text: &str) -> Option<Domain> {
    let read: Value = serde_json::from_str(text).ok()?;
    let (name, attributes) = (read["name"].as_str()?, &read["attributes"]);
    if let Some(choices) = attributes["choices"].as_array() {
        let mut values: Vec<ParamValue> = Vec::new();
        for choice in choices.iter().map(tuning::param_value) {
            if !values.contains(&choice) {
                values.push(choice);
            }
        }
        return Some(Domain::Categorical { values });
    }
    let is_log = attributes["log"].as_bool() == Some(true) || name.contains("LogUniform");
    let scale = if is_log { Scale::Log } else { Scale::Linear };
    let (low, high) = (attributes["low"].as_f64()?, attributes["high"].as_f64()?);
    Some(if tuning::is_whole(name) {
        Domain::Integer {
            low: low as i64,
            high: high as i64,
            scale,
            step: 1,
        }
    } else {
        Domain::Float {
            low,
            high,
            scale,
            step: None,
        }
    })
}

/// Both ranges in one; nothing if the two are of different kinds.
fn joined(a: Domain, b: Domain) -> Option<Domain> {
    match (a, b) {
        (
            Domain::Float {
                low,
                high,
                scale,
                step,
            },
            Domain::Float {
                low: other_low,
                high: other_high,
                ..
            },
        ) => Some(Domain::Float {
            low: low.min(other_low),
            high: high.max(other_high),
            scale,
            step,
        }),
        (
            Domain::Integer {
                low,
                high,
                scale,
                step,
            },
            Domain::Integer {
                low: other_low,
                high: other_high,
                ..
            },
        ) => Some(Domain::Integer {
            low: low.min(other_low),
            high: high.max(other_high),
            scale,
            step,
        }),
        (Domain::Categorical { mut values }, Domain::Categorical { values: others }) => {
            for other in others {
                if !values.contains(&other) {
                    values.push(other);
                }
            }
            Some(Domain::Categorical { values })
        }
        _ => None,
    }
}

/// A domain that holds the values that were seen.
fn observed(params: &[&Param]) -> Domain {
    let values: Vec<ParamValue> = params
        .iter()
        .map(|param| tuning::param_value(&tuning::plain(param)))
        .collect();
    let numbers: Option<Vec<f64>> = values.iter().map(ParamValue::as_f64).collect();
    let Some(numbers) = numbers.filter(|all| all.iter().all(|number| number.is_finite())) else {
        let mut distinct: Vec<ParamValue> = Vec::new();
        for value in values {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        return Domain::Categorical { values: distinct };
    };
    let (low, high) = numbers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
            (low.min(*number), high.max(*number))
        });
    let is_log = low > 0.0 && high / low >= LOG_SPAN;
    Domain::Float {
        low,
        high,
        scale: if is_log { Scale::Log } else { Scale::Linear },
        step: None,
    }
}
