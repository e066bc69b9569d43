//! A fitted model read back from its directory, with what is needed to feed it.

use crate::errors::{CliError, ForecastError, TargetsError};
use crate::record;
use crate::scoring::{BATCH_ROWS, IMAGE_BATCH_ROWS};
use automl_core::{Clock, CostMatrix, Decision, Field, Model, Role, Schema, Task};
use automl_data::DataError;
use automl_engine::{EnsembleModel, TargetModel, TargetModels, TargetPlace};
use automl_neural::series::SeriesModel;
use automl_store::{
    Lineage, Machine, Manifest, ModelDir, ReadModel, hex_sha256, prediction_schema, read_model,
    rfc3339,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The setting of an import that names the program which trained the model.
pub(crate) const IMPORTED_FROM: &str = "imported_from";

/// The setting of a model that is made of others: its steps.
pub(crate) const COMPOSED_OF: &str = "composed_of";

/// A model and what it takes and gives.
pub(crate) struct LoadedModel<M: ?Sized = EnsembleModel> {
    pub(crate) manifest: Manifest,
    /// How classes are told from probabilities, unless the user says otherwise.
    pub(crate) decision: Decision,
    /// About as much memory as it takes.
    pub(crate) n_bytes: u64,
    pub(crate) model: M,
}

/// A model of several targets.
pub(crate) struct SeveralModels {
    pub(crate) whole: LoadedModel<TargetModels>,
    /// What is known of the model of each target.
    pub(crate) parts: Vec<Manifest>,
}

impl SeveralModels {
    /// The models of the targets that a directory says it has, read from below it.
    ///
    /// # Errors
    /// One cannot be read, or is not of the target and the task that the whole says.
    pub(crate) fn of(read: ReadModel, places: Vec<TargetPlace>) -> anyhow::Result<Self> {
        let (mut models, mut parts) = (Vec::new(), Vec::new());
        let mut n_bytes = 0;
        for TargetPlace { target, path } in places {
            if !read
                .dir
                .files()
                .iter()
                .any(|file| file.path == format!("{path}/manifest.json"))
            {
                let reason = format!("it lists no model of the target '{target}'");
                return Err(TargetsError::Parts { reason }.into());
            }
            let part = LoadedModel::read(&read.dir.path().join(path))?;
            let is_plain = part.model.exposure().is_none() && part.task().levels().is_empty();
            if part.target()?.name != target || !is_plain {
                let reason = format!("what it has for '{target}' is another model");
                return Err(TargetsError::Parts { reason }.into());
            }
            n_bytes += part.n_bytes;
            models.push(TargetModel {
                target,
                decision: part.decision,
                model: part.model,
            });
            parts.push(part.manifest);
        }
        let model = TargetModels::new(models);
        if *model.task() != read.manifest.task {
            let reason = "its task is not that of the models of its targets".to_owned();
            return Err(TargetsError::Parts { reason }.into());
        }
        let whole = LoadedModel {
            manifest: read.manifest,
            decision: model.decision(),
            n_bytes,
            model,
        };
        Ok(Self { whole, parts })
    }
}

impl LoadedModel {
    /// Reads and checks a model directory.
    ///
    /// # Errors
    /// No model there, a newer format, a damaged file, or parts that do not make a model.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        Self::of(read_model(dir)?)
    }

    /// The model of a directory that was read.
    ///
    /// # Errors
    /// It forecasts time series, predicts several targets, or its parts do not make a model.
    pub(crate) fn of(read: ReadModel) -> anyhow::Result<Self> {
        check_one(&read)?;
        let model = EnsembleModel::load(&read.artifact)?;
        let decision = decision(&read.manifest)?;
        if *model.task() != read.manifest.task {
            let reason = "its task is not that of the weights".to_owned();
            return Err(CliError::ModelFile {
                file: "manifest.json",
                reason,
            }
            .into());
        }
        Ok(Self {
            n_bytes: read.dir.n_weight_bytes(),
            manifest: read.manifest,
            decision,
            model,
        })
    }
}

impl<M: Model + ?Sized> LoadedModel<M> {
    pub(crate) fn task(&self) -> &Task {
        &self.manifest.task
    }

    /// The column that the model predicts.
    ///
    /// # Errors
    /// The manifest names none.
    pub(crate) fn target(&self) -> Result<&Field, CliError> {
        let reason = "it names no target".to_owned();
        self.column(Role::Target).ok_or(CliError::ModelFile {
            file: "manifest.json",
            reason,
        })
    }

    /// How a class is told from its probabilities: by the threshold that was `asked` for, else as the model has it.
    ///
    /// # Errors
    /// The user said it of a model that does not tell two classes apart.
    pub(crate) fn decision(&self, asked: Option<f64>) -> Result<Decision, CliError> {
        match asked {
            Some(_) if self.task().n_classes() != 2 => Err(CliError::ThresholdTask {
                task: self.task().kind().name(),
            }),
            Some(threshold) => Ok(Decision::Above(threshold)),
            None => Ok(self.decision.clone()),
        }
    }

    /// Whether the table that it was fitted on had columns of one name that were told apart: then so are those of others.
    pub(crate) fn renames_duplicates(&self) -> bool {
        let config = &self.manifest.lineage.config;
        config["read"]["rename_duplicates"].as_bool() == Some(true)
    }

    /// What a table lacks that was opened for this model, with what to do about it.
    pub(crate) fn opening(&self, error: DataError) -> anyhow::Error {
        match error {
            DataError::ColumnMissing { .. } if is_imported(&self.manifest) => {
                CliError::ImportedColumnMissing(error).into()
            }
            other => other.into(),
        }
    }

    /// Whether it reads images, which folders and IDX files hold as tables do.
    pub(crate) fn reads_images(&self) -> bool {
        self.manifest.lineage.config.get("images").is_some()
    }

    /// Rows of a batch for it.
    pub(crate) fn batch_rows(&self) -> usize {
        if self.reads_images() {
            IMAGE_BATCH_ROWS
        } else {
            BATCH_ROWS
        }
    }

    /// The column of a role, if the model was fitted with one.
    pub(crate) fn column(&self, role: Role) -> Option<&Field> {
        self.manifest.inputs.with_role(role).next()
    }
}

/// How the classes of a model are told from their probabilities.
///
/// # Errors
/// What the manifest says of that is not possible.
pub(crate) fn decision(manifest: &Manifest) -> Result<Decision, CliError> {
    let threshold = manifest.threshold;
    let n_costs = manifest.costs.as_ref().map(CostMatrix::n_classes);
    let n_thresholds = manifest.thresholds.as_ref().map(|all| all.values().len());
    let n_classes = manifest.task.n_classes();
    let reason = if threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
        "its threshold is no probability"
    } else if threshold.is_some() && (n_classes != 2 || n_thresholds.is_some()) {
        "it has a threshold of two classes, and they are others"
    } else if n_costs.is_some_and(|n_costs| n_costs != n_classes) {
        "its costs are not those of its classes"
    } else if n_thresholds.is_some_and(|n_thresholds| n_thresholds != n_classes) {
        "its thresholds are not those of its classes"
    } else {
        return Ok(manifest.decision());
    };
    Err(CliError::ModelFile {
        file: "manifest.json",
        reason: reason.to_owned(),
    })
}

/// Notices a model that does not predict one target of rows.
///
/// # Errors
/// The model forecasts time series, or predicts several targets.
pub(crate) fn check_one(read: &ReadModel) -> anyhow::Result<()> {
    if SeriesModel::is_in(&read.artifact) {
        return Err(ForecastError::NoRows.into());
    }
    match TargetPlace::of(&read.artifact)? {
        Some(places) => Err(several(read.dir.path(), &places).into()),
        None => Ok(()),
    }
}

/// The error that a model of several targets stands where one of one is wanted.
fn several(dir: &Path, places: &[TargetPlace]) -> TargetsError {
    TargetsError::Several {
        targets: places.iter().map(|one| one.target.clone()).collect(),
        dir: dir.to_owned(),
        first: places[0].path.clone(),
    }
}

/// Notices a model of several targets, which has none of what a fit writes of one.
///
/// # Errors
/// The model is one of those.
pub(crate) fn check_results(dir: &ModelDir) -> anyhow::Result<()> {
    if dir.manifest().task.targets().is_empty() {
        return Ok(());
    }
    match TargetPlace::of(&dir.artifact()?)? {
        Some(places) => Err(several(dir.path(), &places).into()),
        None => Ok(()),
    }
}

/// The manifest of a model that was made of a file, by its name and bytes, without learning: there are neither rows nor scores
/// to tell of.
pub(crate) fn not_learned(
    inputs: &Schema,
    task: Task,
    (file, bytes): (&str, &[u8]),
    config: Value,
) -> Manifest {
    Manifest {
        created: rfc3339(Clock::unix_micros()),
        inputs: signature(inputs),
        outputs: prediction_schema(&task),
        task,
        metric: String::new(),
        scores: BTreeMap::new(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage {
            data: file.to_owned(),
            data_fingerprint: hex_sha256(bytes),
            n_features: inputs.with_role(Role::Feature).count() as u64,
            config,
            git: record::git::state(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::this(1),
            ..Lineage::default()
        },
    }
}

/// Whether another program trained the model.
pub(crate) fn is_imported(manifest: &Manifest) -> bool {
    manifest.lineage.config.get(IMPORTED_FROM).is_some()
}

/// Notices a model and data that stand in each other's place.
///
/// # Errors
/// `model` is a file and `data` a model directory.
pub(crate) fn check_order(verb: &'static str, model: &Path, data: &str) -> Result<(), CliError> {
    let is_swapped = model.is_file() && Path::new(data).join("manifest.json").is_file();
    if !is_swapped {
        return Ok(());
    }
    Err(CliError::Swapped {
        verb,
        model: data.to_owned(),
        data: model.display().to_string(),
    })
}

/// What a model keeps of the columns it was fitted on: all of them, so that files with the same columns fit, but the
/// levels only of those that predicting or evaluating reads.
pub(crate) fn signature(schema: &Schema) -> Schema {
    let keep = |field: &Field| {
        let is_read = matches!(field.role, Role::Feature | Role::Target | Role::Weight);
        Field {
            levels: if is_read {
                field.levels.clone()
            } else {
                Vec::new()
            },
            ..field.clone()
        }
    };
    Schema {
        fields: schema.fields.iter().map(keep).collect(),
        missing: schema.missing.clone(),
    }
}
