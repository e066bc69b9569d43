//! An event file read back, from whatever wrote it.

use crate::framing::{Frame, read_frame};
use crate::message::{Event, SESSION_STARTS, What};
use crate::{Record, TensorBoardError, purged};
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;

/// What the version record of every event file begins with; the number behind it has been 1 and 2.
const FILE_VERSION_PREFIX: &str = "brain.Event:";

/// What an event file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFile {
    /// Its records in order, without those that a restart in it undoes; kinds of values that are not known here, such as sounds,
    /// are left out. What a restart undoes of files before this one, [`purged`] leaves out of the records of all.
    pub records: Vec<Record>,
    /// Whether the file ends inside a record, as it does while its writer is at work or after it was killed.
    pub is_cut: bool,
}

/// Checks and decodes the bytes of an event file. The whole records before a cut are given.
///
/// # Errors
/// As of [`EventReader`].
pub fn read_events(bytes: &[u8]) -> Result<EventFile, TensorBoardError> {
    let mut reader = EventReader::new(bytes);
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok(EventFile {
        records: purged(records),
        is_cut: reader.is_cut(),
    })
}

/// Checks and decodes an event file record by record, in memory that does not grow with the file: records of more than
/// 16 MiB are checked and passed over. A record that the file ends in is its end. Give it a buffered source. What a restart
/// undoes it has given before.
///
/// Its items are errors, and then nothing more, where the source cannot be read, a checksum does not hold, a record is no
/// event, or the first record is not the version of an event file.
#[derive(Debug)]
pub struct EventReader<R> {
    input: R,
    /// Where the next record begins.
    offset: u64,
    payload: Vec<u8>,
    /// Records of the last event that were not given yet, last first.
    waiting: Vec<Record>,
    /// What a tag's values are for: writers may say it with the first value only.
    plugins: BTreeMap<String, String>,
    is_over: bool,
    is_cut: bool,
}

impl<R: Read> EventReader<R> {
    /// Reads from the beginning of an event file.
    pub fn new(input: R) -> Self {
        Self {
            input,
            offset: 0,
            payload: Vec::new(),
            waiting: Vec::new(),
            plugins: BTreeMap::new(),
            is_over: false,
            is_cut: false,
        }
    }

    /// Whether the file ended inside a record.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Reads the next event's records; nothing at the end.
    fn advance(&mut self) -> Result<Option<()>, TensorBoardError> {
        let offset = self.offset;
        match read_frame(&mut self.input, offset, &mut self.payload)? {
            Frame::End { is_cut } => {
                self.is_cut = is_cut;
                return Ok(None);
            }
            Frame::Passed(length) => self.offset += Frame::n_bytes(length),
            Frame::Held(length) => {
                self.offset += Frame::n_bytes(length);
                let event = Event::decode(self.payload.as_slice())
                    .map_err(|source| TensorBoardError::NotAnEvent { offset, source })?;
                self.take(event, offset)?;
            }
        }
        Ok(Some(()))
    }

    fn take(&mut self, event: Event, offset: u64) -> Result<(), TensorBoardError> {
        let is_version = matches!(&event.what, Some(What::FileVersion(version)) if version.starts_with(FILE_VERSION_PREFIX));
        if offset == 0 && !is_version {
            return Err(TensorBoardError::Version);
        }
        match event.what {
            Some(What::Summary(summary)) => {
                let plugins = &mut self.plugins;
                let records = summary.value.into_iter().filter_map(|value| {
                    Record::from_summary(event.step, event.wall_time, value, plugins)
                });
                self.waiting.extend(records);
                self.waiting.reverse();
            }
            Some(What::GraphDef(bytes)) => {
                let record = Record::from_graph(event.step, event.wall_time, &bytes);
                self.waiting.extend(record);
            }
            Some(What::SessionLog(log)) if log.status == SESSION_STARTS => {
                let record = Record::restart(event.step, event.wall_time);
                self.waiting.push(record);
            }
            Some(What::FileVersion(_) | What::SessionLog(_)) | None => {}
        }
        Ok(())
    }
}

impl<R: Read> Iterator for EventReader<R> {
    type Item = Result<Record, TensorBoardError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.waiting.pop() {
                return Some(Ok(record));
            }
            if self.is_over {
                return None;
            }
            match self.advance() {
                Ok(Some(())) => {}
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
