//! What a training needs to know before it begins: settings, data, split.

use super::checkpoints::Checkpoints;
use super::material::{Material, names_in};
use crate::cli::TrainArgs;
use crate::commands::datasets;
use crate::errors::TrainVerbError;
use crate::progress::Reporter;
use crate::remote;
use automl_core::metrics::Metric;
use automl_core::{Kind, Role, TaskKind};
use automl_data::{Loaded, ReadOptions, SchemaFile, Source, read_table};
use automl_neural::config::{Family, Layer, TaskName, TrainConfig};
use automl_store::{Overwrite, check_target};
use std::path::{Path, PathBuf};

/// All that is settled before the first step.
pub(crate) struct Plan {
    pub(super) args: TrainArgs,
    pub(super) config: TrainConfig,
    pub(super) material: Material,
    /// What decides, on validation rows.
    pub(super) metric: Metric,
    pub(super) n_rows_read: u64,
    /// SHA-256 of the data's content.
    pub(super) fingerprint: String,
    /// What is trained, line by line: a checkpoint of anything else is not gone on with.
    pub(super) identity: String,
    pub(super) started_micros: i64,
}

impl Plan {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// Something is not said, cannot be read, or does not fit.
    pub(super) fn new(
        args: TrainArgs,
        config: TrainConfig,
        reporter: &Reporter,
    ) -> anyhow::Result<Self> {
        check_said(&config)?;
        check_target(&args.output, overwrite(&args))?;
        let started_micros = automl_core::Clock::unix_micros();
        let data = &config.data;
        let place = datasets::place(&data.path, &args.record.workspace.workspace)?;
        let source = remote::source(
            &place,
            &args.record.workspace.workspace,
            &reporter.spinner(format!("looking for {place}")),
        )?;
        let loaded = read(&config, (&place, &source), reporter)?;
        let material = match config.model.family() {
            Family::Series => Material::series(&config, &loaded, reporter)?,
            Family::Command => unreachable!("a command is run, not planned"),
            Family::Table | Family::Image | Family::Text => {
                Material::rows(&config, &loaded, reporter)?
            }
        };
        material.check_metrics(&config.metrics)?;
        let metric = config.metrics.first().copied();
        Ok(Self {
            n_rows_read: loaded.table.n_rows() as u64,
            identity: identity(&config, &loaded.fingerprint.sha256)?,
            fingerprint: loaded.fingerprint.sha256,
            started_micros,
            metric: metric.unwrap_or_else(|| material.usual_metric()),
            material,
            config,
            args,
        })
    }

    pub(super) fn overwrite(&self) -> Overwrite {
        overwrite(&self.args)
    }

    /// The recipe that the network's columns go through.
    pub(super) fn recipe(&self) -> &'static str {
        match self.config.model.family() {
            Family::Table => "trees",
            Family::Image | Family::Text | Family::Series | Family::Command => "none",
        }
    }

    /// Where checkpoints and event files of the training are: beside the model.
    pub(super) fn run_folder(&self) -> PathBuf {
        run_folder(&self.args.output)
    }

    /// Where event files are.
    pub(super) fn tensorboard(&self) -> PathBuf {
        self.run_folder().join("tensorboard")
    }

    pub(super) fn checkpoints(&self) -> Checkpoints {
        let folder = self.run_folder().join("checkpoints");
        Checkpoints::new(folder, self.config.checkpoint.keep as usize)
    }
}

/// Reads the table. Of those columns that a model may learn from, a network of images or texts has its own alone.
fn read(
    config: &TrainConfig,
    (place, source): (&str, &Source),
    reporter: &Reporter,
) -> anyhow::Result<Loaded> {
    let data = &config.data;
    let mut loaded = {
        let _spinner = reporter.spinner(format!("reading {place}"));
        let schema = named(&data.schema).map(|path| SchemaFile::read(Path::new(&path)));
        let schema = with_texts(schema.transpose()?, config);
        let read = ReadOptions {
            targets: (config.model.family() != Family::Series)
                .then(|| data.target.clone())
                .into_iter()
                .collect(),
            images: config.model.family() == Family::Image,
            ..ReadOptions::default()
        };
        read_table(source, &read, schema.as_ref())?
    };
    // A series that is named is forecast, whatever else would be left out of a table like this.
    let is_series = config.model.family() == Family::Series;
    let named = if is_series {
        names_in(&data.target, &loaded.table)
    } else {
        Vec::new()
    };
    for warning in &loaded.warnings {
        if !warning.columns.iter().any(|column| named.contains(column)) {
            reporter.warnings().push(warning.clone());
        }
    }
    let own = match config.model.family() {
        Family::Table | Family::Series | Family::Command => None,
        Family::Image => Some(&config.images.column),
        Family::Text => Some(&config.texts.column),
    };
    // Without its column, training says what is missing.
    if let Some(own) = own.filter(|own| loaded.table.column(own).is_some()) {
        let fields = loaded.schema.fields.iter_mut();
        for field in fields.filter(|field| field.role == Role::Feature && field.name != *own) {
            field.role = Role::Ignored;
        }
    }
    Ok(loaded)
}

/// Whether the keys without which nothing can be trained are there.
fn check_said(config: &TrainConfig) -> Result<(), TrainVerbError> {
    let is_of_texts = config.model.family() == Family::Text;
    let is_of_series = config.model.family() == Family::Series;
    let keys = [
        ("data.path", &config.data.path, true),
        ("data.target", &config.data.target, !is_of_series),
        ("texts.column", &config.texts.column, is_of_texts),
    ];
    let lacking = keys
        .into_iter()
        .find(|(_, value, is_needed)| *is_needed && value.is_empty());
    if let Some((key, ..)) = lacking {
        return Err(TrainVerbError::Lacks { key });
    }
    let of_rows = [
        ("data.weight", &config.data.weight),
        ("data.group", &config.data.group),
        ("data.positive", &config.data.positive),
    ];
    let said = of_rows.into_iter().find(|(_, value)| !value.is_empty());
    if let Some((key, _)) = said.filter(|_| is_of_series) {
        return Err(TrainVerbError::NotOfSeries { key });
    }
    let (height, width) = ("images.height", "images.width");
    let half = match (config.images.height, config.images.width) {
        (0, 1..) => Some((height, width)),
        (1.., 0) => Some((width, height)),
        _ => None,
    };
    match half {
        Some((key, said)) => Err(TrainVerbError::LacksSide { key, said }),
        None => Ok(()),
    }
}

pub(super) fn run_folder(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".run");
    output.with_file_name(name)
}

/// Whether what is to be gone on with came to its end: its model is there, and no checkpoint is left.
pub(super) fn has_ended(args: &TrainArgs, config: &TrainConfig) -> bool {
    let checkpoints = Checkpoints::new(run_folder(&args.output).join("checkpoints"), 1);
    let is_its = |written: &TrainConfig| config.may_have_become(written);
    args.resume && checkpoints.is_empty() && written(&args.output).as_ref().is_some_and(is_its)
}

/// Whether a model was trained by the same configuration but for the number of epochs.
pub(super) fn is_longer(args: &TrainArgs, config: &TrainConfig) -> bool {
    let mut config = config.clone();
    written(&args.output).is_some_and(|written| {
        config.trainer.epochs = written.trainer.epochs;
        config.may_have_become(&written)
    })
}

/// What a model says that it was trained by, if there is one and it says so.
fn written(model: &Path) -> Option<TrainConfig> {
    let text = std::fs::read_to_string(model.join(CONFIG_FILE)).ok()?;
    let layer = Layer {
        name: CONFIG_FILE,
        text: &text,
    };
    TrainConfig::read(&[layer], &[]).ok()
}

/// The file of a model that says what it was trained by.
pub(super) const CONFIG_FILE: &str = "train.yaml";

/// A training that goes on puts its model in the place of the one that it wrote when it was stopped.
fn overwrite(args: &TrainArgs) -> Overwrite {
    if args.overwrite || args.resume {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    }
}

/// What the user says of columns, and that the one of texts holds texts, whatever they look like.
fn with_texts(schema: Option<SchemaFile>, config: &TrainConfig) -> Option<SchemaFile> {
    if config.model.family() != Family::Text {
        return schema;
    }
    let mut schema = schema.unwrap_or_default();
    let column = schema
        .columns
        .entry(config.texts.column.clone())
        .or_default();
    column.kind = Some(Kind::Text);
    column.role.get_or_insert(Role::Feature);
    Some(schema)
}

pub(super) fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn task(name: TaskName) -> Option<TaskKind> {
    match name {
        TaskName::Auto => None,
        TaskName::Binary => Some(TaskKind::Binary),
        TaskName::Multiclass => Some(TaskKind::Multiclass),
        TaskName::Regression => Some(TaskKind::Regression),
    }
}

/// Data and settings, line by line. When states are written down, and what is shown, changes nothing; nor does how many epochs there
/// will be where no step depends on it.
fn identity(config: &TrainConfig, fingerprint: &str) -> anyhow::Result<String> {
    let mut value = config.to_value();
    value["checkpoint"] = serde_json::Value::Null;
    if let Some(sections) = value.as_object_mut() {
        sections.shift_remove("tensorboard");
    }
    if config.is_open_ended() {
        value["trainer"]["epochs"] = serde_json::Value::Null;
    }
    value["data"]["path"] = fingerprint.into();
    Ok(serde_json::to_string_pretty(&value)?)
}
