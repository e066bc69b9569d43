//! What requests and answers hold, said once, in the files beside this one, and read from there into JSON Schema.
//!
//! ```text
//! Name = field! type, field type                                          an object
//! METHOD /path/{part}: field! type, … -> field! type, … ! Name            a route: what it takes, what it gives, its errors
//! ```
//!
//! A field with `!` is always there. Types are `string`, `integer`, `number`, `real` (a number, or NaN or an infinity as text),
//! `boolean`, `any`, `object`, `[type]`, `{type}` (an object of any names), `"one"|"other"`, and names of objects; `type?` may be
//! null. Fields of a GET stand in its query, fields of other methods in a JSON object; `?field` in the query all the same, `@Field`
//! in the head and `/field` in the path. `bytes` is a body as it comes and `text/csv` one that is taken, too. An answer may be of
//! a media type or a list, `{}` is an object without fields, and `nothing` has no body. Tests compare what handlers take and give with this.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const TEXTS: &[&str] = &[
    include_str!("mlflow.txt"),
    include_str!("ours.txt"),
    include_str!("predictions.txt"),
];

/// Errors, where nothing else is said.
pub(crate) const ERROR: &str = "Error";

/// Where a field of a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    Path,
    Query,
    Head,
    Body,
}

/// A field of a request.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) is_required: bool,
    pub(crate) stands: Stands,
    pub(crate) schema: Value,
}

/// What an answer is.
#[derive(Debug, Clone)]
pub(crate) enum Gives {
    Nothing,
    Json(Value),
    /// A media type.
    Other(&'static str),
}

/// What one method of a path takes and gives.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) fields: Vec<Field>,
    /// Media types of bodies that are no JSON object of the fields.
    pub(crate) bodies: Vec<&'static str>,
    /// Whether a body is any JSON object.
    pub(crate) is_open: bool,
    pub(crate) gives: Gives,
    /// The object that errors are.
    pub(crate) error: &'static str,
}

/// All that is said.
#[derive(Debug, Default)]
pub(crate) struct Contract {
    pub(crate) objects: BTreeMap<&'static str, Value>,
    /// By path and method.
    operations: BTreeMap<&'static str, BTreeMap<&'static str, Operation>>,
}

impl Contract {
    pub(crate) fn read() -> Self {
        let mut contract = Self::default();
        let lines = TEXTS.iter().flat_map(|text| text.lines());
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(" = ") {
                Some((name, fields)) => {
                    contract.objects.insert(name, object(fields));
                }
                None => contract.operation(line),
            }
        }
        contract
    }

    fn operation(&mut self, line: &'static str) {
        let (head, rest) = line.split_once(':').unwrap_or((line, ""));
        let (method, path) = head.split_once(' ').unwrap_or((head, ""));
        let (takes, gives) = rest.split_once("->").unwrap_or((rest, ""));
        let (gives, error) = gives.split_once(" ! ").unwrap_or((gives, ERROR));
        let mut operation = Operation {
            fields: Vec::new(),
            bodies: Vec::new(),
            is_open: false,
            gives: answer(gives.trim()),
            error,
        };
        for part in parts(takes) {
            match part {
                "bytes" => operation.bodies.push("application/octet-stream"),
                "object" => operation.is_open = true,
                part if part.contains('/') && !part.contains(' ') => operation.bodies.push(part),
                part => operation.fields.push(field(method, part)),
            }
        }
        let methods = self.operations.entry(path).or_default();
        methods.insert(method, operation);
    }

    /// What a method of the template of a path takes and gives; paths that MLflow's pages use say the same as its clients'.
    pub(crate) fn of(&self, method: &str, template: &str) -> Option<&Operation> {
        let path = template.replace("{*", "{").replace("/ajax-api/", "/api/");
        self.operations.get(path.as_str())?.get(method)
    }
}

fn parts(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn field(method: &str, text: &'static str) -> Field {
    let (name, kind) = text.split_once(' ').unwrap_or((text, "any"));
    let (stands, name) = match name.split_at_checked(1) {
        Some(("?", name)) => (Stands::Query, name),
        Some(("@", name)) => (Stands::Head, name),
        Some(("/", name)) => (Stands::Path, name),
        _ if method == "GET" => (Stands::Query, name),
        _ => (Stands::Body, name),
    };
    let bare = name.trim_end_matches('!');
    Field {
        name: bare,
        is_required: bare != name || stands == Stands::Path,
        stands,
        schema: schema(kind),
    }
}

fn answer(text: &'static str) -> Gives {
    match text {
        "nothing" => Gives::Nothing,
        text if text == "object" || text.starts_with('[') => Gives::Json(schema(text)),
        "{}" => Gives::Json(object("")),
        media if media.contains('/') && !media.contains(' ') => Gives::Other(media),
        fields => Gives::Json(object(fields)),
    }
}

/// The schema of an object of fields.
fn object(fields: &'static str) -> Value {
    let fields: Vec<Field> = parts(fields).map(|part| field("", part)).collect();
    of_fields(fields.iter())
}

/// The schema of an object of such fields as stand in a body.
pub(crate) fn of_fields<'f>(fields: impl Iterator<Item = &'f Field>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        properties.insert(field.name.to_owned(), field.schema.clone());
        if field.is_required {
            required.push(field.name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The schema of a type.
fn schema(kind: &str) -> Value {
    let within = |open: char, close: char| {
        kind.strip_prefix(open)
            .and_then(|kind| kind.strip_suffix(close))
    };
    if let Some(kind) = kind.strip_suffix('?') {
        return json!({ "anyOf": [schema(kind), { "type": "null" }] });
    }
    if let Some(kind) = within('[', ']') {
        return json!({ "type": "array", "items": schema(kind) });
    }
    if let Some(kind) = within('{', '}') {
        return json!({ "type": "object", "additionalProperties": schema(kind) });
    }
    if kind.starts_with('"') {
        let words = kind.split('|').map(|word| word.trim_matches('"'));
        return json!({ "type": "string", "enum": words.collect::<Vec<_>>() });
    }
    match kind {
        "any" => json!({}),
        "integer" => json!({ "type": "integer", "format": "int64" }),
        "real" => {
            json!({ "anyOf": [{ "type": "number" }, { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] }] })
        }
        "string" | "number" | "boolean" | "object" => json!({ "type": kind }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

#[cfg(test)]
pub(crate) mod check;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
