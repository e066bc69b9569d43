//! Files of runs and models, in a folder of this machine or in an object store.
//!
//! [`ArtifactStore`] is what the rest knows: files are begun, written and finished, read whole or in part, listed and
//! removed by path. A file appears whole or not at all; content that is there already takes no more room; what is read
//! whole is checked against the digest of what was written. Everything here blocks its thread: it is not for threads
//! that run futures.
//!
//! In a folder a file lies under its own path, for people and other programs to find, and is a hard link to a blob
//! ([`folder`]). An object store has no links, so there the record says which path leads to which object ([`objects`]).

pub mod folder;
pub mod objects;
mod parts;
mod read;
mod sign;
#[cfg(test)]
mod tests;

pub use folder::Folder;
pub use objects::Objects;
pub use parts::{PartUpload, PartsUpload};
pub use read::Download;
pub use sign::{SECONDS_SIGNED, Signatures};

use crate::artifact_uri::{ArtifactPlace, percent_decoded};
use crate::db::{Database, DbError};
use automl_core::Coded;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

/// What can be wrong with files.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ArtifactError {
    #[error("this is no path of an artifact")]
    Path,
    #[error("No such artifact: '{path}'")]
    Missing { path: String },
    #[error("'{path}' cannot be both a file and a folder of artifacts")]
    Both { path: String },
    #[error("'{path}' does not have the content that was written: the file is damaged")]
    Damaged { path: String },
    #[error("the disk with the artifacts is full")]
    Full,
    #[error("an artifact cannot be read or written: {source}")]
    Io { source: io::Error },
    #[error("the store of the artifacts is away: {reason}")]
    Away { reason: String },
    #[error("the store of the artifacts refused a request: {reason}")]
    Refused { reason: String },
    #[error("artifacts cannot be kept at '{location}': {reason}")]
    Location { location: String, reason: String },
    #[error("this server cannot read artifacts of '{uri}'")]
    Foreign { uri: String },
    #[error("{0}")]
    Parts(String),
    #[error("Multipart upload is not supported for the current artifact repository")]
    NoParts,
    #[error("the range is not in the file, which has {n_bytes} bytes")]
    Range { n_bytes: u64 },
    #[error(transparent)]
    Record(#[from] DbError),
}

impl Coded for ArtifactError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full => "output-full",
            Self::Location { .. } => "artifacts-location",
            Self::Away { .. } => "artifacts-away",
            Self::Record(error) => error.code(),
            _ => "record-artifacts",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Location { .. } => Some(
                "look at --artifacts and at the variables AWS_*, GOOGLE_* or AZURE_* of the environment".into(),
            ),
            Self::Away { .. } | Self::Refused { .. } => Some(
                "check that the store can be reached with the credentials of the environment".into(),
            ),
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}

/// Why a copy into a store failed: what it reads, or what it writes.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum CopyError {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

/// Where an artifact URI leads.
///
/// # Errors
/// If it leads to another program's store.
pub fn place(uri: &str) -> Result<ArtifactPlace, ArtifactError> {
    ArtifactPlace::of(uri).ok_or_else(|| ArtifactError::Foreign {
        uri: uri.to_owned(),
    })
}

/// Bytes copied at a time.
const COPIED_BYTES: usize = 64 << 10;

/// An error of a file system, told of an artifact.
fn failed(path: &str, error: io::Error) -> ArtifactError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            ArtifactError::Missing {
                path: path.to_owned(),
            }
        }
        kind if automl_core::is_out_of_space(kind) => ArtifactError::Full,
        _ => ArtifactError::Io { source: error },
    }
}

/// The parts of a path, of which none leaves the store.
fn parts_of(path: &str) -> Result<Vec<&str>, ArtifactError> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let is_odd =
        |part: &&str| *part == ".." || part.contains(['\0', '\\']) || part.len() > PART_BYTES_MAX;
    let is_ours = parts.first().is_some_and(|first| OURS.contains(first));
    if is_ours || parts.iter().any(is_odd) {
        return Err(ArtifactError::Path);
    }
    Ok(parts)
}

/// Bytes of one name in a path, as file systems allow.
const PART_BYTES_MAX: usize = 255;
/// Names below the root of a folder that are not for artifacts, in whatever store, so that each can take what another has.
const OURS: [&str; 2] = [folder::BLOBS, folder::UNFINISHED];

/// Where artifacts are to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket or container, perhaps with a prefix.
    Objects {
        /// Such as `s3://bucket/prefix`.
        url: String,
        /// What the environment says of it, by names in lower case, such as `aws_access_key_id`.
        options: BTreeMap<String, String>,
    },
}

impl Location {
    /// Reads `s3://…`, `gs://…`, `az://…`, `file:///…` or a folder.
    ///
    /// # Errors
    /// If it is a URL of another kind, or the options are not enough for its kind.
    pub fn parse(text: &str, options: &BTreeMap<String, String>) -> Result<Self, ArtifactError> {
        if let Some(path) = text.strip_prefix("file://") {
            if !path.starts_with('/') {
                return Err(ArtifactError::Location {
                    location: text.to_owned(),
                    reason: "file:// needs an absolute path: file:///srv/artifacts".into(),
                });
            }
            return Ok(Self::Folder(percent_decoded(path).into()));
        }
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        objects::Remote::check(text, options)?;
        Ok(Self::Objects {
            url: text.to_owned(),
            options: options.clone(),
        })
    }
}

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Its size; none for a folder.
    pub n_bytes: Option<u64>,
}

/// Which bytes of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    Whole,
    /// From the first to the last, both counted from 0, or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl Wanted {
    /// The bytes of a file of a size, as the first and the one behind the last.
    fn of(self, n_bytes: u64) -> Result<(u64, u64), ArtifactError> {
        let (from, to) = match self {
            Self::Whole => return Ok((0, n_bytes)),
            Self::From(first, last) => {
                let to = last.map_or(n_bytes, |last| last.saturating_add(1).min(n_bytes));
                (first, to)
            }
            Self::Last(count) => (n_bytes.saturating_sub(count), n_bytes),
        };
        if from >= to {
            return Err(ArtifactError::Range { n_bytes });
        }
        Ok((from, to))
    }
}

/// Whether what nothing refers to is removed, or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Sweep {
    Count,
    Remove,
}

/// Files that were swept, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Swept {
    pub n_blobs: u64,
    pub blob_bytes: u64,
    pub n_unfinished: u64,
    pub unfinished_bytes: u64,
}

/// Keeps artifacts. Clones share it.
#[derive(Clone)]
pub enum ArtifactStore {
    /// In a folder of this machine.
    Folder(Folder),
    /// In an object store, with the record.
    Objects(Objects),
}

/// A file that is being written. Dropped before it is finished, it leaves nothing.
pub enum Upload {
    /// Into a folder.
    File(Box<folder::FileUpload>),
    /// Into an object store.
    Object(Box<objects::ObjectUpload>),
}

impl Upload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        match self {
            Self::File(upload) => upload.write(bytes),
            Self::Object(upload) => upload.write(bytes),
        }
    }

    /// Makes the file appear, in place of one that was there.
    pub fn finish(self) -> Result<(), ArtifactError> {
        match self {
            Self::File(upload) => upload.finish(),
            Self::Object(upload) => upload.finish(),
        }
    }
}

impl ArtifactStore {
    /// Opens a store for reading and writing.
    ///
    /// # Errors
    /// If it cannot be reached, or what it needs is not said.
    pub fn open(location: &Location, db: &Database) -> Result<Self, ArtifactError> {
        Ok(match location {
            Location::Folder(root) => Self::Folder(Folder::open(root.clone())?),
            Location::Objects { url, options } => Self::Objects(Objects::open(url, options, db)?),
        })
    }

    /// Begins a file; nothing is seen of it until it is finished.
    pub fn begin(&self, path: &str) -> Result<Upload, ArtifactError> {
        match self {
            Self::Folder(folder) => Ok(Upload::File(Box::new(folder.begin(path)?))),
            Self::Objects(objects) => Ok(Upload::Object(Box::new(objects.begin(path)?))),
        }
    }

    /// Puts all that can be read of `input` into a file, which appears whole or not at all; gives its size.
    pub fn copy_from(&self, path: &str, input: &mut dyn Read) -> Result<u64, CopyError> {
        let mut upload = self.begin(path)?;
        let mut chunk = vec![0; COPIED_BYTES];
        let mut n_bytes = 0;
        loop {
            match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_read) => {
                    upload.write(&chunk[..n_read])?;
                    n_bytes += n_read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CopyError::Read(error)),
            }
        }
        upload.finish()?;
        Ok(n_bytes)
    }

    /// Opens a file, or a part of it.
    pub fn read(&self, path: &str, wanted: Wanted) -> Result<Download, ArtifactError> {
        match self {
            Self::Folder(folder) => folder.read(path, wanted),
            Self::Objects(objects) => objects.read(path, wanted),
        }
    }

    /// What lies in a folder, by name; nothing if it is not there or is a file.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, ArtifactError> {
        match self {
            Self::Folder(folder) => folder.list(path),
            Self::Objects(objects) => objects.list(path),
        }
    }

    /// Removes a file, or a folder with all that is in it. Their room is freed by [`crate::gc`].
    pub fn remove(&self, path: &str) -> Result<(), ArtifactError> {
        match self {
            Self::Folder(folder) => folder.remove(path),
            Self::Objects(objects) => objects.remove(path),
        }
    }

    /// Bytes of a file or of all files in a folder; 0 if it is not there.
    pub fn n_bytes(&self, path: &str) -> Result<u64, ArtifactError> {
        match self {
            Self::Folder(folder) => folder.n_bytes(path),
            Self::Objects(objects) => objects.n_bytes(path),
        }
    }

    /// Removes content that no path leads to, and uploads that nobody went on with since `older_than` (milliseconds since
    /// 1970), or only counts them. Safe beside servers that use the store.
    pub fn sweep(&self, older_than: i64, sweep: Sweep) -> Result<Swept, ArtifactError> {
        match self {
            Self::Folder(folder) => folder.sweep(older_than, sweep),
            Self::Objects(objects) => objects.sweep(older_than, sweep),
        }
    }

    /// Content, and its bytes, that nothing would refer to if the files below some paths went.
    pub fn left_without(&self, paths: &[String]) -> Result<(u64, u64), ArtifactError> {
        match self {
            Self::Folder(folder) => folder.left_without(paths),
            Self::Objects(objects) => objects.left_without(paths),
        }
    }

    /// Whether clients may send a file in parts.
    pub fn takes_parts(&self) -> bool {
        match self {
            Self::Folder(_) => true,
            Self::Objects(objects) => objects.signs(),
        }
    }

    /// Whether clients may read files past the server.
    pub fn signs(&self) -> bool {
        matches!(self, Self::Objects(objects) if objects.signs())
    }

    /// An address from which a client may read a file past the server, for a few minutes, and its size; none if the
    /// store gives no such addresses.
    pub fn signed_url(&self, path: &str) -> Result<Option<(String, u64)>, ArtifactError> {
        match self {
            Self::Objects(objects) if objects.signs() => objects.signed_url(path).map(Some),
            _ => Ok(None),
        }
    }
}
