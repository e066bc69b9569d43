//! Where jobs may read and write.

use crate::error::ApiError;
use automl_store::buckets::Address;
use std::path::{Component, Path, PathBuf};

/// What lies below these may be read and written; without any there are no jobs.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Folders of this machine, whole and without links.
    pub folders: Vec<PathBuf>,
    /// Addresses in object stores.
    pub addresses: Vec<Address>,
}

impl Places {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.addresses.is_empty()
    }

    /// Whether an address lies below one of these.
    pub fn has(&self, address: &Address) -> bool {
        address.check().is_ok() && (self.addresses.iter()).any(|place| address.is_below(place))
    }
}

/// An address of a request as it is; or a path, a pattern or a folder, from the root of the machine on; one that is not so begins in
/// the first folder.
///
/// What it leads to by links is checked again when the tables are looked for.
///
/// # Errors
/// It lies below none of the places.
pub(super) fn of(text: &str, places: &Places) -> Result<String, ApiError> {
    let refused = |told: &str| ApiError::denied(format!("'{text}' {told}"));
    if let Some(address) = Address::parse(text) {
        return if places.has(&address) {
            Ok(text.to_owned())
        } else {
            Err(refused(
                "lies below no address that the server may read and write (--data-dir)",
            ))
        };
    }
    if text.contains("://") {
        return Err(refused("is no address of an object store"));
    }
    let folders = &places.folders;
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

/// As [`of`], of what is to be a folder.
pub(super) fn of_folder(text: &str, places: &Places) -> Result<String, ApiError> {
    match Address::parse(text).filter(|address| !address.is_folder()) {
        Some(_) => of(&format!("{text}/"), places),
        None => of(text, places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lie_below_the_folders_that_are_allowed() {
        let places = Places {
            folders: vec!["/data".into(), "/more/in".into()],
            addresses: ["s3://bucket/in/", "gs://whole"]
                .map(|text| Address::parse(text).unwrap())
                .to_vec(),
        };
        for (text, place) in [
            ("a/*.csv", "/data/a/*.csv"),
            ("/data/x.csv", "/data/x.csv"),
            ("/more/in", "/more/in"),
            ("s3://bucket/in/*.csv", "s3://bucket/in/*.csv"),
            ("gs://whole/x.csv", "gs://whole/x.csv"),
            ("s3://bucket/in/", "s3://bucket/in/"),
        ] {
            assert_eq!(of(text, &places).unwrap(), place);
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
            "s3://bucket/in*/x.csv",
            "s3://bucket/in",
            "s3://bucket/in/../x.csv",
            "s3://bucket/in//x.csv",
            "gs://whole//x.csv",
            "s3a://bucket/in/x.csv",
            "s3://buckets/in/x.csv",
            "gs://bucket/in/x.csv",
            "http://bucket/in/x.csv",
        ] {
            assert!(of(text, &places).is_err(), "{text}");
        }
        for text in ["s3://bucket/in", "s3://bucket/in/"] {
            assert_eq!(of_folder(text, &places).unwrap(), "s3://bucket/in/");
        }
        assert!(of_folder("s3://bucket/ins", &places).is_err());
    }
}
