//! The files of a store that lie in folders of this machine.

use super::{ImportError, Owner};
use crate::artifact_uri::ArtifactPlace;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Says what could not be read.
pub(super) fn unread(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    let place = path.display().to_string();
    move |error| ImportError::Read {
        place,
        reason: error.to_string(),
    }
}

/// Where relative and proxied URIs of a store lead.
#[derive(Debug, Clone)]
pub(super) struct Roots {
    /// Where relative paths start.
    pub(super) work_dir: PathBuf,
    /// What a server of the store would serve as `mlflow-artifacts:`.
    pub(super) proxied: PathBuf,
}

impl Roots {
    /// The folder of an owner's artifacts; nothing if its URI is of another kind of store.
    pub(super) fn folder(&self, owner: Owner<'_>) -> Option<PathBuf> {
        Some(match ArtifactPlace::of(owner.uri)? {
            ArtifactPlace::Here(path) => self.proxied.join(path),
            ArtifactPlace::Folder(path) => self.work_dir.join(path),
        })
    }
}

/// The paths of the files below a folder, with `/` between parts; links are left out. A folder that is not there is empty.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, ImportError> {
    let mut found = Vec::new();
    if folder.is_dir() {
        walk(folder, "", &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<(), ImportError> {
    for entry in fs::read_dir(folder).map_err(unread(folder))? {
        let entry = entry.map_err(unread(folder))?;
        let kind = entry.file_type().map_err(unread(folder))?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| ImportError::Malformed {
            place: folder.display().to_string(),
            reason: "the name of a file is not UTF-8".into(),
        })?;
        let path = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        if kind.is_dir() {
            walk(&entry.path(), &path, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// Opens one of those.
pub(super) fn open(folder: &Path, path: &str) -> Result<Box<dyn Read>, ImportError> {
    let whole = folder.join(path);
    let file = fs::File::open(&whole).map_err(unread(&whole))?;
    Ok(Box::new(file))
}
