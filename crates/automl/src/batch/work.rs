//! The parts, predicted side by side.

use super::account::{Failed, Manifest, Part};
use super::folder::{Begin, Folder};
use super::input::{Input, Table};
use super::plan::{Plan, Planned};
use super::target::Target;
use crate::errors::{BatchError, CliError, Report};
use crate::remote::tables_of;
use crate::scoring::{Counts, Destination, PartKind, Power, WAITING_BATCHES, Wanted, Watch};
use crate::text;
use automl_core::{CancelToken, PredictError, Threads, Warning, WarningKind, Warnings};
use automl_data::{DataError, Source};
use automl_store::workspace::Workspace;
use automl_store::{AtomicFile, sha256_of};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Batches of a table that are held at once: those that wait, one that is read, one that is scored and its predictions.
const BATCHES_OF_TABLE: usize = WAITING_BATCHES + 3;
/// What the batches of all tables may take together.
const WAITING_BYTES: usize = 1 << 30;

/// What is to be done.
pub(super) struct Job<'a> {
    pub(super) plan: &'a Plan,
    pub(super) output: &'a Path,
    pub(super) workspace: &'a Workspace,
    pub(super) kind: PartKind,
    pub(super) begin: Begin,
    /// Program, model and settings.
    pub(super) about: &'a Value,
    pub(super) wanted: Wanted<'a>,
    pub(super) n_threads: usize,
    pub(super) cancel: CancelToken,
}

/// Hears how far it came, from several threads.
pub(crate) trait Progress: Sync {
    /// The folder is there, so that whoever comes later can go on with it.
    fn begun(&self);
    /// So many rows more are predicted.
    fn rows(&self, n_more: u64);
    /// A part has ended.
    fn part(&self, end: PartEnd);
}

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartEnd {
    /// It had been there.
    pub(crate) is_kept: bool,
    pub(crate) is_failed: bool,
    /// Rows that were left out.
    pub(crate) n_refused: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) manifest: Manifest,
    /// Parts that an earlier run had made.
    pub(crate) n_kept: u64,
    pub(crate) warnings: Vec<Warning>,
}

/// How a part ended.
enum Ended {
    Whole { part: Part, warnings: Warnings },
    Kept(Part),
    Failed(Failed),
}

/// Predicts all tables. What fails of single ones is told in [`Done`], and the others are predicted all the same.
///
/// # Errors
/// The folder cannot be begun, gone on with or written to, or the user stopped it; what is whole then can be gone on with.
pub(super) fn run(job: &Job<'_>, progress: &dyn Progress) -> anyhow::Result<Done> {
    if !job.wanted.cut.allow_missing_columns {
        job.plan.check_columns(job.wanted.read, &job.cancel)?;
    }
    let threads = Threads::new(job.n_threads)?;
    let outputs = job.plan.parts.iter().map(Planned::output_name).collect();
    let target = Target::of(job.output, job.workspace)?;
    let folder = Folder::open(target, job.begin, job.about, &outputs)?;
    progress.begun();
    let scratch = Scratch::of(job, &folder)?;
    let crew = Crew {
        job,
        folder: &folder,
        scratch: &scratch.0,
        threads,
        progress,
        next: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        ended: Mutex::new(BTreeMap::new()),
    };
    let worked = crew.work();
    let ended = crew
        .ended
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let n_whole = ended.values().filter(|ended| ended.is_whole()).count() as u64;
    if let Err(error) = worked {
        folder.leave(n_whole > 0);
        return Err(if is_stop(&error) && n_whole > 0 {
            BatchError::Stopped {
                n_whole,
                n_parts: job.plan.parts.len() as u64,
                output: job.output.to_owned(),
            }
            .into()
        } else {
            error
        });
    }
    let (mut parts, mut failed, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let mut n_kept = 0;
    for ended in ended.into_values() {
        match ended {
            Ended::Kept(part) => {
                n_kept += 1;
                parts.push(part);
            }
            Ended::Whole { part, warnings } => {
                found.push((part.input.clone(), warnings.list()));
                parts.push(part);
            }
            Ended::Failed(one) => failed.push(one),
        }
    }
    let manifest = Manifest::new(folder.about().clone(), parts, failed);
    folder.finish(&manifest)?;
    Ok(Done {
        manifest,
        n_kept,
        warnings: gathered(found, job.plan.parts.len()),
    })
}

impl Ended {
    fn told(&self) -> PartEnd {
        let n_refused = match self {
            Self::Whole { part, .. } | Self::Kept(part) => part.rows_refused,
            Self::Failed(_) => 0,
        };
        PartEnd {
            is_kept: matches!(self, Self::Kept(_)),
            is_failed: matches!(self, Self::Failed(_)),
            n_refused,
        }
    }

    fn is_whole(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

/// Threads that take one part after the other.
struct Crew<'a> {
    job: &'a Job<'a>,
    folder: &'a Folder,
    /// For copies of tables, and predictions until they are sent.
    scratch: &'a Path,
    /// On which all parts are scored.
    threads: Threads,
    progress: &'a dyn Progress,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    /// Whether something failed that will fail for all parts.
    is_over: AtomicBool,
    /// By place in the plan.
    ended: Mutex<BTreeMap<usize, Ended>>,
}

impl Crew<'_> {
    fn work(&self) -> anyhow::Result<()> {
        let n_workers = n_at_once(self.job);
        let ends: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..n_workers)
                .map(|_| scope.spawn(|| self.parts()))
                .collect();
            let end = |worker: std::thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(end).collect()
        });
        // Why it ended says more than that the others were told to end.
        let (stops, others): (Vec<_>, Vec<_>) =
            ends.into_iter().filter_map(Result::err).partition(is_stop);
        others.into_iter().chain(stops).next().map_or(Ok(()), Err)
    }

    /// Predicts parts until there are no more.
    fn parts(&self) -> anyhow::Result<()> {
        loop {
            let place = self.next.fetch_add(1, Relaxed);
            let Some(planned) = self.job.plan.parts.get(place) else {
                return Ok(());
            };
            let done = self.part(planned).and_then(|ended| self.note(place, ended));
            if let Err(error) = done {
                self.is_over.store(true, Relaxed);
                return Err(error);
            }
        }
    }

    fn note(&self, place: usize, ended: Ended) -> anyhow::Result<()> {
        if let Ended::Whole { part, .. } = &ended {
            self.folder.is_whole(part)?;
        }
        self.progress.part(ended.told());
        let mut all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(place, ended);
        Ok(())
    }

    fn check_going(&self) -> Result<(), CliError> {
        if self.is_over.load(Relaxed) || self.job.cancel.is_cancelled() {
            return Err(CliError::Interrupted);
        }
        Ok(())
    }

    /// One part, with what is wrong of its table as its end.
    ///
    /// # Errors
    /// What would fail for all parts.
    fn part(&self, planned: &Planned) -> anyhow::Result<Ended> {
        self.check_going()?;
        match self.predict(planned) {
            Err(error) if is_of_table(&error) => {
                let report = Report::of(&error);
                Ok(Ended::Failed(Failed {
                    input: planned.input_name(),
                    output: planned.output_name(),
                    code: report.code.map(str::to_owned),
                    message: report.message,
                }))
            }
            other => other,
        }
    }

    fn predict(&self, planned: &Planned) -> anyhow::Result<Ended> {
        let output = planned.output_name();
        let earlier = self.folder.earlier(&output);
        if let (Input::Object(table), Some(earlier)) = (&planned.input, earlier)
            && earlier.input == table.url()
            && earlier.input_bytes == table.object.n_bytes
            && table.object.etag.is_some()
            && earlier.input_etag == table.object.etag
            && self.is_as_told(earlier)?
        {
            return Ok(Ended::Kept(earlier.clone()));
        }
        let table = self.table(&planned.input)?;
        if let Some(earlier) = earlier
            && earlier.input_sha256 == table.sha256
            && self.is_as_told(earlier)?
        {
            return Ok(Ended::Kept(Part {
                input: planned.input_name(),
                input_etag: table.etag.clone(),
                ..earlier.clone()
            }));
        }
        // Predictions of what the table was would be taken for those of what it is, if it cannot be predicted now.
        self.folder.target().remove(&output)?;
        let place = self.folder.target().file(&output, self.scratch);
        let warnings = Warnings::default();
        let (counts, file) = self.fill(table.source(), &place, &warnings)?;
        table.check_same()?;
        file.commit()?;
        if counts.is_empty {
            warnings.push(without_rows(&planned.input_name()));
        }
        let mut part = Part {
            input: planned.input_name(),
            input_bytes: table.n_bytes,
            input_sha256: table.sha256.clone(),
            input_etag: table.etag.clone(),
            rows_read: counts.n_predicted + counts.n_refused,
            rows_predicted: counts.n_predicted,
            rows_refused: counts.n_refused,
            refused: counts.reasons,
            output_bytes: fs::metadata(&place)?.len(),
            output_sha256: self.digest(&place)??,
            output_etag: None,
            output,
        };
        part.output_etag = self.send(&part.output, &place)?;
        Ok(Ended::Whole { part, warnings })
    }

    /// A table that can be read here, fetched if it is elsewhere.
    fn table(&self, input: &Input) -> anyhow::Result<Table> {
        match input {
            Input::File(path) => Table::of_file(path, |path| self.digest(path)),
            Input::Object(table) => {
                let fetched = Table::fetch(table, self.scratch, &|| self.check_going().is_ok());
                self.check_going()?;
                fetched
            }
        }
    }

    /// Sends predictions to where they belong, if that is elsewhere.
    fn send(&self, output: &str, file: &Path) -> anyhow::Result<Option<String>> {
        let target = self.folder.target();
        let sent = target.send(output, file, &|| self.check_going().is_ok());
        if sent.is_err() {
            self.check_going()?;
        }
        sent
    }

    /// The digest of a file, or why it cannot be read; unless all are to end meanwhile.
    fn digest(&self, path: &Path) -> Result<io::Result<String>, CliError> {
        let sha256 = File::open(path).and_then(|file| sha256_of(&mut WhileGoing(self, file)));
        self.check_going()?;
        Ok(sha256)
    }

    /// Whether a file is what an account says that it was.
    fn is_as_told(&self, part: &Part) -> Result<bool, CliError> {
        (self.folder.target()).is_as_told(part, |path| self.digest(path))
    }

    /// The predictions, written beside their place.
    fn fill(
        &self,
        source: &Source,
        output: &Path,
        warnings: &Warnings,
    ) -> anyhow::Result<(Counts, AtomicFile)> {
        let to = Destination {
            out: AtomicFile::create(output)?,
            name: &output.display().to_string(),
            layout: self.job.kind.layout,
        };
        let power = Power {
            threads: &self.threads,
            cancel: self.job.cancel.clone(),
        };
        let mut heard = Heard(self);
        (self.job.wanted).predict(source, power, to, (&mut heard, warnings))
    }
}

/// A folder that goes when the work ends; what a killed process left in it goes before.
struct Scratch(PathBuf);

impl Scratch {
    /// That of predictions into a folder, which no other process works on.
    fn of(job: &Job<'_>, folder: &Folder) -> anyhow::Result<Self> {
        let local = std::path::absolute(folder.target().local())?;
        let is_object = |part: &Planned| matches!(part.input, Input::Object(_));
        let is_needed =
            job.plan.parts.iter().any(is_object) || matches!(folder.target(), Target::Bucket(_));
        let text = format!("predictions {}", local.display());
        let scratch = Self(if is_needed {
            tables_of(job.workspace, &text)?
        } else {
            // Nothing is ever put there.
            PathBuf::new()
        });
        scratch.clear();
        Ok(scratch)
    }

    fn clear(&self) {
        if self.0 != Path::new("") {
            // What cannot be removed now goes when it is begun the next time.
            fs::remove_dir_all(&self.0).ok();
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A file that cannot be read on once all are to end.
struct WhileGoing<'a>(&'a Crew<'a>, File);

impl Read for WhileGoing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.check_going().map_err(io::Error::other)?;
        self.1.read(buffer)
    }
}

/// How many tables are predicted at once: one a thread, as long as the batches that wait between reading and writing stay
/// within [`WAITING_BYTES`].
fn n_at_once(job: &Job<'_>) -> usize {
    let n_columns = job.wanted.model.manifest.inputs.fields.len().max(1);
    let table = job.wanted.cut.batch_rows * n_columns * size_of::<f64>() * BATCHES_OF_TABLE;
    let n_fit = (WAITING_BYTES / table.max(1)).max(1);
    job.n_threads
        .min(n_fit)
        .clamp(1, job.plan.parts.len().max(1))
}

/// Passes on how far a part came, and ends it if all are to end.
struct Heard<'a>(&'a Crew<'a>);

impl Watch for Heard<'_> {
    fn rows(&mut self, n_more: u64) -> anyhow::Result<()> {
        self.0.progress.rows(n_more);
        Ok(self.0.check_going()?)
    }
}

/// Whether other tables may do better: this one is wrong, not the disk that is written to.
fn is_of_table(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<DataError>() {
        let is_of_all = matches!(
            error,
            DataError::KeptMissing { .. }
                | DataError::Io {
                    action: "writing",
                    ..
                }
        );
        return !is_of_all;
    }
    error.is::<PredictError>()
        || matches!(
            error.downcast_ref::<CliError>(),
            Some(CliError::ImportedColumnMissing(_))
        )
        || matches!(
            error.downcast_ref::<BatchError>(),
            Some(BatchError::Changed { .. } | BatchError::Fetch(_))
        )
}

fn is_stop(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<CliError>(),
        Some(CliError::Interrupted)
    )
}

/// What is told of a table that has no rows.
pub(crate) fn without_rows(table: &str) -> Warning {
    let message = format!("{table} has column names but no rows; neither have the predictions");
    Warning::new(WarningKind::UnreadCells, Vec::<String>::new(), message)
}

/// Each finding once, with the first table of which it is true and how many more there are.
fn gathered(found: Vec<(String, Vec<Warning>)>, n_parts: usize) -> Vec<Warning> {
    let mut all: Vec<(Warning, String, u64)> = Vec::new();
    for (table, warnings) in found {
        for warning in warnings {
            match all.iter_mut().find(|(known, ..)| *known == warning) {
                Some((_, _, n_more)) => *n_more += 1,
                None => all.push((warning, table.clone(), 0)),
            }
        }
    }
    let told = |(mut warning, table, n_more): (Warning, String, u64)| {
        if n_parts > 1 && !warning.message.contains(&table) {
            let more = match n_more {
                0 => String::new(),
                n => format!(" and {} more", text::counted(n, "table")),
            };
            warning.message = format!("{}, in {table}{more}", warning.message);
        }
        warning
    };
    all.into_iter().map(told).collect()
}
