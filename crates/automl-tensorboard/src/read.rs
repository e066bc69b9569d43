//! An event file read back.

use crate::framing::next_frame;
use crate::log::FILE_VERSION;
use crate::message::{Event, What};
use crate::{Record, TensorBoardError};
use prost::Message;

/// What an event file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFile {
    /// Its records in order; kinds of values that are not known here, such as images, are left out.
    pub records: Vec<Record>,
    /// Whether the file ends inside a record, as it does while its writer is at work or after it was killed.
    pub is_cut: bool,
}

/// Checks and decodes the bytes of an event file. The whole records before a cut are given.
///
/// # Errors
/// A checksum does not hold, a record is no event, or the first record is not the version of an event file.
pub fn read_events(bytes: &[u8]) -> Result<EventFile, TensorBoardError> {
    let mut records = Vec::new();
    let mut offset = 0;
    while let Some((payload, next)) = next_frame(bytes, offset)? {
        let event = Event::decode(payload)
            .map_err(|source| TensorBoardError::NotAnEvent { offset, source })?;
        let is_version =
            matches!(&event.what, Some(What::FileVersion(version)) if version == FILE_VERSION);
        if offset == 0 && !is_version {
            return Err(TensorBoardError::Version);
        }
        if let Some(What::Summary(summary)) = event.what {
            let values = summary.value.into_iter();
            records.extend(
                values.filter_map(|value| Record::from_summary(event.step, event.wall_time, value)),
            );
        }
        offset = next;
    }
    let is_cut = offset < bytes.len();
    Ok(EventFile { records, is_cut })
}
