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
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

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
            ArtifactError::Parts(_) | ArtifactError::Both { .. } => {
                Self::invalid(error.to_string())
            }
            ArtifactError::Range { n_bytes } => Self::beyond(error.to_string(), n_bytes),
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
    let place = place_for_transfer()?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(CHUNKS_WAITING);
    let writer = tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut sink = begin()?;
        // Without a word that this was all, nothing appears: whoever sent went away, or the server ends.
        while let Some(piece) = receiver.blocking_recv() {
            match piece {
                Piece::Bytes(bytes) => sink.write(&bytes)?,
                Piece::End => return sink.finish().map(Some),
            }
        }
        Ok(None)
    });
    let mut body = body.into_data_stream();
    let broken = loop {
        let piece = match tokio::time::timeout(IDLE, body.next()).await {
            Ok(Some(Ok(bytes))) => Piece::Bytes(bytes),
            Ok(None) => Piece::End,
            Ok(Some(Err(error))) => break format!("the body broke off: {error}"),
            Err(_late) => break "the body did not go on".to_owned(),
        };
        let is_end = matches!(piece, Piece::End);
        // A writer that failed says why below.
        if sender.send(piece).await.is_err() || is_end {
            break "the body broke off".to_owned();
        }
    };
    drop(sender);
    let outcome: Result<Option<S::Told>, ArtifactError> = writer
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    outcome?.ok_or_else(|| ApiError::invalid(broken))
}

/// What goes to the thread that writes a body.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Bodies that go up or down at once; each holds a thread.
static TRANSFERS: Semaphore = Semaphore::const_new(256);
/// How long a client may let a body wait.
const IDLE: Duration = Duration::from_mins(1);

fn place_for_transfer() -> Result<SemaphorePermit<'static>, ApiError> {
    TRANSFERS.try_acquire().map_err(|_none| ApiError::busy())
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
fn body_of(mut download: Download) -> Result<Body, ApiError> {
    let place = place_for_transfer()?;
    let (sender, receiver) = tokio::sync::mpsc::channel(CHUNKS_WAITING);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let _place = place;
        loop {
            let chunk = download.chunk();
            let is_last = !matches!(chunk, Ok(Some(_)));
            if let Err(error) = &chunk {
                tracing::error!(%error, "a download broke off");
            }
            let chunk = chunk.transpose();
            let Some(chunk) = chunk else { return };
            // A client that went away, or takes nothing, wants no more.
            let sent = runtime.block_on(tokio::time::timeout(IDLE, sender.send(chunk)));
            if !matches!(sent, Ok(Ok(()))) || is_last {
                return;
            }
        }
    });
    Ok(Body::from_stream(futures_util::stream::unfold(
        receiver,
        async |mut receiver| receiver.recv().await.map(|chunk| (chunk, receiver)),
    )))
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
    let mut response = body_of(download)?.into_response();
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

#[cfg(test)]
mod tests {
    use super::store;
    use automl_store::artifacts::{ArtifactStore, Folder, Wanted};
    use axum::body::{Body, Bytes};
    use futures_util::{StreamExt as _, stream};
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_given_up_in_the_middle_never_appears() {
        let directory = tempfile::tempdir().unwrap();
        let files = ArtifactStore::Folder(Folder::open(directory.path().into()).unwrap());
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"half"))]);
        let body = Body::from_stream(begun.chain(stream::pending()));
        let upload = store(&files, "a.bin".into(), body);
        // As when the client goes away or the server ends.
        let given_up = tokio::time::timeout(Duration::from_millis(100), upload).await;
        assert!(given_up.is_err());
        let unfinished = directory.path().join(".unfinished");
        while std::fs::read_dir(&unfinished).unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(files.read("a.bin", Wanted::Whole).is_err());
        let whole = Body::from("whole");
        assert!(store(&files, "a.bin".into(), whole).await.is_ok());
        assert_eq!(
            files.read("a.bin", Wanted::Whole).unwrap().all().unwrap(),
            b"whole"
        );
    }
}
