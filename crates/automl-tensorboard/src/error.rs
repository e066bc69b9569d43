//! Why an event file cannot be written or read.

use std::path::PathBuf;

/// Why an event file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TensorBoardError {
    /// The file system refused.
    #[error("cannot write the event file {}", path.display())]
    Write {
        /// The file or its directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The source could not be read.
    #[error("cannot read the event record at byte {offset}")]
    Read {
        /// Where the record begins.
        offset: u64,
        /// What the source said.
        source: std::io::Error,
    },
    /// Bytes changed after they were written.
    #[error("the event record at byte {offset} does not match its checksum")]
    Checksum {
        /// Where the record begins.
        offset: u64,
    },
    /// The checksum holds, but the record is not an event.
    #[error("the record at byte {offset} is not an event")]
    NotAnEvent {
        /// Where the record begins.
        offset: u64,
        /// What the decoder said.
        source: prost::DecodeError,
    },
    /// The file does not begin with the version record of an event file.
    #[error(
        "not an event file: it does not begin with '{}'",
        crate::log::FILE_VERSION
    )]
    Version,
}

impl TensorBoardError {
    /// A stable kebab-case name; never reused for another meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Write { .. } => "tensorboard-write",
            Self::Read { .. } => "tensorboard-read",
            Self::Checksum { .. } => "tensorboard-checksum",
            Self::NotAnEvent { .. } => "tensorboard-not-an-event",
            Self::Version => "tensorboard-version",
        }
    }
}
