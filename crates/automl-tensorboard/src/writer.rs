//! An event file on disk.

use crate::{EventLog, Record, TensorBoardError};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Records are written to the file when so many bytes wait.
const BUFFER_BYTES: usize = 64 * 1024;

/// What tells event files of one directory apart: TensorBoard orders files by name, so time stands first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFileName {
    /// When the run began, in seconds since 1970.
    pub unix_seconds: u64,
    /// The machine.
    pub host: String,
    /// The process.
    pub process: u32,
}

impl EventFileName {
    /// `events.out.tfevents.<seconds>.<host>.<process>.<counter>`; a host's odd characters become `-`.
    pub fn file_name(&self, counter: u32) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let host: String = self.host.chars().map(plain).collect();
        let Self {
            unix_seconds,
            process,
            ..
        } = self;
        format!("events.out.tfevents.{unix_seconds:010}.{host}.{process}.{counter}")
    }
}

/// Appends records to an event file of its own.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
    log: EventLog,
}

impl EventWriter {
    /// Makes `directory` if need be and a new file in it. A file that is there is never opened: the counter at the end
    /// of the name goes up until the name is free.
    ///
    /// # Errors
    /// The directory or the file cannot be made.
    pub fn create(directory: &Path, name: &EventFileName) -> Result<Self, TensorBoardError> {
        let fail = |path: &Path, source| TensorBoardError::Write {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(|error| fail(directory, error))?;
        let mut counter = 0;
        let (path, file) = loop {
            let path = directory.join(name.file_name(counter));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => counter += 1,
                Err(error) => return Err(fail(&path, error)),
            }
        };
        let log = EventLog::new(name.unix_seconds as f64);
        let mut writer = Self { path, file, log };
        writer.flush()?;
        Ok(writer)
    }

    /// Appends a record; it reaches the file when 64 KiB wait or at the next [`EventWriter::flush`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, record: &Record) -> Result<(), TensorBoardError> {
        self.log.push(record);
        if self.log.pending().len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what waits, so that a TensorBoard that watches the directory sees it. Call it last: records that wait when
    /// the writer is dropped are lost.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<(), TensorBoardError> {
        let written = self.file.write_all(self.log.pending());
        written.map_err(|source| TensorBoardError::Write {
            path: self.path.clone(),
            source,
        })?;
        self.log.pending().clear();
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
