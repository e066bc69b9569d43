//! TensorBoard's event files, of whatever wrote them, as metrics of a run.
//!
//! A scalar becomes a point: its tag is the key, with its step and its wall time. A point that is there already is not
//! written again, so that a file may be read as often as it grows.

use super::log::{self, Metric};
use super::{TrackingError, history, runs};
use crate::db::Database;
use automl_core::Coded;
use automl_tensorboard::{EventReader, TensorBoardError, Value};
use std::collections::BTreeSet;
use std::io::Read;

/// Points that are looked for and written together.
const POINTS_A_BATCH: usize = 1000;

/// What a reading of an event file came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsRead {
    /// Scalars in the file.
    pub n_points: u64,
    /// Those that were not there before.
    pub n_new: u64,
    /// Tags that cannot be the key of a metric.
    pub passed_over: BTreeSet<String>,
}

/// Why event files did not become metrics. What was whole before the fault did.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum EventsError {
    #[error(transparent)]
    File(#[from] TensorBoardError),
    #[error(transparent)]
    Record(#[from] TrackingError),
}

impl Coded for EventsError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Record(error) => Coded::code(error),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(TensorBoardError::Checksum { .. }) => Some(
                "the file was altered or damaged; what stands before that place was read".into(),
            ),
            Self::Record(TrackingError::RunMissing { .. }) => {
                Some("name its workspace with --workspace".into())
            }
            _ => None,
        }
    }
}

/// Whether a name is one of an event file, as TensorBoard tells.
pub fn is_event_file(name: &str) -> bool {
    name.contains("tfevents")
}

/// Reads an event file from its beginning into the metrics of an active run. `folder` stands before the tags: writers of
/// one run that lie in folders of their own, such as `train` and `validation`, use the same tags.
///
/// # Errors
/// If the run is not active, or the file is damaged; the points before the damage are kept.
pub fn import(
    db: &Database,
    workspace: &str,
    run_id: &str,
    folder: &str,
    input: impl Read,
) -> Result<EventsRead, EventsError> {
    let mut done = EventsRead::default();
    let mut batch = Vec::new();
    for record in EventReader::new(input) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                put(db, workspace, run_id, batch, &mut done)?;
                return Err(error.into());
            }
        };
        let Value::Scalar(value) = record.value else {
            continue;
        };
        let metric = Metric {
            key: key(folder, &record.tag),
            value,
            // Beyond the largest number of milliseconds is that number, and NaN is 0.
            timestamp_ms: ((record.wall_time * 1000.0).round() as i64).max(0),
            step: record.step,
            ..Metric::default()
        };
        if log::check_metric(&metric, "").is_err() {
            done.passed_over.insert(record.tag);
            continue;
        }
        batch.push(metric);
        if batch.len() == POINTS_A_BATCH {
            put(db, workspace, run_id, std::mem::take(&mut batch), &mut done)?;
        }
    }
    put(db, workspace, run_id, batch, &mut done)?;
    Ok(done)
}

/// The key of a tag: what a key cannot hold becomes `_`.
fn key(folder: &str, tag: &str) -> String {
    let of_key = |letter: char| {
        if letter.is_alphanumeric() || "/_.- :".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let parts = folder.split('/').chain(tag.split('/'));
    let parts: Vec<&str> = parts
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    parts.join("/").chars().map(of_key).collect()
}

/// Writes the points that are not there. They are looked for first, so that a file that was read before costs the one
/// thread that writes nothing.
fn put(
    db: &Database,
    workspace: &str,
    run_id: &str,
    batch: Vec<Metric>,
    done: &mut EventsRead,
) -> Result<(), TrackingError> {
    done.n_points += batch.len() as u64;
    let (place, id) = (workspace.to_owned(), run_id.to_owned());
    let absent = db
        .read(move |sql| {
            let run = runs::active(sql, &place, &id)?;
            history::absent(sql, run.number, batch)
        })
        .wait()?;
    if absent.is_empty() {
        return Ok(());
    }
    let (place, id) = (workspace.to_owned(), run_id.to_owned());
    done.n_new += db
        .write(move |sql| {
            let run = runs::active(sql, &place, &id)?;
            log::put_metrics(sql, run.number, &absent)
        })
        .wait()?;
    Ok(())
}
