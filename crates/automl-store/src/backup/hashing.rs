//! Bytes that are counted and hashed as they pass.

use super::Sealed;
use crate::hex::hex;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// Bytes that pass at a time.
const CHUNK: usize = 64 << 10;

/// Counts and hashes what is read through it.
pub(super) struct Hashing<'a> {
    input: &'a mut dyn Read,
    hash: Sha256,
    n_bytes: u64,
}

impl<'a> Hashing<'a> {
    pub(super) fn new(input: &'a mut dyn Read) -> Self {
        Self {
            input,
            hash: Sha256::new(),
            n_bytes: 0,
        }
    }

    /// What was read so far.
    pub(super) fn sealed(self) -> Sealed {
        Sealed {
            n_bytes: self.n_bytes,
            sha256: hex(&self.hash.finalize()),
        }
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.input.read(buffer)?;
        self.hash.update(&buffer[..n_read]);
        self.n_bytes += n_read as u64;
        Ok(n_read)
    }
}

/// Reads all, giving each piece to `take`.
pub(super) fn each<E: From<io::Error>>(
    input: &mut dyn Read,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Sealed, E> {
    let mut hashing = Hashing::new(input);
    let mut chunk = vec![0; CHUNK];
    loop {
        match hashing.read(&mut chunk) {
            Ok(0) => return Ok(hashing.sealed()),
            Ok(n_read) => take(&chunk[..n_read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a source holds.
pub(super) fn seal(input: &mut dyn Read) -> io::Result<Sealed> {
    each(input, |_| Ok(()))
}
