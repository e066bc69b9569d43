//! Tables that a server was asked to predict into a folder.

use crate::batch::{Begin, Done, Order, PartEnd, Prepared, Progress, Settings};
use crate::console::print_line;
use crate::errors::{BatchError, CliError, INTERRUPTED, Report};
use crate::progress::Notes;
use crate::record::Recorder;
use crate::scoring::PartKind;
use automl_data::ReadOptions;
use automl_serve::batches::{PartEnded, TablesAsked, TablesDone, TablesEnd, TablesWatch};
use automl_store::batches::{BatchBegin, BatchOrder, BatchProblem, BatchProgress};
use automl_store::spool::Status;
use std::path::PathBuf;

/// Predicts the tables of an order; what it is told by the way is for `watch`.
pub(crate) fn predict_tables(asked: &TablesAsked<'_>, watch: &dyn TablesWatch) -> TablesEnd {
    let recorder = Recorder::begin_for(asked.workspace, asked.user, "predict", &Stderr);
    if let Some(id) = recorder.id() {
        watch.recorded(&id);
    }
    match predict(asked, &recorder, watch) {
        Ok(done) => {
            let failed = done.failure().map(anyhow::Error::from);
            match &failed {
                None => {
                    recorder.end(Status::Finished);
                }
                Some(failed) => recorder.fail(&Report::of(failed)),
            }
            let problem = failed.as_ref().map(problem);
            TablesEnd::Done(TablesDone {
                progress: progress_of(&done),
                problem,
            })
        }
        Err(error) => {
            let is_stopped = Report::of(&error).exit_code() == INTERRUPTED;
            recorder.fail(&Report::of(&error));
            TablesEnd::Broken {
                problem: problem(&error),
                is_stopped,
            }
        }
    }
}

fn predict(
    asked: &TablesAsked<'_>,
    recorder: &Recorder<'_>,
    watch: &dyn TablesWatch,
) -> anyhow::Result<Done> {
    let order = asked.order;
    let prepared = Prepared::new(Order {
        model: asked.model,
        data: &order.input,
        output: PathBuf::from(&order.output),
        workspace: asked.workspace,
        begin: match asked.begin {
            BatchBegin::New => Begin::New,
            BatchBegin::Resume => Begin::Resume,
            BatchBegin::Overwrite => Begin::Replace,
        },
        settings: settings(order)?,
        within: Some(asked.within),
        n_threads: asked.n_threads,
        cancel: asked.cancel.clone(),
    })?;
    recorder.reads_model(prepared.model.manifest.lineage.record.as_ref());
    watch.planned(prepared.n_parts());
    let done = prepared.run(&Passed(watch))?;
    done.write_down(recorder, &prepared.output);
    for warning in &done.warnings {
        print_line(&format!("{}: {}", order.output, warning.message));
    }
    Ok(done)
}

fn settings(order: &BatchOrder) -> Result<Settings, CliError> {
    let kind = order.parts.parse::<PartKind>();
    let kind = kind.map_err(|_told| CliError::OutputFormat {
        path: PathBuf::from(format!("{}/*.{}", order.output, order.parts)),
    })?;
    Ok(Settings {
        read: ReadOptions::default(),
        allow_missing_columns: order.allow_missing_columns,
        skip_bad_rows: order.skip_bad_rows,
        keep: order.keep.clone(),
        threshold: order.threshold,
        coverages: order.interval.clone(),
        kind,
    })
}

/// An error as the job keeps it, with what to do about it.
fn problem(error: &anyhow::Error) -> BatchProblem {
    let report = Report::of(error);
    let of_request = error.downcast_ref().and_then(BatchError::hint_of_request);
    BatchProblem {
        code: report.code.map(str::to_owned),
        message: match of_request.map(str::to_owned).or(report.hint) {
            Some(hint) => format!("{}; {hint}", report.message),
            None => report.message,
        },
    }
}

fn progress_of(done: &Done) -> BatchProgress {
    let totals = &done.manifest.totals;
    BatchProgress {
        n_parts: totals.parts,
        n_ended: totals.parts,
        n_kept: done.n_kept,
        n_failed: totals.parts_failed,
        n_rows: totals.rows_predicted,
        n_rows_refused: totals.rows_refused,
    }
}

/// Passes on how far it came.
struct Passed<'a>(&'a dyn TablesWatch);

impl Progress for Passed<'_> {
    fn begun(&self) {
        self.0.begun();
    }

    fn rows(&self, n_more: u64) {
        self.0.rows(n_more);
    }

    fn part(&self, end: PartEnd) {
        self.0.part(PartEnded {
            is_kept: end.is_kept,
            is_failed: end.is_failed,
            n_refused: end.n_refused,
        });
    }
}

/// What is said of recording goes where the server says what it has to say.
struct Stderr;

impl Notes for Stderr {
    fn note(&self, message: &str) {
        print_line(message);
    }
}
