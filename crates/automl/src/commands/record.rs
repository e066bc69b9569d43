//! What verbs share that look into the record of a workspace.

use crate::cli::WorkspaceArgs;
use crate::console::print_line;
use crate::workspace;
use automl_core::nearest;
use automl_store::artifacts::ArtifactStore;
use automl_store::db::{Database, Sql};
use automl_store::lineage::{self, Node};
use automl_store::registry::files::LocalFiles;
use automl_store::registry::{approvals, files, models, versions};
use automl_store::spool::{Tails, replay};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::workspace::Record as Open;
use automl_store::{StoreError, rfc3339};
use std::path::{Path, PathBuf};

/// The open record of a workspace that is there, with all that verbs wrote down until now.
pub(super) struct Record(Open);

impl Record {
    pub(super) fn open(args: &WorkspaceArgs) -> anyhow::Result<Self> {
        Self::open_with(args, None)
    }

    /// As [`Record::open`], with its artifacts where it is said, if it is.
    pub(super) fn open_with(
        args: &WorkspaceArgs,
        artifacts: Option<String>,
    ) -> anyhow::Result<Self> {
        let workspace = workspace::named(&args.workspace).with_artifacts(artifacts);
        let record = workspace.open_existing()?;
        let replayed = replay(&record, workspace.spool(), &mut Tails::default())?;
        for (path, reason) in replayed.bad {
            print_line(&format!(
                "a run that was written down cannot be taken in and is kept as {}: {reason}",
                path.display()
            ));
        }
        Ok(Self(record))
    }

    /// As [`Record::open`]; none where there is no workspace.
    pub(super) fn open_if_there(workspace: &str) -> anyhow::Result<Option<Self>> {
        if !workspace::named(workspace).is_there() {
            return Ok(None);
        }
        let args = WorkspaceArgs {
            workspace: workspace.to_owned(),
        };
        Self::open(&args).map(Some)
    }

    /// As [`Record::open`], making a workspace where there is none.
    pub(super) fn open_or_make(args: &WorkspaceArgs) -> anyhow::Result<Self> {
        workspace::named(&args.workspace).open()?;
        Self::open(args)
    }

    /// Asks one state of the record.
    pub(super) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
    ) -> anyhow::Result<T> {
        Ok(self.0.db.read(work).wait()?)
    }

    /// Changes the record, wholly or not at all.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
    ) -> anyhow::Result<T> {
        Ok(self.0.db.write(work).wait()?)
    }

    pub(super) fn database(&self) -> &Database {
        &self.0.db
    }

    pub(super) fn artifacts(&self) -> &ArtifactStore {
        &self.0.artifacts
    }
}

/// A directory with a model.
pub(super) enum ModelDir {
    /// As it was named.
    There(PathBuf),
    /// The files of a registered version.
    Registered(LocalFiles),
}

impl AsRef<Path> for ModelDir {
    fn as_ref(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Registered(files) => files.as_ref(),
        }
    }
}

/// The directory of a model: as it was named, or that of the registered version that the name means in the workspace.
pub(super) fn model_dir(model: &Path, workspace: &str) -> anyhow::Result<ModelDir> {
    let as_named = || Ok(ModelDir::There(model.to_owned()));
    let (Some(reference), false) = (model.to_str(), model.exists()) else {
        return as_named();
    };
    let Some(record) = Record::open_if_there(workspace)? else {
        return as_named();
    };
    let asked = reference.to_owned();
    let found =
        record.read(
            move |sql| match lineage::model_version(sql, DEFAULT_WORKSPACE, &asked)? {
                Some(Node::ModelVersion { name, version }) => {
                    versions::get(sql, DEFAULT_WORKSPACE, &name, version).map(Some)
                }
                _ => Ok(None),
            },
        )?;
    let Some(version) = found else {
        let near = near_models(&record, reference)?;
        return if near.is_empty() {
            as_named()
        } else {
            Err(not_found(model, near).into())
        };
    };
    let key = (version.name.clone(), version.version);
    let state = record.read(move |sql| approvals::state(sql, DEFAULT_WORKSPACE, &key.0, key.1))?;
    if state == approvals::State::Rejected {
        print_line(&format!(
            "warning: {}/{} was rejected; `automl models show {0}/{1}` tells why",
            version.name, version.version
        ));
    }
    Ok(ModelDir::Registered(files::local(
        record.artifacts(),
        &version,
    )?))
}

/// Registered models whose names are like the one that is asked for, with the version that is asked for.
fn near_models(record: &Record, reference: &str) -> anyhow::Result<Vec<String>> {
    let plain = reference.strip_prefix("models:/").unwrap_or(reference);
    let numbered = plain.rsplit_once('/');
    let numbered = numbered.filter(|(_, version)| version.parse::<i64>().is_ok());
    let (name, version) =
        numbered.map_or((plain, String::new()), |(name, n)| (name, format!("/{n}")));
    let names = record.read(|sql| models::names(sql, DEFAULT_WORKSPACE))?;
    let near = nearest(name, names.iter().map(String::as_str));
    Ok(near.iter().map(|name| format!("{name}{version}")).collect())
}

/// Neither a directory nor a registered model has the name; some of either have one like it.
fn not_found(model: &Path, mut registered: Vec<String>) -> StoreError {
    match automl_store::ModelDir::open(model) {
        Err(StoreError::NotFound { path, mut near }) => {
            near.append(&mut registered);
            StoreError::NotFound { path, near }
        }
        _ => StoreError::NotFound {
            path: model.to_owned(),
            near: registered,
        },
    }
}

/// Milliseconds since 1970 as `2026-05-01 12:30`, in UTC.
pub(super) fn time(at_ms: i64) -> String {
    let text = rfc3339(at_ms.saturating_mul(1000)).replacen('T', " ", 1);
    text.chars().take("2026-05-01 12:30".len()).collect()
}

/// As [`time`]; nothing if there is none.
pub(super) fn maybe_time(at_ms: Option<i64>) -> String {
    at_ms.map_or_else(String::new, time)
}
