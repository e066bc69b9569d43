//! What the URI of an artifact means: a path below the artifacts of a workspace, or a folder of this machine.

use std::path::PathBuf;

/// Where an artifact URI leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// A path below the artifacts of the workspace.
    Here(String),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// The path of the artifacts of a server.
const ROUTE: &str = "/api/2.0/mlflow-artifacts/artifacts";

impl ArtifactPlace {
    /// Finds out where a URI leads; nothing if it is some other store.
    pub fn of(uri: &str) -> Option<Self> {
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                // A host may be named: it is this one.
                Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
                None => rest,
            };
            return Some(Self::Here(path.trim_matches('/').to_owned()));
        }
        if uri.starts_with("http")
            && let Some((_, path)) = uri.split_once(ROUTE)
        {
            return Some(Self::Here(path.trim_matches('/').to_owned()));
        }
        if let Some(rest) = uri.strip_prefix("file://") {
            return Some(Self::Folder(percent_decoded(rest).into()));
        }
        if let Some(rest) = uri.strip_prefix("file:") {
            return Some(Self::Folder(percent_decoded(rest).into()));
        }
        (!uri.contains(":/")).then(|| Self::Folder(uri.into()))
    }
}

/// The place at `path` below another. A query, which some stores take settings from, stays at the end.
pub fn below(location: &str, path: &str) -> String {
    match location.split_once('?') {
        Some((place, query)) if place.contains(":/") => {
            format!("{}/{path}?{query}", place.trim_end_matches('/'))
        }
        _ => format!("{location}/{path}"),
    }
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
