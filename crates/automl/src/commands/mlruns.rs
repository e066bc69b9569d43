//! `automl import mlruns`: an MLflow store copied into the workspace.

use super::Status;
use super::import::{Bar, Opened, ended};
use crate::cli::MlrunsArgs;
use crate::console::{Console, Format, print_json, print_line, print_text};
use crate::interrupt::Interrupt;
use crate::text::counted;
use automl_core::Coded;
use automl_serve::client::{Credentials, ServerSource};
use automl_store::moving::{Counts, DatabaseSource, FolderSource, Outcome, Source, Target, import};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::json;
use std::path::Path;

/// Where artifacts of new experiments go: through the server of the workspace.
const ARTIFACT_ROOT: &str = "mlflow-artifacts:";

pub(super) fn run(args: &MlrunsArgs, console: Console) -> anyhow::Result<Status> {
    let mut source = source(args)?;
    let Opened { record, .. } = &Opened::of(&args.place, args.dry_run)?;
    let interrupt = Interrupt::listen(console, || {})?;
    let target = Target {
        db: &record.db,
        artifacts: &record.artifacts,
        workspace: DEFAULT_WORKSPACE,
        artifact_root: ARTIFACT_ROOT,
    };
    let mut bar = Bar::new(console, interrupt.token());
    let outcome = import(source.as_mut(), &target, args.dry_run, &mut bar);
    bar.end();
    let outcome = outcome?;
    tell(&outcome, args.dry_run, console)?;
    ended(outcome.failures.len(), outcome.n_all, &interrupt)
}

/// A directory, a SQLite file or a server.
fn source(args: &MlrunsArgs) -> anyhow::Result<Box<dyn Source>> {
    let name = args.source.as_str();
    if name.starts_with("http://") || name.starts_with("https://") {
        let login = args.username.clone();
        let credentials = Credentials {
            token: args.token.clone(),
            login: login.map(|user| (user, args.password.clone().unwrap_or_default())),
        };
        return Ok(Box::new(ServerSource::open(name, &credentials)?));
    }
    let path = name
        .strip_prefix("sqlite:///")
        .or_else(|| name.strip_prefix("file://"));
    let path = Path::new(path.unwrap_or(name));
    if path.is_dir() {
        return Ok(Box::new(FolderSource::open(path)?));
    }
    let artifacts = args.store_artifacts.clone();
    Ok(Box::new(DatabaseSource::open(path, artifacts)?))
}

fn tell(outcome: &Outcome, is_dry: bool, console: Console) -> anyhow::Result<()> {
    let Counts {
        n_experiments,
        n_runs,
        n_models,
        n_versions,
        n_files,
        n_bytes,
        n_there,
        n_elsewhere,
    } = outcome.counts;
    for (what, error) in &outcome.failures {
        match console.format() {
            Format::Json => print_line(
                &json!({ "event": "failure", "what": what, "code": error.code(), "message": error.to_string() })
                    .to_string(),
            ),
            Format::Text => print_line(&format!("{what}: {error}")),
        }
    }
    match console.format() {
        Format::Json => print_json(&json!({
            "dry_run": is_dry,
            "n_experiments": n_experiments,
            "n_runs": n_runs,
            "n_logged_models": n_models,
            "n_versions": n_versions,
            "n_files": n_files,
            "n_bytes": n_bytes,
            "n_there_already": n_there,
            "n_artifacts_elsewhere": n_elsewhere,
            "n_failed": outcome.failures.len(),
        })),
        Format::Text => {
            let verb = if is_dry { "would import" } else { "imported" };
            print_text(&format!(
                "{verb} {}, {}, {}, {}, {}\n",
                counted(n_experiments, "experiment"),
                counted(n_runs, "run"),
                counted(n_models, "logged model"),
                counted(n_versions, "model version"),
                counted(n_files, "file"),
            ))?;
            if n_there > 0 {
                print_text(&format!(
                    "there already: {n_there} of the runs and logged models\n"
                ))?;
            }
            if n_elsewhere > 0 {
                print_text(&format!(
                    "artifacts that stay where they are: those of {n_elsewhere} runs and logged models\n"
                ))?;
            }
            Ok(())
        }
    }
}
