//! `automl tune`: runs a command of the user for each trial of a study, with any number of workers.
//!
//! All that is known of the study is in the record, so any number of processes may work on it, and one that was killed is
//! gone on with by the same command. What programs print is kept in a folder a trial.

pub(super) mod call;
pub(super) mod child;
mod client;
mod elsewhere;
mod fit;
mod folder;
mod keeper;
mod own;
pub(super) mod reading;
mod shared;
mod show;
mod summary;
mod train;
mod trial;
mod warden;
mod worker;

pub(super) use warden::run as run_warden;

use super::record::Record;
use super::study::file;
use super::{Status, thread_count};
use crate::cli::{RecordArgs, TuneArgs};
use crate::console::Console;
use crate::errors::TuneVerbError;
use crate::interrupt::Interrupt;
use crate::progress::Notes as _;
use crate::record::{Detail, Recorder};
use crate::workspace;
use anyhow::Context as _;
use automl_core::Clock;
use automl_serve::tuning::{self, Command, Run, Spec};
use automl_store::spool;
use keeper::Keeper;
use serde_json::json;
use shared::Shared;
use show::Show;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use summary::Found;
use train::Base;

/// How long a trial is thought to be held, in seconds, where its study does not say.
const LEASE_S: f64 = 60.0;
/// Signs of life within the time that a trial is held.
const BEATS: f64 = 4.0;

pub(super) fn run(args: &TuneArgs, console: Console) -> anyhow::Result<Status> {
    let clock = Clock::start();
    let place = &args.record.workspace;
    let spec = args.file.as_deref().map(file::read).transpose()?;
    let name = name_of(args)?;
    if let Some(spec) = &spec {
        let (_run, _base) = runnable(spec, &name, args)?;
    }
    let record = match args.server {
        Some(_) => None,
        None => Some(Record::open_or_make(place)?),
    };
    let keeper = match (&record, &args.server) {
        (Some(record), _) => Keeper::record(record.database()),
        (None, url) => Keeper::server(url.as_deref().unwrap_or_default(), token_of(args)),
    };
    let (study, spec, changed) = keeper.take_on(&name, spec)?;
    let (run, base) = runnable(&spec, &name, args)?;
    let limit = limit_of(&spec, args);
    let known = keeper.trials(&study, None)?;
    let show = Arc::new(Show::new(console, clock, &study, limit, &known));
    warn(&show, &changed, &run, &spec);
    let heard = Arc::clone(&show);
    let interrupt = Interrupt::listen(console, move || {
        heard.note("stopping; trials that run are given up and can be gone on with (Ctrl-C again to leave at once)");
    })?;
    let recording = RecordArgs {
        // The server has all of it.
        no_record: args.record.no_record || args.server.is_some(),
        ..args.record.clone()
    };
    let recorder = Recorder::begin(&recording, "tune", Detail::Whole, &*show);
    recorder.settings(&json!({
        "study": study.name, "algorithm": spec.algorithm, "seed": spec.seed, "trials": limit, "run": run,
    }));
    let n_workers = match (args.workers, args.worker) {
        (Some(n_workers), _) => usize::from(n_workers),
        (None, true) => 1,
        (None, false) => run.workers,
    };
    let lease_s = study.lease_ms.map(|lease| lease as f64 / 1000.0);
    let shared = Shared {
        n_threads: (n_workers > 1).then(|| (thread_count(None) / n_workers).max(1)),
        names: names_of(&spec),
        workspace: match keeper {
            Keeper::Record { .. } => Some(place_of(&place.workspace)?),
            Keeper::Server(_) => None,
        },
        folder: folder_of(args, &study.name),
        limit: limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)),
        deadline: args.time_limit.map(|limit| limit.as_secs_f64()),
        beat_s: lease_s.unwrap_or(LEASE_S) / BEATS,
        clock,
        cancel: interrupt.token(),
        is_worker: args.worker,
        has_told_waiting: AtomicBool::new(false),
        has_failed: AtomicBool::new(false),
        n_failures: AtomicUsize::new(0),
        show: &show,
        run,
        base,
        study,
        keeper,
    };
    let done = work(&shared, &recorder, n_workers);
    end(&shared, recorder, done, console)
}

/// Tells of what may not be as it was meant.
fn warn(show: &Show, changed: &[&str], run: &Run, spec: &Spec) {
    if !changed.is_empty() {
        let changed = changed.join(", ");
        show.note(&format!(
            "its file has another {changed} than before, under which its trials were run"
        ));
    }
    for (name, near) in run
        .command
        .iter()
        .flat_map(|own| call::mistyped(own, &names_of(spec)))
    {
        let near = near.join(" or ");
        show.note(&format!(
            "'{{{name}}}' in the command names no parameter and stays as it is; did you mean {near}?"
        ));
    }
}

/// Ends the run of the verb, and says what came of it.
fn end(
    shared: &Shared<'_>,
    recorder: Recorder<'_>,
    done: anyhow::Result<()>,
    console: Console,
) -> anyhow::Result<Status> {
    shared.show.finish();
    if let Some((name, best)) = shared.show.best() {
        recorder.metrics([(name.as_str(), best)]);
    }
    let is_stopped = shared.cancel.is_cancelled();
    let found = done.and_then(|()| summary::find(shared));
    let lack = match &found {
        Ok(found) if !is_stopped => lack(shared, found),
        _ => None,
    };
    let status = match (&found, &lack) {
        (Err(_), _) | (_, Some(_)) => spool::Status::Failed,
        _ if is_stopped => spool::Status::Killed,
        _ => spool::Status::Finished,
    };
    let run_id = recorder.end(status);
    summary::print(shared, &found?, run_id.as_deref(), console)?;
    match lack {
        Some(lack) => Err(lack.into()),
        None if is_stopped => Ok(Status::Interrupted),
        None => Ok(Status::Done),
    }
}

/// Why the study is not what it was to become, though its workers have nothing left to run.
fn lack(shared: &Shared<'_>, found: &Found) -> Option<TuneVerbError> {
    let counts = found.counts;
    if counts.complete == 0 && counts.failed > 0 {
        return Some(TuneVerbError::NoneComplete {
            n_failed: counts.failed,
            folder: shared.folder.display().to_string(),
        });
    }
    let n_ended = counts.n_ended();
    let limit = shared.limit.map(i64::unsigned_abs);
    let is_short = limit.is_none_or(|limit| n_ended < limit);
    if shared.is_worker || shared.is_late() || found.held.is_empty() || !is_short {
        return None;
    }
    Some(TuneVerbError::Unfinished {
        study: shared.study.name.clone(),
        n_ended,
        n_wanted: limit,
        number: found.held[0].number,
        n_held: found.held.len(),
    })
}

/// What a study runs, if it can be run to an end.
fn runnable(spec: &Spec, name: &str, args: &TuneArgs) -> anyhow::Result<(Run, Option<Base>)> {
    let run = spec.run.clone().ok_or_else(|| TuneVerbError::NoRun {
        name: name.to_owned(),
    })?;
    check_program(&run)?;
    let objectives: Vec<_> = spec.objectives.iter().map(tuning::recorded).collect();
    if let Some(options) = &run.fit {
        fit::check(options, &names_of(spec), &objectives)?;
    }
    let names: Vec<String> = objectives.iter().map(|own| own.name.clone()).collect();
    let base = run.train.as_ref();
    let base = base
        .map(|options| Base::read(options, &names))
        .transpose()?;
    if let Some(base) = &base {
        base.check(spec, &objectives)?;
    }
    call::check_variables(&names_of(spec))?;
    let ends = spec.algorithm.ends(&spec.space);
    if limit_of(spec, args).is_none() && args.time_limit.is_none() && !ends {
        return Err(TuneVerbError::NoEnd.into());
    }
    Ok((run, base))
}

fn names_of(spec: &Spec) -> Vec<String> {
    let parameters = spec.space.parameters().iter();
    parameters.map(|parameter| parameter.name.clone()).collect()
}

/// How many trials the study is to have.
fn limit_of(spec: &Spec, args: &TuneArgs) -> Option<u64> {
    args.trials.or(spec.budget.map(|budget| budget as u64))
}

/// The token for the server: as said, or that of the environment.
fn token_of(args: &TuneArgs) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary reads the environment"
    )]
    let own = || std::env::var("MLFLOW_TRACKING_TOKEN").ok();
    args.token.clone().or_else(own)
}

/// The study's name: as said, or that of its file.
fn name_of(args: &TuneArgs) -> Result<String, TuneVerbError> {
    let of_file = args.file.as_deref().and_then(Path::file_stem);
    let of_file = of_file.map(|stem| stem.to_string_lossy().into_owned());
    args.study.clone().or(of_file).ok_or(TuneVerbError::NoStudy)
}

/// Whether a program is where the path has it, so that not every trial fails.
fn check_program(run: &Run) -> Result<(), TuneVerbError> {
    let Some(Command::Words(words)) = &run.command else {
        return Ok(());
    };
    let program = words.first().map_or("", String::as_str);
    let is_there = if program.contains('/') || program.contains('{') {
        program.contains('{') || Path::new(program).is_file()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if is_there {
        return Ok(());
    }
    let program = program.to_owned();
    Err(TuneVerbError::ProgramMissing { program })
}

/// The workspace as a program in another folder may name it.
fn place_of(workspace: &str) -> anyhow::Result<String> {
    if workspace.contains("://") {
        return Ok(workspace.to_owned());
    }
    let path = std::path::absolute(workspace).context("cannot tell where the workspace is")?;
    Ok(path.display().to_string())
}

/// Where the folders of a study's trials are: below the place that is said, or the workspace's directory.
fn folder_of(args: &TuneArgs, study: &str) -> PathBuf {
    let named = || workspace::named(&args.record.workspace.workspace);
    let place = (args.logs.clone()).unwrap_or_else(|| named().directory().join("studies"));
    place.join(folder_name(study))
}

/// A study's name as that of a folder; different names stay so.
fn folder_name(study: &str) -> String {
    /// Bytes of a name that every file system takes, and what is kept of longer ones.
    const BYTES: usize = 200;
    const KEPT: usize = 100;
    let mut name = String::new();
    for letter in study.chars() {
        let is_plain = letter.is_alphanumeric() || "-_ ,=+@".contains(letter);
        if is_plain || letter == '.' && !name.is_empty() {
            name.push(letter);
        } else {
            let mut bytes = [0; 4];
            let bytes = letter.encode_utf8(&mut bytes).bytes();
            name.extend(bytes.map(|byte| format!("%{byte:02X}")));
        }
    }
    if name.len() <= BYTES {
        return name;
    }
    let kept: String = name.chars().take(KEPT / 4).collect();
    format!("{kept}-{}", automl_store::hex_sha256(study.as_bytes()))
}

/// Runs the workers, and gives the first failure of one.
fn work(shared: &Shared<'_>, recorder: &Recorder<'_>, n_workers: usize) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..n_workers)
            .map(|index| scope.spawn(move || worker::work(shared, recorder, index)))
            .collect();
        let mut done = Ok(());
        for worker in workers {
            // A worker that panics has told of a bug of ours by then.
            let ended = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if done.is_ok() {
                done = ended;
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn names_of_studies_become_different_names_of_folders_within_one() {
        assert_eq!(folder_name("lr 3.1"), "lr 3.1");
        assert_eq!(folder_name("a/b"), "a%2Fb");
        assert_eq!(folder_name(".."), "%2E.");
        assert_ne!(folder_name("a%2Fb"), folder_name("a/b"));
        assert!(folder_name(&"ß/".repeat(500)).len() < 255);
    }
}
