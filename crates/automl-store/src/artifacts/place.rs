//! What an artifact URI means to this machine.

use super::ArtifactError;
use std::path::PathBuf;

/// Where an artifact URI leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path in the artifact store of the workspace.
    Here(String),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// The path of the artifacts of a server.
const ROUTE: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// Finds out where a URI leads.
///
/// # Errors
/// If it leads to another program's store.
pub fn place(uri: &str) -> Result<Place, ArtifactError> {
    if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
        let path = match rest.strip_prefix("//") {
            // A host may be named: it is this one.
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => rest,
        };
        return Ok(Place::Here(path.trim_matches('/').to_owned()));
    }
    if uri.starts_with("http")
        && let Some((_, path)) = uri.split_once(ROUTE)
    {
        return Ok(Place::Here(path.trim_matches('/').to_owned()));
    }
    if let Some(rest) = uri.strip_prefix("file://") {
        return Ok(Place::Folder(percent_decoded(rest).into()));
    }
    if !uri.contains(":/") {
        return Ok(Place::Folder(uri.into()));
    }
    Err(ArtifactError::Foreign {
        uri: uri.to_owned(),
    })
}

/// `%41` as `A`; what is no such code stays.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let code = (byte == b'%')
            .then(|| text.get(place + 1..place + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(byte));
        place += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
