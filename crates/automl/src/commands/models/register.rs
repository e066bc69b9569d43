//! `automl models register`: a model becomes the next version of a name.

use super::super::record::Record;
use super::{key, manifest_at, manifest_of, signature};
use crate::cli::RegisterArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::record::user;
use automl_store::db::Sql;
use automl_store::lineage::{self, Node};
use automl_store::registry::moves::{self, Mover, WANTS_APPROVAL_TAG};
use automl_store::registry::versions::{self, NewVersion};
use automl_store::registry::{ModelVersion, files, models};
use automl_store::tracking::experiments::{DEFAULT_ID, DEFAULT_WORKSPACE};
use automl_store::tracking::logged_models::{self, LoggedModel, NewLoggedModel};
use automl_store::tracking::{KeyValue, TrackingError};
use automl_store::{Manifest, ModelDir};
use serde_json::json;
use std::path::Path;

pub(super) fn run(args: RegisterArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open_or_make(&args.ask.workspace)?;
    let model = model(&record, &args.model)?;
    let new = manifest_at(&record, files::of_model(&model))?;
    if !args.allow_signature_change {
        check(&record, &args.name, new.as_ref())?;
    }
    let version = record.write(move |sql| register(sql, &args, &model))?;
    match console.format() {
        Format::Json => print_json(&json!({
            "name": version.name,
            "version": version.version,
            "run_id": version.run_id,
            "model_id": version.model_id,
            "aliases": version.aliases,
        }))?,
        Format::Text => {
            let key = key(&version);
            print_text(&format!(
                "version {key}\npredict automl predict {key} DATA --output predictions.csv\n"
            ))?;
        }
    }
    Ok(())
}

/// The model that a reference means: a model directory, the id of a model, or the run that made it.
fn model(record: &Record, reference: &str) -> anyhow::Result<LoggedModel> {
    let path = Path::new(reference);
    if path.is_dir() {
        let dir = ModelDir::open(path)?;
        if let Some(known) = &dir.manifest().lineage.record {
            let id = known.model_id.clone();
            let found =
                record.read(
                    move |sql| match logged_models::get(sql, DEFAULT_WORKSPACE, &id) {
                        Ok(model) => Ok(Some(model)),
                        Err(TrackingError::Absent(_)) => Ok(None),
                        Err(error) => Err(error),
                    },
                )?;
            if let Some(model) = found {
                return Ok(model);
            }
        }
        return take_in(record, path);
    }
    let reference = reference.to_owned();
    record.read(
        move |sql| match lineage::resolve(sql, DEFAULT_WORKSPACE, &reference)? {
            Node::Model { id } => logged_models::get(sql, DEFAULT_WORKSPACE, &id),
            Node::Run { id } => logged_models::made_by(sql, DEFAULT_WORKSPACE, &id)?
                .ok_or_else(|| TrackingError::Absent(format!("Run {id} made no model"))),
            Node::ModelVersion { .. } | Node::Data { .. } | Node::Endpoint { .. } => {
                Err(TrackingError::Invalid(format!(
                    "'{reference}' is no run, model or model directory"
                )))
            }
        },
    )
}

/// Takes in a directory that this workspace does not know: one of another workspace, an import, or one never recorded.
fn take_in(record: &Record, dir: &Path) -> anyhow::Result<LoggedModel> {
    let new = NewLoggedModel {
        experiment_id: DEFAULT_ID,
        ..NewLoggedModel::default()
    };
    let model = record.write(move |sql| logged_models::create(sql, DEFAULT_WORKSPACE, &new))?;
    let path = files::of_model(&model)?;
    files::import(record.artifacts(), dir, &path)?;
    let id = model.id;
    record.write(move |sql| {
        logged_models::finalize(sql, DEFAULT_WORKSPACE, &id, logged_models::Status::Ready)
    })
}

/// That the new version can stand in for the newest one, where both say what they take and give.
fn check(record: &Record, name: &str, new: Option<&Manifest>) -> anyhow::Result<()> {
    let Some(new) = new else { return Ok(()) };
    let newest = {
        let name = name.to_owned();
        record.read(move |sql| versions::newest(sql, DEFAULT_WORKSPACE, &name))?
    };
    let Some(newest) = newest else { return Ok(()) };
    let Some(old) = manifest_of(record, &newest)? else {
        return Ok(());
    };
    let differences = signature::differences(&old, new);
    if differences.is_empty() {
        return Ok(());
    }
    Err(RecordError::Signature {
        name: name.to_owned(),
        differences,
    }
    .into())
}

fn register(
    sql: &mut dyn Sql,
    args: &RegisterArgs,
    model: &LoggedModel,
) -> Result<ModelVersion, TrackingError> {
    let tags = if args.require_approval {
        vec![KeyValue {
            key: WANTS_APPROVAL_TAG.into(),
            value: "true".into(),
        }]
    } else {
        Vec::new()
    };
    match models::create(sql, DEFAULT_WORKSPACE, &args.name, None, &tags) {
        Ok(_) => {}
        Err(TrackingError::Exists { .. }) => {
            for tag in &tags {
                models::set_tag(sql, DEFAULT_WORKSPACE, &args.name, tag)?;
            }
        }
        Err(error) => return Err(error),
    }
    let user = user();
    let new = NewVersion {
        name: args.name.clone(),
        source: format!("models:/{}", model.id),
        storage_location: model.artifact_uri.clone(),
        run_id: model.source_run_id.clone(),
        model_id: Some(model.id.clone()),
        description: args.description.clone(),
        user_id: Some(user.clone()),
        ..NewVersion::default()
    };
    let version = versions::create(sql, DEFAULT_WORKSPACE, &new)?;
    if let Some(alias) = &args.alias {
        let mover = Mover {
            user: &user,
            note: None,
        };
        let key = (version.name.as_str(), version.version);
        return moves::promote(sql, DEFAULT_WORKSPACE, key, alias, mover);
    }
    Ok(version)
}
