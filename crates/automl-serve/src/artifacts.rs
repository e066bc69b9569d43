//! Artifacts between the wire and the store: bodies in, files out.

use crate::error::ApiError;
pub(crate) use automl_store::artifact_uri::ArtifactPlace as Place;
use automl_store::artifacts::{
    ArtifactError, ArtifactStore, Download, Folder, PartUpload, Upload, Wanted,
};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

/// Finds out where a URI leads.
pub(crate) fn place(uri: &str) -> Result<Place, ApiError> {
    Ok(automl_store::artifacts::place(uri)?)
}

fn joined(root: &str, path: &str) -> String {
    [root, path]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The store that a place is in, and the path in it.
pub(crate) fn store_of(store: &ArtifactStore, place: Place, path: &str) -> (ArtifactStore, String) {
    match place {
        Place::Here(root) => (store.clone(), joined(&root, path)),
        Place::Folder(root) => (ArtifactStore::Folder(Folder::plain(root)), path.to_owned()),
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
            ArtifactError::Away { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "TEMPORARILY_UNAVAILABLE",
                error.to_string(),
            ),
            ArtifactError::Foreign { .. } | ArtifactError::NoParts => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                "NOT_IMPLEMENTED",
                error.to_string(),
            ),
            ArtifactError::Parts(_) => Self::invalid(error.to_string()),
            ArtifactError::Range { .. } => Self::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "INVALID_PARAMETER_VALUE",
                error.to_string(),
            ),
            ArtifactError::Record(error) => error.into(),
            ArtifactError::Damaged { .. }
            | ArtifactError::Io { .. }
            | ArtifactError::Refused { .. }
            | ArtifactError::Location { .. } => Self::internal(error.to_string()),
        }
    }
}

/// Chunks of a body that wait to be written.
const CHUNKS_WAITING: usize = 16;

/// Takes the bytes of a body.
trait Sink: Send + 'static {
    /// What is told of a body that was taken.
    type Told: Send + 'static;
    fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError>;
    fn finish(self) -> Result<Self::Told, ArtifactError>;
}

impl Sink for Upload {
    type Told = ();
    fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        Self::write(self, bytes)
    }
    fn finish(self) -> Result<(), ArtifactError> {
        Self::finish(self)
    }
}

impl Sink for PartUpload {
    type Told = String;
    fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        Self::write(self, bytes)
    }
    fn finish(self) -> Result<String, ArtifactError> {
        Self::finish(self)
    }
}

/// Writes a body as a file.
pub(crate) async fn store(store: &ArtifactStore, path: String, body: Body) -> Result<(), ApiError> {
    let store = store.clone();
    take(move || store.begin(&path), body).await
}

/// Writes a body as a part of a file, and gives its tag.
pub(crate) async fn store_part(
    store: &ArtifactStore,
    id: String,
    number: usize,
    body: Body,
) -> Result<String, ApiError> {
    let store = store.clone();
    take(move || store.begin_part(&id, number), body).await
}

/// Hands a body to a thread that may block. A body that breaks off is not finished.
async fn take<S: Sink>(
    begin: impl FnOnce() -> Result<S, ArtifactError> + Send + 'static,
    body: Body,
) -> Result<S::Told, ApiError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(CHUNKS_WAITING);
    let writer = tokio::task::spawn_blocking(move || {
        let mut sink = begin()?;
        while let Some(chunk) = receiver.blocking_recv() {
            if chunk.is_empty() {
                // The body broke off.
                return Ok(None);
            }
            sink.write(&chunk)?;
        }
        sink.finish().map(Some)
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
                drop(sender.send(Bytes::new()).await);
                break;
            }
        }
    }
    drop(sender);
    let outcome: Result<Option<S::Told>, ArtifactError> = writer
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let broken = || broken.unwrap_or_else(|| ApiError::invalid("the body broke off"));
    outcome?.ok_or_else(broken)
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

/// Which bytes a request wants; a header that cannot be read wants all.
fn wanted(headers: &HeaderMap) -> Wanted {
    let text = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let pair = text
        .and_then(|text| text.strip_prefix("bytes="))
        .and_then(|text| text.split_once('-'));
    match pair {
        Some(("", last)) => last.parse().map_or(Wanted::Whole, Wanted::Last),
        Some((first, "")) => first
            .parse()
            .map_or(Wanted::Whole, |first| Wanted::From(first, None)),
        Some((first, last)) => match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Wanted::From(first, Some(last)),
            _ => Wanted::Whole,
        },
        None => Wanted::Whole,
    }
}

/// The chunks of a file as a body. One that turns out to be damaged breaks off, so that no client takes it for whole.
fn body_of(mut download: Download) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel(CHUNKS_WAITING);
    tokio::task::spawn_blocking(move || {
        loop {
            let chunk = download.chunk();
            let is_last = !matches!(chunk, Ok(Some(_)));
            if let Err(error) = &chunk {
                tracing::error!(%error, "a download broke off");
            }
            let chunk = chunk.transpose();
            // A client that went away wants no more.
            if chunk.is_some_and(|chunk| sender.blocking_send(chunk).is_err()) || is_last {
                return;
            }
        }
    });
    Body::from_stream(futures_util::stream::unfold(
        receiver,
        async |mut receiver| receiver.recv().await.map(|chunk| (chunk, receiver)),
    ))
}

/// Sends a file, or the part that the request wants, as a download, so that a browser never runs what it holds.
pub(crate) async fn send(
    store: &ArtifactStore,
    path: String,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let store = store.clone();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut wanted = wanted(request);
    let if_range = request.get(header::IF_RANGE).cloned();
    let download = on_files(move || {
        let download = store.read(&path, wanted)?;
        let is_same = |tag: &HeaderValue| Some(tag) == tag_of(&download).as_ref();
        if if_range.as_ref().is_some_and(|tag| !is_same(tag)) {
            // The client has a part of another file.
            wanted = Wanted::Whole;
            return store.read(&path, wanted);
        }
        Ok(download)
    })
    .await?;
    let ((from, to), n_bytes, tag) = (download.range, download.n_bytes, tag_of(&download));
    let is_whole = (from, to) == (0, n_bytes);
    let mut response = body_of(download).into_response();
    if !is_whole {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{n_bytes}", to - 1);
        if let Ok(range) = HeaderValue::try_from(range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
    }
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime(&name)));
    headers.insert(header::CONTENT_LENGTH, (to - from).into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
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

/// The digest of a file as its tag.
fn tag_of(download: &Download) -> Option<HeaderValue> {
    let digest = download.sha256.as_ref()?;
    HeaderValue::try_from(format!("\"{digest}\"")).ok()
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
