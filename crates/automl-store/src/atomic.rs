//! Files that appear whole or not at all.

use crate::StoreError;
use crate::made::Made;
use crate::staging::{self, Shape, Staged};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file whole or not at all: into a temporary name beside it, to the disk, then into place.
///
/// A special file such as `/dev/stdout` is written straight.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)
        .map_err(StoreError::io("write", path))?;
    file.commit()
}

/// A file that appears when it is committed. Dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    writer: BufWriter<File>,
    staged: Option<PathBuf>,
    /// Directories that were made for it.
    made: Made,
}

impl AtomicFile {
    /// Starts a file that will stand at `path`, in a directory that is made if it is not there; what stands there now stays
    /// until the commit. A symbolic link is followed.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let found = fs::metadata(&target).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(StoreError::Exists {
                path: path.to_owned(),
                reason: "it is a directory".into(),
                is_replaceable: false,
            });
        }
        let is_special = found.is_some_and(|found| !found.is_file());
        if is_special {
            let file = File::options().write(true).open(&target);
            let file = file.map_err(StoreError::io("write", path))?;
            return Ok(Self::new(path, target, file, None, Made::default()));
        }
        let (Staged { path: staged, file }, made) = staging::claim_in_new(&target, Shape::File)?;
        Ok(Self::new(path, target, file, Some(staged), made))
    }

    fn new(path: &Path, target: PathBuf, file: File, staged: Option<PathBuf>, made: Made) -> Self {
        Self {
            path: path.to_owned(),
            target,
            writer: BufWriter::with_capacity(1 << 16, file),
            staged,
            made,
        }
    }

    /// Lets only its owner read it.
    pub(crate) fn restrict(&self) -> io::Result<()> {
        staging::restrict(self.writer.get_ref(), 0o600)
    }

    /// Writes all to the disk and puts the file into place.
    pub fn commit(mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let write = |error| StoreError::io("write", &path)(error);
        self.writer.flush().map_err(write)?;
        let Some(staged) = &self.staged else {
            return Ok(());
        };
        self.writer.get_ref().sync_all().map_err(write)?;
        fs::rename(staged, &self.target).map_err(write)?;
        self.staged = None;
        std::mem::take(&mut self.made).keep();
        let (parent, _) = staging::split(&self.target)?;
        staging::sync_directory(&parent).map_err(write)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            // What cannot be removed now is swept by the next writer.
            fs::remove_file(staged).ok();
        }
    }
}
