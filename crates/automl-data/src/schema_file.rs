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
//! Numbers have a format where they are written like `1.234,5` (`decimal comma`), `1 234.5` (`space thousands`) or
//! `1'234.5` (`apostrophe thousands`); the last two may be followed by `, decimal comma`. Everything is optional; columns
//! that are not named are inferred. The format `%m/%d/%Y` or `%d/%m/%Y` takes any
//! separator and an optional time; any other pattern is taken literally; none means ISO 8601 and its relatives.

use crate::error::DataError;
use automl_core::{Kind, Role, Schema, nearest};
use serde::{Deserialize, Serialize};
use serde_saphyr::Error as YamlError;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What a user says about a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// How its times are written, as an strftime pattern; or its numbers, such as `decimal comma` for `1.234,5`.
    #[serde(default)]
    pub format: Option<String>,
}

impl SchemaFile {
    /// Reads the text of a schema file, which is YAML (and so may be JSON); `file` names it in messages.
    ///
    /// # Errors
    /// An unknown key, kind or role, with its line and the names that look like it.
    pub fn parse(text: &str, file: &str) -> Result<Self, DataError> {
        serde_saphyr::from_str(text).map_err(|error| {
            let error = error.without_snippet();
            let line = error.location().map_or(1, |location| location.line());
            let (reason, near) = match error {
                YamlError::SerdeUnknownField {
                    field, expected, ..
                } => (
                    format!("no key is called '{field}'"),
                    nearest_or_all(field, expected),
                ),
                YamlError::SerdeUnknownVariant {
                    variant, expected, ..
                } => (
                    format!("no kind or role is called '{variant}'"),
                    nearest_or_all(variant, expected),
                ),
                other => (without_place(&other.to_string()), Vec::new()),
            };
            DataError::Schema {
                reason,
                line,
                file: file.to_owned(),
                near,
            }
        })
    }

    /// Reads a schema file.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(DataError::NotFound {
                    path: file,
                    near: Vec::new(),
                })
            }
            Err(error) => Err(DataError::reading(file, error)),
        }
    }
}

fn nearest_or_all(name: &str, known: &[&'static str]) -> Vec<String> {
    let near = nearest(name, known.iter().copied());
    if near.is_empty() {
        known.iter().map(|&name| name.to_owned()).collect()
    } else {
        near
    }
}

/// The first line of a message without the place that it names itself, before a colon or behind `at`.
pub fn without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let after = line
        .split_once(": ")
        .filter(|(place, _)| place.starts_with("line "));
    let line = after.map_or(line, |(_, reason)| reason);
    let before = line.rfind(" at line ").map_or(line, |end| &line[..end]);
    before.trim_end_matches([',', ';']).to_owned()
}

/// The text of a schema file that says all that `schema` says; [`SchemaFile::parse`] reads it back.
pub fn write_schema(schema: &Schema) -> String {
    let mut text = String::new();
    text.push_str("# Kinds: number, boolean, category, text, timestamp.\n");
    text.push_str("# Roles: feature, target, weight, group, time, id, ignored.\n");
    writeln!(text, "missing: [{}]", quoted_list(&schema.missing)).expect(STRING);
    if schema.fields.is_empty() {
        text.push_str("columns: {}\n");
        return text;
    }
    text.push_str("columns:\n");
    for field in &schema.fields {
        write!(
            text,
            "  {}: {{kind: {}",
            key(&field.name),
            field.kind.name()
        )
        .expect(STRING);
        if field.role != Role::Feature {
            write!(text, ", role: {}", role_name(field.role)).expect(STRING);
        }
        if !field.levels.is_empty() {
            write!(text, ", levels: [{}]", quoted_list(&field.levels)).expect(STRING);
        }
        if let Some(format) = &field.format {
            write!(text, ", format: {}", quoted(format)).expect(STRING);
        }
        text.push_str("}\n");
    }
    text
}

const STRING: &str = "a String takes any text";

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Feature => "feature",
        Role::Target => "target",
        Role::Weight => "weight",
        Role::Group => "group",
        Role::Time => "time",
        Role::Id => "id",
        Role::Ignored => "ignored",
    }
}

fn quoted_list(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    all.join(", ")
}

/// A double-quoted YAML scalar; JSON strings are such.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A plain key where YAML reads it as nothing but a string, else a quoted one.
pub(crate) fn key(name: &str) -> String {
    const NOT_STRINGS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !NOT_STRINGS.contains(&name.to_ascii_lowercase().as_str());
    if is_plain {
        name.to_owned()
    } else {
        quoted(name)
    }
}
