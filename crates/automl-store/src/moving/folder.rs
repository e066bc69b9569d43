//! MLflow's file store: a folder a run, a file a param, lines of metrics.
//!
//! ```text
//! mlruns/EXPERIMENT/{meta.yaml, tags/}          .trash/EXPERIMENT for deleted ones
//! mlruns/EXPERIMENT/RUN/{meta.yaml, params/, metrics/, tags/, inputs/, outputs/, artifacts/}
//! mlruns/EXPERIMENT/{datasets/, models/m-…}     what runs read, and the models that they logged
//! mlruns/models/NAME/{meta.yaml, tags/, aliases/, version-N/}
//! ```

use super::files::{self, Roots, unread};
use super::{Experiment, ImportError, LoggedModel, Owner, OwnerKind, RegisteredModel, Run, Source};
use crate::registry::ModelVersion;
use crate::tracking::KeyValue;
use crate::tracking::inputs::{Dataset, DatasetInput, ModelLink};
use crate::tracking::log::Metric;
use crate::tracking::logged_models::Status;
use crate::tracking::runs::STATUSES;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

const META: &str = "meta.yaml";
const TRASH: &str = ".trash";
const MODELS: &str = "models";
/// The folder of an owner's artifacts beside its meta.yaml, where nothing else was said when it was made.
const ARTIFACTS: &str = "artifacts";

/// An `mlruns` directory.
#[derive(Debug)]
pub struct FolderSource {
    root: PathBuf,
    roots: Roots,
}

impl FolderSource {
    /// Opens an `mlruns` directory, or the directory that it lies in.
    ///
    /// # Errors
    /// If there are no experiments in it.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let inner = path.join("mlruns");
        let has_experiments = |root: &Path| folders(root).is_ok_and(|found| !found.is_empty());
        let root = [path.to_owned(), inner]
            .into_iter()
            .find(|root| has_experiments(root));
        let root = root.ok_or_else(|| ImportError::NotAStore {
            place: path.display().to_string(),
            reason: "no folder in it has a meta.yaml".into(),
        })?;
        let parent = root.canonicalize().ok();
        let parent = parent
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new("."));
        let roots = Roots {
            work_dir: parent.to_owned(),
            proxied: parent.join("mlartifacts"),
        };
        Ok(Self { root, roots })
    }

    fn experiment_folder(&self, id: &str) -> PathBuf {
        let active = self.root.join(id);
        if active.join(META).is_file() {
            active
        } else {
            self.root.join(TRASH).join(id)
        }
    }

    /// The folder of an owner's artifacts. A store that was moved has them beside the record still.
    fn artifacts(&self, owner: Owner<'_>) -> Option<PathBuf> {
        let folder = self.roots.folder(owner)?;
        let experiment = self.experiment_folder(owner.experiment);
        let home = match owner.kind {
            OwnerKind::Run => experiment.join(owner.id),
            OwnerKind::Model => experiment.join(MODELS).join(owner.id),
        };
        let beside = home.join(ARTIFACTS);
        Some(if folder.is_dir() || !beside.is_dir() {
            folder
        } else {
            beside
        })
    }
}

impl Source for FolderSource {
    fn experiments(&mut self) -> Result<Vec<Experiment>, ImportError> {
        let trash = self.root.join(TRASH);
        let mut found = folders(&self.root)?;
        if trash.is_dir() {
            found.extend(folders(&trash)?);
        }
        let experiment = |folder: PathBuf| {
            let meta = Meta::read(&folder)?;
            Ok(Experiment {
                id: name_of(&folder)?,
                name: meta.text("name")?,
                is_deleted: meta.is_deleted(),
                created_ms: meta.int("creation_time").unwrap_or(0),
                updated_ms: meta.int("last_update_time").unwrap_or(0),
                tags: pairs(&folder.join("tags"))?,
            })
        };
        found
            .into_iter()
            // Registered models have a folder beside the experiments.
            .filter(|folder| !folder.ends_with(MODELS))
            .map(experiment)
            .collect()
    }

    fn runs(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let found = folders(&self.experiment_folder(experiment))?;
        found.iter().map(|folder| name_of(folder)).collect()
    }

    fn run(&mut self, experiment: &str, id: &str) -> Result<Run, ImportError> {
        let home = self.experiment_folder(experiment);
        let folder = home.join(id);
        let meta = Meta::read(&folder)?;
        let status = meta.int("status").ok_or_else(|| meta.wrong("status"))?;
        let status = usize::try_from(status - 1)
            .ok()
            .and_then(|place| STATUSES.get(place));
        let status = status.ok_or_else(|| meta.wrong("status"))?;
        let tags = pairs(&folder.join("tags"))?;
        let tagged = tags
            .iter()
            .find(|tag| tag.key == crate::tracking::runs::NAME_TAG);
        let name = meta.maybe_text("run_name").filter(|name| !name.is_empty());
        let (datasets, models_in) = inputs(&home, &folder.join("inputs"))?;
        Ok(Run {
            id: id.to_owned(),
            name: name
                .or_else(|| tagged.map(|tag| tag.value.clone()))
                .unwrap_or_default(),
            user_id: meta.maybe_text("user_id").unwrap_or_default(),
            status: (*status).to_owned(),
            start_ms: meta.int("start_time"),
            end_ms: meta.int("end_time"),
            is_deleted: meta.is_deleted(),
            deleted_ms: meta.int("deleted_time"),
            artifact_uri: meta.text("artifact_uri")?,
            params: pairs(&folder.join("params"))?,
            metrics: metrics(&folder.join("metrics"), point_of_run)?,
            models_out: outputs(&folder.join("outputs"))?,
            tags,
            datasets,
            models_in,
        })
    }

    fn models(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let mut ids = Vec::new();
        for folder in folders(&self.experiment_folder(experiment).join(MODELS))? {
            if !Meta::read(&folder)?.is_deleted() {
                ids.push(name_of(&folder)?);
            }
        }
        Ok(ids)
    }

    fn model(&mut self, experiment: &str, id: &str) -> Result<LoggedModel, ImportError> {
        let folder = self.experiment_folder(experiment).join(MODELS).join(id);
        let meta = Meta::read(&folder)?;
        let status = meta
            .int("status")
            .and_then(|status| Status::of_wire(&status.to_string()));
        let points = metrics(&folder.join("metrics"), point_of_model)?;
        Ok(LoggedModel {
            id: id.to_owned(),
            name: meta.text("name")?,
            artifact_uri: meta.text("artifact_location")?,
            created_ms: meta.int("creation_timestamp").unwrap_or(0),
            updated_ms: meta.int("last_updated_timestamp").unwrap_or(0),
            status: status.ok_or_else(|| meta.wrong("status"))?,
            status_message: meta.maybe_text("status_message"),
            model_type: meta.maybe_text("model_type"),
            source_run_id: meta.maybe_text("source_run_id"),
            params: pairs(&folder.join("params"))?,
            tags: pairs(&folder.join("tags"))?,
            metrics: points,
        })
    }

    fn registered(&mut self) -> Result<Vec<String>, ImportError> {
        let found = folders(&self.root.join(MODELS))?;
        found.iter().map(|folder| name_of(folder)).collect()
    }

    fn registered_model(&mut self, name: &str) -> Result<RegisteredModel, ImportError> {
        let folder = self.root.join(MODELS).join(name);
        let meta = Meta::read(&folder)?;
        let alias = |pair: KeyValue| {
            let version = pair.value.trim().parse();
            let version = version.map_err(|_not_a_number| meta.wrong("aliases"))?;
            Ok((pair.key, version))
        };
        let aliases = pairs(&folder.join("aliases"))?;
        let mut versions = Vec::new();
        for folder in folders(&folder)? {
            versions.push(version(name, &folder)?);
        }
        versions.sort_by_key(|version| version.version);
        Ok(RegisteredModel {
            name: name.to_owned(),
            description: meta.maybe_text("description"),
            created_ms: meta.int("creation_timestamp").unwrap_or(0),
            updated_ms: meta.int("last_updated_timestamp").unwrap_or(0),
            tags: pairs(&folder.join("tags"))?,
            aliases: aliases
                .into_iter()
                .map(alias)
                .collect::<Result<_, ImportError>>()?,
            versions,
        })
    }

    fn files(&mut self, owner: Owner<'_>) -> Result<Option<Vec<String>>, ImportError> {
        self.artifacts(owner)
            .map(|folder| files::list(&folder))
            .transpose()
    }

    fn open(&mut self, owner: Owner<'_>, path: &str) -> Result<Box<dyn Read>, ImportError> {
        files::open(&self.artifacts(owner).unwrap_or_default(), path)
    }
}

/// Folders of a folder that have a meta.yaml, by name; none if it is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread(folder))? {
        let path = entry.map_err(unread(folder))?.path();
        if path.join(META).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(folder: &Path) -> Result<String, ImportError> {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .ok_or_else(|| ImportError::Malformed {
            place: folder.display().to_string(),
            reason: "its name is not UTF-8".into(),
        })
}

fn text_of(path: &Path) -> Result<String, ImportError> {
    fs::read_to_string(path).map_err(unread(path))
}

/// A file a key, whose slashes are folders.
fn pairs(folder: &Path) -> Result<Vec<KeyValue>, ImportError> {
    let pair = |key: String| {
        let value = text_of(&folder.join(&key))?;
        Ok(KeyValue { key, value })
    };
    files::list(folder)?.into_iter().map(pair).collect()
}

/// The points of the metrics of a folder, a line each.
fn metrics<T>(folder: &Path, point: fn(&str, &str) -> Option<T>) -> Result<Vec<T>, ImportError> {
    let mut points = Vec::new();
    for key in files::list(folder)? {
        let path = folder.join(&key);
        for (index, line) in text_of(&path)?.lines().enumerate() {
            let read = point(&key, line).ok_or_else(|| ImportError::Malformed {
                place: format!("{}:{}", path.display(), index + 1),
                reason: "not time, value and step of a point".into(),
            })?;
            points.push(read);
        }
    }
    Ok(points)
}

/// `TIME VALUE [STEP [DATASET DIGEST]]`.
fn point_of_run(key: &str, line: &str) -> Option<Metric> {
    let mut parts = line.split(' ');
    Some(Metric {
        key: key.to_owned(),
        timestamp_ms: parts.next()?.parse().ok()?,
        value: parts.next()?.parse().ok()?,
        step: parts.next().map_or(Ok(0), str::parse).ok()?,
        ..Metric::default()
    })
}

/// `TIME VALUE STEP RUN [DATASET DIGEST]`.
fn point_of_model(key: &str, line: &str) -> Option<(Metric, String)> {
    let mut parts = line.split(' ');
    let mut point = Metric {
        key: key.to_owned(),
        timestamp_ms: parts.next()?.parse().ok()?,
        value: parts.next()?.parse().ok()?,
        step: parts.next()?.parse().ok()?,
        ..Metric::default()
    };
    let run = parts.next()?.to_owned();
    // The name of a dataset may hold blanks.
    let rest: Vec<&str> = parts.collect();
    if let Some((digest, name)) = rest.split_last() {
        point.dataset_name = Some(name.join(" "));
        point.dataset_digest = Some((*digest).to_owned());
    }
    Some((point, run))
}

fn inputs(
    experiment: &Path,
    folder: &Path,
) -> Result<(Vec<DatasetInput>, Vec<ModelLink>), ImportError> {
    let (mut datasets, mut models) = (Vec::new(), Vec::new());
    for folder in folders(folder)? {
        let meta = Meta::read(&folder)?;
        let id = meta.text("source_id")?;
        if meta.text("source_type")? != "DATASET" {
            let step = meta.int("step").unwrap_or(0);
            models.push(ModelLink {
                model_id: meta.maybe_text("model_id").unwrap_or(id),
                step,
            });
            continue;
        }
        let about = Meta::read(&experiment.join("datasets").join(&id))?;
        datasets.push(DatasetInput {
            dataset: Dataset {
                name: about.text("name")?,
                digest: about.text("digest")?,
                source_type: about.text("source_type")?,
                source: about.text("source")?,
                schema: about.maybe_text("schema"),
                profile: about.maybe_text("profile"),
            },
            tags: meta.pairs("tags"),
        });
    }
    Ok((datasets, models))
}

fn outputs(folder: &Path) -> Result<Vec<ModelLink>, ImportError> {
    let link = |folder: PathBuf| {
        let meta = Meta::read(&folder)?;
        Ok(ModelLink {
            model_id: meta.text("destination_id")?,
            step: meta.int("step").unwrap_or(0),
        })
    };
    folders(folder)?.into_iter().map(link).collect()
}

fn version(name: &str, folder: &Path) -> Result<ModelVersion, ImportError> {
    let meta = Meta::read(folder)?;
    let source = meta.text("source")?;
    Ok(ModelVersion {
        name: name.to_owned(),
        version: meta.int("version").ok_or_else(|| meta.wrong("version"))?,
        created_ms: meta.int("creation_timestamp").unwrap_or(0),
        updated_ms: meta.int("last_updated_timestamp").unwrap_or(0),
        description: meta.maybe_text("description"),
        user_id: meta.maybe_text("user_id"),
        stage: meta
            .maybe_text("current_stage")
            .unwrap_or_else(|| "None".into()),
        storage_location: meta
            .maybe_text("storage_location")
            .unwrap_or_else(|| source.clone()),
        source,
        run_id: meta.maybe_text("run_id"),
        run_link: meta.maybe_text("run_link"),
        model_id: meta.maybe_text("model_id"),
        tags: pairs(&folder.join("tags"))?,
        aliases: Vec::new(),
    })
}

/// What a meta.yaml says.
struct Meta {
    path: PathBuf,
    value: Value,
}

impl Meta {
    fn read(folder: &Path) -> Result<Self, ImportError> {
        let path = folder.join(META);
        let text = text_of(&path)?;
        let value = serde_saphyr::from_str(&text).map_err(|error| ImportError::Malformed {
            place: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { path, value })
    }

    fn wrong(&self, name: &str) -> ImportError {
        ImportError::Malformed {
            place: self.path.display().to_string(),
            reason: format!("{name} is missing or of another kind"),
        }
    }

    /// A text; versions of MLflow differ in whether ids are numbers.
    fn maybe_text(&self, name: &str) -> Option<String> {
        match self.value.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Result<String, ImportError> {
        self.maybe_text(name).ok_or_else(|| self.wrong(name))
    }

    fn int(&self, name: &str) -> Option<i64> {
        match self.value.get(name)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        }
    }

    fn is_deleted(&self) -> bool {
        self.maybe_text("lifecycle_stage")
            .is_some_and(|stage| stage == "deleted")
    }

    fn pairs(&self, name: &str) -> Vec<KeyValue> {
        let map = self.value.get(name).and_then(Value::as_object);
        let pair = |(key, value): (&String, &Value)| KeyValue {
            key: key.clone(),
            value: value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        };
        map.into_iter().flatten().map(pair).collect()
    }
}
