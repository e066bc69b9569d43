//! `automl export`: a model as a file or a folder that runs elsewhere.

mod folder;
mod mlflow;
mod onnx;
mod server;

use super::Status;
use super::record::model_dir;
use crate::cli::{ModelExportArgs, ModelFormat};
use crate::console::print_text;
use crate::errors::{CliError, ForecastError};
use crate::modeldir;
use crate::text;
use anyhow::Context as _;
use automl_core::Role;
use automl_neural::series::SeriesModel;
use automl_store::{ReadModel, read_model, write_atomic};
use std::fs;
use std::path::Path;

pub(super) fn run(args: &ModelExportArgs) -> anyhow::Result<Status> {
    check_options(args)?;
    let directory = model_dir(&args.model, &args.workspace.workspace)?;
    let read = read_model(directory.as_ref())?;
    match args.format {
        // Graphs are of one target.
        ModelFormat::Onnx | ModelFormat::Mlflow => modeldir::check_one(&read)?,
        _ if SeriesModel::is_in(&read.artifact) => return Err(ForecastError::NoRows.into()),
        _ => {}
    }
    if args.format == ModelFormat::Onnx {
        return as_graph(args, &read);
    }
    let name = args.name.as_deref().unwrap_or("model");
    let path = directory.as_ref();
    let n_files = folder::written(&args.output, path, |folder| match args.format {
        ModelFormat::Onnx => Ok(()),
        ModelFormat::Standalone => server::write(folder, path, name),
        ModelFormat::Docker => server::write_container(folder, path, name),
        ModelFormat::Kserve => server::write_kserve(folder, path, name),
        ModelFormat::Mlflow => mlflow::write(folder, &read),
    })?;
    print_text(&format!(
        "{} of {}: {}\n",
        read.manifest.task.kind().name(),
        text::counted(n_files, "file"),
        args.output.display()
    ))?;
    Ok(Status::Done)
}

fn as_graph(args: &ModelExportArgs, read: &ReadModel) -> anyhow::Result<Status> {
    check_free(&args.output, args.overwrite)?;
    let bytes = onnx::graph(read)?;
    write_atomic(&args.output, &bytes)?;
    let n_columns = read.manifest.inputs.with_role(Role::Feature).count();
    print_text(&format!(
        "{} of {}, {} bytes: {}\n",
        read.manifest.task.kind().name(),
        text::counted(n_columns as u64, "column"),
        text::count(bytes.len() as u64),
        args.output.display()
    ))?;
    Ok(Status::Done)
}

/// Refuses options that an export would pass over.
fn check_options(args: &ModelExportArgs) -> Result<(), CliError> {
    let format = args.format.name();
    match args.format {
        ModelFormat::Onnx | ModelFormat::Mlflow if args.name.is_some() => {
            Err(CliError::OptionMeaningless {
                option: "--name",
                format,
            })
        }
        ModelFormat::Onnx => Ok(()),
        ModelFormat::Kserve
            if args
                .name
                .as_deref()
                .is_some_and(|name| !server::is_name(name)) =>
        {
            let name = args.name.clone().unwrap_or_default();
            Err(CliError::KserveName { name })
        }
        _ if args.overwrite => Err(CliError::OptionMeaningless {
            option: "--overwrite",
            format,
        }),
        _ => Ok(()),
    }
}

fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a file may be written.
fn check_free(path: &Path, overwrites: bool) -> Result<(), CliError> {
    if path.is_file() && !overwrites {
        let path = path.to_owned();
        return Err(CliError::OutputExists { path });
    }
    Ok(())
}
