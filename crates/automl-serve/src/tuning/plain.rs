//! Stored parameters as plain values, whatever protocol wrote them.

use super::Spec;
use automl_core::{ParamMap, ParamValue};
use automl_store::studies::{Param, Trial};
use automl_tune::Domain;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// A point of values as they are typed, each of the kind that its domain has: `1` is a number of a range, and may be a text
/// among categories. What is no value of its domain stays a text, by which it is refused.
pub fn typed_point(spec: &Spec, typed: &BTreeMap<String, String>) -> ParamMap {
    let parameters = spec.space.parameters();
    let value = |(name, text): (&String, &String)| {
        let parameter = parameters.iter().find(|known| known.name == *name);
        let value = parameter.and_then(|known| typed_value(&known.domain, text));
        let value = value.unwrap_or_else(|| ParamValue::Text(Cow::Owned(text.clone())));
        (name.clone(), value)
    };
    typed.iter().map(value).collect()
}

fn typed_value(domain: &Domain, text: &str) -> Option<ParamValue> {
    match domain {
        Domain::Float { .. } | Domain::Discrete { .. } => text.parse().ok().map(ParamValue::Float),
        Domain::Integer { .. } => text.parse().ok().map(ParamValue::Int),
        Domain::Ordinal { values } | Domain::Categorical { values } => {
            let is_typed = |value: &&ParamValue| match value {
                ParamValue::Float(value) => text.parse() == Ok(*value),
                other => other.to_string() == text,
            };
            values.iter().find(is_typed).cloned()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_of_the_kind_that_the_space_has() {
        let spec = Spec::read(&json!({
            "objectives": [{ "name": "loss" }],
            "space": { "parameters": [
                { "name": "rate", "type": "float", "low": 0, "high": 1 },
                { "name": "layers", "type": "integer", "low": 1, "high": 9 },
                { "name": "width", "type": "discrete", "values": [16, 32] },
                { "name": "size", "type": "ordinal", "values": [1, 2.5, "all"] },
                { "name": "kind", "type": "categorical", "values": ["1", "true"] },
                { "name": "bias", "type": "categorical", "values": [true, false] },
            ] },
        }));
        let spec = spec.expect("it is a spec");
        let point = |pairs: &[(&str, &str)]| {
            let typed = pairs
                .iter()
                .map(|(name, text)| ((*name).into(), (*text).into()));
            json!(typed_point(&spec, &typed.collect()))
        };
        let typed = [
            ("rate", "1"),
            ("layers", "2"),
            ("width", "32"),
            ("size", "2.50"),
            ("kind", "true"),
            ("bias", "true"),
        ];
        let read = json!({ "rate": 1.0, "layers": 2, "width": 32.0, "size": 2.5, "kind": "true", "bias": true });
        assert_eq!(point(&typed), read);
        assert_eq!(point(&[("size", "all")]), json!({ "size": "all" }));
        let odd = json!({ "layers": "2.5", "rat": "1" });
        assert_eq!(point(&[("layers", "2.5"), ("rat", "1")]), odd);
    }
}
