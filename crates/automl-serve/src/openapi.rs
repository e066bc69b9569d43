//! The routes as an OpenAPI 3.1 document.

use crate::contract::{Contract, Gives, Operation, Stands, of_fields};
use crate::mlflow;
use crate::routes::{Answers, Endpoint, Need, Table};
use axum::body::Bytes;
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Statuses that errors have, and when.
const REFUSALS: &[(&str, &str)] = &[
    (
        "400",
        "Something of the request is not right; the message names it",
    ),
    ("401", "Who asks did not say who they are, or not rightly"),
    ("403", "Who asks may not"),
    ("404", "It is not there"),
    ("409", "It contradicts what is there"),
    ("413", "The body is too long"),
    (
        "429",
        "It is asked too often; Retry-After says when to ask again",
    ),
    (
        "503",
        "The record, the store or a model is away or busy; Retry-After says when to ask again",
    ),
    ("507", "The disk is full"),
];

/// The document, written when it is first asked for: most servers never are, and as values it takes megabytes.
pub(crate) struct OpenApi {
    table: Table,
    text: OnceLock<Bytes>,
}

impl OpenApi {
    pub(crate) fn of(table: Table) -> Self {
        Self {
            table,
            text: OnceLock::new(),
        }
    }

    pub(crate) fn text(&self) -> Bytes {
        let write = || Bytes::from(document(&self.table).to_string());
        self.text.get_or_init(write).clone()
    }
}

/// The document of a table of routes.
fn document(table: &Table) -> Value {
    let contract = Contract::read();
    let mut paths = Map::new();
    for (template, endpoints) in table {
        // What gRPC is asked is said by its own protocol buffers.
        let endpoints = endpoints
            .iter()
            .filter(|endpoint| endpoint.answers != Answers::Grpc);
        let mut item = Map::new();
        for endpoint in endpoints {
            let method = endpoint.method.as_str();
            let said = contract.of(method, template);
            item.insert(method.to_lowercase(), operation(template, endpoint, said));
        }
        if !item.is_empty() {
            // A path inside a path has a star for the router alone.
            paths.insert(template.replace("{*", "{"), Value::Object(item));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "automl",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("The record of experiments, runs and models; MLflow's REST protocol as of {}; endpoints and studies. Whole numbers are also taken as texts, and fields that are not known are left aside.", mlflow::VERSION),
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
            "schemas": contract.objects,
        },
        "security": [{ "basic": [] }, { "bearer": [] }],
    })
}

/// The names inside the braces of a template.
fn names(template: &str) -> Vec<&str> {
    let parts = template.split('{').skip(1);
    parts
        .filter_map(|part| part.split('}').next())
        .map(|name| name.trim_start_matches('*'))
        .collect()
}

fn operation(template: &str, endpoint: &Endpoint, said: Option<&Operation>) -> Value {
    let role = match endpoint.need {
        Need::Nobody => "everyone",
        Need::Role(role) => role.name(),
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric();
    let name = template.replace(|letter| !is_letter(letter), "_");
    let mut operation = json!({
        "operationId": format!("{}{name}", endpoint.method.as_str().to_lowercase()),
        "summary": endpoint.summary.unwrap_or_default(),
        "x-role": role,
        "responses": responses(endpoint, said),
    });
    let parameters = parameters(template, said);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if endpoint.need == Need::Nobody {
        operation["security"] = json!([]);
    }
    if let Some(content) = said.and_then(|said| body(endpoint, said)) {
        operation["requestBody"] = content;
    }
    operation
}

fn parameters(template: &str, said: Option<&Operation>) -> Vec<Value> {
    let fields = || said.into_iter().flat_map(|said| &said.fields);
    let of_path = names(template).into_iter().map(|name| {
        let own = fields().find(|field| field.stands == Stands::Path && field.name == name);
        let schema = own.map_or_else(|| json!({ "type": "string" }), |own| own.schema.clone());
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let others = fields().filter_map(|field| {
        let place = match field.stands {
            Stands::Query => "query",
            Stands::Head => "header",
            Stands::Path | Stands::Body => return None,
        };
        Some(json!({ "name": field.name, "in": place, "required": field.is_required, "schema": field.schema }))
    });
    of_path.chain(others).collect()
}

/// The body that a request has, if it may have one.
fn body(endpoint: &Endpoint, said: &Operation) -> Option<Value> {
    let mut content = Map::new();
    let fields = || {
        said.fields
            .iter()
            .filter(|field| field.stands == Stands::Body)
    };
    let has_fields = fields().next().is_some();
    if has_fields || said.is_open {
        let schema = json!({ "schema": of_fields(fields()) });
        content.insert("application/json".into(), schema);
    }
    for &media in &said.bodies {
        content.insert(media.into(), json!({}));
    }
    if content.is_empty() || endpoint.method == Method::GET {
        return None;
    }
    let is_required = !said.bodies.is_empty() || fields().any(|field| field.is_required);
    Some(json!({ "required": is_required, "content": content }))
}

fn responses(endpoint: &Endpoint, said: Option<&Operation>) -> Value {
    let mut done = json!({ "description": "Done" });
    if let Some(said) = said {
        match &said.gives {
            Gives::Nothing => {}
            Gives::Json(schema) => {
                done["content"] = json!({ "application/json": { "schema": schema } });
            }
            Gives::Other(media) => {
                done["content"] = json!({ *media: { "schema": { "type": "string" } } });
            }
        }
    }
    let mut responses = Map::from_iter([("200".to_owned(), done)]);
    let has_part = said.is_some_and(|said| said.fields.iter().any(|field| field.name == "Range"));
    if has_part {
        let part = json!({ "description": "The bytes that Range asks for", "content": { "application/octet-stream": {} } });
        responses.insert("206".into(), part);
        responses.insert(
            "416".into(),
            json!({ "description": "There are no such bytes" }),
        );
    }
    let is_page = endpoint.answers == Answers::Browser;
    for &(status, told) in REFUSALS {
        let is_of_access = matches!(status, "401" | "403");
        if is_of_access && endpoint.need == Need::Nobody {
            continue;
        }
        let mut refusal = json!({ "description": told });
        if is_page {
            refusal["content"] = json!({ "text/html": { "schema": { "type": "string" } } });
        } else if let Some(said) = said {
            let schema = format!("#/components/schemas/{}", said.error);
            refusal["content"] = json!({ "application/json": { "schema": { "$ref": schema } } });
        }
        responses.insert(status.to_owned(), refusal);
    }
    Value::Object(responses)
}
