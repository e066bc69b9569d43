//! The tables that are predicted: files of this machine, and objects that are fetched when it is their turn.

use crate::errors::BatchError;
use crate::remote::Remote;
use automl_data::{DataError, Source};
use automl_store::buckets::BucketError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A table, not yet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    File(PathBuf),
    Object(Remote),
}

impl Input {
    /// The table for messages and accounts.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(remote) => remote.url(),
        }
    }

    /// The same, as a path.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Object(remote) => remote.url().into(),
        }
    }
}

/// A table that can be read here.
pub(super) struct Table {
    file: PathBuf,
    source: Source,
    pub(super) n_bytes: u64,
    pub(super) sha256: String,
    /// What an object store calls its content.
    pub(super) etag: Option<String>,
    kind: Kind,
}

enum Kind {
    File { changed: Option<SystemTime> },
    Copy,
}

impl Table {
    /// A file, of which `digest` is made.
    pub(super) fn of_file<E>(
        path: &Path,
        digest: impl FnOnce(&Path) -> Result<io::Result<String>, E>,
    ) -> anyhow::Result<Self>
    where
        anyhow::Error: From<E>,
    {
        let reading = |error| DataError::reading(path.display().to_string(), error);
        let (n_bytes, changed) = seen(path).map_err(reading)?;
        Ok(Self {
            file: path.to_owned(),
            source: Source::Path(path.to_owned()),
            n_bytes,
            sha256: digest(path)?.map_err(reading)?,
            etag: None,
            kind: Kind::File { changed },
        })
    }

    /// A copy of an object in `folder`, which goes with this.
    pub(super) fn fetch(
        remote: &Remote,
        folder: &Path,
        is_going: &dyn Fn() -> bool,
    ) -> anyhow::Result<Self> {
        let file = folder.join(remote.copy_name());
        let sha256 = remote
            .bucket
            .fetch(&remote.object, &file, &|_| is_going())
            .map_err(|error| match error {
                BucketError::Missing { .. }
                | BucketError::Changed { .. }
                | BucketError::Refused { .. } => BatchError::Fetch(error).into(),
                other => anyhow::Error::from(other),
            })?;
        Ok(Self {
            source: Source::Fetched {
                name: remote.url(),
                files: vec![(file.clone(), remote.url())],
            },
            file,
            n_bytes: remote.object.n_bytes,
            sha256,
            etag: remote.object.etag.clone(),
            kind: Kind::Copy,
        })
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Refuses what was changed since it was looked at.
    pub(super) fn check_same(&self) -> anyhow::Result<()> {
        let Kind::File { changed } = self.kind else {
            return Ok(());
        };
        let reading = |error| DataError::reading(self.file.display().to_string(), error);
        if seen(&self.file).map_err(reading)? != (self.n_bytes, changed) {
            let path = self.file.clone();
            return Err(BatchError::Changed { path }.into());
        }
        Ok(())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Kind::Copy = self.kind {
            // The folder of all copies goes at the end.
            fs::remove_file(&self.file).ok();
        }
    }
}

/// Length and time of the last change of a file.
fn seen(path: &Path) -> io::Result<(u64, Option<SystemTime>)> {
    let about = fs::metadata(path)?;
    Ok((about.len(), about.modified().ok()))
}
