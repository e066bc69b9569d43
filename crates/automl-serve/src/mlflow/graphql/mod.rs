//! GraphQL for MLflow's pages: the queries of its schema, answered by the same code as the REST routes.
//!
//! A document is read, measured against limits and then executed: each root field calls the handler of a REST route and
//! keeps what was selected of its answer, with fields in camel case and the defaults of protobuf for what is not there.

mod execute;
mod limits;
mod schema;
mod select;

#[cfg(test)]
mod tests;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, get};
use crate::state::App;
use async_graphql_parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

pub(super) fn router() -> Routes {
    let summary = "What MLflow's pages read, as GraphQL";
    Routes::new().route(
        "/graphql",
        get(answer).viewer(summary).post(answer).viewer(summary),
    )
}

async fn answer(State(app): State<App>, fields: Fields) -> Result<Json<Value>, ApiError> {
    let query = fields.required("query")?;
    let name = fields.text("operationName")?;
    let variables = fields.object("variables")?.unwrap_or_default();
    let (data, errors) = match parsed(&query) {
        Err(error) => (Value::Null, vec![error]),
        Ok(document) => run(&app, &document, name.as_deref(), variables.into_map()).await,
    };
    let errors = if errors.is_empty() {
        Value::Null
    } else {
        errors.into()
    };
    Ok(Json(json!({ "data": data, "errors": errors })))
}

fn parsed(query: &str) -> Result<ExecutableDocument, String> {
    limits::check_text(query)?;
    async_graphql_parser::parse_query(query).map_err(|error| format!("Syntax Error: {error}"))
}

async fn run(
    app: &App,
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: Map<String, Value>,
) -> (Value, Vec<String>) {
    let operation = match limits::check(document).and_then(|()| chosen(document, name)) {
        Ok(operation) => operation,
        Err(error) => return (Value::Null, vec![error]),
    };
    match select::Run::new(document, operation, variables) {
        Ok(run) => run.data(app, operation).await,
        Err(error) => (Value::Null, vec![error]),
    }
}

/// The operation that is asked for: the named one, or the only one.
fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, String> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Single(_), Some(name)) => {
            Err(format!("Unknown operation named '{name}'."))
        }
        (DocumentOperations::Multiple(operations), Some(name)) => operations
            .get(name)
            .map(|operation| &operation.node)
            .ok_or_else(|| format!("Unknown operation named '{name}'.")),
        (DocumentOperations::Multiple(operations), None) => match operations.values().next() {
            Some(operation) if operations.len() == 1 => Ok(&operation.node),
            _ => {
                Err("Must provide operation name if query contains multiple operations.".to_owned())
            }
        },
    }
}
