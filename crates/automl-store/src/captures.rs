//! What was kept of requests of endpoints, as files: lines while they come, Parquet for good.
//!
//! `captures/ENDPOINT/SERIES-TIME.lines` grows, and is brought to the disk by whoever writes it. When it is full or old it becomes
//! `SERIES-TIME.parquet`, which is written aside and moved into place; then the lines go. What a killed process left as lines is
//! made into Parquet by the next, but for a last line that was cut. How lines become Parquet is said by whoever starts the
//! program ([`Seal`]).

#[cfg(test)]
mod tests;

use crate::rfc3339;
use crate::{AtomicFile, StoreError};
use automl_core::{Clock, Coded};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Makes Parquet of lines; tells the rows, and whether lines at the end were not whole. Lines of which not even the first is
/// whole are no rows.
pub type Seal = fn(&mut dyn BufRead, &mut (dyn Write + Send)) -> Result<SealedRows, SealError>;

/// Why lines are not made into Parquet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// They are no lines of rows, now or ever.
    #[error("{0}")]
    Lines(String),
    /// The disk gave or took no more, which may pass.
    #[error("{0}")]
    Disk(String),
}

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedRows {
    /// Rows that were written.
    pub n_rows: u64,
    /// Whether the end of the lines was cut.
    pub is_cut: bool,
}

const LINES: &str = "lines";
const PARQUET: &str = "parquet";
const BAD: &str = "bad";

/// What is wrong with a file of what was kept.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum CaptureError {
    #[error("cannot {action} {}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("lines cannot be understood and are kept as {}: {reason}", .path.display())]
    Lines { path: PathBuf, reason: String },
    #[error("cannot make a file of {}, which stays for later: {reason}", .path.display())]
    Later { path: PathBuf, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CaptureError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl Coded for CaptureError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::Later { .. } => "capture-io",
            Self::Lines { .. } => "capture-lines",
            Self::Store(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Io { .. } | Self::Lines { .. } | Self::Later { .. } => None,
        }
    }
}

/// Lines of an ended process, and what became of them.
pub type EndedLines = (PathBuf, Result<SealedRows, CaptureError>);

/// What a file of an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Parquet.
    Done,
    /// Lines that become Parquet.
    Growing,
    /// Lines that nobody can read.
    Bad,
}

/// A file of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct CaptureFile {
    pub path: PathBuf,
    pub kind: FileKind,
    pub n_bytes: u64,
    /// When it was changed last, in microseconds since 1970.
    pub changed_us: i64,
}

/// How much is kept of each endpoint; all of it where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The age at which files go, in microseconds.
    pub age_us_max: Option<i64>,
    /// Bytes of all files, beyond which the oldest go.
    pub n_bytes_max: Option<u64>,
}

/// The files of a workspace.
#[derive(Debug, Clone)]
pub struct Captures {
    root: PathBuf,
    seal: Seal,
}

/// Lines that this process writes; no other makes Parquet of them meanwhile.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    n_bytes: u64,
    is_synced: bool,
    /// When they were begun.
    began_us: i64,
}

impl Lines {
    /// Adds a line, which has no end yet.
    ///
    /// # Errors
    /// If the disk takes no more.
    pub fn append(&mut self, line: &str) -> Result<(), CaptureError> {
        let written =
            (self.file.write_all(line.as_bytes())).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(CaptureError::io("write", &self.path))?;
        self.n_bytes += line.len() as u64 + 1;
        self.is_synced = false;
        Ok(())
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// If the disk takes no more.
    pub fn sync(&mut self) -> Result<(), CaptureError> {
        if self.is_synced {
            return Ok(());
        }
        let synced = self.file.flush();
        let synced = synced.and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(CaptureError::io("write", &self.path))?;
        self.is_synced = true;
        Ok(())
    }

    /// Bytes so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// When they were begun, in microseconds since 1970.
    pub fn began_us(&self) -> i64 {
        self.began_us
    }
}

impl Captures {
    /// Those below a folder, which is made with the first file.
    pub fn new(root: &Path, seal: Seal) -> Self {
        Self {
            root: root.to_owned(),
            seal,
        }
    }

    /// The folder of an endpoint.
    pub fn folder(&self, endpoint: &str) -> PathBuf {
        self.root.join(endpoint)
    }

    /// Begins lines of a series of an endpoint with a line that says what they hold. Both names are such as endpoints have.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn begin(&self, endpoint: &str, series: &str, head: &str) -> Result<Lines, CaptureError> {
        let folder = self.folder(endpoint);
        fs::create_dir_all(&folder).map_err(CaptureError::io("make", &folder))?;
        let mut began_us = Clock::unix_micros();
        let (path, file) = loop {
            let time = rfc3339(began_us).replace(':', "");
            let path = folder.join(format!("{series}-{time}.{LINES}"));
            let file = match File::create_new(&path) {
                // Another server may have begun the same at this moment.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    began_us += 1;
                    continue;
                }
                made => made.map_err(CaptureError::io("make", &path))?,
            };
            file.lock().map_err(CaptureError::io("lock", &path))?;
            // Before it was locked, another may have taken it for what a killed process left.
            if path.exists() {
                break (path, file);
            }
            began_us += 1;
        };
        let mut lines = Lines {
            path,
            file: BufWriter::with_capacity(1 << 16, file),
            n_bytes: 0,
            is_synced: false,
            began_us,
        };
        lines.append(head)?;
        Ok(lines)
    }

    /// Makes Parquet of lines that are done.
    ///
    /// # Errors
    /// If they cannot be read, or there is no room.
    pub fn end(&self, mut lines: Lines) -> Result<SealedRows, CaptureError> {
        lines.sync()?;
        let Lines { path, file, .. } = lines;
        let done = self.sealed(&path);
        // Its lock goes with it.
        drop(file);
        done
    }

    /// Makes Parquet of what killed processes left. Tells of each file what became of it.
    ///
    /// # Errors
    /// If the folders cannot be listed.
    pub fn end_left(&self) -> Result<Vec<EndedLines>, CaptureError> {
        let mut done = Vec::new();
        for folder in listed(&self.root)? {
            if !folder.is_dir() {
                continue;
            }
            for path in listed(&folder)? {
                if path.extension().is_none_or(|kind| kind != LINES) {
                    continue;
                }
                if let Some(sealed) = self.sealed_if_left(&path).transpose() {
                    done.push((path, sealed));
                }
            }
        }
        Ok(done)
    }

    /// Makes Parquet of lines that nobody writes.
    fn sealed_if_left(&self, path: &Path) -> Result<Option<SealedRows>, CaptureError> {
        let file = match File::open(path) {
            // Another has made a file of them just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(CaptureError::io("read", path))?,
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(CaptureError::io("lock", path)(error)),
            Ok(()) => self.sealed(path).map(Some),
        }
    }

    /// The files of an endpoint, by name: those that are done, that still grow, and that nobody can read.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn files(&self, endpoint: &str) -> Result<Vec<CaptureFile>, CaptureError> {
        files_of(&self.folder(endpoint))
    }

    /// Removes the oldest files of each endpoint beyond what is kept; those that grow stay. Tells what it removed.
    ///
    /// # Errors
    /// If a folder cannot be listed, or a file not be removed.
    pub fn sweep(&self, keep: Retention, now_us: i64) -> Result<Vec<PathBuf>, CaptureError> {
        let mut gone = Vec::new();
        for folder in listed(&self.root)? {
            if !folder.is_dir() {
                continue;
            }
            let mut files = files_of(&folder)?;
            files.sort_by_key(|file| file.changed_us);
            let mut n_bytes: u64 = files.iter().map(|file| file.n_bytes).sum();
            for file in files.iter().filter(|file| file.kind != FileKind::Growing) {
                let age_us = now_us.saturating_sub(file.changed_us);
                let is_old = keep.age_us_max.is_some_and(|most| age_us > most);
                let are_many = keep.n_bytes_max.is_some_and(|most| n_bytes > most);
                if is_old || are_many {
                    match fs::remove_file(&file.path) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        removed => removed.map_err(CaptureError::io("remove", &file.path))?,
                    }
                    n_bytes -= file.n_bytes;
                    gone.push(file.path.clone());
                }
            }
        }
        Ok(gone)
    }

    fn sealed(&self, path: &Path) -> Result<SealedRows, CaptureError> {
        let target = path.with_extension(PARQUET);
        let gone = |path: &Path| fs::remove_file(path).map_err(CaptureError::io("remove", path));
        if target.exists() {
            // Whoever made it was killed before the lines went.
            gone(path)?;
            return Ok(SealedRows {
                n_rows: 0,
                is_cut: false,
            });
        }
        let file = File::open(path).map_err(CaptureError::io("read", path))?;
        let mut out = AtomicFile::create(&target)?;
        match (self.seal)(&mut BufReader::new(file), &mut out) {
            Ok(sealed) => {
                if sealed.n_rows > 0 {
                    out.commit()?;
                }
                gone(path)?;
                Ok(sealed)
            }
            Err(SealError::Lines(reason)) => {
                let path = aside(path)?;
                Err(CaptureError::Lines { path, reason })
            }
            Err(SealError::Disk(reason)) => {
                let path = path.to_owned();
                Err(CaptureError::Later { path, reason })
            }
        }
    }
}

/// The files of a folder that are of captures, by name.
fn files_of(folder: &Path) -> Result<Vec<CaptureFile>, CaptureError> {
    let mut found = Vec::new();
    for path in listed(folder)? {
        let kind = path.extension().and_then(|kind| kind.to_str());
        let kind = match kind {
            Some(PARQUET) => FileKind::Done,
            Some(LINES) => FileKind::Growing,
            Some(BAD) => FileKind::Bad,
            _ => continue,
        };
        let facts = match fs::metadata(&path) {
            // It has become another just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            facts => facts.map_err(CaptureError::io("read", &path))?,
        };
        let changed = facts.modified().map_err(CaptureError::io("read", &path))?;
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        found.push(CaptureFile {
            kind,
            n_bytes: facts.len(),
            changed_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            path,
        });
    }
    Ok(found)
}

/// Moves lines that nobody can read out of the way, so that they are not tried again and again.
fn aside(path: &Path) -> Result<PathBuf, CaptureError> {
    let bad = path.with_extension(BAD);
    fs::rename(path, &bad).map_err(CaptureError::io("move", path))?;
    Ok(bad)
}

/// What is in a folder, by name; nothing if it is not there.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(CaptureError::io("list", folder))?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        paths.push(entry.map_err(CaptureError::io("list", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}
