//! MLflow's REST protocol, by the paths and fields of its 3.17 client.

pub(crate) mod artifacts;
mod experiments;
mod gateway;
mod graphql;
mod history;
mod inputs;
mod logged_models;
mod models;
mod parts;
mod promptlab;
mod runs;
mod source;
mod users;
mod versions;
mod webhooks;
mod wire;

pub use source::SourcePattern;

use crate::error::ApiError;
use crate::routes::{Routes, get};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// The version whose clients are served.
pub(crate) const VERSION: &str = "3.17.2";

pub(crate) fn routes() -> Routes {
    let api = Routes::new()
        .merge(experiments::router())
        .merge(runs::router())
        .merge(history::router())
        .merge(inputs::router())
        .merge(models::router())
        .merge(versions::router())
        .merge(logged_models::router())
        .merge(users::router())
        .merge(webhooks::router())
        .merge(promptlab::router())
        .merge(gateway::router())
        .merge(artifacts::api());
    let info = || get(server_info).viewer("What this server keeps and how");
    let traces = || {
        get(no_traces)
            .viewer("Traces are not kept: 404")
            .post(no_traces)
            .viewer("Traces are not kept: 404")
    };
    Routes::new()
        .merge(api.twice("/api/2.0/mlflow", "/ajax-api/2.0/mlflow"))
        .merge(artifacts::proxy().twice(
            "/api/2.0/mlflow-artifacts",
            "/ajax-api/2.0/mlflow-artifacts",
        ))
        .merge(artifacts::pages())
        .merge(graphql::router())
        .route(
            "/version",
            get(async || VERSION).open("The version of MLflow whose clients are served"),
        )
        .route("/api/3.0/mlflow/server-info", info())
        .route("/ajax-api/3.0/mlflow/server-info", info())
        .route("/api/2.0/mlflow/traces", traces())
}

/// A path with slashes too many leads to the one that is meant; others lead nowhere.
pub(crate) fn nowhere(method: &Method, uri: &Uri) -> Response {
    let parts: Vec<&str> = (uri.path().split('/'))
        .filter(|part| !part.is_empty())
        .collect();
    let path = format!("/{}", parts.join("/"));
    // A browser takes a backslash for a slash, and would go to another server.
    if uri.path().contains("//") && !uri.path().contains('\\') {
        let query = uri
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        let there = [(header::LOCATION, format!("{path}{query}"))];
        return (StatusCode::PERMANENT_REDIRECT, there).into_response();
    }
    ApiError::new(
        StatusCode::NOT_FOUND,
        "ENDPOINT_NOT_FOUND",
        format!("this server has no {method} {path}"),
    )
    .into_response()
}

async fn server_info(
    axum::extract::State(app): axum::extract::State<crate::state::App>,
) -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "multipart_uploads_enabled": app.artifacts.takes_parts(),
        "multipart_downloads_enabled": app.artifacts.signs(),
    }))
}

async fn no_traces() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "ENDPOINT_NOT_FOUND",
        "traces are not kept by this server",
    )
}
