//! `automl gc`: removes for good what was deleted, and files that nothing refers to.

use super::Status;
use crate::cli::GcArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::MovingError;
use crate::text;
use crate::workspace;
use automl_core::size_text;
use automl_store::artifacts::{ArtifactStore, Sweep};
use automl_store::db::Place;
use automl_store::gc::{Collected, Kind, Options, collect};
use automl_store::tracking::now_ms;
use serde_json::json;

pub(super) fn run(args: &GcArgs, console: Console) -> anyhow::Result<Status> {
    let workspace = workspace::of(&args.place);
    let record = workspace::open(&workspace)?;
    if let (ArtifactStore::Folder(folder), Place::Server(_)) =
        (&record.artifacts, workspace.database())
        && !folder.is_there()
    {
        // A server of another machine may have them: their files would be forgotten.
        let path = workspace.artifacts();
        return Err(MovingError::NoArtifacts { path }.into());
    }
    let age_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let options = Options {
        deleted_before_ms: now_ms().saturating_sub(age_ms),
        sweep: if args.dry_run {
            Sweep::Count
        } else {
            Sweep::Remove
        },
    };
    let collected = collect(&record.db, &record.artifacts, options)?;
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
        lines.push(format!(
            "files stay, for they are kept elsewhere or the system refused to remove them: {uri}"
        ));
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
