//! `TFRecord` framing: length, masked CRC of the length, payload, masked CRC of the payload.
//!
//! ```text
//! u64 length · u32 mask(crc32c(length)) · payload · u32 mask(crc32c(payload))        all little-endian
//! mask(c) = rotate_right(c, 15) + 0xa282ead8
//! ```
//!
//! References: `tensorflow/core/lib/io/record_writer.h`; Castagnoli's polynomial as in RFC 3720, appendix B.4.

use crate::TensorBoardError;
use std::io::{self, Read};

const HEADER_LEN: usize = 12;
const FOOTER_LEN: usize = 4;
/// Bytes of the longest payload that is held. Longer ones, such as the graph of a large model, are checked as they pass.
pub(crate) const HELD_MAX: u64 = 16 << 20;
const TABLE: [u32; 256] = crc_table();

/// Appends one framed payload.
pub(crate) fn push_frame(out: &mut Vec<u8>, payload: &[u8]) {
    let length = (payload.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked_crc(&length).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&masked_crc(payload).to_le_bytes());
}

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A payload of so many bytes, held.
    Held(u64),
    /// A payload of so many bytes, too long to be held.
    Passed(u64),
    /// The file ends, inside a frame if it is cut.
    End { is_cut: bool },
}

impl Frame {
    /// Bytes of a whole frame with a payload of `length`.
    pub(crate) fn n_bytes(length: u64) -> u64 {
        length.saturating_add((HEADER_LEN + FOOTER_LEN) as u64)
    }
}

/// Reads the frame at `offset` into `payload`. Memory grows as bytes come, never by what a length claims.
///
/// # Errors
/// A checksum does not hold, or the source cannot be read.
pub(crate) fn read_frame(
    input: &mut impl Read,
    offset: u64,
    payload: &mut Vec<u8>,
) -> Result<Frame, TensorBoardError> {
    let failed = |source| TensorBoardError::Read { offset, source };
    let mut header = [0; HEADER_LEN];
    let n_read = fill(input, &mut header).map_err(failed)?;
    if n_read < HEADER_LEN {
        return Ok(Frame::End { is_cut: n_read > 0 });
    }
    let (length, length_crc) = header.split_at(8);
    if masked_crc(length) != read_u32(length_crc) {
        return Err(TensorBoardError::Checksum { offset });
    }
    let length = u64::from_le_bytes(length.try_into().expect("the header was split at 8"));
    payload.clear();
    let (n_payload, crc) = if length <= HELD_MAX {
        let n_payload = input.take(length).read_to_end(payload).map_err(failed)? as u64;
        (n_payload, crc32c(payload))
    } else {
        pass(input, length).map_err(failed)?
    };
    let mut footer = [0; FOOTER_LEN];
    if n_payload < length || fill(input, &mut footer).map_err(failed)? < FOOTER_LEN {
        return Ok(Frame::End { is_cut: true });
    }
    if masked(crc) != read_u32(&footer) {
        return Err(TensorBoardError::Checksum { offset });
    }
    Ok(if length <= HELD_MAX {
        Frame::Held(length)
    } else {
        Frame::Passed(length)
    })
}

/// Reads until the buffer is full or the source ends, and says how far it came.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match input.read(&mut buffer[n_read..]) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n_read)
}

/// Reads up to `length` bytes without holding them: how many there were, and their checksum.
fn pass(input: &mut impl Read, length: u64) -> io::Result<(u64, u32)> {
    let mut chunk = [0; 8 << 10];
    let (mut n_passed, mut crc) = (0, 0);
    while n_passed < length {
        let n_wanted = (length - n_passed).min(chunk.len() as u64) as usize;
        let n_read = fill(input, &mut chunk[..n_wanted])?;
        crc = crc32c_of_more(crc, &chunk[..n_read]);
        n_passed += n_read as u64;
        if n_read < n_wanted {
            break;
        }
    }
    Ok((n_passed, crc))
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes were cut out"))
}

/// The checksum as it stands in a file: masked, so that a file within a file does not checksum to itself.
pub(crate) fn masked_crc(bytes: &[u8]) -> u32 {
    masked(crc32c(bytes))
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C, a byte at a time: about 400 MB a second, and event files hold kilobytes.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_of_more(0, bytes)
}

/// The checksum of what `crc` is of, with more bytes behind it.
fn crc32c_of_more(crc: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!crc, |crc, &byte| {
        (crc >> 8) ^ TABLE[((crc ^ u32::from(byte)) & 0xff) as usize]
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}
