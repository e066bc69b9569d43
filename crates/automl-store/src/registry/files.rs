//! The files of versions and logged models, where they are in the folder of the workspace.

use super::ModelVersion;
use crate::artifacts::{ArtifactError, ArtifactStore, CopyError, Wanted};
use crate::tracking::logged_models::LoggedModel;
use crate::workspace::PROXY_ROOT;
use crate::{StoreError, write_directory};
use automl_core::Coded;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Why files of a version cannot be had.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum FilesError {
    #[error("the files of {what} are not in the workspace but at {uri}")]
    Elsewhere { what: String, uri: String },
    #[error("{what} has no files")]
    None { what: String },
    #[error("{what} is no model of this program: it has no manifest.json")]
    NotOurs { what: String },
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coded for FilesError {
    fn code(&self) -> &'static str {
        match self {
            Self::Elsewhere { .. } => "registry-elsewhere",
            Self::None { .. } => "registry-no-files",
            Self::NotOurs { .. } => "registry-not-ours",
            Self::Artifacts(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Elsewhere { .. } => {
                Some("fetch them from there with the tools of that place".into())
            }
            Self::NotOurs { .. } => {
                Some("models of `automl fit` and `automl models import` are".into())
            }
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}

/// Where the files of a version are, below the artifacts.
///
/// # Errors
/// If they are elsewhere.
pub fn of_version(version: &ModelVersion) -> Result<String, FilesError> {
    let what = format!("{}/{}", version.name, version.version);
    below(&version.storage_location, what)
}

/// Where the files of a logged model are, below the artifacts.
///
/// # Errors
/// If they are elsewhere.
pub fn of_model(model: &LoggedModel) -> Result<String, FilesError> {
    below(&model.artifact_uri, model.id.clone())
}

fn below(uri: &str, what: String) -> Result<String, FilesError> {
    match uri.strip_prefix(PROXY_ROOT) {
        Some(path) => Ok(path.trim_matches('/').to_owned()),
        None => Err(FilesError::Elsewhere {
            what,
            uri: uri.to_owned(),
        }),
    }
}

/// The directory of files that are below the artifacts.
#[derive(Debug)]
pub enum LocalFiles {
    /// Where they are.
    There(PathBuf),
    /// A copy of them, which goes with this.
    Copy(TempDir),
}

impl AsRef<Path> for LocalFiles {
    fn as_ref(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Copy(directory) => directory.path(),
        }
    }
}

/// The files of a version as a directory of this machine: where they are, or a copy of what an object store has.
///
/// # Errors
/// If they are elsewhere, cannot be read, or there is no room for the copy.
pub fn local(artifacts: &ArtifactStore, version: &ModelVersion) -> Result<LocalFiles, FilesError> {
    let path = of_version(version)?;
    match artifacts {
        ArtifactStore::Folder(folder) => Ok(LocalFiles::There(folder.path_of(&path)?)),
        ArtifactStore::Objects(_) => {
            let io_failed = |source| FilesError::Artifacts(ArtifactError::Io { source });
            let copy = tempfile::tempdir().map_err(io_failed)?;
            let what = format!("{}/{}", version.name, version.version);
            export(artifacts, &path, &what, copy.path())?;
            Ok(LocalFiles::Copy(copy))
        }
    }
}

/// One file below a path, if it is there.
///
/// # Errors
/// If it cannot be read.
pub fn read(
    artifacts: &ArtifactStore,
    path: &str,
    name: &str,
) -> Result<Option<Vec<u8>>, FilesError> {
    match artifacts.read(&format!("{path}/{name}"), Wanted::Whole) {
        Ok(file) => Ok(Some(file.all()?)),
        Err(ArtifactError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes all files below a path into a directory that is made, whole or not at all; gives their number and size.
///
/// # Errors
/// If there are none, the directory is not empty, or something cannot be read or written.
pub fn export(
    artifacts: &ArtifactStore,
    path: &str,
    what: &str,
    target: &Path,
) -> Result<(u64, u64), FilesError> {
    let mut count = (0, 0);
    write_directory(target, |staged| {
        copy(artifacts, path, staged, &mut count)?;
        if count.0 == 0 {
            return Err(FilesError::None {
                what: what.to_owned(),
            });
        }
        Ok(())
    })?;
    Ok(count)
}

fn copy(
    artifacts: &ArtifactStore,
    path: &str,
    target: &Path,
    count: &mut (u64, u64),
) -> Result<(), FilesError> {
    let io_failed = |source| FilesError::Artifacts(ArtifactError::Io { source });
    for entry in artifacts.list(path)? {
        let (from, to): (String, PathBuf) =
            (format!("{path}/{}", entry.name), target.join(&entry.name));
        if entry.n_bytes.is_none() {
            fs::create_dir(&to).map_err(io_failed)?;
            copy(artifacts, &from, &to, count)?;
            continue;
        }
        let mut file = artifacts.read(&from, Wanted::Whole)?;
        let mut written = fs::File::create_new(&to).map_err(io_failed)?;
        count.0 += 1;
        count.1 += io::copy(&mut file, &mut written).map_err(io_failed)?;
        written.sync_all().map_err(io_failed)?;
    }
    Ok(())
}

/// Puts all files of a directory below a path; each appears whole or not at all.
///
/// # Errors
/// If something cannot be read or written.
pub fn import(artifacts: &ArtifactStore, source: &Path, path: &str) -> Result<(), FilesError> {
    let io_failed = |source| FilesError::Artifacts(ArtifactError::Io { source });
    for entry in fs::read_dir(source).map_err(io_failed)? {
        let entry = entry.map_err(io_failed)?;
        let to = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(io_failed)?.is_dir() {
            import(artifacts, &entry.path(), &to)?;
            continue;
        }
        let mut file = fs::File::open(entry.path()).map_err(io_failed)?;
        match artifacts.copy_from(&to, &mut file) {
            Ok(_n_bytes) => {}
            Err(CopyError::Read(error)) => return Err(io_failed(error)),
            Err(CopyError::Write(error)) => return Err(error.into()),
        }
    }
    Ok(())
}
