//! Batches of rows in, predictions out: reading, predicting and writing overlap, and the order of rows is kept.

use crate::errors::CliError;
use automl_core::{CancelToken, Model, PredictError, Predictions, Table, Threads};
use automl_data::Batch;
use std::sync::mpsc::sync_channel;

mod bands;
mod layout;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use bands::{Bands, INTERVALS_FILE};
pub(crate) use layout::{Destination, Layout, PartKind};
pub(crate) use table::{Counts, Power, Wanted, Watch};

/// Rows of a batch that is read at once.
pub(crate) const BATCH_ROWS: usize = 8192;
/// As many where a row is an image, which may be large.
pub(crate) const IMAGE_BATCH_ROWS: usize = 512;
/// Rows that one thread predicts at once. Fixed, so that predictions do not depend on the number of threads.
const CHUNK_ROWS: usize = 1024;
/// Batches that may wait to be predicted.
pub(crate) const WAITING_BATCHES: usize = 3;

/// A model and the threads to run it on.
pub(crate) struct Scorer<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) threads: &'a Threads,
    /// Looked at before each batch.
    pub(crate) cancel: CancelToken,
}

impl Scorer<'_> {
    /// Gives each batch and its predictions to `sink`, in order, and returns the number of rows, with those that were left out.
    ///
    /// `batches` runs on a thread of its own, a few batches ahead; memory is bounded by those.
    ///
    /// # Errors
    /// The first error of a batch, of the model or of `sink`; or that the user stopped it.
    pub(crate) fn run<E>(
        &self,
        batches: impl Iterator<Item = Result<Batch, E>> + Send,
        mut sink: impl FnMut(&Batch, &Predictions) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64>
    where
        E: Into<anyhow::Error> + Send,
    {
        let (sender, receiver) = sync_channel(WAITING_BATCHES);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for batch in batches {
                    let is_last = batch.is_err();
                    if sender.send(batch).is_err() || is_last {
                        return;
                    }
                }
            });
            let mut n_rows = 0;
            for batch in receiver {
                if self.cancel.is_cancelled() {
                    return Err(CliError::Interrupted.into());
                }
                let batch = batch.map_err(Into::into)?;
                let predicted = self.predict(&batch.table);
                let predictions = predicted
                    .map_err(|error| counted(error, |row| n_rows + batch.place_of(row) as u64))?;
                sink(&batch, &predictions)?;
                n_rows += (batch.table.n_rows() + batch.refused.len()) as u64;
            }
            Ok(n_rows)
        })
    }

    fn predict(&self, table: &Table) -> Result<Predictions, PredictError> {
        let rows: Vec<u32> = (0..table.n_rows() as u32).collect();
        let chunks: Vec<&[u32]> = rows.chunks(CHUNK_ROWS).collect();
        let parts = self.threads.map(chunks.len(), |index| {
            self.model.predict(&table.rows(chunks[index]))
        });
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return self.model.predict(&table.view());
        };
        let mut all = first?;
        for part in parts {
            all.append(part?);
        }
        Ok(all)
    }
}

/// The error with its row as a row of the data.
fn counted(mut error: PredictError, place: impl Fn(usize) -> u64) -> PredictError {
    if let PredictError::Cell { row, .. }
    | PredictError::Offset { row, .. }
    | PredictError::Exposure { row, .. } = &mut error
    {
        *row = place(*row) as usize;
    }
    error
}
