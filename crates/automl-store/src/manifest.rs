//! `manifest.json`: what a model is, takes and gives, how it scored and where it came from.

use automl_core::{ClassThresholds, CostMatrix, Decision, Field, Kind, Role, Schema, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The format that this version writes; it reads this one and all before it.
pub const FORMAT_VERSION: u32 = 1;

/// The first field of every manifest, to tell it from other files of that name.
pub(crate) const FORMAT_NAME: &str = "automl-model";

/// What is known of a model beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was made, as RFC 3339 in UTC; see [`rfc3339`].
    pub created: String,
    /// What it predicts.
    pub task: Task,
    /// The columns that it reads, with kinds, roles, levels and missing marks.
    pub inputs: Schema,
    /// The columns that it gives; see [`prediction_schema`].
    pub outputs: Schema,
    /// The metric that it was chosen by.
    pub metric: String,
    /// Validation scores by metric; finite.
    pub scores: BTreeMap<String, f64>,
    /// Of two classes, the probability above which the second is predicted; without one it is the likelier class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Of more classes, the threshold of each if they decide: the class whose probability is the greatest multiple of its threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ClassThresholds>,
    /// What each error costs, if that is what decides: of two classes by the threshold, of more by the least expected cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostMatrix>,
    /// Where it came from.
    pub lineage: Lineage,
}

impl Manifest {
    /// How a class is told from its probabilities.
    pub fn decision(&self) -> Decision {
        match (self.threshold, &self.thresholds, &self.costs) {
            (Some(threshold), _, _) => Decision::Above(threshold),
            (None, Some(thresholds), _) => Decision::Relative(thresholds.clone()),
            (None, None, Some(costs)) => Decision::Cheapest(costs.clone()),
            (None, None, None) => Decision::Likeliest,
        }
    }
}

/// Where a model came from: enough to make it again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Lineage {
    /// The data, as the user named it.
    pub data: String,
    /// Fingerprint of the data's content.
    pub data_fingerprint: String,
    /// Rows read.
    pub n_rows_read: u64,
    /// Rows learned from.
    pub n_rows: u64,
    /// Feature columns learned from.
    pub n_features: u64,
    /// Settings of the run, all of them, defaults included.
    pub config: Value,
    /// Root of all randomness.
    pub seed: u64,
    /// State of the user's repository, if the run was started in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// What the record knows the model by, if the run was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ModelId>,
    /// Version of this program.
    pub version: String,
    /// Where it ran.
    pub machine: Machine,
}

/// A model in the record of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelId {
    /// The run that made it.
    pub run_id: String,
    /// Its own id.
    pub model_id: String,
}

/// State of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Git {
    /// Full hash of the commit.
    pub commit: String,
    /// Whether files differed from it.
    pub is_dirty: bool,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Processor family, such as `x86_64`.
    pub arch: String,
    /// Threads that the run might use.
    pub n_threads: u32,
}

impl Machine {
    /// This machine, for a run of so many threads.
    pub fn this(n_threads: usize) -> Self {
        Self {
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            n_threads: n_threads as u32,
        }
    }
}

/// One file of a model directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path below the model directory, with forward slashes.
    pub path: String,
    /// Size in bytes.
    pub n_bytes: u64,
    /// SHA-256 of the content in lower-case hexadecimal.
    pub sha256: String,
}

/// One node of the artifact tree, with its arrays by tensor name in `weights.safetensors`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) meta: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) arrays: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Node>,
}

/// The whole of `manifest.json`. `sha256` stands last and covers every byte before its own digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) format: String,
    pub(crate) format_version: u32,
    #[serde(flatten)]
    pub(crate) manifest: Manifest,
    pub(crate) model: Node,
    pub(crate) files: Vec<FileEntry>,
    pub(crate) sha256: String,
}

/// Just enough of a manifest of any version to say whether this version can read it.
#[derive(Debug, Deserialize)]
pub(crate) struct Preface {
    pub(crate) format: Option<String>,
    pub(crate) format_version: Option<u64>,
}

/// The columns of a prediction file: `prediction`, then `probability_<class>` for each class of a classification; or
/// `quantile_<level>` for each quantile; of several targets `<target>`, then `probability_<target>_<class>`, of each.
pub fn prediction_schema(task: &Task) -> Schema {
    let field = |name: String, kind, levels: &[String]| Field {
        name,
        kind,
        role: Role::Feature,
        levels: levels.to_vec(),
        format: None,
    };
    let kind_of = |task: &Task| {
        if task.is_classification() {
            Kind::Category
        } else {
            Kind::Number
        }
    };
    let mut of_targets = Vec::new();
    for one in task.targets() {
        let (kind, classes) = (kind_of(&one.task), one.task.classes());
        of_targets.push(field(one.target.clone(), kind, classes));
        let columns = classes.iter().map(|class| one.probability_column(class));
        of_targets.extend(columns.map(|column| field(column, Kind::Number, &[])));
    }
    if !of_targets.is_empty() {
        return Schema {
            fields: of_targets,
            missing: Vec::new(),
        };
    }
    let quantiles = task.levels().iter();
    let mut fields: Vec<Field> = quantiles
        .map(|level| field(level.column(), Kind::Number, &[]))
        .collect();
    if fields.is_empty() {
        fields.push(field("prediction".into(), kind_of(task), task.classes()));
    }
    for class in task.classes() {
        fields.push(field(format!("probability_{class}"), Kind::Number, &[]));
    }
    Schema {
        fields,
        missing: Vec::new(),
    }
}

/// A moment given in microseconds since 1970 as `2013-08-14T09:30:00Z`; the first or last known one if out of range.
pub fn rfc3339(unix_micros: i64) -> String {
    let bound = if unix_micros < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    let moment = jiff::Timestamp::from_microsecond(unix_micros).unwrap_or(bound);
    moment.to_string()
}
