//! The file that says what is trained: sections of declared parameters.
//!
//! Every section is a struct that derives `Params`: its fields, their docs, defaults and ranges are declared once, and
//! checks, the JSON Schema and the printed defaults all come from that declaration.

mod error;
mod layers;
mod lines;
mod print;
mod schema;
mod section;
#[cfg(test)]
mod tests;

pub use error::{ConfigError, PlacedError};
pub use layers::Layer;
pub use lines::line_of;
pub use schema::json_schema;

use crate::network::{FtTransformerParams, MlpParams, NetworkParams, ResNetParams, TabMParams};
use crate::tabular::{ColumnWishes, EncoderParams, LossParams, TabularSettings};
use crate::train::{
    CheckpointParams, OptimizerParams, ScheduleParams, TrainSettings, TrainerParams,
};
use automl_core::metrics::Metric;
use automl_core::{ParamSpec, Params};
use section::{as_list, as_map, params_of, to_json, words};
use serde_json::{Map, Value, json};

/// What the target is.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskName {
    /// Told from the target.
    Auto,
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

/// The data.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct DataParams {
    /// Table to learn from: CSV, TSV, Parquet, JSON lines or Arrow, perhaps .gz or .zst; a path, a glob or a registered
    /// name.
    #[param(default = String::new())]
    pub path: String,
    /// Column to predict.
    #[param(default = String::new())]
    pub target: String,
    /// What is predicted: auto tells it from the target.
    #[param(default = TaskName::Auto)]
    pub task: TaskName,
    /// Share of the rows that is held out to score on while training; 0 for none.
    #[param(default = 0.2, range = 0.0..=0.9)]
    pub validation_share: f64,
    /// Column that says how much each row counts.
    #[param(default = String::new())]
    pub weight: String,
    /// Column whose equal values stay on one side of the split.
    #[param(default = String::new())]
    pub group: String,
    /// Column that orders the rows: validation follows training.
    #[param(default = String::new())]
    pub time: String,
    /// Columns to leave out, as a list or with commas between them.
    #[param(default = String::new())]
    pub drop: String,
    /// Which of two classes is the positive one.
    #[param(default = String::new())]
    pub positive: String,
    /// A schema file with kinds and roles of columns.
    #[param(default = String::new())]
    pub schema: String,
}

/// All that a configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// The data.
    pub data: DataParams,
    /// How columns are encoded.
    pub features: EncoderParams,
    /// Columns that are encoded in a way of their own.
    pub columns: ColumnWishes,
    /// The network.
    pub model: NetworkParams,
    /// What is made small.
    pub loss: LossParams,
    /// What is scored; the first decides.
    pub metrics: Vec<Metric>,
    /// How weights follow gradients.
    pub optimizer: OptimizerParams,
    /// How the learning rate changes.
    pub schedule: ScheduleParams,
    /// How long and in what portions.
    pub trainer: TrainerParams,
    /// When states are written down.
    pub checkpoint: CheckpointParams,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            data: DataParams::default(),
            features: EncoderParams::default(),
            columns: ColumnWishes::new(),
            model: NetworkParams::Mlp(MlpParams::default()),
            loss: LossParams::default(),
            metrics: Vec::new(),
            optimizer: OptimizerParams::default(),
            schedule: ScheduleParams::default(),
            trainer: TrainerParams::default(),
            checkpoint: CheckpointParams::default(),
        }
    }
}

/// One section of the file.
struct Section {
    name: &'static str,
    doc: &'static str,
    specs: &'static [ParamSpec],
}

/// The sections whose keys are fixed, in the order in which they are printed.
const SECTIONS: [Section; 7] = [
    Section {
        name: "data",
        doc: "What is learned from.",
        specs: DataParams::SPECS,
    },
    Section {
        name: "features",
        doc: "How columns are encoded.",
        specs: EncoderParams::SPECS,
    },
    Section {
        name: "loss",
        doc: "What is made small.",
        specs: LossParams::SPECS,
    },
    Section {
        name: "optimizer",
        doc: "How weights follow gradients.",
        specs: OptimizerParams::SPECS,
    },
    Section {
        name: "schedule",
        doc: "How the learning rate changes.",
        specs: ScheduleParams::SPECS,
    },
    Section {
        name: "trainer",
        doc: "How long and in what portions the network learns.",
        specs: TrainerParams::SPECS,
    },
    Section {
        name: "checkpoint",
        doc: "When the state is written down, to go on from after an end.",
        specs: CheckpointParams::SPECS,
    },
];

/// The networks by name, each with its parameters.
const MODELS: [(&str, &str, &[ParamSpec]); 5] = [
    ("linear", "A linear model.", &[]),
    ("mlp", "A multilayer perceptron.", MlpParams::SPECS),
    ("resnet", "A residual network.", ResNetParams::SPECS),
    (
        "tabm",
        "Many perceptrons that share their weights.",
        TabMParams::SPECS,
    ),
    (
        "ft_transformer",
        "A transformer over columns.",
        FtTransformerParams::SPECS,
    ),
];

/// Sections that are no plain maps of parameters.
const MODEL: &str = "model";
const METRICS: &str = "metrics";
const COLUMNS: &str = "columns";

impl TrainConfig {
    /// The configuration that a file's content stands for; what it leaves out has its default.
    ///
    /// # Errors
    /// An unknown key or name, a value out of range, or one of another type; each with its place.
    pub fn from_value(value: &Value) -> Result<Self, ConfigError> {
        let empty = Map::new();
        let file = match value {
            Value::Null => &empty,
            other => as_map(other, &[])?,
        };
        let known = || {
            SECTIONS
                .iter()
                .map(|section| section.name)
                .chain([MODEL, METRICS])
        };
        for name in file.keys() {
            if !known().any(|section| section == name) {
                return Err(ConfigError::unknown(&[], name, known()));
            }
        }
        let section = |name: &str| file.get(name).unwrap_or(&Value::Null);
        let features = section("features");
        let (features, columns) = without_columns(features)?;
        Ok(Self {
            data: params_of(section("data"), "data")?,
            features: params_of(&features, "features")?,
            columns,
            model: model_of(section(MODEL))?,
            loss: params_of(section("loss"), "loss")?,
            metrics: metrics_of(section(METRICS))?,
            optimizer: params_of(section("optimizer"), "optimizer")?,
            schedule: params_of(section("schedule"), "schedule")?,
            trainer: params_of(section("trainer"), "trainer")?,
            checkpoint: params_of(section("checkpoint"), "checkpoint")?,
        })
    }

    /// Everything that it says, defaults too.
    pub fn to_value(&self) -> Value {
        let mut features = to_json(&self.features);
        features[COLUMNS] = json!(self.columns);
        json!({
            "data": to_json(&self.data),
            "features": features,
            MODEL: self.model,
            "loss": to_json(&self.loss),
            METRICS: self.metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>(),
            "optimizer": to_json(&self.optimizer),
            "schedule": to_json(&self.schedule),
            "trainer": to_json(&self.trainer),
            "checkpoint": to_json(&self.checkpoint),
        })
    }

    /// As a YAML file in which every key has its documentation.
    pub fn to_yaml(&self) -> String {
        print::yaml(self)
    }

    /// What decides what a tabular network becomes.
    pub fn tabular(&self) -> TabularSettings {
        TabularSettings {
            network: self.model.clone(),
            encoder: self.features.clone(),
            wishes: self.columns.clone(),
            loss: self.loss.clone(),
            train: TrainSettings {
                optimizer: self.optimizer.clone(),
                schedule: self.schedule.clone(),
                trainer: self.trainer.clone(),
            },
            metrics: self.metrics.clone(),
        }
    }
}

/// The encoder's parameters and, apart from them, the wishes for single columns.
fn without_columns(features: &Value) -> Result<(Value, ColumnWishes), ConfigError> {
    let mut features = features.clone();
    let wishes = features
        .as_object_mut()
        .and_then(|map| map.shift_remove(COLUMNS));
    let mut columns = ColumnWishes::new();
    if let Some(wishes) = wishes.filter(|wishes| !wishes.is_null()) {
        let path = ["features", COLUMNS];
        for (column, form) in as_map(&wishes, &path)? {
            let Value::String(form) = form else {
                let path = ["features", COLUMNS, column.as_str()];
                return Err(ConfigError::value(&path, "is not the name of an encoding"));
            };
            columns.insert(column.clone(), form.clone());
        }
    }
    Ok((features, columns))
}

fn model_of(section: &Value) -> Result<NetworkParams, ConfigError> {
    let mut rest = match section {
        Value::Null => Map::new(),
        other => as_map(other, &[MODEL])?.clone(),
    };
    let name = match rest.shift_remove("type") {
        None => "mlp".to_owned(),
        Some(Value::String(name)) => name,
        Some(_) => return Err(ConfigError::value(&[MODEL, "type"], "is not a name")),
    };
    let rest = Value::Object(rest);
    Ok(match name.as_str() {
        "linear" => {
            section::refuse_keys(&rest, MODEL)?;
            NetworkParams::Linear
        }
        "mlp" => NetworkParams::Mlp(params_of(&rest, MODEL)?),
        "resnet" => NetworkParams::Resnet(params_of(&rest, MODEL)?),
        "tabm" => NetworkParams::Tabm(params_of(&rest, MODEL)?),
        "ft_transformer" => NetworkParams::FtTransformer(params_of(&rest, MODEL)?),
        other => {
            let known = MODELS.iter().map(|(name, ..)| *name);
            return Err(ConfigError::unknown_name(&[MODEL, "type"], other, known));
        }
    })
}

fn metrics_of(section: &Value) -> Result<Vec<Metric>, ConfigError> {
    let names = match section {
        Value::Null => Vec::new(),
        Value::String(text) => words(text),
        other => as_list(other, &[METRICS])?,
    };
    let metric = |name: &String| {
        Metric::from_name(name).map_err(|_unknown| {
            let known = Metric::all().map(Metric::name);
            ConfigError::unknown_name(&[METRICS], name, known)
        })
    };
    names.iter().map(metric).collect()
}
