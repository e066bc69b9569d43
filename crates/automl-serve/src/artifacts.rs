//! The files behind `mlflow-artifacts:` URIs, and what an artifact URI means to this server.

use crate::error::ApiError;
use automl_store::artifacts::{ArtifactError, Folder};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio_util::io::ReaderStream;

/// The folder with all artifacts.
pub(crate) type Artifacts = Folder;

pub(crate) use automl_store::artifact_uri::ArtifactPlace as Place;

/// Finds out where a URI leads.
pub(crate) fn place(uri: &str) -> Result<Place, ApiError> {
    Place::of(uri).ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NOT_IMPLEMENTED",
            format!("this server cannot read artifacts of '{uri}'"),
        )
    })
}

fn joined(root: &str, path: &str) -> String {
    [root, path]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The folder that a place is in, and the path in it.
pub(crate) fn folder_of(artifacts: &Artifacts, place: Place, path: &str) -> (Folder, String) {
    match place {
        Place::Here(root) => (artifacts.clone(), joined(&root, path)),
        Place::Folder(root) => (Folder::plain(root), path.to_owned()),
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Path => Self::invalid("Invalid path"),
            ArtifactError::Missing { .. } => Self::missing(error.to_string()),
            ArtifactError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "RESOURCE_EXHAUSTED",
                error.to_string(),
            ),
            ArtifactError::Io { .. } => Self::internal(error.to_string()),
        }
    }
}

/// Chunks of a body that wait to be written.
const CHUNKS_WAITING: usize = 16;

/// Writes a body as a file.
pub(crate) async fn store(folder: &Folder, path: String, body: Body) -> Result<(), ApiError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<axum::body::Bytes>(CHUNKS_WAITING);
    let folder = folder.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let mut upload = folder.begin(&path)?;
        while let Some(chunk) = receiver.blocking_recv() {
            if chunk.is_empty() {
                // The body broke off.
                return Ok(());
            }
            upload.write(&chunk)?;
        }
        upload.finish()
    });
    let mut body = body.into_data_stream();
    let mut broken = None;
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) if chunk.is_empty() => {}
            Ok(chunk) => {
                // A writer that failed says why below.
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                broken = Some(ApiError::invalid(format!("the body broke off: {error}")));
                // Sent to a writer that may have failed: its own error counts.
                drop(sender.send(axum::body::Bytes::new()).await);
                break;
            }
        }
    }
    drop(sender);
    let outcome = writer
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    outcome?;
    broken.map_or(Ok(()), Err)
}

/// Work on files, away from the threads that run futures.
pub(crate) async fn on_files<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ArtifactError> + Send + 'static,
{
    let outcome = tokio::task::spawn_blocking(work).await;
    Ok(outcome.map_err(|error| ApiError::internal(error.to_string()))??)
}

/// Sends a file as a download, so that a browser never runs what it holds.
pub(crate) async fn send(folder: &Folder, path: String) -> Result<Response, ApiError> {
    let folder = folder.clone();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let (file, n_bytes) = on_files(move || folder.read(&path)).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(
        tokio::fs::File::from_std(file),
        64 << 10,
    ));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime(&name)));
    headers.insert(header::CONTENT_LENGTH, n_bytes.into());
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    let safe: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_graphic() && !"\"\\;".contains(letter) {
                letter
            } else {
                '_'
            }
        })
        .collect();
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename={safe}")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

const TEXTS: &[&str] = &[
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "ini",
    "properties",
    "props",
    "yaml",
    "yml",
    "toml",
    "json",
    "js",
    "py",
    "py3",
    "csv",
    "tsv",
    "md",
    "rst",
    "xml",
    "jsonnet",
    "mlmodel",
    "mlproject",
];

/// What kind of file a name promises.
fn mime(name: &str) -> &'static str {
    let lower = name.to_lowercase();
    let extension = lower.rsplit('.').next().unwrap_or_default();
    match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "html" | "htm" => "text/html",
        _ if TEXTS.contains(&extension) => "text/plain",
        _ => "application/octet-stream",
    }
}
