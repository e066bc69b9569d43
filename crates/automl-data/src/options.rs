//! How a table is to be read.

use crate::error::DataError;
use serde::Serialize;

/// Cells that mean "not known" unless the user says otherwise; surrounding blanks do not count. Words that programs write
/// for it, and the errors of spreadsheets.
pub const DEFAULT_MISSING: [&str; 22] = [
    "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "<NA>", "?", "-",
    "#N/A", "#N/A N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?",
];

/// How text is stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8, or UTF-16 where a byte order mark says so.
    #[default]
    Utf8,
    /// Latin-1, read as its superset windows-1252; every byte is a character.
    Latin1,
    /// UTF-16, little-endian unless a byte order mark says otherwise.
    Utf16,
}

impl std::str::FromStr for Encoding {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "utf8" => Ok(Self::Utf8),
            "latin1" | "iso88591" | "windows1252" | "cp1252" => Ok(Self::Latin1),
            "utf16" | "utf16le" => Ok(Self::Utf16),
            _ => Err(DataError::UnknownEncoding { name: name.into() }),
        }
    }
}

/// The format of a file. Found from its first bytes and its name unless it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text with a header line: CSV, TSV and the like.
    Delimited,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, the file or the stream form.
    Arrow,
    /// Images, as IDX or as a folder of files; only where [`ReadOptions::images`] allows it.
    Images,
}

/// How to read; the defaults find out by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; `None` finds it out.
    pub format: Option<Format>,
    /// The byte between cells of delimited text; `None` finds it out among `,`, `;`, tab and `|`.
    pub delimiter: Option<u8>,
    /// How text is stored.
    pub encoding: Encoding,
    /// Cells that read as missing, compared without surrounding blanks. The empty cell always does.
    pub missing: Vec<String>,
    /// Stop after this many rows.
    pub max_rows: Option<u64>,
    /// Refuse a table that needs more bytes of memory than this while it is built.
    pub max_bytes: Option<u64>,
    /// The columns that will be predicted: they keep their role even if they look like an id or a constant. A text that is
    /// the name of no column is a list with commas.
    pub targets: Vec<String>,
    /// Columns that have a use of their own, such as weights or groups, or none: what they are worth as features is no
    /// matter.
    pub set_aside: Vec<String>,
    /// What a schema file says of columns that the table has not is passed over instead of refused.
    pub may_lack: bool,
    /// Columns of one name are told apart by a number behind it (`a`, `a.1`, `a.2`) instead of refused.
    pub rename_duplicates: bool,
    /// Folders of images and IDX files are tables, too, with a column of images in base64.
    pub images: bool,
}

/// The missing marks that a user's list means: each that begins with `+` is added to the usual ones, or to those of the
/// list that do not. A `+` alone is a mark.
///
/// ```
/// use automl_data::{DEFAULT_MISSING, missing_marks};
///
/// assert_eq!(missing_marks(&["-999"]), ["-999"]);
/// assert_eq!(missing_marks(&["-999", "+none"]), ["-999", "none"]);
/// assert_eq!(missing_marks(&["+none"]).len(), DEFAULT_MISSING.len() + 1);
/// ```
pub fn missing_marks(listed: &[impl AsRef<str>]) -> Vec<String> {
    let added = |mark: &str| {
        mark.strip_prefix('+')
            .filter(|rest| !rest.is_empty())
            .map(str::to_owned)
    };
    let listed = || listed.iter().map(AsRef::as_ref);
    let mut marks = Vec::new();
    if listed().all(|mark| added(mark).is_some()) {
        marks.extend(DEFAULT_MISSING.map(str::to_owned));
    }
    for mark in listed() {
        let mark = added(mark).unwrap_or_else(|| mark.to_owned());
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    marks
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            encoding: Encoding::Utf8,
            missing: DEFAULT_MISSING.map(str::to_owned).to_vec(),
            max_rows: None,
            max_bytes: None,
            targets: Vec::new(),
            set_aside: Vec::new(),
            may_lack: false,
            rename_duplicates: false,
            images: false,
        }
    }
}
