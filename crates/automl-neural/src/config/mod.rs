//! The file that says what is trained: sections of declared parameters.
//!
//! Every section is a struct that derives `Params`: its fields, their docs, defaults and ranges are declared once, and
//! checks, the JSON Schema and the printed defaults all come from that declaration.

mod auto;
mod command;
mod error;
mod family;
mod layers;
mod lines;
mod print;
mod schema;
mod section;
#[cfg(test)]
mod tests;
mod watched;

pub use command::{CommandParams, Goal, Program};
pub use error::{ConfigError, PlacedError};
pub use family::{Family, ModelParams, TextNetworkParams};
pub use layers::Layer;
pub use lines::line_of;
pub use schema::json_schema;
pub use section::list_items;

use crate::image::{ImageParams, ImageSettings};
use crate::network::{MlpParams, NetworkParams};
use crate::series::{SeriesParams, SeriesSettings};
use crate::tabular::{ColumnWishes, EncoderParams, LossParams, TabularSettings};
use crate::text::{TextParams, TextSettings};
use crate::train::{
    Auto, CheckpointParams, OptimizerParams, ScheduleParams, TensorBoardParams, TrainSettings,
    TrainerParams,
};
use automl_core::metrics::Metric;
use automl_core::{ParamSpec, Params};
use family::{MODELS, model_of, usual_of};
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
    /// Column to predict; of time series those to forecast, as a list or with commas between them, or all that hold
    /// numbers.
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
    /// How images are read and changed.
    pub images: ImageParams,
    /// How texts become tokens.
    pub texts: TextParams,
    /// How long windows of time series are.
    pub series: SeriesParams,
    /// The network.
    pub model: ModelParams,
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
    /// What is written for `TensorBoard`.
    pub tensorboard: TensorBoardParams,
    /// Keys that are left to the training.
    pub auto: Auto,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            data: DataParams::default(),
            features: EncoderParams::default(),
            columns: ColumnWishes::new(),
            images: ImageParams::default(),
            texts: TextParams::default(),
            series: SeriesParams::default(),
            model: ModelParams::Table(NetworkParams::Mlp(MlpParams::default())),
            loss: LossParams::default(),
            metrics: Vec::new(),
            optimizer: OptimizerParams::default(),
            schedule: ScheduleParams::default(),
            trainer: TrainerParams::default(),
            checkpoint: CheckpointParams::default(),
            tensorboard: TensorBoardParams::default(),
            auto: Auto::default(),
        }
    }
}

/// One section of the file.
struct Section {
    name: &'static str,
    doc: &'static str,
    specs: &'static [ParamSpec],
    /// The networks that have it; none for all.
    family: Option<Family>,
}

/// The sections whose keys are fixed, in the order in which they are printed.
const SECTIONS: [Section; 11] = [
    Section {
        name: "data",
        doc: "What is learned from.",
        specs: DataParams::SPECS,
        family: None,
    },
    Section {
        name: "features",
        doc: "How columns are encoded.",
        specs: EncoderParams::SPECS,
        family: Some(Family::Table),
    },
    Section {
        name: "images",
        doc: "How images are read and changed.",
        specs: ImageParams::SPECS,
        family: Some(Family::Image),
    },
    Section {
        name: "texts",
        doc: "How texts become tokens.",
        specs: TextParams::SPECS,
        family: Some(Family::Text),
    },
    Section {
        name: "series",
        doc: "How long windows are, and which rows they are of.",
        specs: SeriesParams::SPECS,
        family: Some(Family::Series),
    },
    Section {
        name: "loss",
        doc: "What is made small.",
        specs: LossParams::SPECS,
        family: None,
    },
    Section {
        name: "optimizer",
        doc: "How weights follow gradients.",
        specs: OptimizerParams::SPECS,
        family: None,
    },
    Section {
        name: "schedule",
        doc: "How the learning rate changes.",
        specs: ScheduleParams::SPECS,
        family: None,
    },
    Section {
        name: "trainer",
        doc: "How long and in what portions the network learns.",
        specs: TrainerParams::SPECS,
        family: None,
    },
    Section {
        name: "checkpoint",
        doc: "When the state is written down, to go on from after an end.",
        specs: CheckpointParams::SPECS,
        family: None,
    },
    Section {
        name: "tensorboard",
        doc: "What is written for TensorBoard beside losses, scores and settings.",
        specs: TensorBoardParams::SPECS,
        family: None,
    },
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
        let of_study = ["space", "objectives"];
        if let Some(key) = of_study.into_iter().find(|&key| file.contains_key(key)) {
            return Err(ConfigError::Study { key });
        }
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
        let model = model_of(file.get(MODEL).unwrap_or(&Value::Null))?;
        let other = SECTIONS
            .iter()
            .find(|section| !section.is_of(&model) && file.contains_key(section.name));
        if let Some(section) = other {
            return Err(ConfigError::other_family(section, &model));
        }
        let usual = usual_of(&model, file.get("optimizer"));
        let section = |name: &str| {
            let declared = SECTIONS.iter().find(|section| section.name == name);
            let specs = declared.map_or(&[][..], |section| section.specs);
            auto::with_usual(file.get(name), &usual[name], specs)
        };
        let (features, columns) = without_columns(&section("features"))?;
        let (mut optimizer, mut trainer) = (section("optimizer"), section("trainer"));
        let auto = auto::take(&mut optimizer, &mut trainer);
        let mut config = Self {
            data: params_of(&section("data"), "data")?,
            features: params_of(&features, "features")?,
            columns,
            images: params_of(&section("images"), "images")?,
            texts: params_of(&section("texts"), "texts")?,
            series: params_of(&section("series"), "series")?,
            model,
            loss: params_of(&section("loss"), "loss")?,
            metrics: metrics_of(&section(METRICS))?,
            optimizer: params_of(&optimizer, "optimizer")?,
            schedule: params_of(&section("schedule"), "schedule")?,
            trainer: params_of(&trainer, "trainer")?,
            checkpoint: params_of(&section("checkpoint"), "checkpoint")?,
            tensorboard: params_of(&section("tensorboard"), "tensorboard")?,
            auto,
        };
        watched::check(&mut config, file.get("trainer"))?;
        Ok(config)
    }

    /// Everything that it says, defaults too.
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        let mut put = |name: &str, section: Value| value.insert(name.to_owned(), section);
        put("data", to_json(&self.data));
        match self.model.family() {
            Family::Table => {
                let mut features = to_json(&self.features);
                features[COLUMNS] = json!(self.columns);
                put("features", features);
            }
            Family::Image => {
                put("images", to_json(&self.images));
            }
            Family::Text => {
                put("texts", to_json(&self.texts));
            }
            Family::Series => {
                put("series", to_json(&self.series));
            }
            Family::Command => {}
        }
        put(MODEL, json!(self.model));
        put("loss", to_json(&self.loss));
        let metrics: Vec<&str> = self.metrics.iter().map(|metric| metric.name()).collect();
        put(METRICS, json!(metrics));
        put("optimizer", to_json(&self.optimizer));
        put("schedule", to_json(&self.schedule));
        put("trainer", to_json(&self.trainer));
        put("checkpoint", to_json(&self.checkpoint));
        put("tensorboard", to_json(&self.tensorboard));
        for key in &auto::KEYS {
            if (key.is_set)(self.auto) {
                value[key.section][key.key] = auto::AUTO.into();
            }
        }
        Value::Object(value)
    }

    /// As a YAML file in which every key has its documentation.
    pub fn to_yaml(&self) -> String {
        print::yaml(self)
    }

    /// What decides what a network becomes, whatever it is of; scored by `metric` where the file names no metric.
    ///
    /// # Panics
    /// If there is no network, but a command.
    pub fn settings(&self, metric: Metric) -> Settings {
        let train = TrainSettings {
            optimizer: self.optimizer.clone(),
            schedule: self.schedule.clone(),
            trainer: self.trainer.clone(),
            auto: self.auto,
        };
        let loss = self.loss.clone();
        let metrics = if self.metrics.is_empty() {
            vec![metric]
        } else {
            self.metrics.clone()
        };
        match &self.model {
            ModelParams::Table(network) => Settings::Table(TabularSettings {
                network: network.clone(),
                encoder: self.features.clone(),
                wishes: self.columns.clone(),
                loss,
                train,
                metrics,
            }),
            ModelParams::Text(TextNetworkParams::Transformer(network)) => {
                Settings::Text(TextSettings {
                    network: network.clone(),
                    texts: self.texts.clone(),
                    loss,
                    train,
                    metrics,
                })
            }
            ModelParams::Series(network) => Settings::Series(SeriesSettings {
                network: network.clone(),
                series: self.series.clone(),
                loss,
                train,
                metrics,
            }),
            ModelParams::Command(_) => unreachable!("a command is no network"),
            ModelParams::Image(network) => Settings::Image(ImageSettings {
                network: network.clone(),
                images: self.images.clone(),
                loss,
                train,
                metrics,
            }),
        }
    }
}

/// What decides what a network becomes, by what it is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    /// Of a table.
    Table(TabularSettings),
    /// Of images.
    Image(ImageSettings),
    /// Of texts.
    Text(TextSettings),
    /// Of time series.
    Series(SeriesSettings),
}

impl Section {
    /// Whether a network has it.
    fn is_of(&self, model: &ModelParams) -> bool {
        self.family.is_none_or(|family| family == model.family())
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
