//! The routes as an OpenAPI 3.1 document.

use crate::mlflow;
use crate::routes::{Answers, Endpoint, Need, Table};
use axum::http::Method;
use serde_json::{Map, Value, json};

/// The document of a table of routes.
pub(crate) fn document(table: &Table) -> Value {
    let mut paths = Map::new();
    for (template, endpoints) in table {
        let names = names(template);
        // What gRPC is asked is said by its own protocol buffers.
        let endpoints = endpoints
            .iter()
            .filter(|endpoint| endpoint.answers != Answers::Grpc);
        let mut item = Map::new();
        if !names.is_empty() {
            let parameter = |name: &&str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
            item.insert("parameters".into(), names.iter().map(parameter).collect());
        }
        for endpoint in endpoints {
            let method = endpoint.method.as_str().to_lowercase();
            item.insert(method, operation(template, endpoint));
        }
        if item.keys().all(|key| key == "parameters") {
            continue;
        }
        // A path inside a path has a star for the router alone.
        paths.insert(template.replace("{*", "{"), Value::Object(item));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "automl",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("The record of experiments, runs and models; MLflow's REST protocol as of {}. Fields of a GET are parameters of its query, fields of other methods a JSON object.", mlflow::VERSION),
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error_code", "message"],
                    "properties": { "error_code": { "type": "string" }, "message": { "type": "string" } },
                },
            },
            "responses": {
                "Error": {
                    "description": "What is wrong",
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
                },
            },
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

fn operation(template: &str, endpoint: &Endpoint) -> Value {
    let role = match endpoint.need {
        Need::Nobody => "everyone",
        Need::Role(role) => role.name(),
    };
    let name: String = template
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let mut operation = json!({
        "operationId": format!("{}{name}", endpoint.method.as_str().to_lowercase()),
        "summary": endpoint.summary.unwrap_or_default(),
        "x-role": role,
        "responses": {
            "200": { "description": "Done" },
            "default": { "$ref": "#/components/responses/Error" },
        },
    });
    if endpoint.answers == Answers::Browser {
        operation["responses"]["200"]["content"] = json!({ "text/html": {} });
    }
    if endpoint.need == Need::Nobody {
        operation["security"] = json!([]);
    }
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&endpoint.method)
        || (endpoint.method == Method::DELETE && !template.contains('{'));
    if has_body {
        let content = if endpoint.is_streamed {
            json!({ "application/octet-stream": {} })
        } else {
            json!({ "application/json": { "schema": { "type": "object" } } })
        };
        operation["requestBody"] = json!({ "content": content });
    }
    operation
}
