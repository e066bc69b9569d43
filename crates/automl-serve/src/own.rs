//! Routes that are not MLflow's: how the server is, what it can do, what was done.

use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, get};
use crate::state::App;
use automl_store::access::audit::{self, Entry, Search};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route(
            "/health",
            get(async || "OK").open("Whether the server runs"),
        )
        .route("/ready", get(ready).open("Whether the record answers"))
        .route("/metrics", get(numbers).viewer("Numbers for Prometheus"))
        .route("/openapi.json", get(document).viewer("This document"))
}

/// What is told of the record.
pub(crate) fn record() -> Routes {
    Routes::new().route(
        "/api/automl/audit",
        get(audit_log).admin("What was written or refused, newest first"),
    )
}

async fn ready(State(app): State<App>) -> Result<&'static str, ApiError> {
    if app.pulse.is_well().await {
        Ok("OK")
    } else {
        Err(ApiError::away("the record does not answer"))
    }
}

async fn numbers(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let text = app.metrics.text();
    let text = text.map_err(|error| ApiError::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

async fn document(State(app): State<App>) -> impl IntoResponse {
    let kind = "application/json";
    ([(header::CONTENT_TYPE, kind)], app.openapi.text())
}

/// Entries of a page.
const PAGE: i64 = 1000;
const PAGE_MAX: i64 = 10_000;

async fn audit_log(State(app): State<App>, fields: Fields) -> Result<Json<Value>, ApiError> {
    let n_max = fields.int("max_results")?.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&n_max) {
        return Err(ApiError::invalid(format!(
            "Invalid value {n_max} for parameter 'max_results' supplied: It must be at least 1 and at most {PAGE_MAX}"
        )));
    }
    let search = Search {
        since_ms: fields.int("since_ms")?,
        user: fields.text("user")?,
        before: fields.int("before")?,
        n_max: n_max as usize,
    };
    app.ledger.flush().await;
    let found = app.db.read(move |sql| audit::search(sql, &search)).await?;
    let entries: Vec<Value> = found.iter().map(|(id, entry)| wire(*id, entry)).collect();
    Ok(Json(json!({ "entries": entries })))
}

fn wire(id: i64, entry: &Entry) -> Value {
    json!({
        "id": id,
        "at_ms": entry.at_ms,
        "user": entry.user,
        "means": entry.means,
        "address": entry.address,
        "method": entry.method,
        "route": entry.route,
        "object": entry.object,
        "status": entry.outcome,
        "request_id": entry.request_id,
    })
}
