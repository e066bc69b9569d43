//! Many tables at once, each into a file of its own in a folder.

use super::{Status, model_dir, read_options, thread_count};
use crate::batch::{Begin, Done, Order, PartEnd, Prepared, Progress, Settings};
use crate::cli::PredictArgs;
use crate::console::{Console, Format, print_json, print_line};
use crate::errors::BatchError;
use crate::interrupt::Interrupt;
use crate::progress::Reporter;
use crate::record::{Detail, Recorder};
use crate::text;
use automl_core::Clock;
use automl_store::ModelDir;
use automl_store::buckets::Address;
use automl_store::spool::Status as RunStatus;
use indicatif::ProgressBar;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Whether tables are to be predicted into a folder, rather than one into a file.
///
/// # Errors
/// Several tables and no folder, or an option for folders and none.
pub(super) fn are_wanted(args: &PredictArgs) -> Result<bool, BatchError> {
    let output = &args.output;
    let is_stdout = output == Path::new("-");
    let address = Address::parse(&output.to_string_lossy());
    let is_folder = !is_stdout
        && (output.is_dir()
            || output.to_string_lossy().ends_with(['/', '\\'])
            || address.is_some_and(|address| address.is_folder()));
    let is_file = is_stdout || output.is_file() || output.extension().is_some();
    if is_folder {
        return Ok(true);
    }
    if args.data.len() > 1 {
        if !is_file {
            return Ok(true);
        }
        return Err(BatchError::NeedsFolder {
            n_tables: args.data.len() as u64,
            output: output.clone(),
        });
    }
    let is_folder = Address::parse(&args.data[0]).is_some_and(|address| address.is_folder());
    if is_folder && !is_file {
        return Ok(true);
    }
    let data = Path::new(&args.data[0]);
    // To a model of images, a folder of them is one table.
    if !is_file && data.is_dir() && !reads_images(args) {
        return Ok(true);
    }
    let given = [("--parts", args.parts.is_some()), ("--resume", args.resume)];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some(_) if !is_file => Ok(true),
        Some((option, _)) => Err(BatchError::OnlyFolders {
            option,
            output: output.clone(),
        }),
        None => Ok(false),
    }
}

/// Whether a model is there, and is one of images; what is wrong with it is told when it is read.
fn reads_images(args: &PredictArgs) -> bool {
    let Ok(place) = model_dir(&args.model, &args.record.workspace.workspace) else {
        return false;
    };
    ModelDir::open(place.as_ref())
        .is_ok_and(|dir| dir.manifest().lineage.config.get("images").is_some())
}

pub(super) fn run(args: &PredictArgs, console: Console) -> anyhow::Result<Status> {
    let reporter = Reporter::new(console, Clock::start());
    let interrupt = Interrupt::listen(console, || {})?;
    let place = model_dir(&args.model, &args.record.workspace.workspace)?;
    let prepared = Prepared::new(Order {
        model: place.as_ref(),
        data: &args.data,
        output: args.output.clone(),
        workspace: &crate::workspace::named(&args.record.workspace.workspace),
        begin: match (args.resume, args.overwrite) {
            (true, _) => Begin::Resume,
            (false, true) => Begin::Replace,
            (false, false) => Begin::New,
        },
        settings: settings(args),
        within: None,
        n_threads: thread_count(args.threads),
        cancel: interrupt.token(),
    })?;
    if prepared.n_passed_over() > 0 {
        let files = text::counted(prepared.n_passed_over(), "file");
        reporter.note(&format!(
            "{files} passed over, which no table is called like"
        ));
    }
    let recorder = Recorder::begin(&args.record, "predict", Detail::Brief, &reporter);
    recorder.reads_model(prepared.model.manifest.lineage.record.as_ref());
    let done = {
        let shown = Shown {
            bar: reporter.parts(prepared.n_parts()),
            n_rows: AtomicU64::new(0),
        };
        prepared.run(&shown)?
    };
    for warning in &done.warnings {
        reporter.warnings().push(warning.clone());
    }
    reporter.show_warnings();
    done.write_down(&recorder, &prepared.output);
    recorder.metrics([("seconds", reporter.clock().seconds())]);
    let failed = done.failure();
    recorder.end(match failed {
        None => RunStatus::Finished,
        Some(_) => RunStatus::Failed,
    });
    say_done(console, &reporter, &prepared.output, &done)?;
    failed.map_or(Ok(Status::Done), |failed| Err(failed.into()))
}

fn settings(args: &PredictArgs) -> Settings {
    Settings {
        read: read_options(args),
        allow_missing_columns: args.allow_missing_columns,
        skip_bad_rows: args.skip_bad_rows,
        keep: args.keep.clone(),
        threshold: args.threshold,
        coverages: args.interval.clone(),
        kind: args.parts.unwrap_or_default(),
    }
}

/// Shows how far all parts came.
struct Shown {
    bar: ProgressBar,
    n_rows: AtomicU64,
}

impl Progress for Shown {
    fn begun(&self) {}

    fn rows(&self, n_more: u64) {
        let n_rows = self.n_rows.fetch_add(n_more, Relaxed) + n_more;
        self.bar.set_message(text::counted(n_rows, "row"));
    }

    fn part(&self, _end: PartEnd) {
        self.bar.inc(1);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn say_done(
    console: Console,
    reporter: &Reporter,
    output: &Path,
    done: &Done,
) -> anyhow::Result<()> {
    let seconds = reporter.clock().seconds();
    let totals = &done.manifest.totals;
    if console.format() == Format::Json {
        return print_json(&json!({
            "output": output,
            "n_parts": totals.parts,
            "n_parts_kept": done.n_kept,
            "n_parts_failed": totals.parts_failed,
            "n_rows": totals.rows_predicted,
            "n_rows_refused": totals.rows_refused,
            "seconds": seconds,
        }));
    }
    let parts = text::counted(totals.parts - totals.parts_failed, "table");
    let before = match done.n_kept {
        0 => String::new(),
        n => format!(" ({} before)", text::count(n)),
    };
    let refused = match totals.rows_refused {
        0 => String::new(),
        n => format!(", {} left out", text::count(n)),
    };
    let rows = text::counted(totals.rows_predicted, "row");
    print_line(&format!(
        "{rows} of {parts}{before} predicted in {}{refused}: {}",
        text::seconds(seconds),
        output.display()
    ));
    Ok(())
}
