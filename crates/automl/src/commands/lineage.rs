//! `automl lineage`: where something came from, and what became of it.

use super::Status;
use super::record::{Record, maybe_time};
use crate::batch;
use crate::cli::LineageArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::record::{digest_of, unread_digest};
use automl_store::ModelDir;
use automl_store::lineage::{self, Found, Graph, Node};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use std::path::Path;

pub(super) fn run(args: &LineageArgs, console: Console) -> anyhow::Result<Status> {
    let record = Record::open(&args.ask.workspace)?;
    let start = start(&record, &args.reference)?;
    let graph = record.read(move |sql| lineage::trace(sql, DEFAULT_WORKSPACE, &start))?;
    match console.format() {
        Format::Json => print_json(&graph)?,
        Format::Text => print_text(&in_words(&graph))?,
    }
    Ok(Status::Done)
}

/// What a reference means: first what the record knows by it, then a model directory, a folder of predictions or a file of this
/// machine.
fn start(record: &Record, reference: &str) -> anyhow::Result<Node> {
    let path = Path::new(reference);
    let account = path.join(batch::MANIFEST);
    if path.is_dir() && !account.is_file() {
        let dir = ModelDir::open(path)?;
        if let Some(known) = &dir.manifest().lineage.record {
            let id = known.model_id.clone();
            return Ok(Node::Model { id });
        }
    }
    // A file that is here is known by its content or its place; what has the same name is something else.
    let names = if path.is_file() {
        let place = path.canonicalize()?.display().to_string();
        vec![digest_of(path)?, unread_digest(path, &place), place]
    } else if account.is_file() {
        let place = path.canonicalize()?.display().to_string();
        vec![digest_of(&account)?, place]
    } else {
        vec![reference.to_owned()]
    };
    let absent = TrackingError::Absent(format!(
        "No run, model, model version, endpoint or data is known as '{reference}'"
    ));
    let node = record.read(move |sql| {
        for name in names {
            match lineage::resolve(sql, DEFAULT_WORKSPACE, &name) {
                Err(TrackingError::Absent(_)) => {}
                found => return found.map(Some),
            }
        }
        Ok(None)
    })?;
    Ok(node.ok_or(absent)?)
}

fn in_words(graph: &Graph) -> String {
    let mut lines = String::new();
    for found in &graph.nodes {
        lines.push_str(&line(found));
    }
    if graph.nodes.len() == 1 {
        lines.push_str("\nnothing is known of where it came from or what became of it\n");
    }
    if graph.is_cut {
        lines.push_str("\n… and more than can be shown\n");
    }
    lines
}

/// What it came from stands above it, what became of it below, each further to the right.
fn line(found: &Found) -> String {
    let mark = match found.distance {
        0 => "●",
        distance if distance < 0 => "↑",
        _ => "↓",
    };
    let depth = found.distance.unsigned_abs() as usize;
    let when = maybe_time(found.about.at_ms);
    let when = if when.is_empty() {
        when
    } else {
        format!("  {when}")
    };
    format!(
        "{}{mark} {}  {}{when}\n",
        "  ".repeat(depth),
        found.about.title,
        found.about.detail,
    )
}
