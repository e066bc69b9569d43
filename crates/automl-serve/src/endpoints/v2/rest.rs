//! This protocol over REST.

use super::super::body::Ask;
use super::super::error::ScoreError;
use super::super::model::LoadedModel;
use super::super::plain::{json_answer, refused};
use super::super::score::score;
use super::metadata::{self, Metadata};
use super::{PLATFORM, SERVER, wire};
use crate::routes::{Routes, get, post};
use crate::state::App;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// How many bytes of a body are JSON, where others are behind it.
static JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

pub(super) fn routes(extensions: &'static [&'static str]) -> Routes {
    const READY: &str = "Whether an endpoint would answer, as the inference protocol asks";
    const INFER: &str = "Predicts tensors, as JSON or bytes (inference protocol, version 2)";
    const ABOUT: &str = "The tensors that an endpoint takes and gives";
    Routes::new()
        .route(
            "/v2",
            get(async move || server(extensions))
                .viewer("What this server is, for the inference protocol"),
        )
        .route(
            "/v2/health/live",
            get(async || StatusCode::OK).open("Whether the server runs"),
        )
        .route(
            "/v2/health/ready",
            get(ready).open("Whether endpoints are known and the record answers"),
        )
        .route("/v2/models/{name}", get(about).viewer(ABOUT))
        .route(
            "/v2/models/{name}/versions/{version}",
            get(about_version).viewer(ABOUT),
        )
        .route("/v2/models/{name}/ready", get(model_ready).viewer(READY))
        .route(
            "/v2/models/{name}/versions/{version}/ready",
            get(version_ready).viewer(READY),
        )
        .route(
            "/v2/models/{name}/infer",
            post(infer).viewer(INFER).bounded(),
        )
        .route(
            "/v2/models/{name}/versions/{version}/infer",
            post(infer_version).viewer(INFER).bounded(),
        )
}

fn server(extensions: &[&str]) -> Json<Value> {
    Json(json!({
        "name": SERVER,
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": extensions,
    }))
}

async fn ready(State(app): State<App>) -> StatusCode {
    if app.fleet.is_known() && app.pulse.is_well().await {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn about(State(app): State<App>, Path(name): Path<String>) -> Response {
    described(metadata::metadata(&app.fleet, &name, "").await)
}

async fn about_version(
    State(app): State<App>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    described(metadata::metadata(&app.fleet, &name, &version).await)
}

fn described(found: Result<Metadata, ScoreError>) -> Response {
    let found = match found {
        Ok(found) => found,
        Err(error) => return refusal(&error),
    };
    let tensor = |name: &str, datatype: &str, shape: &[i64]| json!({ "name": name, "datatype": datatype, "shape": shape });
    let inputs = found.inputs.iter();
    let inputs: Vec<Value> = inputs
        .map(|(name, datatype, shape)| tensor(name, datatype, shape))
        .collect();
    let outputs = found.outputs.iter();
    let outputs: Vec<Value> = outputs
        .map(|(name, datatype, shape)| tensor(name, datatype, shape))
        .collect();
    let told = json!({
        "name": found.name,
        "versions": found.versions,
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    });
    json_answer(told.to_string())
}

async fn model_ready(State(app): State<App>, Path(name): Path<String>) -> Response {
    readiness(&app, &name, "")
}

async fn version_ready(
    State(app): State<App>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    readiness(&app, &name, &version)
}

fn readiness(app: &App, name: &str, version: &str) -> Response {
    match metadata::is_ready(&app.fleet, name, version) {
        Ok(true) => StatusCode::OK.into_response(),
        Ok(false) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => refusal(&error),
    }
}

async fn infer(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    answer(&app, &name, None, request).await
}

async fn infer_version(
    State(app): State<App>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Response {
    answer(&app, &name, Some(&version), request).await
}

async fn answer(app: &App, name: &str, version: Option<&str>, request: Request) -> Response {
    match inferred(app, name, version, request).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    }
}

async fn inferred(
    app: &App,
    name: &str,
    version: Option<&str>,
    request: Request,
) -> Result<Response, ScoreError> {
    let ask = Ask::whole(request).await?;
    let n_json = match ask.header(&JSON_LENGTH) {
        None => {
            ask.check_json()?;
            None
        }
        Some(text) => Some(text.parse().map_err(|_odd| {
            ScoreError::form(format!("{JSON_LENGTH} is no number of bytes: {text}"))
        })?),
    };
    let mut asked = ask.asked(name)?;
    asked.wish.deployment = version.or(asked.wish.deployment);
    let body = ask.body.clone();
    let read = move |model: &LoadedModel| wire::read(&body, n_json, model);
    let (text, bytes) = score(&app.fleet, asked, read, wire::told).await?;
    let Some(bytes) = bytes else {
        return Ok(json_answer(text));
    };
    let n_json = HeaderValue::from(text.len());
    let headers = [
        (JSON_LENGTH.clone(), n_json),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
    ];
    Ok((headers, [text.into_bytes(), bytes].concat()).into_response())
}

/// What was found, or why it was not, as JSON.
pub(super) fn told<T: Serialize>(found: Result<T, ScoreError>) -> Response {
    let text = found.and_then(|found| {
        serde_json::to_string(&found).map_err(|error| ScoreError::Internal {
            reason: error.to_string(),
        })
    });
    match text {
        Ok(text) => json_answer(text),
        Err(error) => refusal(&error),
    }
}

/// As servers of this protocol tell errors.
pub(in super::super) fn refusal(error: &ScoreError) -> Response {
    refused(error, &json!({ "error": error.to_string() }).to_string())
}
