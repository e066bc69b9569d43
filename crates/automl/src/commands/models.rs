//! `automl models`: model directories made of other programs' models.

use super::Status;
use crate::cli::ImportArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
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
    let features: Vec<&str> = (imported.schema.with_role(Role::Feature))
        .map(|field| field.name.as_str())
        .collect();
    let n_features = features.len() as u64;
    match console.format() {
        Format::Json => print_json(&json!({
            "model": args.output,
            "source": imported.source,
            "objective": imported.objective,
            "task": imported.model.task(),
            "n_trees": imported.n_trees,
            "n_features": n_features,
            "features": features,
        }))?,
        Format::Text => {
            let output = args.output.display().to_string();
            print_text(&format!(
                "source  {} '{}', {}, {}\ncolumns {}\nmodel   {output}\npredict automl predict {} DATA --output predictions.csv\n",
                imported.source,
                imported.objective,
                text::counted(imported.n_trees as u64, "tree"),
                text::counted(n_features, "feature"),
                columns(&features),
                text::shell_word(&output),
            ))?;
        }
    }
    Ok(Status::Done)
}

/// The columns that a table needs, in words; a model without names gives them numbers.
fn columns(features: &[&str]) -> String {
    const SHOWN: usize = 8;
    let more = match features.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n_more => format!(" and {n_more} more"),
    };
    let shown = &features[..features.len().min(SHOWN)];
    format!("{}{more}, matched by name", shown.join(", "))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display().to_string();
    if path.is_dir() {
        let path = path.to_owned();
        return Err(CliError::ImportDirectory { path }.into());
    }
    let read = std::fs::read(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            DataError::NotFound {
                path: name,
                near: Vec::new(),
            }
        } else {
            DataError::reading(name, error)
        }
    })?;
    Ok(read)
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
        threshold: None,
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
