//! `automl gc`: removes for good what was deleted, and files that nothing refers to.

use super::Status;
use crate::cli::GcArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::text;
use crate::workspace::Workspace;
use automl_core::size_text;
use automl_serve::ServeError;
use automl_store::artifacts::{ArtifactStore, Location, Sweep};
use automl_store::db::{Database, Place};
use automl_store::gc::{Collected, GcError, Kind, Options, collect};
use automl_store::tracking::now_ms;
use serde_json::json;

pub(super) fn run(args: &GcArgs, console: Console) -> anyhow::Result<Status> {
    let workspace = Workspace::of(&args.workspace);
    if let Place::File(path) = &workspace.database
        && !path.is_file()
    {
        let path = path.clone();
        return Err(CliError::NoWorkspace { path }.into());
    }
    let location = workspace.artifacts(args.artifacts.as_deref())?;
    if let Location::Folder(path) = &location
        && !path.is_dir()
    {
        // Else the files of what goes would be forgotten.
        let path = path.clone();
        return Err(CliError::NoArtifacts { path }.into());
    }
    let db = Database::open(&workspace.database).map_err(ServeError::from)?;
    let store = ArtifactStore::open(&location, &db).map_err(ServeError::from)?;
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let options = Options {
        deleted_before_ms: now_ms().saturating_sub(age_ms),
        sweep: if args.dry_run {
            Sweep::Count
        } else {
            Sweep::Remove
        },
    };
    let collected = collect(&db, &store, options).map_err(|error| match error {
        GcError::Record(error) => ServeError::from(error),
        GcError::Database(error) => ServeError::from(error),
        GcError::Artifacts(error) => ServeError::from(error),
    })?;
    match console.format() {
        Format::Json => print_json(&json(&collected, args.dry_run))?,
        Format::Text => print_text(&lines(&collected, args.dry_run))?,
    }
    Ok(Status::Done)
}

fn json(collected: &Collected, is_dry: bool) -> serde_json::Value {
    let of = |kind: Kind| -> Vec<serde_json::Value> {
        let gone = collected.gone.iter().filter(|gone| gone.kind == kind);
        gone.map(|gone| json!({ "id": gone.id, "name": gone.name, "n_bytes": gone.n_bytes }))
            .collect()
    };
    let swept = &collected.swept;
    json!({
        "dry_run": is_dry,
        "runs": of(Kind::Run),
        "logged_models": of(Kind::LoggedModel),
        "experiments": of(Kind::Experiment),
        "n_kept": collected.n_kept,
        "not_removable": collected.not_ours,
        "blobs": { "count": swept.n_blobs, "n_bytes": swept.blob_bytes },
        "unfinished": { "count": swept.n_unfinished, "n_bytes": swept.unfinished_bytes },
    })
}

fn lines(collected: &Collected, is_dry: bool) -> String {
    let verb = if is_dry { "would remove" } else { "removed" };
    let mut lines: Vec<String> = Vec::new();
    for gone in &collected.gone {
        let (kind, size) = (gone.kind.name(), size_text(gone.n_bytes));
        lines.push(format!("{verb} {kind} {} ({}), {size}", gone.id, gone.name));
    }
    for uri in &collected.not_ours {
        lines.push(format!("files stay, for they are not kept here: {uri}"));
    }
    if collected.n_kept > 0 {
        let kept = text::counted(collected.n_kept, "deleted thing");
        lines.push(format!("kept {kept} that something in use refers to"));
    }
    let swept = &collected.swept;
    lines.push(format!(
        "{verb} {} that nothing refers to ({}) and {} ({})",
        text::counted(swept.n_blobs, "blob"),
        size_text(swept.blob_bytes),
        text::counted(swept.n_unfinished, "unfinished upload"),
        size_text(swept.unfinished_bytes)
    ));
    lines
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect()
}
