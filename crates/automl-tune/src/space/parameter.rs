//! One parameter as data: its domain, its scale, when it is active, what the user believes about it.

use super::condition::Condition;
use automl_core::ParamValue;
use serde::{Deserialize, Serialize};

/// How equal steps of a search translate to steps of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Steps add.
    #[default]
    Linear,
    /// Steps multiply: fine near the low end.
    Log,
    /// Steps multiply from the high end: fine near the high end.
    ReverseLog,
}

/// The values that a parameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Numbers from `low` to `high`, both included; with a step, only `low`, `low + step`, … up to `high`.
    Float {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// How the search steps.
        scale: Scale,
        /// Distance of neighbours; only on the linear scale.
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high`, both included, `step` apart.
    Integer {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
        /// How the search steps.
        scale: Scale,
        /// Distance of neighbours; other than 1 only on the linear scale.
        step: i64,
    },
    /// Some numbers, in rising order; the search steps from one to the next.
    Discrete {
        /// The numbers.
        values: Vec<f64>,
    },
    /// Values in an order that matters, without distances.
    Ordinal {
        /// The values from first to last.
        values: Vec<ParamValue>,
    },
    /// Values without an order.
    Categorical {
        /// The values.
        values: Vec<ParamValue>,
    },
}

impl Domain {
    /// Floats on the linear scale.
    pub fn float(low: f64, high: f64) -> Self {
        Self::Float {
            low,
            high,
            scale: Scale::Linear,
            step: None,
        }
    }

    /// Floats on the log scale.
    pub fn log_float(low: f64, high: f64) -> Self {
        Self::Float {
            low,
            high,
            scale: Scale::Log,
            step: None,
        }
    }

    /// Whole numbers on the linear scale.
    pub fn integer(low: i64, high: i64) -> Self {
        Self::Integer {
            low,
            high,
            scale: Scale::Linear,
            step: 1,
        }
    }

    /// Names without an order.
    pub fn categorical<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let text = |name: &str| ParamValue::Text(name.to_owned().into());
        Self::Categorical {
            values: names.into_iter().map(text).collect(),
        }
    }

    /// False or true.
    pub fn boolean() -> Self {
        Self::Categorical {
            values: vec![ParamValue::Bool(false), ParamValue::Bool(true)],
        }
    }
}

impl From<automl_core::Domain> for Domain {
    /// The same values; free text becomes a category without values, which no space accepts.
    fn from(domain: automl_core::Domain) -> Self {
        use automl_core::Domain as Core;
        let scale = |log| if log { Scale::Log } else { Scale::Linear };
        match domain {
            Core::Float { low, high, log } => Self::Float {
                low,
                high,
                scale: scale(log),
                step: None,
            },
            Core::Int { low, high, log } => Self::Integer {
                low,
                high,
                scale: scale(log),
                step: 1,
            },
            Core::Bool => Self::boolean(),
            Core::Choice(names) => Self::categorical(names.iter().copied()),
            Core::Text => Self::Categorical { values: Vec::new() },
        }
    }
}

/// What a user believes about a parameter's good values before any trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prior {
    /// A bell about a number.
    Peak {
        /// Where it is highest.
        at: f64,
        /// Its standard deviation as a share of the domain on its scale.
        width: f64,
    },
    /// A weight for each value of a discrete, ordinal or categorical domain.
    Weights(Vec<f64>),
}

/// One parameter to choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "super::raw::RawParameter",
    into = "super::raw::RawParameter"
)]
pub struct Parameter {
    /// Its name in the points.
    pub name: String,
    /// The values it may take.
    pub domain: Domain,
    /// The value of the first trial, if any is said: see [`Space::default_point`](super::Space::default_point).
    pub default: Option<ParamValue>,
    /// It is active, and has a value, only where all of these hold.
    pub when: Vec<Condition>,
    /// What the user believes.
    pub prior: Option<Prior>,
}

impl Parameter {
    /// A parameter that is always active.
    pub fn new(name: impl Into<String>, domain: impl Into<Domain>) -> Self {
        Self {
            name: name.into(),
            domain: domain.into(),
            default: None,
            when: Vec::new(),
            prior: None,
        }
    }

    /// The same, active only where the condition also holds.
    pub fn when(mut self, condition: Condition) -> Self {
        self.when.push(condition);
        self
    }

    /// The same with a belief.
    pub fn with_prior(mut self, prior: Prior) -> Self {
        self.prior = Some(prior);
        self
    }

    /// The same with a default.
    pub fn with_default(mut self, value: ParamValue) -> Self {
        self.default = Some(value);
        self
    }
}
