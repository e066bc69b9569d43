//! `automl predict`: one prediction a row, streamed, so that the data may be bigger than memory.

use super::{Status, encoding, start_threads, thread_count};
use crate::cli::PredictArgs;
use crate::console::{Console, Format, print_json, print_line};
use crate::errors::CliError;
use crate::interrupt::Interrupt;
use crate::modeldir::LoadedModel;
use crate::progress::Reporter;
use crate::scoring::{BATCH_ROWS, Scorer};
use crate::{tables, text};
use automl_core::{Clock, Column, Field, Kind, Role, Table, UNSEEN_CODE, Warning, WarningKind};
use automl_data::{
    BatchOptions, DataError, PredictionColumns, PredictionFormat, PredictionWriter, ReadOptions,
    Source,
};
use automl_store::AtomicFile;
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All settings of a prediction.
struct Settings {
    model: PathBuf,
    source: Source,
    read: ReadOptions,
    output: Output,
    allow_missing_columns: bool,
    keep: Vec<String>,
    threads: usize,
}

enum Output {
    Stdout,
    File(PathBuf, PredictionFormat),
}

impl Settings {
    fn resolve(args: PredictArgs) -> Result<Self, CliError> {
        let read = ReadOptions {
            delimiter: args.delimiter,
            encoding: encoding(args.encoding),
            ..ReadOptions::default()
        };
        Ok(Self {
            model: args.model,
            source: Source::parse(&args.data),
            read,
            output: Output::resolve(args.output)?,
            allow_missing_columns: args.allow_missing_columns,
            keep: args.keep,
            threads: thread_count(args.threads),
        })
    }
}

impl Output {
    fn resolve(path: PathBuf) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        match extension.as_str() {
            "parquet" | "pq" => Ok(Self::File(path, PredictionFormat::Parquet)),
            // A name without an extension, such as /dev/stdout or a named pipe, takes text.
            "csv" | "txt" | "" => Ok(Self::File(path, PredictionFormat::Csv)),
            _ => Err(CliError::OutputFormat { path, extension }),
        }
    }
}

pub(super) fn run(args: PredictArgs, console: Console) -> anyhow::Result<Status> {
    let settings = Settings::resolve(args)?;
    let reporter = Reporter::new(console, Clock::start());
    let interrupt = Interrupt::listen(|| {})?;
    let model = LoadedModel::read(&settings.model)?;
    match &settings.output {
        Output::Stdout => {
            let out = io::BufWriter::with_capacity(1 << 16, io::stdout());
            let to = Destination {
                out,
                name: "stdout",
                format: PredictionFormat::Csv,
            };
            predict(&settings, &model, &reporter, &interrupt, to).map_err(as_stdout_failure)?;
        }
        Output::File(path, format) => {
            if settings.source.has_file(path)? {
                return Err(CliError::OutputIsInput { path: path.clone() }.into());
            }
            let file = AtomicFile::create(path)?;
            let to = Destination {
                out: file,
                name: &path.display().to_string(),
                format: *format,
            };
            let (n_rows, file) = predict(&settings, &model, &reporter, &interrupt, to)?;
            let _whole = interrupt.hold();
            file.commit()?;
            say_done(console, &reporter, path, n_rows)?;
        }
    }
    Ok(Status::Done)
}

/// Where predictions go.
struct Destination<'a, W> {
    out: W,
    /// For messages.
    name: &'a str,
    format: PredictionFormat,
}

/// A stdout that takes no more is the same failure for every verb.
fn as_stdout_failure(error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(DataError::Io {
            action: "writing",
            source,
            ..
        }) => CliError::Stdout { source }.into(),
        Ok(other) => other.into(),
        Err(other) => other,
    }
}

/// Predicts all rows into `to`; gives back their number and the flushed output.
fn predict<W: Write + Send>(
    settings: &Settings,
    model: &LoadedModel,
    reporter: &Reporter,
    interrupt: &Interrupt,
    to: Destination<'_, W>,
) -> anyhow::Result<(u64, W)> {
    let is_feature = |field: &Field| field.role == Role::Feature;
    let cut = BatchOptions {
        allow_missing_columns: settings.allow_missing_columns,
        batch_rows: BATCH_ROWS,
        keep: settings.keep.clone(),
    };
    let batches = tables::stream(
        &settings.source,
        &settings.read,
        model,
        is_feature,
        &cut,
        reporter.warnings(),
    )?;
    reporter.show_warnings();
    let threads = start_threads(settings.threads)?;
    let columns = PredictionColumns {
        kept: &batches.kept(),
        classes: model.task().classes(),
    };
    let mut writer = PredictionWriter::new(to.out, to.name, to.format, columns)?;
    let spinner = reporter.spinner("predicting".to_owned());
    let scorer = Scorer {
        model: &model.model,
        threads: &threads,
        cancel: interrupt.token(),
    };
    let mut odd = OddTruths::new(model);
    let mut n_done = 0;
    let n_rows = scorer.run(batches, |batch, predictions| {
        writer.write(predictions, &batch.kept)?;
        odd.count(&batch.table);
        n_done += batch.table.n_rows() as u64;
        spinner.say(format!("predicting, {}", text::counted(n_done, "row")));
        Ok(())
    })?;
    odd.warn(reporter);
    Ok((n_rows, writer.finish()?))
}

/// Cells of truth value columns that are neither: a third value is hardly a new level, as it may be elsewhere.
struct OddTruths<'a>(Vec<(&'a Field, u64)>);

impl<'a> OddTruths<'a> {
    fn new(model: &'a LoadedModel) -> Self {
        let fields = model.manifest.inputs.with_role(Role::Feature);
        let truths = fields.filter(|field| field.kind == Kind::Boolean);
        Self(truths.map(|field| (field, 0)).collect())
    }

    fn count(&mut self, table: &Table) {
        for (field, n_odd) in &mut self.0 {
            if let Some(Column::Category { codes, .. }) = table.column(&field.name) {
                *n_odd += codes.iter().filter(|&&code| code == UNSEEN_CODE).count() as u64;
            }
        }
    }

    fn warn(&self, reporter: &Reporter) {
        for (field, n_odd) in self.0.iter().filter(|(_, n_odd)| *n_odd > 0) {
            let message = format!(
                "{} of '{}' are none of {}, and count as unseen",
                text::counted(*n_odd, "cell"),
                field.name,
                field.levels.join(" and ")
            );
            let warning = Warning::new(WarningKind::UnreadCells, [&field.name], message);
            reporter.warnings().push(warning);
        }
        reporter.show_warnings();
    }
}

fn say_done(console: Console, reporter: &Reporter, path: &Path, n_rows: u64) -> anyhow::Result<()> {
    let seconds = reporter.clock().seconds();
    match console.format() {
        Format::Json => {
            print_json(&json!({ "output": path, "n_rows": n_rows, "seconds": seconds }))?;
        }
        Format::Text => {
            let rows = text::counted(n_rows, "row");
            print_line(&format!(
                "{rows} predicted in {}: {}",
                text::seconds(seconds),
                path.display()
            ));
        }
    }
    Ok(())
}
