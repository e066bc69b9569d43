//! What files of predictions are like, and what they are called.

use automl_data::{DataError, PredictionColumns, PredictionFormat, PredictionWriter};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a file of predictions is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) format: PredictionFormat,
    pub(crate) is_gzipped: bool,
}

impl Layout {
    /// What stdout is.
    pub(crate) const CSV: Self = Self {
        format: PredictionFormat::Csv,
        is_gzipped: false,
    };

    /// What the name of a file asks for; `None` if it is nothing that can be written.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let (name, is_gzipped) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let format = match Path::new(name).extension().and_then(|kind| kind.to_str()) {
            Some("parquet" | "pq") if !is_gzipped => PredictionFormat::Parquet,
            // A name without an extension, such as /dev/stdout or a named pipe, takes text.
            Some("csv" | "txt") | None => PredictionFormat::Csv,
            Some("tsv" | "tab") => PredictionFormat::Tsv,
            Some("jsonl" | "ndjson") => PredictionFormat::JsonLines,
            Some(_) => return None,
        };
        Some(Self { format, is_gzipped })
    }
}

/// The kind of the files of a folder of predictions, by the extension that they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartKind {
    pub(crate) extension: &'static str,
    pub(crate) layout: Layout,
}

/// What [`PartKind`] can be.
const KINDS: [(&str, PredictionFormat, bool); 7] = [
    ("csv", PredictionFormat::Csv, false),
    ("tsv", PredictionFormat::Tsv, false),
    ("jsonl", PredictionFormat::JsonLines, false),
    ("parquet", PredictionFormat::Parquet, false),
    ("csv.gz", PredictionFormat::Csv, true),
    ("tsv.gz", PredictionFormat::Tsv, true),
    ("jsonl.gz", PredictionFormat::JsonLines, true),
];

impl PartKind {
    /// All of them.
    pub(crate) const NAMES: [&'static str; 7] = {
        let mut names = [""; 7];
        let mut place = 0;
        while place < KINDS.len() {
            names[place] = KINDS[place].0;
            place += 1;
        }
        names
    };

    /// The file for a table of this name.
    pub(crate) fn file(self, name: &Path) -> PathBuf {
        let mut file = OsString::from(name);
        file.push(".");
        file.push(self.extension);
        PathBuf::from(file)
    }
}

impl Default for PartKind {
    fn default() -> Self {
        Self {
            extension: "csv",
            layout: Layout::CSV,
        }
    }
}

impl FromStr for PartKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let known = KINDS.iter().find(|(extension, ..)| *extension == text);
        let (extension, format, is_gzipped) =
            *known.ok_or_else(|| format!("it is one of {}", Self::NAMES.join(", ")))?;
        Ok(Self {
            extension,
            layout: Layout { format, is_gzipped },
        })
    }
}

/// Where predictions go.
pub(crate) struct Destination<'a, W> {
    pub(crate) out: W,
    /// For messages.
    pub(crate) name: &'a str,
    pub(crate) layout: Layout,
}

impl<W: Write + Send> Destination<'_, W> {
    /// Begins to write.
    ///
    /// # Errors
    /// It cannot be written to, or two columns would have one name.
    pub(crate) fn start(
        self,
        columns: PredictionColumns<'_>,
    ) -> Result<PredictionWriter<W>, DataError> {
        let start = if self.layout.is_gzipped {
            PredictionWriter::gzipped
        } else {
            PredictionWriter::new
        };
        start(self.out, self.name, self.layout.format, columns)
    }
}
