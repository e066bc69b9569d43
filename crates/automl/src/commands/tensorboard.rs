//! `automl tensorboard`: the real TensorBoard on the event files of runs and models.

use super::Status;
use crate::cli::TensorBoardArgs;
use crate::console::Console;
use crate::errors::MovingError;
use crate::interrupt::Interrupt;
use crate::workspace::{self, files_below};
use anyhow::Context as _;
use automl_store::db::Database;
use automl_store::lineage;
use automl_store::tracking::TrackingError;
use automl_store::tracking::events::is_event_file;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::inputs::{self, Direction, ModelLink};
use automl_store::tracking::logged_models;
use automl_store::tracking::runs::{self, RunInfo};
use automl_store::workspace::Record;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The program, and where a model directory keeps its event files.
const PROGRAM: &str = "tensorboard";
const IN_MODEL: &str = "tensorboard";

pub(super) fn run(args: &TensorBoardArgs, console: Console) -> anyhow::Result<Status> {
    let program = program().ok_or(MovingError::NoTensorBoard)?;
    let named = named_folders(args)?;
    for (name, folder) in &named {
        if !has_events(folder) {
            let (name, path) = (name.clone(), folder.clone());
            return Err(MovingError::RunWithoutEvents { name, path }.into());
        }
    }
    // Lives until TensorBoard has ended.
    let links = tempfile::Builder::new()
        .prefix("automl-tensorboard-")
        .tempdir();
    let links = links.context("cannot make a directory of links")?;
    let folder = match named.as_slice() {
        [(_, folder)] => folder.clone(),
        several => link(several, links.path())?,
    };
    let child = Command::new(&program)
        .arg("--logdir")
        .arg(folder)
        .args(["--port", &args.port.to_string()])
        // A group of its own, so that it hears of Ctrl-C from here alone, once.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    wait(child, console)
}

/// Waits for TensorBoard; Ctrl-C is handed on to it.
fn wait(mut child: Child, console: Console) -> anyhow::Result<Status> {
    let pid = Pid::from_child(&child);
    let interrupt = Interrupt::listen(console, move || {
        // Not an interrupt, which whoever started us may have it ignore. One that has ended by itself cannot be told.
        kill_process(pid, Signal::TERM).ok();
    })?;
    let status = child.wait().context("TensorBoard is lost")?;
    if status.success() || interrupt.token().is_cancelled() {
        return Ok(Status::Done);
    }
    Err(MovingError::TensorBoardFailed { status }.into())
}

/// The program, where PATH has it.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}

/// What each of the arguments names, with a name of its own to be shown under.
fn named_folders(args: &TensorBoardArgs) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut taken = BTreeSet::new();
    let mut named = Vec::new();
    for run in &args.runs {
        let path = Path::new(run);
        let (name, folder, id) = if path.is_dir() {
            let inner = path.join(IN_MODEL);
            let folder = if inner.is_dir() {
                inner
            } else {
                path.to_owned()
            };
            let folder = folder
                .canonicalize()
                .with_context(|| format!("cannot read {run}"))?;
            let name = path.canonicalize().ok();
            let name = name.as_deref().and_then(Path::file_name);
            let name = name.map_or_else(|| run.clone(), |name| name.to_string_lossy().into_owned());
            (name, folder, run.clone())
        } else {
            let record = workspace::open(&workspace::of(&args.place))?;
            let run = run_of(&record.db, run)?;
            let uri = run.artifact_uri;
            let folder =
                workspace::folder(&record, &uri).ok_or(MovingError::ArtifactsElsewhere { uri })?;
            // Own trainings and searches keep theirs with the model that they made.
            let folder = if has_events(&folder) {
                folder
            } else {
                model_folder(&record, run.number)?.unwrap_or(folder)
            };
            (run.name, folder, run.id)
        };
        let name = name.replace(['/', '\0'], "-");
        let name = if taken.contains(&name) {
            format!("{name} {}", id.replace('/', "-"))
        } else {
            name
        };
        taken.insert(name.clone());
        named.push((name, folder));
    }
    Ok(named)
}

fn run_of(db: &Database, id: &str) -> anyhow::Result<RunInfo> {
    let wanted = id.to_owned();
    let found = db
        .read(move |sql| {
            // Its first digits or its name do as well, as everywhere.
            let known = lineage::run(sql, DEFAULT_WORKSPACE, &wanted)?;
            let id = known.as_deref().unwrap_or(&wanted);
            runs::get(sql, DEFAULT_WORKSPACE, id)
        })
        .wait();
    found.map_err(|error: TrackingError| match error {
        TrackingError::RunMissing { id } => MovingError::RunMissing { id }.into(),
        error => error.into(),
    })
}

/// The folder of a model that a run made, if one has event files here.
fn model_folder(record: &Record, run: i64) -> anyhow::Result<Option<PathBuf>> {
    let made = record.db.read(move |sql| {
        let links = inputs::models_of(sql, run, Direction::Out)?;
        let model = |link: &ModelLink| logged_models::get(sql, DEFAULT_WORKSPACE, &link.model_id);
        Ok::<_, TrackingError>(
            links
                .iter()
                .map(model)
                .filter_map(Result::ok)
                .collect::<Vec<_>>(),
        )
    });
    let folders = made.wait()?.into_iter();
    let mut folders = folders.filter_map(|model| workspace::folder(record, &model.artifact_uri));
    Ok(folders.find(|folder| has_events(folder)))
}

fn has_events(folder: &Path) -> bool {
    let is_event_path = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        is_event_file(&name.to_string_lossy())
    };
    files_below(folder).is_ok_and(|files| files.iter().any(is_event_path))
}

/// Links to folders, by their names, in a directory.
fn link(named: &[(String, PathBuf)], directory: &Path) -> anyhow::Result<PathBuf> {
    for (name, folder) in named {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let link = directory.join(name);
        std::os::unix::fs::symlink(folder, &link)
            .with_context(|| format!("cannot make the link {}", link.display()))?;
    }
    Ok(directory.to_owned())
}
