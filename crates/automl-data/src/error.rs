//! What can be wrong with data, and what its reader can do about it.

use automl_core::{Coded, Kind, is_out_of_space};
use std::fmt;

/// Where in a file: a line of text, or a row of a columnar file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// What is counted.
    pub unit: Unit,
    /// Its number, from 1.
    pub number: u64,
}

/// What a [`Place`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Lines of the file, the header included.
    Line,
    /// Rows of a columnar file.
    Row,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Row => "row",
        };
        write!(f, "{unit} {} of {}", self.number, self.file)
    }
}

/// What to do about a directory without tables.
const TABLE_NAMES: &str = "tables end in .csv, .tsv, .parquet, .jsonl or .arrow, perhaps with .gz or .zst; name others with a pattern";

/// What settled a column's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// The user's schema file.
    SchemaFile,
    /// The table that a model was fitted on.
    Fitted,
}

/// Why data cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no such file.
    #[error("no such file: {path}")]
    NotFound {
        /// What was asked for.
        path: String,
        /// Files with a similar name in the same directory.
        near: Vec<String>,
    },
    /// No file's name is of the pattern.
    #[error("no file matches: {pattern}")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// The path is a directory.
    #[error("a directory, not a table: {path}")]
    Directory {
        /// The directory.
        path: String,
    },
    /// No file of the directory is a table by its name.
    #[error("no table in the directory: {folder}")]
    NoTables {
        /// The directory.
        folder: String,
    },
    /// The file has no content.
    #[error("nothing in it: {file}")]
    Empty {
        /// The file.
        file: String,
    },
    /// The file has column names and no row.
    #[error("column names but no rows: {file}")]
    HeaderOnly {
        /// The file.
        file: String,
    },
    /// A row has more or fewer cells than there are column names.
    #[error("{found} cells where the header has {expected}, {place}")]
    Ragged {
        /// The row.
        place: Place,
        /// Its cells.
        found: usize,
        /// The header's cells.
        expected: usize,
    },
    /// Bytes that are not text in the expected encoding.
    #[error("invalid UTF-8 at byte {byte}, {place}")]
    Encoding {
        /// The line.
        place: Place,
        /// Offset of the first invalid byte in the text, from 0.
        byte: u64,
    },
    /// The name of an encoding that is not known.
    #[error("no encoding is called '{name}'")]
    UnknownEncoding {
        /// The name.
        name: String,
    },
    /// A quoted cell never ends.
    #[error("a quote is opened and never closed, {place}")]
    OpenQuote {
        /// Where the record with the quote starts.
        place: Place,
    },
    /// A record is longer than a table's record can sensibly be.
    #[error("a record of more than {limit} bytes, {place}")]
    RecordTooLong {
        /// Where the record starts.
        place: Place,
        /// Bytes that a record may have.
        limit: u64,
    },
    /// The table needs more memory than it may have.
    #[error("the table needs more than {limit} {} of memory: {file}", if *limit == 1 { "byte" } else { "bytes" })]
    TooLarge {
        /// Bytes that the table may have.
        limit: u64,
        /// The file.
        file: String,
    },
    /// Columns share a name.
    #[error("{}: {file}", list_alike(columns))]
    DuplicateColumn {
        /// Each such name, with the positions of its columns from 1.
        columns: Vec<(String, Vec<usize>)>,
        /// The file.
        file: String,
    },
    /// Columns that are needed are not there.
    #[error("no column '{name}'{}: {file}", nor(others))]
    ColumnMissing {
        /// The first of them.
        name: String,
        /// The others.
        others: Vec<String>,
        /// Columns with a name similar to the first one's.
        near: Vec<String>,
        /// The file.
        file: String,
    },
    /// A column that was to be kept is not there.
    #[error("no column '{name}' to keep: {file}")]
    KeptMissing {
        /// The column.
        name: String,
        /// Columns with a similar name.
        near: Vec<String>,
        /// The column that it is a part of, between commas.
        whole: Option<String>,
        /// The file.
        file: String,
    },
    /// A column to keep has the name of one that is written.
    #[error("column '{name}' cannot be kept: the predictions have a column of that name")]
    KeptName {
        /// The name.
        name: String,
    },
    /// A schema file names a column that is not there.
    #[error("no column '{name}', which the schema file names: {file}")]
    ColumnUnknown {
        /// The column.
        name: String,
        /// Columns with a similar name.
        near: Vec<String>,
        /// The file.
        file: String,
    },
    /// The files of a glob do not hold the same columns.
    #[error("other columns than in {first}: {}: {file}", list_difference(.missing, .extra))]
    ColumnsDiffer {
        /// The file that differs.
        file: String,
        /// The first file.
        first: String,
        /// Columns that only the first file has.
        missing: Vec<String>,
        /// Columns that the first file has not.
        extra: Vec<String>,
    },
    /// A cell cannot be read as its column's kind.
    #[error("'{value}' in column '{column}' is not a {}, {place}", .kind.name())]
    Cell {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// What the cell should be.
        kind: Kind,
        /// What it holds, shortened.
        value: String,
        /// Who says that it should be so.
        settled_by: SettledBy,
    },
    /// A number is infinite.
    #[error("'{value}' in column '{column}' is infinite, {place}")]
    Infinite {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// What the cell holds.
        value: String,
    },
    /// A value of a JSON object is itself an object or a list.
    #[error("'{key}' holds a nested value, {place}")]
    Nested {
        /// The line.
        place: Place,
        /// The key.
        key: String,
    },
    /// A line is not a JSON object.
    #[error("not a JSON object ({reason}), {place}")]
    Json {
        /// The line.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// A column type that has no place in a table.
    #[error("column '{column}' has the type {data_type}, which cannot be read: {file}")]
    ColumnType {
        /// The column.
        column: String,
        /// Its Arrow type.
        data_type: String,
        /// The file.
        file: String,
    },
    /// The content is not what the format says, or the format is none of ours.
    #[error("cannot be read as {format} ({reason}): {file}")]
    Format {
        /// The format.
        format: &'static str,
        /// What is wrong.
        reason: String,
        /// The file.
        file: String,
    },
    /// More rows than row numbers.
    #[error("more than {limit} rows: {file}")]
    TooManyRows {
        /// The most rows a table can hold.
        limit: u64,
        /// The file.
        file: String,
    },
    /// The pattern is no glob.
    #[error("not a pattern of files ({reason}): {pattern}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// The schema file cannot be read.
    #[error("{reason}, line {line} of {file}")]
    Schema {
        /// What is wrong.
        reason: String,
        /// The line, from 1.
        line: u64,
        /// The schema file.
        file: String,
        /// Known names that look like the one that was found.
        near: Vec<String>,
    },
    /// Reading or writing failed.
    #[error("{action} failed: {path}")]
    Io {
        /// `reading` or `writing`.
        action: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl DataError {
    /// A file that cannot be read.
    pub fn reading(path: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            action: "reading",
            path: path.into(),
            source,
        }
    }

    pub(crate) fn writing(path: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            action: "writing",
            path: path.into(),
            source,
        }
    }
}

impl Coded for DataError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::NoMatch { .. } | Self::NoTables { .. } => {
                "data-not-found"
            }
            Self::Directory { .. } => "data-is-directory",
            Self::Empty { .. } => "data-empty",
            Self::HeaderOnly { .. } => "data-header-only",
            Self::Ragged { .. } => "data-ragged",
            Self::Encoding { .. } => "data-encoding",
            Self::UnknownEncoding { .. } => "data-unknown-encoding",
            Self::OpenQuote { .. } => "data-open-quote",
            Self::RecordTooLong { .. } => "data-record-too-long",
            Self::TooLarge { .. } => "data-too-large",
            Self::DuplicateColumn { .. } => "data-duplicate-column",
            Self::ColumnMissing { .. } => "data-column-missing",
            Self::KeptMissing { .. } => "data-kept-missing",
            Self::KeptName { .. } => "data-kept-name",
            Self::ColumnUnknown { .. } => "data-column-unknown",
            Self::ColumnsDiffer { .. } => "data-columns-differ",
            Self::Cell { .. } => "data-cell",
            Self::Infinite { .. } => "data-infinite",
            Self::Nested { .. } => "data-nested",
            Self::Json { .. } => "data-json",
            Self::ColumnType { .. } => "data-column-type",
            Self::Format { .. } => "data-format",
            Self::TooManyRows { .. } => "data-too-many-rows",
            Self::Pattern { .. } => "data-pattern",
            Self::Schema { .. } => "data-schema",
            Self::Io { source, .. } if is_out_of_space(source.kind()) => "output-full",
            Self::Io { .. } => "data-io",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::KeptMissing { whole: Some(whole), .. } => by_itself(whole),
            Self::NotFound { near, .. }
            | Self::ColumnUnknown { near, .. }
            | Self::KeptMissing { near, .. }
            | Self::Schema { near, .. }
                if !near.is_empty() =>
            {
                did_you_mean(near)
            }
            Self::ColumnUnknown { .. } | Self::KeptMissing { .. } => "name columns as the header of the table does".into(),
            Self::KeptName { .. } => "rename the column in the data, or leave it out".into(),
            Self::NotFound { .. } => "check the path".into(),
            Self::NoMatch { .. } => "check the pattern, and the directory that it is looked for in".into(),
            Self::NoTables { .. } => TABLE_NAMES.into(),
            Self::Directory { path } => {
                format!(
                    "name the files with a pattern, such as '{}/*.csv'",
                    path.trim_end_matches('/')
                )
            }
            Self::Empty { .. } | Self::HeaderOnly { .. } => {
                "give a file with a line of column names and at least one row".into()
            }
            Self::Ragged { .. } => {
                "quote cells that hold the delimiter, or name the delimiter with --delimiter".into()
            }
            Self::Encoding { .. } => "if the file is Latin-1, add --encoding latin1".into(),
            Self::UnknownEncoding { .. } => "use utf-8, latin1 or utf-16".into(),
            Self::OpenQuote { .. } => "double each quote inside a quoted cell".into(),
            Self::RecordTooLong { .. } => {
                "end each record with a line end, and close each quote that is opened".into()
            }
            Self::TooLarge { .. } => {
                "give fewer rows or columns; with enough memory `automl fit` takes a higher --memory-limit"
                    .into()
            }
            Self::DuplicateColumn { columns, .. } => alike_hint(columns),
            Self::ColumnMissing { near, others, .. } => missing_columns_hint(near, others),
            Self::ColumnsDiffer { .. } => {
                "give all files of the pattern the same columns, or read them apart".into()
            }
            Self::Cell {
                settled_by: SettledBy::Fitted,
                ..
            } => "correct the cell, or leave it empty: an empty cell counts as missing".into(),
            Self::Cell { value, .. } => format!(
                "correct the cell, give the column another kind with --schema, or add '{value}' to the missing marks"
            ),
            Self::Infinite { .. } => "replace it by a number or by nothing".into(),
            Self::Nested { .. } => "flatten the value into keys of its own".into(),
            Self::Json { .. } => "write one JSON object a line".into(),
            Self::ColumnType { .. } => {
                "cast the column to a number, text or time, or leave it out".into()
            }
            Self::Format { format, .. } if ["an image", "a folder of images", "IDX"].contains(format) => {
                "give PNG, JPEG or BMP files, a folder of them for each class, or a whole IDX file".into()
            }
            Self::Format { .. } => {
                "give a CSV, TSV, Parquet, JSON lines or Arrow IPC file, perhaps gz or zst".into()
            }
            Self::TooManyRows { .. } => "give fewer rows".into(),
            Self::Schema { .. } => {
                "`automl profile DATA --write-schema schema.yaml` writes one to edit".into()
            }
            Self::Io { action, source, .. } => return io_hint(action, source.kind()),
            Self::Pattern { .. } => return None,
        };
        Some(hint)
    }
}

/// `columns 1 and 3 are called 'a', columns 2 and 4 'b'`
fn list_alike(columns: &[(String, Vec<usize>)]) -> String {
    const SHOWN: usize = 10;
    let one = |(position, (name, columns)): (usize, &(String, Vec<usize>))| {
        let columns: Vec<String> = columns.iter().map(usize::to_string).collect();
        let (last, head) = columns
            .split_last()
            .map_or(("", &[][..]), |(last, head)| (last, head));
        let are = match (position, head.len()) {
            (0, 1) => "are both called ",
            (0, _) => "are all called ",
            _ => "",
        };
        format!("columns {} and {last} {are}'{name}'", head.join(", "))
    };
    let mut parts: Vec<String> = columns.iter().take(SHOWN).enumerate().map(one).collect();
    if columns.len() > SHOWN {
        parts.push(format!("and {} more names", columns.len() - SHOWN));
    }
    parts.join(", ")
}

fn io_hint(action: &str, kind: std::io::ErrorKind) -> Option<String> {
    use std::io::ErrorKind as K;
    let hint = match (action, kind) {
        (_, kind) if is_out_of_space(kind) => {
            "the disk is full; free some space or write to another disk"
        }
        ("writing", _) => "choose another place to write to",
        (_, K::UnexpectedEof) => "the file is cut; copy or make it again",
        (_, K::PermissionDenied) => "check who owns the file and may read it",
        _ => return None,
    };
    Some(hint.into())
}

fn alike_hint(columns: &[(String, Vec<usize>)]) -> String {
    let is_number = |(name, _): &(String, _)| name.parse::<f64>().is_ok();
    let more = if columns.iter().all(is_number) {
        "; put a line of column names first if the file has none"
    } else {
        ""
    };
    let name = columns.first().map_or("a", |(name, _)| name);
    format!(
        "rename them in the file, or tell them apart as '{name}' and '{name}.1' with --rename-duplicates{more}"
    )
}

fn missing_columns_hint(near: &[String], others: &[String]) -> String {
    match (near, others) {
        ([], []) => "add the column, or treat it as missing with --allow-missing-columns".into(),
        ([], _) => "add the columns, or treat them as missing with --allow-missing-columns".into(),
        (near, []) => format!(
            "{} else treat the column as missing with --allow-missing-columns",
            did_you_mean(near)
        ),
        (near, _) => format!(
            "{} else treat the columns as missing with --allow-missing-columns",
            did_you_mean(near)
        ),
    }
}

/// What to do about a name that has a comma.
fn by_itself(name: &str) -> String {
    format!("a comma parts names; repeat the option, with '{name}' alone: --keep '{name}' --keep …")
}

/// ` nor 'b', 'c'`, behind the name of the first.
fn nor(others: &[String]) -> String {
    const SHOWN: usize = 10;
    if others.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = (others.iter().take(SHOWN))
        .map(|name| format!("'{name}'"))
        .collect();
    let more = match others.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(" nor {}{more}", quoted.join(", "))
}

fn did_you_mean(near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [head @ .., last] if !head.is_empty() => {
            format!("did you mean {} or {last}?", head.join(", "))
        }
        _ => format!("did you mean {}?", quoted.join("")),
    }
}

fn list_difference(missing: &[String], extra: &[String]) -> String {
    let part = |word: &str, names: &[String]| match names {
        [] => None,
        [one] => Some(format!("{word} '{one}'")),
        [one, rest @ ..] => Some(format!("{word} '{one}' and {} more", rest.len())),
    };
    [part("without", missing), part("with", extra)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// The start of a cell, short enough for a message.
pub(crate) fn shorten(value: &str) -> String {
    const MAX_CHARS: usize = 40;
    match value.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
