//! MLflow's REST protocol, by the paths and fields of its 3.17 client.

mod artifacts;
mod experiments;
mod history;
mod inputs;
mod logged_models;
mod models;
mod runs;
mod source;
mod users;
mod versions;
mod wire;

use crate::routes::{Routes, get};

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
        .route(
            "/version",
            get(async || VERSION).open("The version of MLflow whose clients are served"),
        )
        .route("/api/3.0/mlflow/server-info", info())
        .route("/ajax-api/3.0/mlflow/server-info", info())
        .route("/api/2.0/mlflow/traces", traces())
}

async fn server_info() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({ "store_type": "SqlStore", "workspaces_enabled": false }))
}

async fn no_traces() -> crate::error::ApiError {
    crate::error::ApiError::new(
        axum::http::StatusCode::NOT_FOUND,
        "ENDPOINT_NOT_FOUND",
        "traces are not kept by this server",
    )
}
