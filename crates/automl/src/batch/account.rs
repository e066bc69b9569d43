//! What a folder of predictions says of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What [`Manifest::format`] is.
pub(super) const FORMAT: &str = "automl-predictions";
/// The version of what is written here.
const FORMAT_VERSION: u64 = 1;

/// A file of predictions, and the table that it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The table, as it was named.
    pub(crate) input: String,
    /// The file, below the folder.
    pub(crate) output: String,
    pub(crate) input_bytes: u64,
    pub(crate) input_sha256: String,
    /// What an object store called its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input_etag: Option<String>,
    /// All rows of the table.
    pub(crate) rows_read: u64,
    /// Rows of the file.
    pub(crate) rows_predicted: u64,
    /// Rows that were left out.
    pub(crate) rows_refused: u64,
    /// Why the first of them were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<String>,
    pub(crate) output_bytes: u64,
    pub(crate) output_sha256: String,
    /// What the object store calls the file's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output_etag: Option<String>,
}

/// A table that was not predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

/// Sums over all parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) parts: u64,
    pub(crate) parts_failed: u64,
    pub(crate) input_bytes: u64,
    pub(crate) rows_read: u64,
    pub(crate) rows_predicted: u64,
    pub(crate) rows_refused: u64,
    pub(crate) output_bytes: u64,
}

/// `_manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    format_version: u64,
    /// Program, model and settings.
    pub(crate) about: Value,
    pub(crate) totals: Totals,
    /// In the order of the tables.
    pub(crate) parts: Vec<Part>,
    pub(crate) failed: Vec<Failed>,
}

impl Manifest {
    pub(super) fn new(about: Value, parts: Vec<Part>, failed: Vec<Failed>) -> Self {
        let sum = |of: fn(&Part) -> u64| parts.iter().map(of).sum();
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            about,
            totals: Totals {
                parts: (parts.len() + failed.len()) as u64,
                parts_failed: failed.len() as u64,
                input_bytes: sum(|part| part.input_bytes),
                rows_read: sum(|part| part.rows_read),
                rows_predicted: sum(|part| part.rows_predicted),
                rows_refused: sum(|part| part.rows_refused),
                output_bytes: sum(|part| part.output_bytes),
            },
            parts,
            failed,
        }
    }

    /// What a file holds; `None` if it is no manifest of this version.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        (manifest.format == FORMAT && manifest.format_version == FORMAT_VERSION).then_some(manifest)
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("an account is plain data");
        text.push('\n');
        text
    }
}
