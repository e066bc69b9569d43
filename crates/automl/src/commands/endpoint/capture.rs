//! `automl endpoint capture` and `automl endpoint feedback`: what is kept of requests, and what turned out to be true.

use super::{Record, Seen, change};
use crate::cli::{EndpointCaptureArgs, EndpointFeedbackArgs, WorkspaceArgs};
use crate::commands::datasets;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::{serving, text, workspace};
use automl_core::{Clock, Column, Field, Kind, Role, Schema, Table, Task, WarningKind};
use automl_data::{BatchOptions, ReadOptions, Source, open_batches};
use automl_serve::endpoints::{Truth, check_truth, keep_truths, same_row};
use automl_store::captures::{Captures, FileKind};
use automl_store::endpoints::{self, Capture, Endpoint, NewCapture, Signature, check_columns};
use automl_store::registry::versions;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

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

/// What the models of an endpoint take and give, as their files say.
fn signatures(record: &Record, endpoint: &Endpoint) -> anyhow::Result<Vec<Signature>> {
    let mut found = Vec::new();
    for deployment in &endpoint.deployments {
        let (model, number) = (deployment.model.clone(), deployment.version);
        let version = record.read(move |sql| versions::get(sql, W, &model, number))?;
        found.extend(Signature::of_version(record.artifacts(), &version)?);
    }
    Ok(found)
}

/// The columns that the models of an endpoint take.
fn columns(record: &Record, endpoint: &Endpoint) -> anyhow::Result<BTreeSet<String>> {
    let signatures = signatures(record, endpoint)?.into_iter();
    let fields = signatures.flat_map(|signature| signature.features);
    Ok(fields.map(|field| field.name).collect())
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
    let n_bytes: u64 = files.iter().map(|file| file.n_bytes).sum();
    let counted = |kind| files.iter().filter(|file| file.kind == kind).count() as u64;
    let kinds = [FileKind::Done, FileKind::Growing, FileKind::Bad].map(counted);
    let [n_done, n_growing, n_bad] = kinds;
    if console.format() == Format::Json {
        let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
        return print_json(&json!({
            "endpoint": endpoint.name,
            "capture": endpoint.capture,
            "folder": folder,
            "files": paths,
            "n_done": n_done,
            "n_growing": n_growing,
            "n_unreadable": n_bad,
            "n_bytes": n_bytes,
        }));
    }
    let kept = match &endpoint.capture {
        Some(capture) => told(capture),
        None => "no requests are kept".to_owned(),
    };
    let mut told = format!(
        "{}: {kept}\n{} with {} bytes in {}\n",
        endpoint.name,
        text::counted(files.len() as u64, "file"),
        text::count(n_bytes),
        folder.display()
    );
    for (n_files, told_of) in [
        (
            n_growing,
            "of lines, which become Parquet after 5 minutes, or when a server starts",
        ),
        (n_bad, "that nobody can read, *.bad"),
    ] {
        if n_files > 0 {
            told += &text::counted(n_files, "file");
            told += ": ";
            told += told_of;
            told.push('\n');
        }
    }
    Ok(print_text(&told)?)
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

/// What the names of files of truths begin with.
const TRUTHS: &str = "truths-";
/// Ids that are told of, of those that are not known.
const UNSEEN_TOLD: usize = 10;
const COLUMNS: [(&str, Kind); 3] = [
    ("request_id", Kind::Text),
    ("row", Kind::Number),
    ("truth", Kind::Text),
];

/// Keeps truths of a table.
pub(super) fn feedback(args: &EndpointFeedbackArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open_with(&args.ask.workspace, args.artifacts.clone())?;
    let endpoint = found(&record, &args.endpoint)?;
    let tasks = signatures(&record, &endpoint)?.into_iter();
    let tasks: Vec<Task> = tasks.map(|signature| signature.task).collect();
    let source = datasets::source(&args.data, &args.ask.workspace.workspace, console)?;
    let truths = truths((&args.data, &source), &tasks)?;
    let captures = captures(&args.ask.workspace);
    refuse_again(&captures, &endpoint.name, (&args.data, &truths))?;
    let unseen = unseen(&captures, &endpoint.name, (&args.data, &truths))?;
    keep_truths(&captures, &endpoint.name, Clock::unix_micros(), &truths)?;
    let n_truths = truths.len() as u64;
    if console.format() == Format::Json {
        let told: Vec<&String> = unseen.iter().take(UNSEEN_TOLD).collect();
        return print_json(&json!({
            "endpoint": endpoint.name,
            "accepted": n_truths,
            "n_unseen": unseen.len(),
            "unseen": told,
        }));
    }
    let mut told = format!(
        "{} kept in {}\n",
        text::counted(n_truths, "truth"),
        captures.folder(&endpoint.name).display()
    );
    if let Some(first) = unseen.first() {
        told += &text::counted(unseen.len() as u64, "id");
        told += " of which no request is kept, such as ";
        told += first;
        told.push('\n');
    }
    Ok(print_text(&told)?)
}

/// Refuses truths of rows that have one in a file of the endpoint.
fn refuse_again(
    captures: &Captures,
    endpoint: &str,
    (data, truths): (&str, &[Truth]),
) -> anyhow::Result<()> {
    let ids: BTreeSet<&str> = truths.iter().map(|one| one.request_id.as_str()).collect();
    let mut told: BTreeSet<(String, u32)> = BTreeSet::new();
    each_row(captures, endpoint, Of::Truths, &mut |id, row| {
        if ids.contains(id) {
            told.insert((id.to_owned(), row));
        }
    })?;
    let is_again = |truth: &Truth| told.contains(&(truth.request_id.clone(), truth.row));
    match truths.iter().position(is_again) {
        Some(place) => Err(RecordError::Truth {
            data: data.to_owned(),
            row: place + 1,
            odd: truths[place].again(),
        }
        .into()),
        None => Ok(()),
    }
}

/// The ids of truths that no file of the endpoint has.
///
/// # Errors
/// A truth is of a row that its request did not have, or files cannot be read.
fn unseen(
    captures: &Captures,
    endpoint: &str,
    (data, truths): (&str, &[Truth]),
) -> anyhow::Result<BTreeSet<String>> {
    let mut wanted: BTreeMap<String, u32> = (truths.iter())
        .map(|truth| (truth.request_id.clone(), 0))
        .collect();
    each_row(captures, endpoint, Of::Requests, &mut |id, row| {
        if let Some(n_rows) = wanted.get_mut(id) {
            *n_rows = (*n_rows).max(row.saturating_add(1));
        }
    })?;
    let mut unseen = BTreeSet::new();
    for (place, truth) in truths.iter().enumerate() {
        match wanted.get(&truth.request_id).copied().unwrap_or(0) {
            0 => {
                unseen.insert(truth.request_id.clone());
            }
            n_rows => truth.check_row(n_rows).map_err(|odd| RecordError::Truth {
                data: data.to_owned(),
                row: place + 1,
                odd,
            })?,
        }
    }
    Ok(unseen)
}

/// What files are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Requests,
    Truths,
}

/// Hands on the id and the row of each row in the files of an endpoint.
fn each_row(
    captures: &Captures,
    endpoint: &str,
    of: Of,
    take: &mut dyn FnMut(&str, u32),
) -> anyhow::Result<()> {
    for file in captures.files(endpoint)? {
        let name = file.path.file_name().unwrap_or_default();
        let is_of_truths = name.as_encoded_bytes().starts_with(TRUTHS.as_bytes());
        if is_of_truths != (of == Of::Truths) {
            continue;
        }
        match file.kind {
            FileKind::Done => each_in_parquet(&file.path, take)?,
            FileKind::Growing => each_in_lines(&file.path, take)?,
            FileKind::Bad => {}
        }
    }
    Ok(())
}

fn each_in_parquet(path: &Path, take: &mut dyn FnMut(&str, u32)) -> anyhow::Result<()> {
    let schema = Schema {
        fields: COLUMNS[..2].iter().map(|column| field(*column)).collect(),
        missing: Vec::new(),
    };
    let source = Source::parse(&path.display().to_string());
    let cut = BatchOptions::default();
    for batch in open_batches(&source, &ReadOptions::default(), &schema, |_| true, &cut)? {
        let table = batch?.table;
        let ids = table.column(COLUMNS[0].0).and_then(Column::as_text);
        let rows = table.column(COLUMNS[1].0).and_then(Column::as_number);
        let (Some(ids), Some(rows)) = (ids, rows) else {
            continue;
        };
        for (place, row) in rows.iter().enumerate() {
            if let Some(id) = ids.get(place) {
                take(id, *row as u32);
            }
        }
    }
    Ok(())
}

/// Lines that still grow: each is a list whose first two values are the id and the row.
fn each_in_lines(path: &Path, take: &mut dyn FnMut(&str, u32)) -> anyhow::Result<()> {
    let text = match fs::read(path) {
        // They are Parquet by now, of requests that came just before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    for line in text.split(|byte| *byte == b'\n').skip(1) {
        let values: Vec<Value> = serde_json::from_slice(line).unwrap_or_default();
        if let [Value::String(id), row, ..] = values.as_slice() {
            take(id, row.as_u64().unwrap_or(0) as u32);
        }
    }
    Ok(())
}

fn field((name, kind): (&str, Kind)) -> Field {
    Field {
        name: name.to_owned(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    }
}

fn truths((data, source): (&str, &Source), tasks: &[Task]) -> anyhow::Result<Vec<Truth>> {
    let schema = Schema {
        fields: COLUMNS.map(field).to_vec(),
        missing: Vec::new(),
    };
    let cut = BatchOptions {
        // A table without rows of requests tells of the first row of each.
        allow_missing_columns: true,
        ..BatchOptions::default()
    };
    let batches = open_batches(source, &ReadOptions::default(), &schema, |_| true, &cut)?;
    let warnings = batches.warnings().iter();
    let absent = warnings.filter(|warning| warning.kind == WarningKind::MissingColumn);
    let absent: Vec<String> = absent.flat_map(|warning| warning.columns.clone()).collect();
    let mut truths = Vec::new();
    for batch in batches {
        take(&batch?.table, (data, &absent), tasks, &mut truths)?;
    }
    match same_row(&truths) {
        Some((first, second)) => Err(RecordError::FeedbackTwice {
            data: data.to_owned(),
            first: first + 1,
            row: second + 1,
        }
        .into()),
        None => Ok(truths),
    }
}

/// Adds the truths of a table, which may lack columns that are `absent`.
fn take(
    table: &Table,
    (data, absent): (&str, &[String]),
    tasks: &[Task],
    truths: &mut Vec<Truth>,
) -> Result<(), RecordError> {
    let texts = |name| table.column(name).and_then(Column::as_text);
    let rows = table.column("row").and_then(Column::as_number);
    for place in 0..table.n_rows() {
        let at = |name| texts(name).and_then(|texts| texts.get(place));
        let wanting = |name: &'static str| {
            let data = data.to_owned();
            if absent.iter().any(|absent| absent == name) {
                return RecordError::FeedbackColumn { data, name };
            }
            let row = truths.len() + 1;
            RecordError::Feedback { data, row }
        };
        let request_id = at("request_id").ok_or_else(|| wanting("request_id"))?;
        let truth = at("truth").ok_or_else(|| wanting("truth"))?;
        let row = rows.map_or(f64::NAN, |rows| rows[place]);
        let row = if row.is_nan() { 0.0 } else { row };
        if row < 0.0 || row.fract() != 0.0 || row > f64::from(u32::MAX) {
            return Err(wanting("row"));
        }
        let truth = Truth {
            request_id: request_id.to_owned(),
            row: row as u32,
            truth: truth.to_owned(),
        };
        let checked = check_truth(truth, tasks).map_err(|odd| RecordError::Truth {
            data: data.to_owned(),
            row: truths.len() + 1,
            odd,
        });
        truths.push(checked?);
    }
    Ok(())
}

/// Of `automl endpoint status`.
pub(super) fn line(seen: &Seen) -> String {
    let capture = seen.endpoint.capture.as_ref();
    capture.map_or_else(String::new, |capture| format!("{}\n", told(capture)))
}
