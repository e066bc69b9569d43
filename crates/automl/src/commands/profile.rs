//! `automl profile`: look at a table before anything is learned from it.

pub(super) mod apart;

use super::fit::settings::read_options;
use super::{Status, datasets, thread_count};
use crate::cli::ProfileArgs;
use crate::console::{Console, Format, print_json, print_text, stdout_width};
use crate::errors::CliError;
use crate::memory;
use crate::progress::Reporter;
use apart::{Effort, Told};
use automl_core::{Clock, Schema, Table, Warning, WarningKind};
use automl_data::profile::{Profile, ProfileOptions, profile, render_html, render_text};
use automl_data::{
    ColumnOverride, Loaded, ReadOptions, SchemaFile, Source, read_table, write_schema,
};
use automl_store::write_atomic;
use std::path::PathBuf;

/// All settings of a profile.
struct Settings {
    /// The table as the user named it.
    data: String,
    source: Source,
    other: Option<(String, Source)>,
    target: Option<String>,
    read: ReadOptions,
    schema: Option<SchemaFile>,
    html: Option<PathBuf>,
    write_schema: Option<PathBuf>,
}

impl Settings {
    fn resolve(args: ProfileArgs, console: Console) -> anyhow::Result<Self> {
        let source = Source::parse(&args.data);
        let other = args.other.map(|name| (name.clone(), Source::parse(&name)));
        if source == Source::Stdin
            && other
                .as_ref()
                .is_some_and(|(_, other)| *other == Source::Stdin)
        {
            return Err(CliError::StdinTwice.into());
        }
        for path in args.html.iter().chain(&args.write_schema) {
            if path.is_dir() {
                return Err(CliError::OutputIsDirectory { path: path.clone() }.into());
            }
        }
        let read = ReadOptions {
            max_bytes: memory::default_limit(),
            ..read_options(&args.read, args.target.clone().into_iter().collect())
        };
        let fetched = |name: &str| datasets::source(name, &args.workspace.workspace, console);
        let other = match other {
            Some((name, _)) => Some((name.clone(), fetched(&name)?)),
            None => None,
        };
        Ok(Self {
            source: fetched(&args.data)?,
            data: args.data,
            other,
            read,
            target: args.target,
            schema: (args.read.schema.as_deref())
                .map(SchemaFile::read)
                .transpose()?,
            html: args.html,
            write_schema: args.write_schema,
        })
    }
}

pub(super) fn run(args: ProfileArgs, console: Console) -> anyhow::Result<Status> {
    let settings = Settings::resolve(args, console)?;
    let reporter = Reporter::new(console, Clock::start());
    let given = settings.schema.as_ref();
    let read = &settings.read;
    let loaded = load(read, (&settings.data, &settings.source), given, &reporter)?;
    let other = match &settings.other {
        Some((name, source)) => {
            let first = (&loaded.schema, given);
            Some(load_like(first, read, (name, source), &reporter)?)
        }
        None => None,
    };
    let title = match settings.source {
        Source::Stdin => "standard input",
        _ => &settings.data,
    };
    let options = ProfileOptions {
        title: Some(title),
        target: settings.target.as_deref(),
        other: other.as_ref().map(|other| (&other.table, &other.schema)),
        ..ProfileOptions::default()
    };
    let mut found = {
        let _spinner = reporter.spinner(format!("profiling {title}"));
        profile(&loaded.table, &loaded.schema, &options)?
    };
    if let Some(other) = &other {
        compare(&settings, (&loaded, other), &mut found, &reporter);
    }
    warn(&loaded, &found, &reporter);
    if let (Some(loaded), Some((name, _))) = (&other, &settings.other) {
        warn_of_second(loaded, &format!("second table {name}"), &reporter);
    }
    match console.format() {
        Format::Json => print_json(&found)?,
        Format::Text => print_text(&render_text(&found, stdout_width()))?,
    }
    if let Some(path) = &settings.html {
        write_atomic(path, render_html(&found).as_bytes())?;
        reporter.note(&format!("page written: {}", path.display()));
    }
    if let Some(path) = &settings.write_schema {
        write_atomic(path, write_schema(&loaded.schema).as_bytes())?;
        reporter.note(&format!("schema written: {}", path.display()));
    }
    Ok(Status::Done)
}

/// Adds how well a model tells the two tables apart, if one could be learned: the profile is worth having without it.
fn compare(
    settings: &Settings,
    (first, second): (&Loaded, &Loaded),
    found: &mut Profile,
    reporter: &Reporter,
) {
    let told = {
        let _spinner = reporter.spinner("learning to tell the tables apart".to_owned());
        let first = (&first.table, &first.schema);
        let target = settings.target.as_deref();
        let effort = Effort::profile(thread_count(None));
        apart::told_apart(first, &second.table, target, &effort)
    };
    let without = |error| {
        reporter.note(&format!(
            "no model could learn to tell the tables apart: {error}"
        ));
        None
    };
    let told = told.map_or_else(without, Told::apart);
    let alone = columns_of_second(&first.table, &second.table);
    found.warnings.extend(alone);
    let nothing = nothing_in_common(&first.table, &second.table);
    found.warnings.extend(nothing);
    found
        .warnings
        .extend(told.as_ref().and_then(apart::warning));
    if let Some(other) = &mut found.other {
        other.told_apart = told;
    }
}

/// Tables that share no column are seldom meant to be compared.
fn nothing_in_common(first: &Table, second: &Table) -> Option<Warning> {
    let is_shared = second.names().any(|name| first.column(name).is_some());
    let message =
        "the two tables have no column in common, so nothing of them is compared".to_owned();
    let none = Vec::<String>::new();
    (!is_shared).then(|| Warning::new(WarningKind::Drift, none, message))
}

/// What the second table alone has. Drift tells of columns that it has not.
fn columns_of_second(first: &Table, second: &Table) -> Option<Warning> {
    let names = second.iter().map(|(name, _)| name);
    let names = names.filter(|name| first.column(name).is_none());
    let names: Vec<String> = names.map(str::to_owned).collect();
    let message = format!("only the second table has {}", names.join(", "));
    (!names.is_empty()).then(|| Warning::new(WarningKind::ExtraColumn, names, message))
}

fn load(
    read: &ReadOptions,
    (name, source): (&str, &Source),
    schema: Option<&SchemaFile>,
    reporter: &Reporter,
) -> anyhow::Result<Loaded> {
    let _spinner = reporter.spinner(format!("reading {name}"));
    Ok(read_table(source, read, schema)?)
}

/// A second table with the kinds of the first, of which `given` is what a schema file says: a few rows of numbers may look
/// like a category, and days of one month like months. Where its cells do not fit those kinds it keeps its own, and drift
/// tells the difference. It may lack columns of the schema file, such as the target.
///
/// # Errors
/// It cannot be read.
pub(super) fn load_like(
    (first, given): (&Schema, Option<&SchemaFile>),
    read: &ReadOptions,
    (name, source): (&str, &Source),
    reporter: &Reporter,
) -> anyhow::Result<Loaded> {
    let read = &ReadOptions {
        may_lack: true,
        ..read.clone()
    };
    let loaded = load(read, (name, source), given, reporter)?;
    let given = given.cloned().unwrap_or_default();
    let mut like = given.clone();
    for field in &loaded.schema.fields {
        let there = first.field(&field.name).filter(|there| {
            (there.kind, &there.format) != (field.kind, &field.format)
                && !given.columns.contains_key(&field.name)
        });
        if let Some(there) = there {
            let kind = ColumnOverride {
                kind: Some(there.kind),
                format: there.format.clone(),
                ..ColumnOverride::default()
            };
            like.columns.insert(field.name.clone(), kind);
        }
    }
    if like == given || *source == Source::Stdin {
        return Ok(loaded);
    }
    Ok(load(read, (name, source), Some(&like), reporter).unwrap_or(loaded))
}

/// Shows what reading found and the profile does not say itself.
fn warn(loaded: &Loaded, found: &Profile, reporter: &Reporter) {
    let is_said = |warning: &Warning| {
        found
            .warnings
            .iter()
            .any(|other| other.kind == warning.kind && other.columns == warning.columns)
    };
    for warning in loaded.warnings.iter().filter(|warning| !is_said(warning)) {
        reporter.warnings().push(warning.clone());
    }
    reporter.show_warnings();
}

/// Shows how a second table was read, which is `called` so. What its columns are worth is no matter: nothing is learned
/// from a table that is only compared.
pub(super) fn warn_of_second(loaded: &Loaded, called: &str, reporter: &Reporter) {
    let is_of_reading = |warning: &&Warning| {
        use WarningKind as W;
        matches!(
            warning.kind,
            W::UnnamedColumn | W::AmbiguousDate | W::UnreadCells | W::LongIntegers
        )
    };
    for warning in loaded.warnings.iter().filter(is_of_reading) {
        let message = format!("{called}: {}", warning.message);
        let warning = Warning::new(warning.kind, warning.columns.clone(), message);
        reporter.warnings().push(warning);
    }
    reporter.show_warnings();
}
