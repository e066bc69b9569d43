//! An event file in memory.

use crate::framing::push_frame;
use crate::message::{Event, What};
use crate::record::Record;
use prost::Message;

/// What every event file begins with.
pub(crate) const FILE_VERSION: &str = "brain.Event:2";

/// An event file in memory, for callers that decide where its bytes go.
#[derive(Debug, Clone)]
pub struct EventLog {
    bytes: Vec<u8>,
}

impl EventLog {
    /// A file with its version record, begun at `wall_time`, in seconds since 1970.
    pub fn new(wall_time: f64) -> Self {
        let version = Event {
            wall_time,
            step: 0,
            what: Some(What::FileVersion(FILE_VERSION.to_owned())),
        };
        let mut bytes = Vec::new();
        push_frame(&mut bytes, &version.encode_to_vec());
        Self { bytes }
    }

    /// Appends a record.
    pub fn push(&mut self, record: &Record) {
        push_frame(&mut self.bytes, &record.to_event().encode_to_vec());
    }

    /// Everything so far, ready to be a file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes that a writer has not yet taken.
    pub(crate) fn pending(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}
