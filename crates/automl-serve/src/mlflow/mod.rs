//! MLflow's REST protocol, by the paths and fields of its 3.17 client.

mod artifacts;
mod experiments;
mod history;
mod inputs;
mod logged_models;
mod models;
mod parts;
mod runs;
mod source;
mod versions;
mod wire;

use crate::state::App;
use axum::Router;
use axum::routing::{get, post};

/// The version whose clients are served.
pub(crate) const VERSION: &str = "3.17.2";

pub(crate) fn router() -> Router<App> {
    let api = Router::new()
        .merge(experiments::router())
        .merge(runs::router())
        .merge(history::router())
        .merge(inputs::router())
        .merge(models::router())
        .merge(versions::router())
        .merge(logged_models::router())
        .merge(artifacts::api());
    Router::new()
        .nest("/api/2.0/mlflow", api.clone())
        .nest("/ajax-api/2.0/mlflow", api)
        .nest("/api/2.0/mlflow-artifacts", artifacts::proxy())
        .nest("/ajax-api/2.0/mlflow-artifacts", artifacts::proxy())
        .merge(artifacts::pages())
        .route("/version", get(async || VERSION))
        .route("/api/3.0/mlflow/server-info", get(server_info))
        .route("/ajax-api/3.0/mlflow/server-info", get(server_info))
        .route("/api/2.0/mlflow/traces", post(no_traces).get(no_traces))
}

async fn server_info(
    axum::extract::State(app): axum::extract::State<App>,
) -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "multipart_uploads_enabled": app.artifacts.takes_parts(),
        "multipart_downloads_enabled": app.artifacts.signs(),
    }))
}

async fn no_traces() -> crate::error::ApiError {
    crate::error::ApiError::new(
        axum::http::StatusCode::NOT_FOUND,
        "ENDPOINT_NOT_FOUND",
        "traces are not kept by this server",
    )
}
