//! The JSON Schema of the file, for editors.

use super::auto::{self, AUTO};
use super::section::param_json;
use super::{MODELS, SECTIONS};
use automl_core::metrics::Metric;
use automl_core::{Domain, ParamSpec};
use serde_json::{Map, Value, json};

/// The schema (draft 2020-12) of a configuration.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    for section in &SECTIONS {
        let doc = match section.family {
            None => section.doc.to_owned(),
            Some(family) => format!("{} For networks of {}.", section.doc, family.name()),
        };
        let mut object = object(&doc, section.specs);
        if section.name == "features" {
            object["properties"]["columns"] = json!({
                "description": "By column, the encoding that it has instead of the usual one.",
                "type": "object",
                "additionalProperties": { "enum": ["standard", "quantile", "robust", "none", "one_hot", "embedding"] },
            });
        }
        for key in auto::KEYS.iter().filter(|key| key.section == section.name) {
            for name in key.names() {
                let property = &mut object["properties"][name];
                *property = or_auto(property.take());
            }
        }
        properties.insert(section.name.to_owned(), object);
    }
    let models: Vec<Value> = MODELS
        .iter()
        .map(|model| {
            let mut object = object(model.doc, model.specs);
            object["properties"]["type"] = json!({ "const": model.name });
            if model.name != "mlp" {
                object["required"] = json!(["type"]);
            }
            object
        })
        .collect();
    properties.insert(
        "model".into(),
        json!({ "description": "The network.", "oneOf": models }),
    );
    let metrics: Vec<&str> = Metric::all().map(Metric::name).collect();
    properties.insert(
        "metrics".into(),
        json!({
            "description": "What is scored on validation rows; the first decides when to stop.",
            "type": "array",
            "items": { "enum": metrics },
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "automl train",
        "description": "What `automl train` learns from, and how.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn object(doc: &str, specs: &[ParamSpec]) -> Value {
    let properties: Map<String, Value> = specs
        .iter()
        .flat_map(|spec| {
            let names = std::iter::once(&spec.name).chain(spec.aliases);
            names.map(|name| ((*name).to_owned(), property(spec)))
        })
        .collect();
    json!({
        "description": doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// A property that may be left to the training as well.
fn or_auto(mut property: Value) -> Value {
    let mut about = Map::new();
    for name in ["description", "default"] {
        about.insert(name.to_owned(), property[name].take());
    }
    if let Some(number) = property.as_object_mut() {
        number.retain(|_, value| !value.is_null());
    }
    about.insert("anyOf".to_owned(), json!([property, { "const": AUTO }]));
    Value::Object(about)
}

fn property(spec: &ParamSpec) -> Value {
    let mut property = match spec.domain {
        Domain::Float { low, high, .. } => {
            json!({ "type": "number", "minimum": low, "maximum": high })
        }
        Domain::Int { low, high, .. } => {
            json!({ "type": "integer", "minimum": low, "maximum": high })
        }
        Domain::Bool => json!({ "type": "boolean" }),
        Domain::Choice(names) => json!({ "enum": names }),
        Domain::Text => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
    };
    property["description"] = spec.doc.into();
    property["default"] = param_json(&(spec.default)());
    property
}
