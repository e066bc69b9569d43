//! TensorBoard event files: written so that TensorBoard shows them, and read back.
//!
//! A [`Record`] is one value of one tag at one step. [`EventLog`] frames records in memory, for callers that own the
//! bytes; [`EventWriter`] appends them to a file of its own; [`read_events`] checks and
//! decodes a file's bytes, [`EventReader`] a file of any size, whoever wrote it.
//!
//! ```
//! use automl_tensorboard::{EventLog, Record, Value, read_events};
//!
//! let mut log = EventLog::new(1_700_000_000.0);
//! log.push(&Record::scalar("score/roc_auc", 0, 0.75, 1_700_000_001.5));
//! let file = read_events(&log.into_bytes())?;
//! assert_eq!(file.records[0].value, Value::Scalar(0.75));
//! # Ok::<(), automl_tensorboard::TensorBoardError>(())
//! ```
//!
//! What this crate must not know: anything else of the product, the clock, the machine's name. Callers pass both.

mod curve;
mod error;
mod framing;
mod graph;
mod image;
mod log;
mod message;
mod read;
mod record;
mod tensor;
mod writer;

#[cfg(test)]
mod tests;

pub use curve::PrCurve;
pub use error::TensorBoardError;
pub use graph::GraphNode;
pub use image::Image;
pub use log::EventLog;
pub use read::{EventFile, EventReader, read_events};
pub use record::{Histogram, HyperParameter, Record, SessionStatus, Value, purged};
pub use writer::{EventFileName, EventWriter};
