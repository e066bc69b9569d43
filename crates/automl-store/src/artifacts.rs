//! Files of runs and models in a folder of this machine.
//!
//! A file lies under its own path, so that people find it, and is the same file (a hard link) as a blob named by its
//! content: what is logged twice takes its room once. A file appears whole or not at all. Files that other programs put
//! into the folder are read like any other.

use crate::hex::hex;
use automl_core::Coded;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The folder of blobs, below the root.
const BLOBS: &str = ".blobs";
/// Bytes copied at a time.
const COPIED_BYTES: usize = 64 << 10;
/// Where unfinished files are, below the root.
const UNFINISHED: &str = ".unfinished";

/// What can be wrong with files.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ArtifactError {
    #[error("this is no path of an artifact")]
    Path,
    #[error("No such artifact: '{path}'")]
    Missing { path: String },
    #[error("the disk with the artifacts is full")]
    Full,
    #[error("an artifact cannot be read or written: {source}")]
    Io { source: io::Error },
}

impl Coded for ArtifactError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full => "output-full",
            Self::Path | Self::Missing { .. } | Self::Io { .. } => "record-artifacts",
        }
    }
}

/// Why a copy into a folder failed: what it reads, or what it writes.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum CopyError {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

fn failed(path: &str, error: io::Error) -> ArtifactError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            ArtifactError::Missing {
                path: path.to_owned(),
            }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ArtifactError::Full,
        _ => ArtifactError::Io { source: error },
    }
}

/// A folder with artifacts.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    /// Whether files are kept by their content too.
    has_blobs: bool,
}

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Its size; none for a folder.
    pub n_bytes: Option<u64>,
}

impl Folder {
    /// Opens a folder for reading and writing; what was left unfinished by an earlier process goes.
    pub fn open(root: PathBuf) -> Result<Self, ArtifactError> {
        let unfinished = root.join(UNFINISHED);
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(UNFINISHED, error));
            }
            _ => {}
        }
        fs::create_dir_all(&unfinished).map_err(|error| failed(UNFINISHED, error))?;
        Ok(Self {
            root,
            has_blobs: true,
        })
    }

    /// A folder as [`Folder::open`] gives it, beside a process that may be writing to it: its unfinished files stay.
    pub fn beside(root: PathBuf) -> Self {
        Self {
            root,
            has_blobs: true,
        }
    }

    /// A folder that others write too: files in it are only files.
    pub fn plain(root: PathBuf) -> Self {
        Self {
            root,
            has_blobs: false,
        }
    }

    /// A path inside, by its parts; nothing that leaves the folder, follows a link out of it, or is ours.
    fn inside(&self, path: &str) -> Result<PathBuf, ArtifactError> {
        let mut whole = self.root.clone();
        for (place, part) in path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .enumerate()
        {
            let is_ours = place == 0 && (part == BLOBS || part == UNFINISHED);
            if part == ".." || part.contains(['\0', '\\']) || is_ours {
                return Err(ArtifactError::Path);
            }
            whole.push(part);
            if whole.is_symlink() {
                return Err(ArtifactError::Path);
            }
        }
        Ok(whole)
    }

    /// Begins a file; nothing is seen of it until it is finished.
    pub fn begin(&self, path: &str) -> Result<Upload, ArtifactError> {
        let target = self.inside(path)?;
        if target == self.root {
            return Err(ArtifactError::Path);
        }
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| ArtifactError::Io {
            source: io::Error::other(error.to_string()),
        })?;
        let name = hex(&bytes);
        let unfinished = if self.has_blobs {
            let folder = self.root.join(UNFINISHED);
            fs::create_dir_all(&folder).map_err(|error| failed(path, error))?;
            folder.join(name)
        } else {
            let parent = target.parent().unwrap_or(&self.root);
            fs::create_dir_all(parent).map_err(|error| failed(path, error))?;
            parent.join(format!(".{name}.part"))
        };
        let file = File::create_new(&unfinished).map_err(|error| failed(path, error))?;
        Ok(Upload {
            folder: self.clone(),
            path: path.to_owned(),
            target,
            unfinished: Some(unfinished),
            file,
            hash: Sha256::new(),
        })
    }

    /// Where a file or folder is on this machine.
    ///
    /// # Errors
    /// If it would be outside, or a link.
    pub fn path_of(&self, path: &str) -> Result<PathBuf, ArtifactError> {
        self.inside(path)
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

    /// Opens a file and says how long it is.
    pub fn read(&self, path: &str) -> Result<(File, u64), ArtifactError> {
        let whole = self.inside(path)?;
        let file = File::open(whole).map_err(|error| failed(path, error))?;
        let about = file.metadata().map_err(|error| failed(path, error))?;
        if !about.is_file() {
            return Err(ArtifactError::Missing {
                path: path.to_owned(),
            });
        }
        Ok((file, about.len()))
    }

    /// What lies in a folder, by name; nothing if it is not there or is a file.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, ArtifactError> {
        let whole = self.inside(path)?;
        let entries = match fs::read_dir(&whole) {
            Ok(entries) => entries,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(path, error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(path, error))?;
            let about = entry.metadata().map_err(|error| failed(path, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = whole == self.root && (name == BLOBS || name == UNFINISHED);
            if is_ours || about.is_symlink() {
                continue;
            }
            found.push(Entry {
                name,
                n_bytes: about.is_file().then_some(about.len()),
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Removes a file, or a folder with all that is in it. Blobs stay until they are collected.
    pub fn remove(&self, path: &str) -> Result<(), ArtifactError> {
        let whole = self.inside(path)?;
        if whole == self.root {
            return Err(ArtifactError::Path);
        }
        let removed = if whole.is_dir() {
            fs::remove_dir_all(&whole)
        } else {
            fs::remove_file(&whole)
        };
        removed.map_err(|error| failed(path, error))
    }
}

/// A file that is being written.
pub struct Upload {
    folder: Folder,
    path: String,
    target: PathBuf,
    /// Where it is until it is finished.
    unfinished: Option<PathBuf>,
    file: File,
    hash: Sha256,
}

impl Upload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.hash.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| failed(&self.path, error))
    }

    /// Makes the file appear, in place of one that was there.
    pub fn finish(mut self) -> Result<(), ArtifactError> {
        let path = self.path.clone();
        let io_failed = |error| failed(&path, error);
        self.file.sync_all().map_err(io_failed)?;
        let Some(unfinished) = self.unfinished.take() else {
            return Err(ArtifactError::Path);
        };
        if !self.folder.has_blobs {
            fs::rename(&unfinished, &self.target).map_err(io_failed)?;
            return sync(self.target.parent()).map_err(io_failed);
        }
        let digest = hex(&self.hash.finalize_reset());
        let blob = self
            .folder
            .root
            .join(BLOBS)
            .join(&digest[..2])
            .join(&digest);
        let parents = [blob.parent(), self.target.parent()];
        for parent in parents.into_iter().flatten() {
            fs::create_dir_all(parent).map_err(io_failed)?;
        }
        if blob.exists() {
            // What is the same is linked, not kept twice.
            fs::remove_file(&unfinished).map_err(io_failed)?;
            fs::hard_link(&blob, &unfinished).map_err(io_failed)?;
        } else {
            fs::hard_link(&unfinished, &blob).map_err(io_failed)?;
        }
        let moved = fs::rename(&unfinished, &self.target).map_err(io_failed);
        if moved.is_ok() && unfinished.exists() {
            // A rename between two links of one file does nothing.
            fs::remove_file(&unfinished).map_err(io_failed)?;
        }
        moved?;
        sync(self.target.parent()).map_err(io_failed)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(unfinished) = self.unfinished.take()
            && let Err(error) = fs::remove_file(&unfinished)
        {
            tracing::warn!(%error, "an unfinished artifact could not be removed");
        }
    }
}

fn sync(folder: Option<&Path>) -> io::Result<()> {
    match folder {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
