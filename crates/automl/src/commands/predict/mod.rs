//! `automl predict`: one prediction a row, streamed, so that the data may be bigger than memory.

mod forecast;
pub(super) mod intervals;

use super::record::model_dir;
use super::{Status, datasets, encoding, start_threads, thread_count};
use crate::cli::PredictArgs;
use crate::console::{Console, Format, print_json, print_line};
use crate::errors::{CliError, SearchError};
use crate::forecasting::{AnyModel, Forecaster};
use crate::interrupt::Interrupt;
use crate::modeldir::{self, LoadedModel};
use crate::progress::Reporter;
use crate::record::{Detail, Recorder, Seen};
use crate::scoring::Scorer;
use crate::{tables, text};
use automl_core::{Clock, Column, Field, Kind, Role, Table, UNSEEN_CODE, Warning, WarningKind};
use automl_data::{
    BatchOptions, DataError, PredictionColumns, PredictionFormat, PredictionWriter, ReadOptions,
    Source,
};
use automl_store::AtomicFile;
use automl_store::spool::Status as RunStatus;
use intervals::Bands;
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All settings of a prediction.
struct Settings {
    model: PathBuf,
    /// The data as the user named it.
    data: String,
    source: Source,
    read: ReadOptions,
    output: Output,
    /// Whether a file that is there is replaced.
    overwrites: bool,
    allow_missing_columns: bool,
    keep: Vec<String>,
    threshold: Option<f64>,
    /// Coverages of the intervals to tell.
    coverages: Vec<f64>,
    threads: usize,
}

enum Output {
    Stdout,
    File(PathBuf, Layout),
}

/// What a file of predictions is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    format: PredictionFormat,
    is_gzipped: bool,
}

impl Layout {
    /// What the name of a file asks for; `None` if it is nothing that can be written.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let (name, is_gzipped) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let format = match Path::new(name).extension().and_then(|kind| kind.to_str()) {
            Some("parquet" | "pq") if !is_gzipped => PredictionFormat::Parquet,
            // A name without an extension, such as /dev/stdout or a named pipe, takes text.
            Some("csv" | "txt") | None => PredictionFormat::Csv,
            Some("tsv" | "tab") => PredictionFormat::Tsv,
            Some("jsonl" | "ndjson") => PredictionFormat::JsonLines,
            Some(_) => return None,
        };
        Some(Self { format, is_gzipped })
    }
}

impl Settings {
    fn resolve(args: PredictArgs) -> Result<Self, CliError> {
        let read = ReadOptions {
            delimiter: args.delimiter,
            encoding: encoding(args.encoding),
            rename_duplicates: args.rename_duplicates,
            ..ReadOptions::default()
        };
        Ok(Self {
            model: args.model,
            source: Source::parse(&args.data),
            data: args.data,
            read,
            output: Output::resolve(args.output)?,
            overwrites: args.overwrite,
            allow_missing_columns: args.allow_missing_columns,
            keep: args.keep,
            threshold: args.threshold,
            coverages: args.interval,
            threads: thread_count(args.threads),
        })
    }
}

impl Settings {
    /// Whether the output may be written: a pipe or a device is there for that.
    fn check_output(&self) -> Result<(), CliError> {
        match &self.output {
            Output::File(path, _) if path.is_file() && !self.overwrites => {
                // That the data would be replaced is the worse mistake, and told of before.
                let is_input = self.source.has_file(path).unwrap_or(false);
                let path = path.clone();
                Err(if is_input {
                    CliError::OutputIsInput { path }
                } else {
                    CliError::OutputExists { path }
                })
            }
            _ => Ok(()),
        }
    }
}

impl Output {
    fn resolve(path: PathBuf) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        match Layout::of(&path) {
            Some(layout) => Ok(Self::File(path, layout)),
            None => Err(CliError::OutputFormat { path }),
        }
    }
}

pub(super) fn run(mut args: PredictArgs, console: Console) -> anyhow::Result<Status> {
    args.data = datasets::place(&args.data, &args.record.workspace.workspace)?;
    modeldir::check_order("predict", &args.model, &args.data)?;
    let record = args.record.clone();
    let mut settings = Settings::resolve(args)?;
    settings.check_output()?;
    let reporter = Reporter::new(console, Clock::start());
    let interrupt = Interrupt::listen(console, || {})?;
    let place = model_dir(&settings.model, &record.workspace.workspace)?;
    let model = AnyModel::read(place.as_ref())?;
    let by = By::of(&model, place.as_ref(), &mut settings)?;
    let recorder = Recorder::begin(&record, "predict", Detail::Brief, &reporter);
    recorder.reads_model(model.manifest().lineage.record.as_ref());
    recorder.reads(Seen {
        context: "prediction",
        place: &settings.data,
        sha256: None,
        n_rows: None,
        schema: None,
    });
    let n_rows = match &settings.output {
        Output::Stdout => {
            let to = Destination {
                out: io::BufWriter::with_capacity(1 << 16, io::stdout()),
                name: "stdout",
                layout: Layout {
                    format: PredictionFormat::Csv,
                    is_gzipped: false,
                },
            };
            let done = by.predict(&settings, &reporter, &interrupt, to);
            done.map_err(as_stdout_failure)?.0
        }
        Output::File(path, layout) => {
            if settings.source.has_file(path)? {
                return Err(CliError::OutputIsInput { path: path.clone() }.into());
            }
            let file = AtomicFile::create(path)?;
            let to = Destination {
                out: file,
                name: &path.display().to_string(),
                layout: *layout,
            };
            let (n_rows, file) = by.predict(&settings, &reporter, &interrupt, to)?;
            let mut is_written = interrupt.hold();
            file.commit()?;
            *is_written = true;
            drop(is_written);
            recorder.writes(Seen {
                context: "prediction",
                place: &path.to_string_lossy(),
                sha256: None,
                n_rows: Some(n_rows),
                schema: None,
            });
            say_done(console, &reporter, path, n_rows)?;
            n_rows
        }
    };
    recorder.metrics([
        ("n_rows", n_rows as f64),
        ("seconds", reporter.clock().seconds()),
    ]);
    recorder.end(RunStatus::Finished);
    Ok(Status::Done)
}

/// What predicts.
enum By<'a> {
    Rows(&'a LoadedModel, Bands),
    Series(&'a Forecaster),
}

impl<'a> By<'a> {
    /// A model with what is asked of it, whose data is read as it wants.
    fn of(model: &'a AnyModel, place: &Path, settings: &mut Settings) -> anyhow::Result<Self> {
        let model = match model {
            AnyModel::Rows(model) => model,
            AnyModel::Series(model) => return Ok(Self::Series(model)),
        };
        if model.model.exposure().is_some() && !settings.coverages.is_empty() {
            return Err(SearchError::NoIntervalsOfCounts.into());
        }
        settings.read.rename_duplicates |= model.renames_duplicates();
        settings.read.images = model.reads_images();
        Ok(Self::Rows(model, Bands::read(place, &settings.coverages)?))
    }

    /// Predicts into `to`; gives back the number of rows and the flushed output.
    fn predict<W: Write + Send>(
        &self,
        settings: &Settings,
        reporter: &Reporter,
        interrupt: &Interrupt,
        to: Destination<'_, W>,
    ) -> anyhow::Result<(u64, W)> {
        match self {
            Self::Rows(model, bands) => predict(settings, (model, bands), reporter, interrupt, to),
            Self::Series(model) => forecast::forecast(settings, model, reporter, to),
        }
    }
}

/// Where predictions go.
struct Destination<'a, W> {
    out: W,
    /// For messages.
    name: &'a str,
    layout: Layout,
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
    (model, bands): (&LoadedModel, &Bands),
    reporter: &Reporter,
    interrupt: &Interrupt,
    to: Destination<'_, W>,
) -> anyhow::Result<(u64, W)> {
    let decision = model.decision(settings.threshold)?;
    let is_feature = |field: &Field| field.role == Role::Feature;
    let cut = BatchOptions {
        allow_missing_columns: settings.allow_missing_columns,
        batch_rows: model.batch_rows(),
        keep: settings.keep.clone(),
    };
    let batches = tables::stream(
        &settings.source,
        &settings.read,
        &model.manifest.inputs,
        is_feature,
        &cut,
        reporter.warnings(),
    )
    .map_err(|error| model.opening(error))?;
    reporter.show_warnings();
    let threads = start_threads(settings.threads)?;
    let columns = PredictionColumns {
        kept: &batches.kept(),
        classes: model.task().classes(),
        quantiles: model.task().levels(),
        further: bands.names(),
    };
    let start = if to.layout.is_gzipped {
        PredictionWriter::gzipped
    } else {
        PredictionWriter::new
    };
    let writer = start(to.out, to.name, to.layout.format, columns)?;
    let mut writer = writer.deciding_by(decision);
    let spinner = reporter.spinner("predicting".to_owned());
    let scorer = Scorer {
        model: &model.model,
        threads: &threads,
        cancel: interrupt.token(),
    };
    let mut odd = OddTruths::new(model);
    let mut n_done = 0;
    let scored = scorer.run(batches, |batch, predictions| {
        match bands.numbers(predictions) {
            Some(numbers) => writer.write_numbers(&numbers, &batch.kept)?,
            None => writer.write(predictions, &batch.kept)?,
        }
        odd.count(&batch.table);
        n_done += batch.table.n_rows() as u64;
        spinner.say(format!("predicting, {}", text::counted(n_done, "row")));
        Ok(())
    });
    let n_rows = match scored {
        Err(error) if is_without_rows(&error) => {
            warn_of_no_rows(reporter, settings);
            0
        }
        other => other?,
    };
    odd.warn(reporter);
    Ok((n_rows, writer.finish()?))
}

/// A table of column names alone is a table of no rows, and so are its predictions.
fn is_without_rows(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<DataError>(),
        Some(DataError::HeaderOnly { .. })
    )
}

fn warn_of_no_rows(reporter: &Reporter, settings: &Settings) {
    let message = format!(
        "{} has column names but no rows; neither have the predictions",
        settings.data
    );
    let none = Vec::<String>::new();
    let warning = Warning::new(WarningKind::UnreadCells, none, message);
    reporter.warnings().push(warning);
    reporter.show_warnings();
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
            let (are, counts) = if *n_odd == 1 {
                ("is neither", "counts")
            } else {
                ("are neither", "count")
            };
            let message = format!(
                "{} of '{}' {are} {}, and {counts} as unseen",
                text::counted(*n_odd, "cell"),
                field.name,
                field.levels.join(" nor ")
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
