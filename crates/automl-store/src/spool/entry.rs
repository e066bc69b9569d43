//! What a verb writes down of its run, a line each.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tag of a failed run that holds the code of its error, if that has one.
pub const ERROR_CODE_TAG: &str = "automl.error.code";
/// The tag of a failed run that holds what its error said.
pub const ERROR_MESSAGE_TAG: &str = "automl.error.message";

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// One fact of a run. Facts may be taken in twice: the second time changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Entry {
    /// The run began; always the first.
    Run {
        /// See [`FORMAT`].
        format: u32,
        #[serde(flatten)]
        begin: Begin,
    },
    /// Something was logged.
    Log {
        #[serde(default)]
        params: Texts,
        #[serde(default)]
        tags: Texts,
        #[serde(default)]
        metrics: Vec<Point>,
    },
    /// A whole run below this one, such as a trial.
    Child(Child),
    /// Data was read or written.
    Data(Data),
    /// A model was read.
    ModelRead { id: String },
    /// A model was made.
    ModelMade { id: String, name: String },
    /// Staged files belong to the model of an id, or to the run.
    Files {
        model: Option<String>,
        /// The folder of staged files, below that of the run.
        staged: String,
        /// Where they go, below the artifacts.
        to: String,
    },
    /// The run ended; always the last.
    End { status: Status, end_ms: i64 },
}

/// The version of the entries that this program writes.
pub const FORMAT: u32 = 1;

/// What a run is when it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Begin {
    pub id: String,
    pub experiment: String,
    pub name: Option<String>,
    pub user: String,
    pub start_ms: i64,
    pub tags: Texts,
}

/// A run below another, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Child {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub start_ms: i64,
    pub end_ms: i64,
    pub params: Texts,
    pub metrics: Vec<Point>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum Status {
    Finished,
    Failed,
    Killed,
}

impl Status {
    /// As the record names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }
}

/// A reference to data that a run read or wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Data {
    pub is_written: bool,
    /// What for: `training`, `evaluation`, `prediction`.
    pub context: String,
    pub name: String,
    pub digest: String,
    /// Where it is: an absolute path, a URL, or `-` for a stream.
    pub uri: String,
    pub schema: Option<String>,
    pub profile: Option<String>,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Point {
    pub key: String,
    #[serde(with = "number")]
    pub value: f64,
    pub step: i64,
    pub at_ms: i64,
}

/// Numbers that JSON has, and the three that it has not, as texts.
mod number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.collect_str(value)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
        match Written::deserialize(source)? {
            Written::Number(value) => Ok(value),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}
