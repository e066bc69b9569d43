//! A workspace as verbs name it, with what the environment says of object stores.

use crate::cli::PlaceArgs;
use crate::errors::RecordError;
use automl_store::artifact_uri::ArtifactPlace;
use automl_store::artifacts::ArtifactStore;
use automl_store::spool::{Tails, replay};
use automl_store::workspace::{Record, Workspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The workspace that `--workspace` names.
pub(crate) fn named(place: &str) -> Workspace {
    Workspace::parse(place).with_environment(environment())
}

/// The workspace that `--workspace` and `--artifacts` name.
pub(crate) fn of(args: &PlaceArgs) -> Workspace {
    named(&args.workspace.workspace).with_artifacts(args.artifacts.clone())
}

/// Opens the record of a workspace that is there, with all that verbs wrote down until now.
pub(crate) fn open(workspace: &Workspace) -> anyhow::Result<Record> {
    let record = workspace.open_existing()?;
    replay(&record, workspace.spool(), &mut Tails::default())?;
    Ok(record)
}

/// The folder of this machine that an artifact URI of a record means, if it means one.
pub(crate) fn folder(record: &Record, uri: &str) -> Option<PathBuf> {
    match (ArtifactPlace::of(uri)?, &record.artifacts) {
        (ArtifactPlace::Here(path), ArtifactStore::Folder(folder)) => folder.path_of(&path).ok(),
        (ArtifactPlace::Here(_), ArtifactStore::Objects(_)) => None,
        (ArtifactPlace::Folder(folder), _) => Some(folder),
    }
}

/// The files below a folder, or the file itself, in the order of their paths; links are not followed.
pub(crate) fn files_below(path: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut found = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let failed = |source| RecordError::DataPlace {
            place: path.display().to_string(),
            source,
        };
        let about = std::fs::symlink_metadata(&path).map_err(failed)?;
        if about.is_file() {
            found.push(path);
        } else if about.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                waiting.push(entry.map_err(failed)?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What the environment says of object stores and of the key of secrets, by names in lower case.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.to_ascii_lowercase();
            let is_ours = ["aws_", "google_", "azure_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            let is_key = name == "automl_secret_key";
            Some((name, value.into_string().ok()?)).filter(|_| is_ours || is_key)
        })
        .collect();
    // What MLflow's own client goes by.
    if let Some(endpoint) = std::env::var_os("MLFLOW_S3_ENDPOINT_URL")
        && let Ok(endpoint) = endpoint.into_string()
    {
        found.entry("aws_endpoint_url".into()).or_insert(endpoint);
    }
    found
}
