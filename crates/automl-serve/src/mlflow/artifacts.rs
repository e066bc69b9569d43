//! Artifacts: listed by run, and the proxy through which clients read and write them.

use super::parts;
use crate::artifacts::{on_files, send, store};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::state::App;
use automl_store::artifacts::{ArtifactStore, Entry, Folder, Place, percent_decoded, place};
use automl_store::registry::versions;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::runs;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// By run.
pub(super) fn api() -> Router<App> {
    Router::new()
        .route("/artifacts/list", get(list))
        .route("/upload-artifact", post(to_run))
}

/// By path.
pub(super) fn proxy() -> Router<App> {
    Router::new()
        .merge(parts::router())
        .route("/artifacts", get(list_all))
        .route(
            "/artifacts/{*path}",
            get(download).put(upload).delete(remove),
        )
}

/// Downloads of single files.
pub(super) fn pages() -> Router<App> {
    Router::new()
        .route("/get-artifact", get(of_run))
        .route("/model-versions/get-artifact", get(of_version))
}

type Answer = Result<Json<Value>, ApiError>;

/// A relative path that stays inside; nothing else.
pub(super) fn safe_path(path: &str) -> Result<String, ApiError> {
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

fn joined(root: &str, path: &str) -> String {
    [root, path]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The store that a place is in, and the path in it.
fn store_of(app: &App, uri: &str, path: &str) -> Result<(ArtifactStore, String), ApiError> {
    Ok(match place(uri)? {
        Place::Here(root) => (app.artifacts.clone(), joined(&root, path)),
        Place::Folder(root) => {
            // Where locations that are relative start is said by whoever started the server.
            let root = app.work_dir.join(root);
            (ArtifactStore::Folder(Folder::plain(root)), path.to_owned())
        }
    })
}

pub(super) async fn list_answer(app: &App, uri: &str, path: &str) -> Answer {
    let (folder, whole) = store_of(app, uri, path)?;
    let entries = on_files(move || folder.list(&whole)).await?;
    let mut answer = files(&entries, path);
    answer["root_uri"] = uri.into();
    Ok(Json(answer))
}

async fn list(State(app): State<App>, fields: Fields) -> Answer {
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
    store(&app.artifacts, safe_path(&path)?, body).await?;
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
        .map_err(|_too_long| ApiError::invalid("Artifact size is too large. Max size is 10MB."))?;
    if data.is_empty() {
        return Err(ApiError::invalid("Request must specify data."));
    }
    let run = app
        .db
        .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    let (folder, path) = store_of(&app, &run.artifact_uri, &path)?;
    store(&folder, path, Body::from(data)).await?;
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
    let (folder, path) = store_of(&app, &run.artifact_uri, &path)?;
    send(&folder, path, &headers).await
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
    let (folder, path) = store_of(&app, &found.storage_location, &path)?;
    send(&folder, path, &headers).await
}
