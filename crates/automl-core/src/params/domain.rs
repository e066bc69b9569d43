//! The values that a parameter may take.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each variant is named for what it holds")]
pub enum ParamValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'static, str>),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl ParamValue {
    /// The number that this is, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The whole number that this is, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Float(value) if value.fract() == 0.0 => Some(*value as i64),
            _ => None,
        }
    }
}

/// A set of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// Numbers from `low` to `high`, both included; tried evenly on a log scale if `log`.
    Float {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// Whether steps multiply rather than add.
        log: bool,
    },
    /// Whole numbers from `low` to `high`, both included.
    Int {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
        /// Whether steps multiply rather than add.
        log: bool,
    },
    /// True or false.
    Bool,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Any text; the learner reads it. Never searched.
    Text,
}

impl Domain {
    /// `value` as this domain writes it (an int for a float becomes a float), or `None` if it is outside.
    pub fn coerce(&self, value: &ParamValue) -> Option<ParamValue> {
        match self {
            Self::Float { low, high, .. } => value
                .as_f64()
                .filter(|number| number >= low && number <= high)
                .map(ParamValue::Float),
            Self::Int { low, high, .. } => value
                .as_i64()
                .filter(|number| number >= low && number <= high)
                .map(ParamValue::Int),
            Self::Bool => matches!(value, ParamValue::Bool(_)).then(|| value.clone()),
            Self::Choice(names) => match value {
                ParamValue::Text(text) => names
                    .iter()
                    .find(|name| *name == text)
                    .map(|name| ParamValue::Text(Cow::Borrowed(name))),
                _ => None,
            },
            Self::Text => matches!(value, ParamValue::Text(_)).then(|| value.clone()),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float { low, high, .. } => write!(f, "{low} to {high}"),
            Self::Int { low, high, .. } => write!(f, "{low} to {high} (whole numbers)"),
            Self::Bool => f.write_str("true or false"),
            Self::Text => f.write_str("texts"),
            Self::Choice(names) => f.write_str(&crate::error::or_list(
                &names
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect::<Vec<_>>(),
            )),
        }
    }
}
