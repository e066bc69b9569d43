//! Artifacts as pages need them: what lies in a folder, and how a file begins.

use super::error::PageError;
use crate::artifacts::{on_files, place, send, store_of};
use crate::mlflow::artifacts::safe_path;
use crate::state::App;
use automl_store::artifacts::{ArtifactError, Entry, Wanted};
use axum::http::HeaderMap;
use axum::response::Response;
use std::io::Read;

/// What lies in a folder below an artifact URI, by name.
pub(super) async fn list(app: &App, uri: &str, path: &str) -> Result<Vec<Entry>, PageError> {
    let (folder, whole) = store_of(&app.artifacts, place(uri)?, &safe_path(path)?);
    Ok(on_files(move || folder.list(&whole)).await?)
}

/// The first bytes of a file below an artifact URI, and how many it has in all.
pub(super) async fn head(
    app: &App,
    uri: &str,
    path: &str,
    n_max: u64,
) -> Result<(Vec<u8>, u64), PageError> {
    let (folder, whole) = store_of(&app.artifacts, place(uri)?, &safe_path(path)?);
    let read = move || {
        let file = folder.read(&whole, Wanted::Whole)?;
        let n_bytes = file.n_bytes;
        let mut bytes = Vec::new();
        let read = file.take(n_max).read_to_end(&mut bytes);
        read.map_err(|source| ArtifactError::Io { source })?;
        Ok((bytes, n_bytes))
    };
    Ok(on_files(read).await?)
}

/// A whole file, as a download.
pub(super) async fn download(
    app: &App,
    uri: &str,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let (folder, whole) = store_of(&app.artifacts, place(uri)?, &safe_path(path)?);
    Ok(send(&folder, whole, headers).await?)
}
