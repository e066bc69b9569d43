//! Parameters as users write them: flat, one `type` and the keys that belong to it.

use super::condition::Condition;
use super::error::SpaceError;
use super::parameter::{Domain, Parameter, Prior, Scale};
use automl_core::ParamValue;
use serde::{Deserialize, Serialize};

/// The kinds of domains by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Float,
    #[serde(alias = "int")]
    Integer,
    #[serde(alias = "boolean")]
    Bool,
    Discrete,
    Ordinal,
    Categorical,
}

/// A parameter as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawParameter {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<ParamValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<ParamValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<ParamValue>,
    #[serde(default, skip_serializing_if = "is_linear")]
    scale: Scale,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<ParamValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<ParamValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prior: Option<Prior>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_linear(scale: &Scale) -> bool {
    *scale == Scale::Linear
}

impl RawParameter {
    fn fault(&self, reason: &'static str, hint: &'static str) -> SpaceError {
        SpaceError::Domain {
            name: self.name.clone(),
            reason,
            hint,
        }
    }

    fn bound(&self, value: Option<&ParamValue>) -> Result<f64, SpaceError> {
        value.and_then(ParamValue::as_f64).ok_or_else(|| {
            self.fault(
                "has no number as 'low' or 'high'",
                "say both bounds as numbers",
            )
        })
    }

    fn whole(&self, value: Option<&ParamValue>) -> Result<i64, SpaceError> {
        value.and_then(ParamValue::as_i64).ok_or_else(|| {
            self.fault(
                "has no whole number as 'low', 'high' or 'step'",
                "say whole numbers, or make it a float",
            )
        })
    }

    fn list(&self) -> Result<Vec<ParamValue>, SpaceError> {
        self.values
            .clone()
            .ok_or_else(|| self.fault("has no 'values'", "list its values"))
    }

    fn domain(&self) -> Result<Domain, SpaceError> {
        let has_bounds = self.low.is_some() || self.high.is_some() || self.step.is_some();
        let is_numeric = matches!(self.kind, Kind::Float | Kind::Integer);
        if has_bounds && !is_numeric {
            return Err(self.fault(
                "has bounds, which only floats and integers have",
                "drop 'low', 'high' and 'step'",
            ));
        }
        if self.values.is_some() && (is_numeric || self.kind == Kind::Bool) {
            return Err(self.fault(
                "has 'values', which its type does not have",
                "make it discrete, ordinal or categorical",
            ));
        }
        if self.scale != Scale::Linear && !is_numeric {
            return Err(self.fault(
                "has a scale, which only floats and integers have",
                "drop 'scale'",
            ));
        }
        Ok(match self.kind {
            Kind::Float => Domain::Float {
                low: self.bound(self.low.as_ref())?,
                high: self.bound(self.high.as_ref())?,
                scale: self.scale,
                step: match &self.step {
                    Some(step) => Some(self.bound(Some(step))?),
                    None => None,
                },
            },
            Kind::Integer => Domain::Integer {
                low: self.whole(self.low.as_ref())?,
                high: self.whole(self.high.as_ref())?,
                scale: self.scale,
                step: match &self.step {
                    Some(step) => self.whole(Some(step))?,
                    None => 1,
                },
            },
            Kind::Bool => Domain::boolean(),
            Kind::Discrete => {
                let numbers = self.list()?.iter().map(ParamValue::as_f64).collect();
                let values: Option<Vec<f64>> = numbers;
                Domain::Discrete {
                    values: values.ok_or_else(|| {
                        self.fault(
                            "has a value that is no number",
                            "make it ordinal or categorical",
                        )
                    })?,
                }
            }
            Kind::Ordinal => Domain::Ordinal {
                values: self.list()?,
            },
            Kind::Categorical => Domain::Categorical {
                values: self.list()?,
            },
        })
    }
}

impl TryFrom<RawParameter> for Parameter {
    type Error = SpaceError;

    fn try_from(raw: RawParameter) -> Result<Self, SpaceError> {
        let domain = raw.domain()?;
        Ok(Self {
            name: raw.name,
            domain,
            default: raw.default,
            when: raw.when,
            prior: raw.prior,
        })
    }
}

impl From<Parameter> for RawParameter {
    fn from(parameter: Parameter) -> Self {
        let mut raw = Self {
            name: parameter.name,
            kind: Kind::Float,
            low: None,
            high: None,
            step: None,
            scale: Scale::Linear,
            values: None,
            default: parameter.default,
            when: parameter.when,
            prior: parameter.prior,
        };
        match parameter.domain {
            Domain::Float {
                low,
                high,
                scale,
                step,
            } => {
                raw.low = Some(ParamValue::Float(low));
                raw.high = Some(ParamValue::Float(high));
                raw.scale = scale;
                raw.step = step.map(ParamValue::Float);
            }
            Domain::Integer {
                low,
                high,
                scale,
                step,
            } => {
                raw.kind = Kind::Integer;
                raw.low = Some(ParamValue::Int(low));
                raw.high = Some(ParamValue::Int(high));
                raw.scale = scale;
                raw.step = (step != 1).then_some(ParamValue::Int(step));
            }
            Domain::Discrete { values } => {
                raw.kind = Kind::Discrete;
                raw.values = Some(values.into_iter().map(ParamValue::Float).collect());
            }
            Domain::Ordinal { values } => {
                raw.kind = Kind::Ordinal;
                raw.values = Some(values);
            }
            Domain::Categorical { values } => {
                raw.kind = Kind::Categorical;
                raw.values = Some(values);
            }
        }
        raw
    }
}
