//! Statements about a point: conditions, forbidden combinations, linear constraints.

use automl_core::ParamValue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// That a parameter is active and its value among some values, or within bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The parameter looked at.
    pub parameter: String,
    /// The values for which it holds; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ParamValue>,
    /// The least number for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The greatest number for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Condition {
    /// That `parameter` has one of these values.
    pub fn is_in(
        parameter: impl Into<String>,
        values: impl IntoIterator<Item = ParamValue>,
    ) -> Self {
        Self {
            parameter: parameter.into(),
            values: values.into_iter().collect(),
            at_least: None,
            at_most: None,
        }
    }

    /// That `parameter` has this name for a value.
    pub fn is(parameter: impl Into<String>, name: &str) -> Self {
        Self::is_in(parameter, [ParamValue::Text(name.to_owned().into())])
    }
}

/// A combination that no point may have: all conditions at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// The conditions.
    pub all: Vec<Condition>,
}

/// `Σ coefficient · value ≤ at_most` over numbers; a parameter that is not active counts zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Coefficient of each parameter.
    pub terms: BTreeMap<String, f64>,
    /// The greatest sum allowed.
    pub at_most: f64,
}
