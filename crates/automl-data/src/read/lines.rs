//! Lines of text, of bounded length: a small compressed file may hold a line that fills all memory.

use std::io::{self, BufRead, BufReader, Read};

/// A record longer than this is a quote that was never closed, or no table at all.
pub(super) const MAX_RECORD_BYTES: usize = 64 << 20;

const BUFFER_BYTES: usize = 128 * 1024;

/// What reading one line came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A line was appended.
    Read,
    /// There are no more.
    End,
    /// The record would be longer than [`MAX_RECORD_BYTES`].
    TooLong,
}

/// Cuts a stream into lines.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    end: u8,
}

impl Lines {
    /// Lines of `reader` that end with the byte `end`.
    pub(super) fn new(reader: Box<dyn Read + Send>, end: u8) -> Self {
        Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, reader),
            end,
        }
    }

    /// Appends one line with its end to `record`, which never grows beyond [`MAX_RECORD_BYTES`] and a byte.
    pub(super) fn append(&mut self, record: &mut Vec<u8>) -> io::Result<Line> {
        let room = (MAX_RECORD_BYTES + 1).saturating_sub(record.len());
        let n_read = (&mut self.reader)
            .take(room as u64)
            .read_until(self.end, record)?;
        Ok(if record.len() > MAX_RECORD_BYTES {
            Line::TooLong
        } else if n_read == 0 {
            Line::End
        } else {
            Line::Read
        })
    }
}
