//! Where jobs may read and write.

use crate::error::ApiError;
use std::path::{Component, Path, PathBuf};

/// A path, a pattern or a folder of a request, from the root of the machine on; one that is not so begins in the first folder.
///
/// What it leads to by links is checked again when the tables are looked for.
///
/// # Errors
/// It lies below none of the folders, or is an address.
pub(super) fn of(text: &str, folders: &[PathBuf]) -> Result<String, ApiError> {
    let refused = |told: &str| ApiError::denied(format!("'{text}' {told}"));
    if text.contains("://") {
        return Err(refused("is an address; tables are read from folders"));
    }
    let path = Path::new(text);
    if path.as_os_str().is_empty() || path.components().any(|part| part == Component::ParentDir) {
        return Err(refused("leads out of the folders that are allowed"));
    }
    // Such a pattern would also match the folder above.
    let is_wild = |part: &str| part.starts_with('.') && part.contains(['*', '?', '[']);
    if text.split('/').any(is_wild) {
        return Err(refused(
            "has a pattern of hidden names; name the folder or the file itself",
        ));
    }
    let place = match folders.first() {
        Some(first) if !path.is_absolute() => first.join(path),
        _ => path.to_owned(),
    };
    let is_allowed = folders.iter().any(|folder| place.starts_with(folder));
    match place.to_str().filter(|_| is_allowed) {
        Some(place) => Ok(place.to_owned()),
        None => Err(refused(
            "lies below no folder that the server may read and write (--data-dir)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lie_below_the_folders_that_are_allowed() {
        let folders = [PathBuf::from("/data"), PathBuf::from("/more/in")];
        for (text, place) in [
            ("a/*.csv", "/data/a/*.csv"),
            ("/data/x.csv", "/data/x.csv"),
            ("/more/in", "/more/in"),
        ] {
            assert_eq!(of(text, &folders).unwrap(), place);
        }
        for text in [
            "",
            "../x.csv",
            "/data/../etc/passwd",
            "/etc/passwd",
            "/database/x.csv",
            "/more/*",
            "/data/.*/.*/etc/*",
            "/data/.?/x.csv",
            "/data/.[.]/x.csv",
            "s3://bucket/x.csv",
        ] {
            assert!(of(text, &folders).is_err(), "{text}");
        }
    }
}
