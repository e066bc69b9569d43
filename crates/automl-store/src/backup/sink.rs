//! Where a backup is written to: a directory or one compressed file, seen when it is whole.

use super::hashing::{self, Hashing};
use super::{BackupError, Sealed, is_archive};
use crate::made::Made;
use crate::staging::{self, Shape, Staged};
use crate::{AtomicFile, StoreError};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How hard archives are pressed: fast, for artifacts are mostly compressed already.
const LEVEL: i32 = 3;

/// Where a backup is written to.
pub(super) enum Sink {
    Directory(Directory),
    Archive(Box<Archive>),
}

/// A directory beside its place.
pub(super) struct Directory {
    target: PathBuf,
    staged: Staged,
    /// What was made above it; nothing once the backup is in its place.
    made: Option<Made>,
}

/// A file beside its place.
pub(super) struct Archive {
    target: PathBuf,
    tar: tar::Builder<zstd::Encoder<'static, AtomicFile>>,
}

impl Sink {
    /// Begins a backup at a place where nothing is.
    pub(super) fn create(target: &Path) -> Result<Self, BackupError> {
        if fs::symlink_metadata(target).is_ok() {
            let place = target.display().to_string();
            return Err(BackupError::NotEmpty { place });
        }
        let target = target.to_owned();
        if is_archive(&target) {
            let file = AtomicFile::create(&target)?;
            file.restrict().map_err(BackupError::io(&target))?;
            let encoder = zstd::Encoder::new(file, LEVEL).map_err(BackupError::io(&target))?;
            let tar = tar::Builder::new(encoder);
            return Ok(Self::Archive(Box::new(Archive { target, tar })));
        }
        let (staged, made) = staging::claim_in_new(&target, Shape::Directory)?;
        staging::restrict(&staged.file, 0o700).map_err(BackupError::io(&target))?;
        Ok(Self::Directory(Directory {
            target,
            staged,
            made: Some(made),
        }))
    }

    /// Writes a file of `n_bytes`, and says what was written.
    pub(super) fn put(
        &mut self,
        name: &str,
        n_bytes: u64,
        input: &mut dyn Read,
    ) -> Result<Sealed, BackupError> {
        match self {
            Self::Directory(directory) => directory.put(name, input),
            Self::Archive(archive) => archive.put(name, n_bytes, input),
        }
    }

    /// Makes the backup appear.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        match self {
            Self::Directory(directory) => directory.finish(),
            Self::Archive(archive) => archive.finish(),
        }
    }
}

impl Directory {
    fn put(&mut self, name: &str, input: &mut dyn Read) -> Result<Sealed, BackupError> {
        let path = self.staged.path.join(name);
        let failed = |error| BackupError::io(&path)(error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::create_new(&path).map_err(failed)?;
        staging::restrict(&file, 0o600).map_err(failed)?;
        let sealed = hashing::each(input, |piece| file.write_all(piece)).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(sealed)
    }

    fn finish(mut self) -> Result<(), BackupError> {
        sync(&self.staged.path)?;
        fs::rename(&self.staged.path, &self.target).map_err(BackupError::io(&self.target))?;
        if let Some(made) = self.made.take() {
            made.keep();
        }
        let (parent, _) = staging::split(&self.target)?;
        staging::sync_directory(&parent).map_err(BackupError::io(&parent))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.made.is_some()
            && let Err(error) = staging::remove(&self.staged.path)
        {
            tracing::warn!(%error, "an unfinished backup could not be removed");
        }
    }
}

impl Archive {
    fn put(
        &mut self,
        name: &str,
        n_bytes: u64,
        input: &mut dyn Read,
    ) -> Result<Sealed, BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(n_bytes);
        header.set_mode(0o600);
        let mut hashing = Hashing::new(input);
        // A file that shrank would shift all that comes behind it.
        let padded = (&mut hashing).chain(std::io::repeat(0)).take(n_bytes);
        let appended = self.tar.append_data(&mut header, name, padded);
        appended.map_err(BackupError::io(&self.target))?;
        Ok(hashing.sealed())
    }

    fn finish(self) -> Result<(), BackupError> {
        let encoder = self
            .tar
            .into_inner()
            .map_err(BackupError::io(&self.target))?;
        let file = encoder.finish().map_err(BackupError::io(&self.target))?;
        Ok(file.commit()?)
    }
}

/// Makes the names in a directory and below last.
pub(super) fn sync(directory: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::io(directory)(error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            sync(&entry.path())?;
        }
    }
    staging::sync_directory(directory)
        .map_err(|error| BackupError::Store(StoreError::io("write", directory)(error)))
}
