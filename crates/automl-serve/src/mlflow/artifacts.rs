//! Artifacts: listed by run, and the proxy through which clients read and write them.

use super::parts;
use crate::access::Stop;
use crate::artifacts::{on_files, place, send, store, store_of};
use crate::error::ApiError;
use crate::fields::{Fields, percent_decoded};
use crate::routes::{Routes, get, post};
use crate::state::App;
use automl_store::artifacts::Entry;
use automl_store::registry::versions;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::runs;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

/// By run.
pub(super) fn api() -> Routes {
    Routes::new()
        .route(
            "/artifacts/list",
            get(list).viewer("The artifacts of a run"),
        )
        .route(
            "/upload-artifact",
            post(to_run)
                .editor("Write a small artifact of a run")
                .streamed(),
        )
}

/// By path.
pub(super) fn proxy() -> Routes {
    Routes::new()
        .merge(parts::router())
        .route(
            "/artifacts",
            get(list_all).viewer("The artifacts below a path"),
        )
        .route(
            "/artifacts/{*path}",
            get(download)
                .viewer("Read an artifact")
                .streamed()
                .put(upload)
                .editor("Write an artifact")
                .streamed()
                .delete(remove)
                .editor("Remove an artifact, or all below a path"),
        )
}

/// Downloads of single files.
pub(super) fn pages() -> Routes {
    Routes::new()
        .route(
            "/get-artifact",
            get(of_run).viewer("Read an artifact of a run").streamed(),
        )
        .route(
            "/model-versions/get-artifact",
            get(of_version)
                .viewer("Read an artifact of a version")
                .streamed(),
        )
}

type Answer = Result<Json<Value>, ApiError>;

/// A relative path that stays inside; nothing else.
pub(crate) fn safe_path(path: &str) -> Result<String, ApiError> {
    let mut decoded = path.to_owned();
    loop {
        let next = percent_decoded(&decoded);
        if next == decoded {
            break;
        }
        decoded = next;
    }
    let is_absolute = decoded.starts_with('/') || decoded.get(1..2) == Some(":");
    let is_odd = decoded.contains(['#', '\\']) || decoded.chars().any(char::is_control);
    if is_absolute
        || is_odd
        || decoded.starts_with("file:")
        || decoded.split('/').any(|part| part == "..")
    {
        return Err(ApiError::invalid("Invalid path"));
    }
    Ok(decoded)
}

fn entry(entry: &Entry, folder: &str) -> Value {
    let path = match folder.trim_matches('/') {
        "" | "." => entry.name.clone(),
        folder => format!("{folder}/{}", entry.name),
    };
    match entry.n_bytes {
        Some(n_bytes) => json!({ "path": path, "is_dir": false, "file_size": n_bytes }),
        None => json!({ "path": path, "is_dir": true }),
    }
}

fn files(entries: &[Entry], folder: &str) -> Value {
    let mut answer = json!({});
    if !entries.is_empty() {
        answer["files"] = entries.iter().map(|found| entry(found, folder)).collect();
    }
    answer
}

/// Sends a file of what has its artifacts at a URI.
pub(super) async fn send_of(
    app: &App,
    uri: &str,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let (folder, path) = store_of(&app.artifacts, place(uri)?, path);
    send(&folder, path, headers).await
}

/// Writes a file of what has its artifacts at a URI.
pub(super) async fn write_of(app: &App, uri: &str, path: &str, body: Body) -> Result<(), ApiError> {
    let (found, path) = store_of(&app.artifacts, place(uri)?, path);
    store(&found, path, body).await
}

pub(super) async fn list_answer(app: &App, uri: &str, path: &str) -> Answer {
    let (folder, whole) = store_of(&app.artifacts, place(uri)?, path);
    let entries = on_files(move || folder.list(&whole)).await?;
    let mut answer = files(&entries, path);
    answer["root_uri"] = uri.into();
    Ok(Json(answer))
}

pub(super) async fn list(State(app): State<App>, fields: Fields) -> Answer {
    let path = safe_path(&fields.text("path")?.unwrap_or_default())?;
    let id = fields.run_id()?;
    let run = app
        .db
        .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    list_answer(&app, &run.artifact_uri, &path).await
}

async fn list_all(State(app): State<App>, fields: Fields) -> Answer {
    let path = safe_path(&fields.text("path")?.unwrap_or_default())?;
    let folder = app.artifacts.clone();
    let entries = on_files(move || folder.list(&path)).await?;
    Ok(Json(files(&entries, "")))
}

async fn download(
    State(app): State<App>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&app.artifacts, safe_path(&path)?, &headers).await
}

async fn upload(State(app): State<App>, Path(path): Path<String>, body: Body) -> Answer {
    let path = safe_path(&path)?;
    store(&app.artifacts, path.clone(), body).await?;
    app.event_files.at(&path);
    Ok(Json(json!({})))
}

async fn remove(State(app): State<App>, Path(path): Path<String>) -> Answer {
    let (folder, path) = (app.artifacts.clone(), safe_path(&path)?);
    on_files(move || folder.remove(&path)).await?;
    Ok(Json(json!({})))
}

/// Bytes of a file that is sent to a run in one request.
const UPLOAD_MAX: usize = 10 << 20;

async fn to_run(State(app): State<App>, RawQuery(query): RawQuery, body: Body) -> Answer {
    let fields = Fields::of_query(&query.unwrap_or_default());
    let given = |name: &str| {
        let text = fields.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::invalid(format!("Request must specify {name}.")))
    };
    let id = given("run_uuid")?;
    let path = safe_path(&given("path")?)?;
    let data = axum::body::to_bytes(body, UPLOAD_MAX)
        .await
        .map_err(|error| match Stop::of(&error) {
            Some(Stop::Full) => ApiError::full(),
            Some(Stop::Crowded) => ApiError::busy(),
            Some(Stop::Late) => ApiError::late(),
            None => ApiError::invalid("Artifact size is too large. Max size is 10MB."),
        })?;
    if data.is_empty() {
        return Err(ApiError::invalid("Request must specify data."));
    }
    let run = app
        .db
        .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    write_of(&app, &run.artifact_uri, &path, Body::from(data)).await?;
    app.event_files.of_run(&run.id, &path);
    Ok(Json(json!({})))
}

async fn of_run(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let path = safe_path(&fields.required("path")?)?;
    let id = fields.run_id()?;
    let run = app
        .db
        .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    send_of(&app, &run.artifact_uri, &path, &headers).await
}

async fn of_version(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let path = safe_path(&fields.required("path")?)?;
    let name = fields.required("name")?;
    let version = super::versions::number(&fields)?;
    let found = app
        .db
        .read(move |sql| versions::get(sql, DEFAULT_WORKSPACE, &name, version))
        .await?;
    send_of(&app, &found.storage_location, &path, &headers).await
}
