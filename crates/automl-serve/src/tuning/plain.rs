//! Stored parameters as plain values, whatever protocol wrote them.

use automl_core::ParamValue;
use automl_store::studies::{Param, Trial};
use serde_json::{Value, json};
use std::borrow::Cow;

/// A number; those that JSON has not are texts.
pub(crate) fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else {
        json!(value.to_string())
    }
}

/// What a parameter is: itself, or what the number of Optuna stands for.
pub(crate) fn plain(param: &Param) -> Value {
    let as_it_is = || {
        serde_json::from_str(&param.value).unwrap_or_else(|_odd| Value::String(param.value.clone()))
    };
    let Some(distribution) = &param.distribution else {
        return as_it_is();
    };
    let distribution: Value = serde_json::from_str(distribution).unwrap_or_default();
    let choices = distribution["attributes"]["choices"].as_array();
    let stored: Option<f64> = param.value.parse().ok();
    match (choices, stored) {
        (Some(choices), Some(at)) if at >= 0.0 => {
            choices.get(at as usize).cloned().unwrap_or_default()
        }
        (None, Some(value)) if distribution["name"].as_str().is_some_and(is_whole) => {
            json!(value as i64)
        }
        (None, Some(value)) => number(value),
        _ => as_it_is(),
    }
}

/// Whether a distribution of this name gives whole numbers.
pub(crate) fn is_whole(name: &str) -> bool {
    name.starts_with("Int")
}

/// A value as parameters have it: what is neither flag, number nor text is told as its text.
pub(crate) fn param_value(value: &Value) -> ParamValue {
    let text = |text: String| ParamValue::Text(Cow::Owned(text));
    match value {
        Value::Bool(flag) => ParamValue::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ParamValue::Int(whole),
            (None, Some(real)) => ParamValue::Float(real),
            (None, None) => text(number.to_string()),
        },
        Value::String(own) => text(own.clone()),
        Value::Null => text("None".to_owned()),
        other => text(other.to_string()),
    }
}

/// By how much constraints are exceeded; Optuna's samplers keep that in an attribute.
pub(crate) fn constraints(trial: &Trial) -> Vec<f64> {
    if !trial.constraints.is_empty() {
        return trial.constraints.clone();
    }
    let told = trial
        .attributes
        .iter()
        .find(|one| one.scope == "system" && one.key == "constraints");
    told.and_then(|one| serde_json::from_str(&one.value).ok())
        .unwrap_or_default()
}
