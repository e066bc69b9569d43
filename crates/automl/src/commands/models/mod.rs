//! `automl models`: the registry of models, from the command line.

mod card;
mod compare;
mod compose;
mod decide;
mod import;
mod register;
mod show;
mod signature;
#[cfg(test)]
mod tests;

use super::Status;
use super::record::Record;
use crate::cli::ModelsVerb;
use crate::console::Console;
use automl_store::Manifest;
use automl_store::db::Sql;
use automl_store::lineage::{self, Node};
use automl_store::registry::files::{self, FilesError};
use automl_store::registry::{ModelVersion, versions};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;

pub(super) fn run(verb: ModelsVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        ModelsVerb::Import(args) => return import::import(args, console),
        ModelsVerb::Compose(args) => compose::run(args, console)?,
        ModelsVerb::Register(args) => register::run(args, console)?,
        ModelsVerb::List(args) => show::list(&args, console)?,
        ModelsVerb::Show(args) => show::show(&args, console)?,
        ModelsVerb::Card(args) => card::run(&args, console)?,
        ModelsVerb::Alias(args) => decide::alias(&args, console)?,
        ModelsVerb::Promote(args) => decide::promote(args, console)?,
        ModelsVerb::Rollback(args) => decide::roll_back(args, console)?,
        ModelsVerb::Approve(args) => decide::approve(args, console)?,
        ModelsVerb::Reject(args) => decide::reject(args, console)?,
        ModelsVerb::Delete(args) => decide::delete(args, console)?,
        ModelsVerb::Export(args) => show::export(&args, console)?,
        ModelsVerb::Diff(args) => compare::run(&args, console)?,
    }
    Ok(Status::Done)
}

/// The version that `NAME/3`, `NAME@ALIAS` or `NAME` (the newest) means.
fn version_of(sql: &mut dyn Sql, reference: &str) -> Result<ModelVersion, TrackingError> {
    match lineage::model_version(sql, DEFAULT_WORKSPACE, reference)? {
        Some(Node::ModelVersion { name, version }) => {
            versions::get(sql, DEFAULT_WORKSPACE, &name, version)
        }
        _ => Err(TrackingError::Absent(format!(
            "There is no model version '{reference}'"
        ))),
    }
}

fn find(record: &Record, reference: &str) -> anyhow::Result<ModelVersion> {
    let reference = reference.to_owned();
    record.read(move |sql| version_of(sql, &reference))
}

/// What the files of a version say of it, if it is one of ours and they are in the workspace.
fn manifest_of(record: &Record, version: &ModelVersion) -> anyhow::Result<Option<Manifest>> {
    manifest_at(record, files::of_version(version))
}

/// What `manifest.json` says at a place of the artifacts.
fn manifest_at(
    record: &Record,
    place: Result<String, FilesError>,
) -> anyhow::Result<Option<Manifest>> {
    let path = match place {
        Ok(path) => path,
        Err(FilesError::Elsewhere { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let bytes = files::read(record.artifacts(), &path, "manifest.json")?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// `NAME/3`.
fn key(version: &ModelVersion) -> String {
    format!("{}/{}", version.name, version.version)
}
