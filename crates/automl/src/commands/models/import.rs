//! `automl models`: model directories made of other programs' models.

use super::super::{Status, importance};
use crate::cli::ImportArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::modeldir;
use crate::text;
use automl_core::{Decision, Model as _, Role, Schema, Task};
use automl_data::{DataError, ReadOptions};
use automl_engine::{ImportNames, Imported, ImportedSize, import_model};
use automl_store::{Manifest, ModelContents, Overwrite, check_target, write_model};
use serde_json::json;
use std::path::Path;

/// `automl models import`.
pub(in crate::commands) fn import(args: ImportArgs, console: Console) -> anyhow::Result<Status> {
    let overwrite = if args.overwrite {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    check_target(&args.output, overwrite)?;
    let bytes = read(&args.file)?;
    let names = ImportNames {
        target: args.target.clone(),
        classes: args.classes,
        columns: args.columns,
        result: args.result,
    };
    let mut imported = import_model(&bytes, names)?;
    imported.schema.missing = marks(&imported.schema);
    let importance = imported.model.column_importance()?.map(|importance| {
        let text = serde_json::to_vec_pretty(&importance)?;
        anyhow::Ok((importance::FILE.to_owned(), text))
    });
    let contents = ModelContents {
        manifest: manifest(&imported, &args.file, &bytes),
        artifact: imported.model.artifact(),
        files: importance.transpose()?.into_iter().collect(),
    };
    write_model(&args.output, &contents, overwrite)?;
    let features: Vec<&str> = (imported.schema.with_role(Role::Feature))
        .map(|field| field.name.as_str())
        .collect();
    let n_features = features.len() as u64;
    match console.format() {
        Format::Json => {
            let (size, n) = match imported.size {
                ImportedSize::Trees(n) => ("n_trees", n),
                ImportedSize::Operators(n) => ("n_operators", n),
            };
            print_json(&json!({
                "model": args.output,
                "source": imported.source,
                "objective": imported.objective,
                "target": args.target,
                "task": imported.model.task(),
                size: n,
                "n_features": n_features,
                "features": features,
            }))?;
        }
        Format::Text => {
            let output = args.output.display().to_string();
            print_text(&format!(
                "source  {} '{}', {}, {}\ntarget  {}, {}\ncolumns {}, matched by name\nmodel   {output}\npredict automl predict {} DATA --output predictions.csv\n",
                imported.source,
                imported.objective,
                match imported.size {
                    ImportedSize::Trees(n) => text::counted(n as u64, "tree"),
                    ImportedSize::Operators(n) => text::counted(n as u64, "operator"),
                },
                text::counted(n_features, "feature"),
                args.target,
                predicted(imported.model.task()),
                first_few(&features),
                text::shell_word(&output),
            ))?;
        }
    }
    Ok(Status::Done)
}

/// What is predicted, in words: the kind of task and its classes in the order of their codes.
pub(super) fn predicted(task: &Task) -> String {
    let name = task.kind().name();
    let classes: Vec<&str> = task.classes().iter().map(String::as_str).collect();
    match classes.as_slice() {
        [] => name.to_owned(),
        classes => format!("{name}: {}", first_few(classes)),
    }
}

/// Names as a list that is cut where it gets long.
pub(super) fn first_few(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n_more => format!(" and {n_more} more"),
    };
    let shown = &names[..names.len().min(SHOWN)];
    format!("{}{more}", shown.join(", "))
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

/// The usual marks of what is missing and those that the model has itself, but for those that it knows as levels: to its program
/// they were categories. None if the usual ones hold.
fn marks(schema: &Schema) -> Vec<String> {
    let usual = ReadOptions::default().missing;
    let own = schema.missing.iter().filter(|mark| !usual.contains(mark));
    let own: Vec<String> = own.cloned().collect();
    let levels = || schema.fields.iter().flat_map(|field| &field.levels);
    let is_level = |mark: &String| levels().any(|level| level == mark);
    if own.is_empty() && !usual.iter().any(is_level) {
        return Vec::new();
    }
    let all = usual.into_iter().chain(own);
    all.filter(|mark| !is_level(mark)).collect()
}

/// The manifest of a model that another program trained.
fn manifest(imported: &Imported, file: &Path, bytes: &[u8]) -> Manifest {
    let task = imported.model.task().clone();
    let config =
        json!({ modeldir::IMPORTED_FROM: imported.source, "objective": imported.objective });
    let file = file.display().to_string();
    let manifest = modeldir::not_learned(&imported.schema, task, (&file, bytes), config);
    let costs = match &imported.decision {
        Decision::Cheapest(costs) => Some(costs.clone()),
        Decision::Likeliest | Decision::Above(_) | Decision::Relative(_) | Decision::Each(_) => {
            None
        }
    };
    Manifest {
        threshold: imported.decision.threshold(),
        thresholds: imported.decision.thresholds().cloned(),
        costs,
        ..manifest
    }
}
