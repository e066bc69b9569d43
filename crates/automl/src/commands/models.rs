//! `automl models`: model directories made of other programs' models.

use super::Status;
use crate::cli::ImportArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::lineage;
use crate::modeldir;
use crate::text;
use automl_core::{Clock, Model as _, Role};
use automl_data::DataError;
use automl_engine::{Imported, import_model};
use automl_store::{
    Lineage, Machine, Manifest, ModelContents, Overwrite, check_target, hex_sha256,
    prediction_schema, rfc3339, write_model,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// `automl models import`.
pub(super) fn import(args: ImportArgs, console: Console) -> anyhow::Result<Status> {
    let overwrite = if args.overwrite {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    check_target(&args.output, overwrite)?;
    let bytes = read(&args.file)?;
    let imported = import_model(&bytes, &args.target, args.classes)?;
    let contents = ModelContents {
        manifest: manifest(&imported, &args.file, &bytes),
        artifact: imported.model.artifact(),
        files: Vec::new(),
    };
    write_model(&args.output, &contents, overwrite)?;
    let n_features = imported.schema.with_role(Role::Feature).count() as u64;
    match console.format() {
        Format::Json => print_json(&json!({
            "model": args.output,
            "source": imported.source,
            "objective": imported.objective,
            "task": imported.model.task(),
            "n_trees": imported.n_trees,
            "n_features": n_features,
        }))?,
        Format::Text => {
            let output = args.output.display().to_string();
            print_text(&format!(
                "source  {} '{}', {}, {}\nmodel   {output}\npredict automl predict {} DATA --output predictions.csv\n",
                imported.source,
                imported.objective,
                text::counted(imported.n_trees as u64, "tree"),
                text::counted(n_features, "feature"),
                text::shell_word(&output),
            ))?;
        }
    }
    Ok(Status::Done)
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Err(DataError::Directory { path: name });
    }
    std::fs::read(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            DataError::NotFound {
                path: name,
                near: Vec::new(),
            }
        } else {
            DataError::reading(name, error)
        }
    })
}

/// Nothing was learned here, so there are neither rows nor scores to tell of.
fn manifest(imported: &Imported, file: &Path, bytes: &[u8]) -> Manifest {
    let task = imported.model.task().clone();
    Manifest {
        created: rfc3339(Clock::unix_micros()),
        inputs: modeldir::signature(&imported.schema),
        outputs: prediction_schema(&task),
        task,
        metric: String::new(),
        scores: BTreeMap::new(),
        lineage: Lineage {
            data: file.display().to_string(),
            data_fingerprint: hex_sha256(bytes),
            n_features: imported.schema.with_role(Role::Feature).count() as u64,
            config: json!({ "imported_from": imported.source, "objective": imported.objective }),
            git: lineage::git_state(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::this(1),
            ..Lineage::default()
        },
    }
}
