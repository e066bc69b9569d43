//! `automl export`: a model as a file that other programs run.

use super::Status;
use super::record::model_dir;
use crate::cli::{ModelExportArgs, ModelFormat};
use crate::console::print_text;
use crate::errors::CliError;
use crate::text;
use automl_core::Role;
use automl_data::ReadOptions;
use automl_onnx::Source;
use automl_store::{read_model, write_atomic};

pub(super) fn run(args: &ModelExportArgs) -> anyhow::Result<Status> {
    if args.output.is_file() && !args.overwrite {
        let path = args.output.clone();
        return Err(CliError::OutputExists { path }.into());
    }
    let directory = model_dir(&args.model, &args.workspace.workspace)?;
    let read = read_model(directory.as_ref())?;
    let inputs = &read.manifest.inputs;
    let usual = ReadOptions::default().missing;
    let missing = if inputs.missing.is_empty() {
        &usual
    } else {
        &inputs.missing
    };
    let bytes = match args.format {
        ModelFormat::Onnx => automl_onnx::export(&Source {
            artifact: &read.artifact,
            inputs,
            missing,
            threshold: read.manifest.threshold,
        })?,
    };
    write_atomic(&args.output, &bytes)?;
    let n_columns = inputs.with_role(Role::Feature).count();
    print_text(&format!(
        "{} of {}, {} bytes: {}\n",
        read.manifest.task.kind().name(),
        text::counted(n_columns as u64, "column"),
        text::count(bytes.len() as u64),
        args.output.display()
    ))?;
    Ok(Status::Done)
}
