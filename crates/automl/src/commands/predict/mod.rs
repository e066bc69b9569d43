//! `automl predict`: one prediction a row, streamed, so that the data may be bigger than memory.

mod forecast;
mod parts;

use super::record::model_dir;
use super::{Status, datasets, encoding, start_threads, thread_count};
use crate::batch::{bands, read_as_fitted, without_rows};
use crate::cli::PredictArgs;
use crate::console::{Console, Format, print_json, print_line};
use crate::errors::CliError;
use crate::forecasting::{AnyModel, Forecaster};
use crate::interrupt::Interrupt;
use crate::modeldir::{self, LoadedModel};
use crate::progress::{Reporter, Spinner};
use crate::record::{Detail, Recorder, Seen};
use crate::remote::{self, Upload};
use crate::scoring::{Bands, Counts, Destination, Layout, Power, Wanted, Watch};
use crate::text;
use automl_core::{Clock, Model, Warning, WarningKind};
use automl_data::{BatchOptions, DataError, ReadOptions, Source};
use automl_store::AtomicFile;
use automl_store::buckets::BucketError;
use automl_store::spool::Status as RunStatus;
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All settings of a prediction of one table.
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
    skip_bad_rows: bool,
    keep: Vec<String>,
    threshold: Option<f64>,
    /// Coverages of the intervals to tell.
    coverages: Vec<f64>,
    threads: usize,
}

enum Output {
    Stdout,
    File(PathBuf, Layout),
    Object(Upload, Layout),
}

impl Settings {
    fn resolve(args: PredictArgs, data: String, console: Console) -> anyhow::Result<Self> {
        let workspace = &args.record.workspace.workspace;
        let output = Output::resolve(&args.output, args.overwrite, workspace)?;
        let source = datasets::source(&data, workspace, console)?;
        let named = args.output.display().to_string();
        if let (Output::Object(..), Source::Fetched { files, .. }) = (&output, &source)
            && files.iter().any(|(_, url)| *url == named)
        {
            let path = args.output;
            return Err(CliError::OutputIsInput { path }.into());
        }
        Ok(Self {
            read: read_options(&args),
            model: args.model,
            source,
            data,
            output,
            overwrites: args.overwrite,
            allow_missing_columns: args.allow_missing_columns,
            skip_bad_rows: args.skip_bad_rows,
            keep: args.keep,
            threshold: args.threshold,
            coverages: args.interval,
            threads: thread_count(args.threads),
        })
    }

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

fn read_options(args: &PredictArgs) -> ReadOptions {
    ReadOptions {
        delimiter: args.delimiter,
        encoding: encoding(args.encoding),
        rename_duplicates: args.rename_duplicates,
        ..ReadOptions::default()
    }
}

impl Output {
    fn resolve(path: &Path, overwrites: bool, workspace: &str) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let Some(layout) = Layout::of(path) else {
            let path = path.to_owned();
            return Err(CliError::OutputFormat { path }.into());
        };
        Ok(match Upload::new(path, overwrites, workspace)? {
            Some(upload) => Self::Object(upload, layout),
            None => Self::File(path.to_owned(), layout),
        })
    }
}

pub(super) fn run(mut args: PredictArgs, console: Console) -> anyhow::Result<Status> {
    let workspace = args.record.workspace.workspace.clone();
    let place = |data: &String| datasets::place(data, &workspace);
    let data: Vec<String> = args.data.iter().map(place).collect::<Result<_, _>>()?;
    for data in &data {
        modeldir::check_order("predict", &args.model, data)?;
    }
    args.data.clone_from(&data);
    if parts::are_wanted(&args)? {
        return parts::run(&args, console);
    }
    let [data] = <[String; 1]>::try_from(data).expect("several tables are parts");
    one(args, data, console)
}

/// Predicts one table into a file, or to stdout.
fn one(args: PredictArgs, data: String, console: Console) -> anyhow::Result<Status> {
    let record = args.record.clone();
    let mut settings = Settings::resolve(args, data, console)?;
    settings.check_output()?;
    let reporter = Reporter::new(console, Clock::start());
    let interrupt = Interrupt::listen(console, || {})?;
    let place = model_dir(&settings.model, &record.workspace.workspace)?;
    let model = AnyModel::read(place.as_ref())?;
    let by = By::of(&model, place.as_ref(), &mut settings)?;
    let recorder = Recorder::begin(&record, "predict", Detail::Brief, &reporter);
    recorder.reads_model(model.manifest().lineage.record.as_ref());
    let sha256 = remote::digest(&settings.source)?;
    recorder.reads(Seen {
        context: "prediction",
        place: &settings.data,
        sha256: sha256.as_deref(),
        n_rows: None,
        schema: None,
    });
    let n_rows = match &settings.output {
        Output::Stdout => {
            let to = Destination {
                out: io::BufWriter::with_capacity(1 << 16, io::stdout()),
                name: "stdout",
                layout: Layout::CSV,
            };
            let done = by.predict(&settings, &reporter, &interrupt, to);
            done.map_err(as_stdout_failure)?.0
        }
        Output::File(path, layout) => {
            if settings.source.has_file(path)? {
                return Err(CliError::OutputIsInput { path: path.clone() }.into());
            }
            let to = (path.as_path(), *layout);
            let n_rows = to_file(&by, &settings, (&reporter, &interrupt), to, None)?;
            tell(console, (&recorder, &reporter), path, n_rows)?;
            n_rows
        }
        Output::Object(upload, layout) => {
            let to = (upload.file.as_path(), *layout);
            let n_rows = to_file(&by, &settings, (&reporter, &interrupt), to, Some(upload))?;
            let place = Path::new(upload.url());
            tell(console, (&recorder, &reporter), place, n_rows)?;
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

/// Predicts into a file, which is then sent to where it belongs.
fn to_file(
    by: &By<'_>,
    settings: &Settings,
    (reporter, interrupt): (&Reporter, &Interrupt),
    (path, layout): (&Path, Layout),
    upload: Option<&Upload>,
) -> anyhow::Result<u64> {
    let to = Destination {
        out: AtomicFile::create(path)?,
        name: &path.display().to_string(),
        layout,
    };
    let (n_rows, file) = by.predict(settings, reporter, interrupt, to)?;
    let mut is_written = interrupt.hold();
    file.commit()?;
    *is_written = upload.is_none();
    drop(is_written);
    if let Some(upload) = upload {
        let token = interrupt.token();
        let _spinner = reporter.spinner(format!("sending {}", upload.url()));
        match upload.send(&|| !token.is_cancelled()) {
            Err(BucketError::Stopped) => return Err(CliError::Interrupted.into()),
            sent => sent?,
        }
        *interrupt.hold() = true;
    }
    Ok(n_rows)
}

/// Notes what was written in the record, and says so.
fn tell(
    console: Console,
    (recorder, reporter): (&Recorder<'_>, &Reporter),
    place: &Path,
    n_rows: u64,
) -> anyhow::Result<()> {
    recorder.writes(Seen {
        context: "prediction",
        place: &place.to_string_lossy(),
        sha256: None,
        n_rows: Some(n_rows),
        schema: None,
    });
    say_done(console, reporter, place, n_rows)
}

/// What predicts.
enum By<'a> {
    Rows(&'a LoadedModel<dyn Model>, Bands),
    Series(&'a Forecaster),
}

impl<'a> By<'a> {
    /// A model with what is asked of it, whose data is read as it wants.
    fn of(model: &'a AnyModel, place: &Path, settings: &mut Settings) -> anyhow::Result<Self> {
        let rows: &LoadedModel<dyn Model> = match model {
            AnyModel::Rows(model) => &**model,
            AnyModel::Several(model) => &model.whole,
            AnyModel::Series(model) => return Ok(Self::Series(model)),
        };
        let bands = bands(model, place, &settings.coverages)?;
        let model = rows;
        read_as_fitted(model, &mut settings.read);
        Ok(Self::Rows(model, bands))
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
    (model, bands): (&LoadedModel<dyn Model>, &Bands),
    reporter: &Reporter,
    interrupt: &Interrupt,
    to: Destination<'_, W>,
) -> anyhow::Result<(u64, W)> {
    let threads = start_threads(settings.threads)?;
    let wanted = Wanted {
        model,
        bands,
        threshold: settings.threshold,
        read: &settings.read,
        cut: BatchOptions {
            allow_missing_columns: settings.allow_missing_columns,
            batch_rows: model.batch_rows(),
            keep: settings.keep.clone(),
            skip_bad_rows: settings.skip_bad_rows,
        },
    };
    let power = Power {
        threads: &threads,
        cancel: interrupt.token(),
    };
    let mut shown = Shown {
        reporter,
        spinner: reporter.spinner("predicting".to_owned()),
        n_done: 0,
    };
    let watched = (&mut shown as &mut dyn Watch, reporter.warnings());
    let (counts, out) = wanted.predict(&settings.source, power, to, watched)?;
    if counts.is_empty {
        reporter.warnings().push(without_rows(&settings.data));
    }
    warn_of_refused(&counts, reporter);
    reporter.show_warnings();
    Ok((counts.n_predicted, out))
}

/// Shows how far a table came.
struct Shown<'a> {
    reporter: &'a Reporter,
    spinner: Spinner,
    n_done: u64,
}

impl Watch for Shown<'_> {
    fn opened(&mut self) {
        self.reporter.show_warnings();
    }

    fn rows(&mut self, n_more: u64) -> anyhow::Result<()> {
        self.n_done += n_more;
        let rows = text::counted(self.n_done, "row");
        self.spinner.say(format!("predicting, {rows}"));
        Ok(())
    }
}

/// Rows that were left out are told of, with the first reason.
fn warn_of_refused(counts: &Counts, reporter: &Reporter) {
    if let Some(first) = counts.reasons.first() {
        let are = if counts.n_refused == 1 { "is" } else { "are" };
        let rows = text::counted(counts.n_refused, "row");
        let message = format!("{rows} {are} left out, the first because {first}");
        let none = Vec::<String>::new();
        let warning = Warning::new(WarningKind::UnreadCells, none, message);
        reporter.warnings().push(warning);
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
