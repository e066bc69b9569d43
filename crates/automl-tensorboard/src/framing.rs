//! `TFRecord` framing: length, masked CRC of the length, payload, masked CRC of the payload.
//!
//! ```text
//! u64 length · u32 mask(crc32c(length)) · payload · u32 mask(crc32c(payload))        all little-endian
//! mask(c) = rotate_right(c, 15) + 0xa282ead8
//! ```
//!
//! References: `tensorflow/core/lib/io/record_writer.h`; Castagnoli's polynomial as in RFC 3720, appendix B.4.

use crate::TensorBoardError;

const HEADER_LEN: usize = 12;
const FOOTER_LEN: usize = 4;
const TABLE: [u32; 256] = crc_table();

/// Appends one framed payload.
pub(crate) fn push_frame(out: &mut Vec<u8>, payload: &[u8]) {
    let length = (payload.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked_crc(&length).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&masked_crc(payload).to_le_bytes());
}

/// One framed payload and where the next frame begins; `None` when the bytes end inside the frame.
///
/// # Errors
/// A checksum does not hold.
pub(crate) fn next_frame(
    bytes: &[u8],
    offset: usize,
) -> Result<Option<(&[u8], usize)>, TensorBoardError> {
    let Some(header) = bytes.get(offset..offset + HEADER_LEN) else {
        return Ok(None);
    };
    let (length, length_crc) = header.split_at(8);
    if masked_crc(length) != read_u32(length_crc) {
        return Err(TensorBoardError::Checksum { offset });
    }
    let length = u64::from_le_bytes(length.try_into().expect("the header was split at 8"));
    let begin = offset + HEADER_LEN;
    let left = bytes.len() - begin;
    let is_cut = left < FOOTER_LEN || length > (left - FOOTER_LEN) as u64;
    if is_cut {
        return Ok(None);
    }
    let end = begin + length as usize;
    let payload = &bytes[begin..end];
    if masked_crc(payload) != read_u32(&bytes[end..end + FOOTER_LEN]) {
        return Err(TensorBoardError::Checksum { offset });
    }
    Ok(Some((payload, end + FOOTER_LEN)))
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes were cut out"))
}

/// The checksum as it stands in a file: masked, so that a file within a file does not checksum to itself.
pub(crate) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C, a byte at a time: about 400 MB a second, and event files hold kilobytes.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
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
