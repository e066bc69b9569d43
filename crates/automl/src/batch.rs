//! Many tables in, a folder of predictions out: a file for each table, an account of all rows, and what a killed process did is
//! gone on with.
//!
//! Parts are predicted side by side, and each appears whole or not at all, with the bytes that it has whatever the number of
//! threads. What is done is noted in a journal beside the folder ([`automl_store::Journal`]). At the end `_manifest.json` says of
//! each part what it was made of and how many rows it has; `_SUCCESS` stands there only if all parts do.
//!
//! Tables of object stores are fetched when it is their turn, and predictions into one are sent when they are whole, so that no more
//! is on this machine's disk than what is worked on. The journal of the latter is in the workspace.

mod account;
mod folder;
mod input;
mod plan;
mod prepared;
mod target;
#[cfg(test)]
mod tests;
mod work;

pub(crate) use folder::{Begin, MANIFEST};
pub(crate) use prepared::{Order, Prepared, bands, read_as_fitted};
pub(crate) use work::{Done, PartEnd, Progress, without_rows};

use crate::errors::BatchError;
use crate::record::{Recorder, Seen};
use crate::scoring::PartKind;
use automl_data::ReadOptions;
use automl_store::buckets::Address;
use automl_store::hex_sha256;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// All that decides what the parts are, the tables apart.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) read: ReadOptions,
    pub(crate) allow_missing_columns: bool,
    pub(crate) skip_bad_rows: bool,
    pub(crate) keep: Vec<String>,
    pub(crate) threshold: Option<f64>,
    pub(crate) coverages: Vec<f64>,
    pub(crate) kind: PartKind,
}

impl Settings {
    /// What they say, with the model and the program: parts of two runs belong together if this is equal.
    ///
    /// # Errors
    /// The model's manifest cannot be read.
    fn about(&self, model: &Path) -> anyhow::Result<Value> {
        let manifest = std::fs::read(model.join("manifest.json"))?;
        Ok(json!({
            "program": env!("CARGO_PKG_VERSION"),
            "model": hex_sha256(&manifest),
            "settings": {
                "parts": self.kind.extension,
                "keep": self.keep,
                "threshold": self.threshold,
                "interval": self.coverages,
                "allow_missing_columns": self.allow_missing_columns,
                "skip_bad_rows": self.skip_bad_rows,
                "encoding": format!("{:?}", self.read.encoding).to_lowercase(),
                "delimiter": self.read.delimiter.map(char::from),
                "rename_duplicates": self.read.rename_duplicates,
            },
        }))
    }
}

impl Done {
    /// What to tell if tables were not predicted.
    pub(crate) fn failure(&self) -> Option<BatchError> {
        let first = self.manifest.failed.first()?;
        Some(BatchError::Failed {
            n_failed: self.manifest.totals.parts_failed,
            n_parts: self.manifest.totals.parts,
            first: first.message.clone(),
        })
    }

    /// Notes the tables and the folder in the record. The folder is known by its account, which tells of all that is in it.
    pub(crate) fn write_down(&self, recorder: &Recorder<'_>, output: &Path) {
        for part in &self.manifest.parts {
            recorder.reads(Seen {
                context: "prediction",
                place: &part.input,
                sha256: Some(&part.input_sha256),
                n_rows: Some(part.rows_read),
                schema: None,
            });
        }
        let n_rows = self.manifest.totals.rows_predicted;
        // Without a slash at its end, as it is asked for later.
        let place = output.to_string_lossy();
        let place = match Address::parse(&place) {
            Some(_) => place.trim_end_matches('/').to_owned(),
            None => output
                .components()
                .collect::<PathBuf>()
                .display()
                .to_string(),
        };
        recorder.writes(Seen {
            context: "prediction",
            place: &place,
            sha256: Some(&hex_sha256(self.manifest.to_text().as_bytes())),
            n_rows: Some(n_rows),
            schema: None,
        });
        recorder.metrics([("n_rows", n_rows as f64)]);
    }
}
