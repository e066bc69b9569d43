//! The schema file: what a user says about columns, and the inferred schema in the same shape.
//!
//! ```yaml
//! missing: ["", "NA"]          # cells that read as missing
//! columns:
//!   zipcode: {kind: category}  # kind: number, boolean, category, text, timestamp
//!   customer: {role: id}       # role: feature, target, weight, group, time, id, ignored
//!   size: {kind: category, levels: [S, M, L]}
//!   sold: {kind: timestamp, format: "%d/%m/%Y"}
//! ```
//! Everything is optional; columns that are not named are inferred. The format `%m/%d/%Y` or `%d/%m/%Y` takes any
//! separator and an optional time; any other pattern is taken literally; none means ISO 8601 and its relatives.

use automl_core::{Kind, Role};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a user says about a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaFile {
    /// Cells that read as missing, instead of the usual ones.
    #[serde(default)]
    pub missing: Option<Vec<String>>,
    /// By column name, what is said of it.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnOverride>,
}

/// What a user says about one column; `None` leaves it to inference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnOverride {
    /// What its values are.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// What it is for.
    #[serde(default)]
    pub role: Option<Role>,
    /// Its levels in code order; a cell that is none of them counts as unseen.
    #[serde(default)]
    pub levels: Option<Vec<String>>,
    /// How its times are written, as an strftime pattern.
    #[serde(default)]
    pub format: Option<String>,
}
