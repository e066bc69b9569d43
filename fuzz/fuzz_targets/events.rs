//! No bytes make the reader of event files panic, or ask for memory that the file does not pay for; whole frames around any
//! payload reach the decoder. What is read has been read from the bytes: as many records at most.

#![no_main]

use automl_tensorboard::read_events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Checksums keep most bytes from the decoder: the same once more as the payload of a frame behind a version record.
    let mut framed = automl_tensorboard::EventLog::new(0.0).into_bytes();
    frame(&mut framed, bytes);
    check(&framed);
});

fn check(bytes: &[u8]) {
    if let Ok(file) = read_events(bytes) {
        assert!(file.records.len() <= bytes.len());
    }
}

fn frame(out: &mut Vec<u8>, payload: &[u8]) {
    let length = (payload.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked_crc(&length).to_le_bytes());
    out.extend(payload);
    out.extend(masked_crc(payload).to_le_bytes());
}

fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    });
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}
