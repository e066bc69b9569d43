//! Reading a file in chunks, checked against its digest where one is known.

use super::{ArtifactError, failed};
use crate::hex::hex;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};

/// Bytes that are read from a disk at once.
const CHUNK: usize = 256 << 10;

/// Gives the chunks of an object, one after the other.
pub(super) type Chunks = Box<dyn FnMut() -> Result<Option<Bytes>, ArtifactError> + Send>;

pub(super) enum Source {
    Disk(File),
    Store(Chunks),
}

/// A file, or a part of one, that is being read.
pub struct Download {
    path: String,
    /// Bytes that the whole file has.
    pub n_bytes: u64,
    /// The first byte and the one behind the last.
    pub range: (u64, u64),
    /// The digest of the whole file, where it is known.
    pub sha256: Option<String>,
    source: Source,
    n_left: u64,
    /// Of the last chunk, what [`Read`] has not given out yet.
    rest: Bytes,
    /// Only a whole file can be checked.
    hash: Option<Sha256>,
}

impl Download {
    pub(super) fn new(
        path: &str,
        n_bytes: u64,
        range: (u64, u64),
        sha256: Option<String>,
        source: Source,
    ) -> Self {
        let is_checked = sha256.is_some() && range == (0, n_bytes);
        Self {
            path: path.to_owned(),
            n_bytes,
            range,
            sha256,
            source,
            n_left: range.1 - range.0,
            rest: Bytes::new(),
            hash: is_checked.then(Sha256::new),
        }
    }

    /// The next bytes; nothing at the end. The last are held back until all are known to be right.
    ///
    /// # Errors
    /// If the file is damaged or cut short, or cannot be read any further.
    pub fn chunk(&mut self) -> Result<Option<Bytes>, ArtifactError> {
        let chunk = match &mut self.source {
            _ if self.n_left == 0 => None,
            Source::Disk(file) => {
                let n_max = usize::try_from(self.n_left).map_or(CHUNK, |left| left.min(CHUNK));
                let mut bytes = Vec::with_capacity(n_max);
                file.take(n_max as u64)
                    .read_to_end(&mut bytes)
                    .map_err(|error| failed(&self.path, error))?;
                Some(Bytes::from(bytes)).filter(|bytes| !bytes.is_empty())
            }
            Source::Store(next) => next()?,
        };
        let damaged = || ArtifactError::Damaged {
            path: self.path.clone(),
        };
        match &chunk {
            None if self.n_left > 0 => return Err(damaged()),
            None => {}
            Some(bytes) => {
                let n_more = (self.n_left).checked_sub(bytes.len() as u64);
                self.n_left = n_more.ok_or_else(damaged)?;
                if let Some(hash) = &mut self.hash {
                    hash.update(bytes);
                }
            }
        }
        if self.n_left == 0
            && let Some(hash) = self.hash.take()
            && self.sha256.as_deref() != Some(hex(&hash.finalize()).as_str())
        {
            return Err(ArtifactError::Damaged {
                path: self.path.clone(),
            });
        }
        Ok(chunk)
    }

    /// All of it, for files that are small.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn all(mut self) -> Result<Vec<u8>, ArtifactError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk()? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.chunk().map_err(io::Error::other)?.unwrap_or_default();
        }
        let n_bytes = self.rest.len().min(buffer.len());
        buffer[..n_bytes].copy_from_slice(&self.rest.split_to(n_bytes));
        Ok(n_bytes)
    }
}
