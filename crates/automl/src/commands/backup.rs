//! `automl backup` and `automl restore`: a workspace copied away, and put back.

use super::Status;
use crate::cli::{BackupArgs, RestoreArgs};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::MovingError;
use crate::text::counted;
use crate::workspace;
use automl_store::backup::{self, Summary};
use automl_store::db::Place;
use serde_json::json;
use std::path::Path;

/// `automl backup`.
pub(super) fn backup(args: &BackupArgs, console: Console) -> anyhow::Result<Status> {
    let workspace = workspace::of(&args.place);
    // With what verbs wrote down, which belongs to it, too.
    let record = workspace::open(&workspace)?;
    let key = workspace.key_file();
    let summary = backup::create(
        workspace.database(),
        &record.artifacts,
        key.as_deref(),
        &args.destination,
    )?;
    tell("backed up", &args.destination, &summary, console)?;
    Ok(Status::Done)
}

/// `automl restore`.
pub(super) fn restore(args: &RestoreArgs, console: Console) -> anyhow::Result<Status> {
    let workspace = workspace::of(&args.place);
    let artifacts = match args.place.artifacts.as_deref() {
        None => workspace.artifacts(),
        Some(text) if text.contains("://") => {
            let place = text.to_owned();
            return Err(MovingError::RestoreElsewhere { place }.into());
        }
        Some(text) => text.into(),
    };
    if matches!(workspace.database(), Place::Server(_)) {
        workspace.make()?;
    }
    let target = backup::Workspace {
        database: workspace.database(),
        artifacts: &artifacts,
        key: &workspace.secret_key(),
    };
    let summary = backup::restore(&args.source, target)?;
    tell("restored", &args.source, &summary, console)?;
    Ok(Status::Done)
}

fn tell(verb: &str, backup: &Path, summary: &Summary, console: Console) -> anyhow::Result<()> {
    match console.format() {
        Format::Json => print_json(&json!({ "backup": backup, "summary": summary })),
        Format::Text => {
            print_text(&format!(
                "{verb} {} and {}\n",
                counted(summary.n_runs, "run"),
                counted(summary.n_files, "artifact")
            ))?;
            if summary.n_elsewhere > 0 {
                print_text(&format!(
                    "artifacts elsewhere, which are not in the backup: those of {}\n",
                    counted(summary.n_elsewhere, "experiment")
                ))?;
            }
            if summary.n_sealed_elsewhere > 0 {
                print_text(&format!(
                    "sealed by a key that is not in the backup, so keep AUTOML_SECRET_KEY, too: the secrets of {}\n",
                    counted(summary.n_sealed_elsewhere, "webhook")
                ))?;
            }
            Ok(())
        }
    }
}
