//! What networks are of: tables, images, …; and which network is of which.

use super::command::{CommandParams, Program};
use super::section::{self, as_map, params_of};
use super::{ConfigError, MODEL};
use crate::network::{
    CnnParams, DLinearParams, FtTransformerParams, ImageNetworkParams, MlpParams, NBeatsParams,
    NetworkParams, PatchTstParams, RealMlpParams, ResNet18Params, ResNetParams,
    SeriesNetworkParams, TabMParams, TextTransformerParams,
};
use crate::train::{OptimizerKind, OptimizerParams};
use automl_core::params::ParamChoice as _;
use automl_core::{ParamMap, ParamSpec, Params};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a network is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The columns of a table.
    Table,
    /// A column of images.
    Image,
    /// A column of texts.
    Text,
    /// Columns of numbers in the order of time.
    Series,
    /// Whatever a program of the user's reads.
    Command,
}

impl Family {
    /// As in `networks of tables`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "tables",
            Self::Image => "images",
            Self::Text => "texts",
            Self::Series => "time series",
            Self::Command => "commands",
        }
    }
}

/// A network that a file may name.
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) family: Family,
    pub(super) specs: &'static [ParamSpec],
    read: fn(&Value) -> Result<ModelParams, ConfigError>,
}

/// The networks by name.
pub(super) const MODELS: [Model; 13] = [
    Model {
        name: "linear",
        doc: "A linear model.",
        family: Family::Table,
        specs: &[],
        read: |rest| {
            section::refuse_keys(rest, MODEL)?;
            Ok(ModelParams::Table(NetworkParams::Linear))
        },
    },
    Model {
        name: "mlp",
        doc: "A multilayer perceptron.",
        family: Family::Table,
        specs: MlpParams::SPECS,
        read: |rest| {
            Ok(ModelParams::Table(NetworkParams::Mlp(params_of(
                rest, MODEL,
            )?)))
        },
    },
    Model {
        name: "resnet",
        doc: "A residual network.",
        family: Family::Table,
        specs: ResNetParams::SPECS,
        read: |rest| {
            Ok(ModelParams::Table(NetworkParams::Resnet(params_of(
                rest, MODEL,
            )?)))
        },
    },
    Model {
        name: "tabm",
        doc: "Many perceptrons that share their weights.",
        family: Family::Table,
        specs: TabMParams::SPECS,
        read: |rest| {
            Ok(ModelParams::Table(NetworkParams::Tabm(params_of(
                rest, MODEL,
            )?)))
        },
    },
    Model {
        name: "ft_transformer",
        doc: "A transformer over columns.",
        family: Family::Table,
        specs: FtTransformerParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Table(NetworkParams::FtTransformer(params)))
        },
    },
    Model {
        name: "realmlp",
        doc: "A perceptron with the settings that do well over many tables.",
        family: Family::Table,
        specs: RealMlpParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Table(NetworkParams::Realmlp(params)))
        },
    },
    Model {
        name: "cnn",
        doc: "A small convolutional network of images.",
        family: Family::Image,
        specs: CnnParams::SPECS,
        read: |rest| {
            Ok(ModelParams::Image(ImageNetworkParams::Cnn(params_of(
                rest, MODEL,
            )?)))
        },
    },
    Model {
        name: "resnet18",
        doc: "A ResNet-18 of images.",
        family: Family::Image,
        specs: ResNet18Params::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Image(ImageNetworkParams::Resnet18(params)))
        },
    },
    Model {
        name: "text_transformer",
        doc: "A transformer encoder of texts.",
        family: Family::Text,
        specs: TextTransformerParams::SPECS,
        read: |rest| {
            Ok(ModelParams::Text(TextNetworkParams::Transformer(
                params_of(rest, MODEL)?,
            )))
        },
    },
    Model {
        name: "dlinear",
        doc: "Two linear maps of time series, of a trend and of what is left.",
        family: Family::Series,
        specs: DLinearParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Series(SeriesNetworkParams::DLinear(params)))
        },
    },
    Model {
        name: "nbeats",
        doc: "Blocks that each explain a part of a time series.",
        family: Family::Series,
        specs: NBeatsParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Series(SeriesNetworkParams::NBeats(params)))
        },
    },
    Model {
        name: "patchtst",
        doc: "A transformer over pieces of a time series.",
        family: Family::Series,
        specs: PatchTstParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Series(SeriesNetworkParams::PatchTst(params)))
        },
    },
    Model {
        name: "command",
        doc: "A program of yours, which trains whatever it likes.",
        family: Family::Command,
        specs: CommandParams::SPECS,
        read: |rest| {
            let params = params_of(rest, MODEL)?;
            Ok(ModelParams::Command(Program::Command(params)))
        },
    },
];

/// The network of texts, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum TextNetworkParams {
    /// A transformer encoder.
    #[serde(rename = "text_transformer")]
    Transformer(TextTransformerParams),
}

/// The network of any family, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ModelParams {
    /// Of tables.
    Table(NetworkParams),
    /// Of images.
    Image(ImageNetworkParams),
    /// Of texts.
    Text(TextNetworkParams),
    /// Of time series.
    Series(SeriesNetworkParams),
    /// No network, but a program.
    Command(Program),
}

impl ModelParams {
    /// The name of the network.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Table(params) => params.name(),
            Self::Image(params) => params.name(),
            Self::Text(TextNetworkParams::Transformer(_)) => "text_transformer",
            Self::Series(params) => params.name(),
            Self::Command(Program::Command(_)) => "command",
        }
    }

    /// What it is of.
    pub fn family(&self) -> Family {
        match self {
            Self::Table(_) => Family::Table,
            Self::Image(_) => Family::Image,
            Self::Text(_) => Family::Text,
            Self::Series(_) => Family::Series,
            Self::Command(_) => Family::Command,
        }
    }

    /// The declaration of the network.
    pub(super) fn model(&self) -> &'static Model {
        let mut models = MODELS.iter();
        let found = models.find(|model| model.name == self.name());
        found.expect("every network is listed")
    }

    /// Its parameters by name.
    pub(super) fn values(&self) -> ParamMap {
        match self {
            Self::Table(NetworkParams::Linear) => ParamMap::new(),
            Self::Table(NetworkParams::Mlp(params)) => params.to_map(),
            Self::Table(NetworkParams::Resnet(params)) => params.to_map(),
            Self::Table(NetworkParams::Tabm(params)) => params.to_map(),
            Self::Table(NetworkParams::FtTransformer(params)) => params.to_map(),
            Self::Table(NetworkParams::Realmlp(params)) => params.to_map(),
            Self::Image(ImageNetworkParams::Cnn(params)) => params.to_map(),
            Self::Image(ImageNetworkParams::Resnet18(params)) => params.to_map(),
            Self::Text(TextNetworkParams::Transformer(params)) => params.to_map(),
            Self::Series(SeriesNetworkParams::DLinear(params)) => params.to_map(),
            Self::Series(SeriesNetworkParams::NBeats(params)) => params.to_map(),
            Self::Series(SeriesNetworkParams::PatchTst(params)) => params.to_map(),
            Self::Command(Program::Command(params)) => params.to_map(),
        }
    }
}

/// What a network says of other sections and an optimiser of its own, where a file says nothing. `optimizer` is what the file
/// says of that.
pub(super) fn usual_of(model: &ModelParams, optimizer: Option<&Value>) -> Value {
    let mut usual = of_network(model);
    let kind = optimizer.and_then(|section| section.get("type")?.as_str());
    if kind == Some(OptimizerKind::Lion.choice_name()) {
        // What the network says of it is for AdamW.
        usual["optimizer"]["beta2"] = OptimizerParams::of(OptimizerKind::Lion).beta2.into();
    }
    usual
}

fn of_network(model: &ModelParams) -> Value {
    match model {
        ModelParams::Table(NetworkParams::Realmlp(_)) => json!({
            "features": {
                "numbers": "robust",
                "number_embedding": "periodic",
                "embedding_size": 4,
                "one_hot_levels": 8,
            },
            "loss": { "label_smoothing": RealMlpParams::LABEL_SMOOTHING },
            "optimizer": { "learning_rate": "auto", "weight_decay": 0.02, "beta2": 0.95 },
            "schedule": {
                "type": "coslog4",
                "weight_decay": "flat_cosine",
                "dropout": "flat_cosine",
            },
            "trainer": { "epochs": 256, "clip_norm": 0.0, "patience": 0 },
        }),
        _ => Value::Null,
    }
}

/// The network that the section `model` names.
pub(super) fn model_of(section: &Value) -> Result<ModelParams, ConfigError> {
    let mut rest = match section {
        Value::Null => Map::new(),
        other => as_map(other, &[MODEL])?.clone(),
    };
    let name = match rest.shift_remove("type") {
        None => "mlp".to_owned(),
        Some(Value::String(name)) => name,
        Some(_) => return Err(ConfigError::value(&[MODEL, "type"], "is not a name")),
    };
    if let Some(model) = MODELS.iter().find(|model| model.name == name) {
        return (model.read)(&Value::Object(rest));
    }
    let known = MODELS.iter().map(|model| model.name);
    Err(ConfigError::unknown_name(&[MODEL, "type"], &name, known))
}
