//! `automl runs import-events`: what others wrote about a run, taken into its record.

use super::Status;
use crate::cli::ImportEventsArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::MovingError;
use crate::text::counted;
use crate::workspace::{self, files_below};
use anyhow::Context as _;
use automl_store::tracking::events::{self, EventsError, EventsRead, is_event_file};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub(super) fn import(args: &ImportEventsArgs, console: Console) -> anyhow::Result<Status> {
    let is_event_path = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        is_event_file(&name.to_string_lossy())
    };
    let mut files = files_below(&args.folder)?;
    files.retain(|path| is_event_path(path));
    if files.is_empty() {
        let path = args.folder.clone();
        return Err(MovingError::NoEvents { path }.into());
    }
    let db = workspace::open(&workspace::of(&args.place))?.db;
    let mut all = EventsRead::default();
    let mut fault = None;
    for path in &files {
        let folder = path
            .parent()
            .and_then(|parent| parent.strip_prefix(&args.folder).ok());
        let folder = folder.unwrap_or(Path::new("")).to_string_lossy();
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        let input = BufReader::with_capacity(64 << 10, file);
        match events::import(&db, DEFAULT_WORKSPACE, &args.run, &folder, input) {
            Ok(read) => {
                all.n_points += read.n_points;
                all.n_new += read.n_new;
                all.passed_over.extend(read.passed_over);
            }
            // The record refuses all files alike; a damaged one says nothing about the others.
            Err(error @ EventsError::Record(_)) => return Err(error.into()),
            Err(error) => fault = fault.or(Some(anyhow::Error::from(error).context(name))),
        }
    }
    match console.format() {
        Format::Json => print_json(&json!({
            "run": args.run,
            "n_files": files.len(),
            "n_points": all.n_points,
            "n_new": all.n_new,
            "passed_over": all.passed_over,
        }))?,
        Format::Text => {
            print_text(&format!(
                "read {} with {}, {} new\n",
                counted(files.len() as u64, "event file"),
                counted(all.n_points, "point"),
                all.n_new
            ))?;
            for tag in &all.passed_over {
                print_text(&format!(
                    "passed over '{tag}', which cannot be the name of a metric\n"
                ))?;
            }
        }
    }
    fault.map_or(Ok(Status::Done), Err)
}
