//! `automl datasets`: names for data, with versions.

use super::Status;
use super::record::{Record, time};
use crate::cli::{DatasetsListArgs, DatasetsRegisterArgs, DatasetsVerb};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::RecordError;
use crate::progress::Reporter;
use crate::record::{digest_of, user};
use crate::remote;
use crate::text::{self, Align};
use automl_core::Clock;
use automl_data::{ReadOptions, Source, read_table};
use automl_store::buckets::Address;
use automl_store::datasets::{self, DatasetVersion, Kind, NewVersion};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::json;
use std::path::Path;

pub(super) fn run(verb: DatasetsVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        DatasetsVerb::Register(args) => register(&args, console)?,
        DatasetsVerb::List(args) => list(args, console)?,
    }
    Ok(Status::Done)
}

fn register(args: &DatasetsRegisterArgs, console: Console) -> anyhow::Result<()> {
    let path = Path::new(&args.data);
    let about = path.metadata();
    let about = about.map_err(|source| RecordError::DataPlace {
        place: args.data.clone(),
        source,
    })?;
    let (kind, schema, profile) = if args.file {
        (Kind::File, None, None)
    } else {
        let loaded = read_table(&Source::parse(&args.data), &ReadOptions::default(), None)?;
        let schema = serde_json::to_string(&loaded.schema)?;
        let profile =
            json!({ "num_rows": loaded.n_rows, "num_columns": loaded.schema.fields.len() });
        (Kind::Tabular, Some(schema), Some(profile.to_string()))
    };
    let new = NewVersion {
        name: args.name.clone(),
        kind,
        uri: std::path::absolute(path)?.display().to_string(),
        digest: digest_of(path)?,
        n_bytes: i64::try_from(about.len()).unwrap_or(i64::MAX),
        schema,
        profile,
        user_id: Some(user()),
    };
    let record = Record::open_or_make(&args.ask.workspace)?;
    let version = record.write(move |sql| datasets::register(sql, DEFAULT_WORKSPACE, &new))?;
    match console.format() {
        Format::Json => print_json(&version),
        Format::Text => Ok(print_text(&format!(
            "{}/{}\n",
            version.name, version.version
        ))?),
    }
}

fn list(args: DatasetsListArgs, console: Console) -> anyhow::Result<()> {
    let record = Record::open(&args.ask.workspace)?;
    let found =
        record.read(move |sql| datasets::list(sql, DEFAULT_WORKSPACE, args.name.as_deref()))?;
    if console.format() == Format::Json {
        return print_json(&found);
    }
    if found.is_empty() {
        return Ok(print_text(
            "no data; `automl datasets register` names some\n",
        )?);
    }
    let heading = [
        ("data", Align::Left),
        ("kind", Align::Left),
        ("bytes", Align::Right),
        ("digest", Align::Left),
        ("by", Align::Left),
        ("registered (UTC)", Align::Left),
        ("place", Align::Left),
    ];
    let row = |version: &DatasetVersion| {
        vec![
            format!("{}/{}", version.name, version.version),
            version.kind.name().to_owned(),
            text::count(version.n_bytes.unsigned_abs()),
            version.digest.chars().take(8).collect(),
            version.user_id.clone().unwrap_or_default(),
            time(version.created_ms),
            version.uri.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    Ok(print_text(&text::table(&heading, &rows))?)
}

/// The table that a user named and [`place`] found: what is in an object store is copied to the workspace first.
///
/// # Errors
/// An address leads to nothing, or to what cannot be copied.
pub(super) fn source(place: &str, workspace: &str, console: Console) -> anyhow::Result<Source> {
    if Address::parse(place).is_none() {
        return Ok(Source::parse(place));
    }
    let reporter = Reporter::new(console, Clock::start());
    let spinner = reporter.spinner(format!("looking for {place}"));
    remote::source(place, workspace, &spinner)
}

/// Where the data is: as it was named, or where the registered version lies that the name means in the workspace.
///
/// # Errors
/// If that is not what was registered any more.
pub(super) fn place(data: &str, workspace: &str) -> anyhow::Result<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || "_-./".contains(letter);
    if data == "-" || !data.chars().all(is_name) || Path::new(data).exists() {
        return Ok(data.to_owned());
    }
    let Some(record) = Record::open_if_there(workspace)? else {
        return Ok(data.to_owned());
    };
    let name = data.to_owned();
    let found = record.read(move |sql| datasets::resolve(sql, DEFAULT_WORKSPACE, &name))?;
    let Some(version) = found else {
        return Ok(data.to_owned());
    };
    let key = format!("{}/{}", version.name, version.version);
    let digest = digest_of(Path::new(&version.uri)).map_err(|source| RecordError::DataPlace {
        place: format!("{key} at {}", version.uri),
        source,
    })?;
    if digest != version.digest {
        return Err(RecordError::DataChanged {
            key,
            place: version.uri,
        }
        .into());
    }
    Ok(version.uri)
}
