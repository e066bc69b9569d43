//! `automl endpoint capture` and `automl endpoint feedback`: what is kept of requests, and what turned out to be true.

use super::{Record, Seen, change};
use crate::cli::{EndpointCaptureArgs, EndpointFeedbackArgs, WorkspaceArgs};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::{serving, text, workspace};
use automl_core::{Clock, Column, Field, Kind, Role, Schema};
use automl_data::{BatchOptions, ReadOptions, Source, open_batches};
use automl_serve::endpoints::{Truth, keep_truths};
use automl_store::Manifest;
use automl_store::captures::Captures;
use automl_store::endpoints::{self, Capture, Endpoint, NewCapture, check_columns};
use automl_store::registry::{files, versions};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::json;
use std::collections::BTreeSet;

pub(super) fn run(args: EndpointCaptureArgs, console: Console) -> anyhow::Result<()> {
    let new = match (args.off, args.rate) {
        (true, _) => None,
        (false, Some(rate)) => Some(NewCapture {
            rate,
            fields: (!args.fields.is_empty()).then_some(args.fields),
            redacted: args.redact,
        }),
        (false, None) => return tell(&args.endpoint, &args.ask.workspace, console),
    };
    if let Some(new) = &new {
        let record = Record::open_with(&args.ask.workspace, args.artifacts)?;
        let endpoint = found(&record, &args.endpoint)?;
        let is_any_named = new.fields.is_some() || !new.redacted.is_empty();
        if is_any_named {
            check_columns(new, &columns(&record, &endpoint)?)?;
        }
    }
    change(&args.ask, None, console, move |sql, who| {
        endpoints::set_capture(sql, W, &args.endpoint, new.as_ref(), who)
    })
}

fn found(record: &Record, name: &str) -> anyhow::Result<Endpoint> {
    let name = name.to_owned();
    let read = record
        .database()
        .read(move |sql| endpoints::by_name(sql, W, &name));
    Ok(read.wait()?)
}

/// The columns that the models of an endpoint take, as their files say.
fn columns(record: &Record, endpoint: &Endpoint) -> anyhow::Result<BTreeSet<String>> {
    let mut columns = BTreeSet::new();
    for deployment in &endpoint.deployments {
        let (model, number) = (deployment.model.clone(), deployment.version);
        let version = record.read(move |sql| versions::get(sql, W, &model, number))?;
        let path = files::of_version(&version)?;
        let bytes = files::read(record.artifacts(), &path, "manifest.json")?;
        let manifest: Manifest = serde_json::from_slice(&bytes.unwrap_or_default())?;
        let features = manifest.inputs.with_role(Role::Feature);
        columns.extend(features.map(|field| field.name.clone()));
    }
    Ok(columns)
}

fn captures(place: &WorkspaceArgs) -> Captures {
    Captures::new(workspace::named(&place.workspace).captures(), serving::seal)
}

/// What is kept, and where.
fn tell(endpoint: &str, place: &WorkspaceArgs, console: Console) -> anyhow::Result<()> {
    let endpoint = found(&Record::open(place)?, endpoint)?;
    let captures = captures(place);
    let files = captures.files(&endpoint.name)?;
    let folder = captures.folder(&endpoint.name);
    let n_bytes: u64 = files.iter().map(|(_, n_bytes)| n_bytes).sum();
    if console.format() == Format::Json {
        let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
        return print_json(&json!({
            "endpoint": endpoint.name,
            "capture": endpoint.capture,
            "folder": folder,
            "files": paths,
            "n_bytes": n_bytes,
        }));
    }
    let kept = match &endpoint.capture {
        Some(capture) => told(capture),
        None => "no requests are kept".to_owned(),
    };
    Ok(print_text(&format!(
        "{}: {kept}\n{} with {} bytes in {}\n",
        endpoint.name,
        text::counted(files.len() as u64, "file"),
        text::count(n_bytes),
        folder.display()
    ))?)
}

/// What is kept, in a sentence.
pub(super) fn told(capture: &Capture) -> String {
    let columns = match &capture.fields {
        Some(names) if names.is_empty() => "without columns".to_owned(),
        Some(names) => format!("with {}", names.join(", ")),
        None => "with all columns".to_owned(),
    };
    let redacted = match capture.redacted.as_slice() {
        [] => String::new(),
        names => format!("; without the values of {}", names.join(", ")),
    };
    let rate = text::percent(capture.rate);
    format!("{rate} of the requests are kept, {columns}{redacted}")
}

const COLUMNS: [(&str, Kind); 3] = [
    ("request_id", Kind::Text),
    ("row", Kind::Number),
    ("truth", Kind::Text),
];

/// Keeps truths of a table.
pub(super) fn feedback(args: &EndpointFeedbackArgs, console: Console) -> anyhow::Result<()> {
    let endpoint = found(&Record::open(&args.ask.workspace)?, &args.endpoint)?;
    let truths = truths(&args.data)?;
    let captures = captures(&args.ask.workspace);
    keep_truths(&captures, &endpoint.name, Clock::unix_micros(), &truths)?;
    let n_truths = truths.len() as u64;
    match console.format() {
        Format::Json => print_json(&json!({ "endpoint": endpoint.name, "accepted": n_truths })),
        Format::Text => Ok(print_text(&format!(
            "{} kept in {}\n",
            text::counted(n_truths, "truth"),
            captures.folder(&endpoint.name).display()
        ))?),
    }
}

fn truths(data: &str) -> anyhow::Result<Vec<Truth>> {
    let field = |(name, kind): (&str, Kind)| Field {
        name: name.to_owned(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    };
    let schema = Schema {
        fields: COLUMNS.map(field).to_vec(),
        missing: Vec::new(),
    };
    let cut = BatchOptions {
        // A table without rows of requests tells of the first row of each.
        allow_missing_columns: true,
        ..BatchOptions::default()
    };
    let source = Source::parse(data);
    let batches = open_batches(&source, &ReadOptions::default(), &schema, |_| true, &cut)?;
    let mut truths = Vec::new();
    for batch in batches {
        let table = batch?.table;
        let texts = |name| table.column(name).and_then(Column::as_text);
        let rows = table.column("row").and_then(Column::as_number);
        for place in 0..table.n_rows() {
            let at = |name| texts(name).and_then(|texts| texts.get(place));
            let wanting = || RecordError::Feedback {
                data: data.to_owned(),
                row: truths.len() + 1,
            };
            let row = rows.map_or(f64::NAN, |rows| rows[place]);
            let row = if row.is_nan() { 0.0 } else { row };
            let is_row = row >= 0.0 && row.fract() == 0.0 && row <= f64::from(u32::MAX);
            let (Some(request_id), Some(truth), true) = (at("request_id"), at("truth"), is_row)
            else {
                return Err(wanting().into());
            };
            truths.push(Truth {
                request_id: request_id.to_owned(),
                row: row as u32,
                truth: truth.to_owned(),
            });
        }
    }
    Ok(truths)
}

/// Of `automl endpoint status`.
pub(super) fn line(seen: &Seen) -> String {
    let capture = seen.endpoint.capture.as_ref();
    capture.map_or_else(String::new, |capture| format!("{}\n", told(capture)))
}
