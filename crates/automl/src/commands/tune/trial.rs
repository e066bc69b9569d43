//! One trial, from its start to what is told of it.

use super::call::{About, Call, PARAMS, Params, RESULT};
use super::child::{Child, Heard, Line};
use super::fit::{self, Ear};
use super::reading::Reading;
use super::shared::Shared;
use crate::progress::Notes as _;
use anyhow::Context as _;
use automl_core::Clock;
use automl_serve::tuning::{self, Tell, TuneError};
use automl_store::studies::{self, StudiesError, Trial, TrialState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Letters of the last line of errors that are told of a trial that failed.
const NOTE_LETTERS: usize = 300;

/// Why a program is ended before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The study's rule, or somebody, says so.
    Stopped,
    /// It took too long.
    TimedOut,
    /// The trial is another worker's, or has ended, by now.
    NotOurs,
    /// The user, or the time limit, ends everything.
    Over,
}

/// What became of a trial.
#[derive(Debug)]
pub(super) enum Became {
    /// It ended and was told.
    Ended(Box<Trial>),
    /// It waits for another worker, or is another worker's already.
    GivenUp,
}

/// A trial that runs.
struct Running<'a> {
    shared: &'a Shared<'a>,
    worker: usize,
    client: &'a str,
    trial: &'a Trial,
    reading: Reading,
    /// Set if `automl fit` is what runs.
    ear: Option<Ear>,
    /// The last line of its errors that says anything.
    last_error: String,
    why: Option<Why>,
    /// When it is ended at once if it has not ended itself.
    end_at: f64,
    next_beat: f64,
}

/// Runs a trial and tells what came of it.
///
/// # Errors
/// If its folder cannot be made, the program cannot be started at all, or the record fails.
pub(super) fn run(
    shared: &Shared<'_>,
    worker: usize,
    client: &str,
    trial: &Trial,
) -> anyhow::Result<Became> {
    let params = params_of(shared, trial);
    let folder = folder_of(&shared.folder, trial.number)?;
    let made = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(PARAMS), format!("{:#}\n", json!(params))))
        // Of an earlier attempt.
        .and_then(|()| forgiving_absence(fs::remove_file(folder.join(RESULT))));
    made.with_context(|| format!("cannot write to {}", folder.display()))?;
    let call = call(shared, trial, &params, &folder)?;
    let child = Child::start(&call, &folder)
        .with_context(|| format!("cannot start a program in {}", folder.display()))?;
    shared.show.started(worker, trial.number, &params);
    let mut running = Running {
        shared,
        worker,
        client,
        trial,
        reading: Reading::new(shared.objectives(), shared.run.constraints.clone()),
        ear: shared.run.fit.is_some().then(Ear::default),
        last_error: String::new(),
        why: None,
        end_at: f64::INFINITY,
        next_beat: shared.beat_s,
    };
    let status = running.watch(child)?;
    if let Some(ear) = &running.ear {
        ear.end(&mut running.reading);
    }
    running.conclude(status, &folder)
}

fn params_of(shared: &Shared<'_>, trial: &Trial) -> Params {
    let view = tuning::trial_view(&shared.study, trial);
    view["params"].as_object().cloned().unwrap_or_default()
}

/// The folder of a trial, as programs elsewhere can open it.
fn folder_of(folder: &Path, number: i64) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{number:06}"));
    std::path::absolute(&path).with_context(|| format!("cannot tell where {} is", path.display()))
}

fn forgiving_absence(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn call(
    shared: &Shared<'_>,
    trial: &Trial,
    params: &Params,
    folder: &Path,
) -> anyhow::Result<Call> {
    let about = About {
        study: &shared.study.name,
        workspace: &shared.workspace,
        number: trial.number,
        names: &shared.names,
        params,
        folder,
    };
    if let Some(options) = &shared.run.fit {
        let words = fit::words(options, params, folder).context("cannot tell where automl is")?;
        let variables = Vec::new();
        return Ok(Call { words, variables });
    }
    let command = shared.run.command.as_ref();
    Ok(about.call(command.expect("a run that was checked has a command if it has no fit")))
}

impl Running<'_> {
    /// Hears a program to its end.
    fn watch(&mut self, mut child: Child) -> anyhow::Result<ExitStatus> {
        loop {
            match child.hear().context("a program is lost")? {
                Heard::Ended(status) => return Ok(status),
                Heard::Line(line) => self.hear(&line)?,
                Heard::Nothing => {}
            }
            let now = child.seconds();
            if self.why.is_none() {
                self.look(now)?;
                if self.why.is_some() {
                    child.ask_to_end();
                    self.end_at = now + self.shared.run.grace_s;
                }
            } else if now >= self.end_at {
                child.end();
                self.end_at = f64::INFINITY;
            }
        }
    }

    fn hear(&mut self, line: &Line) -> anyhow::Result<()> {
        let measured = match (line, &mut self.ear) {
            (Line::NotKept(reason), _) => {
                let number = self.trial.number;
                self.shared.show.note(&format!(
                    "what trial {number} prints is not kept any more: {reason}"
                ));
                None
            }
            (Line::Out(line), None) => self.reading.hear(line),
            (Line::Out(line), Some(ear)) => {
                ear.output(line);
                None
            }
            (Line::Err(line), ear) => {
                if !line.trim().is_empty() {
                    self.last_error = line.trim().chars().take(NOTE_LETTERS).collect();
                }
                ear.as_mut()
                    .and_then(|ear| ear.event(line, &mut self.reading))
            }
        };
        if let Some((step, values)) = measured
            && self.why.is_none()
        {
            self.measure(step, &values)?;
        }
        Ok(())
    }

    /// Keeps a measurement, and asks whether the trial is worth going on with.
    fn measure(&mut self, step: i64, values: &[f64]) -> anyhow::Result<()> {
        let shared = self.shared;
        let (name, number, told) = (&shared.study.name, self.trial.number, json!(values));
        shared.show.measured(self.worker, step, values);
        let kept = shared.patiently(|| {
            let (name, told) = (name.clone(), told.clone());
            let written = shared
                .db
                .write(move |sql| tuning::measure(sql, &name, number, step, &told));
            written.wait()
        });
        let trial = match kept {
            Err(TuneError::Record(StudiesError::TrialFinished { .. })) => {
                self.why = Some(Why::NotOurs);
                return Ok(());
            }
            kept => kept?,
        };
        if shared.patiently(|| tuning::should_stop(&shared.desk, shared.db, name, &trial))? {
            self.why = Some(Why::Stopped);
        }
        Ok(())
    }

    /// Whether it must end, by time or by what others say.
    fn look(&mut self, now: f64) -> anyhow::Result<()> {
        let shared = self.shared;
        if shared.is_over() {
            self.why = Some(Why::Over);
        } else if shared.run.timeout_s.is_some_and(|limit| now >= limit) {
            self.why = Some(Why::TimedOut);
        } else if now >= self.next_beat {
            self.next_beat = now + shared.beat_s;
            let beaten = shared.patiently(|| {
                let (id, client) = (self.trial.id, self.client.to_owned());
                let written = shared
                    .db
                    .write(move |sql| studies::beat(sql, W, id, &client));
                written.wait().map_err(TuneError::Record)
            });
            match beaten {
                Ok(false) => {}
                Ok(true) => self.why = Some(Why::Stopped),
                Err(TuneError::Record(
                    StudiesError::TrialNotHeld { .. }
                    | StudiesError::TrialFinished { .. }
                    | StudiesError::TrialMissing { .. },
                )) => self.why = Some(Why::NotOurs),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Tells how it ended.
    fn conclude(mut self, status: ExitStatus, folder: &Path) -> anyhow::Result<Became> {
        let shared = self.shared;
        let (id, number) = (self.trial.id, self.trial.number);
        let now = shared.patiently(|| {
            let read = shared.db.read(move |sql| studies::trial(sql, W, id));
            read.wait().map_err(TuneError::Record)
        })?;
        if now.state.is_finished() {
            // The program told it itself.
            return Ok(Became::Ended(Box::new(now)));
        }
        if now.client.as_deref() != Some(self.client) || now.state == TrialState::Waiting {
            return Ok(Became::GivenUp);
        }
        if self.why == Some(Why::Over) {
            let client = self.client.to_owned();
            let written = shared
                .db
                .write(move |sql| studies::release(sql, W, id, &client));
            written.wait()?;
            return Ok(Became::GivenUp);
        }
        let mut told = self.told(status, folder);
        // Sent again if the answer is lost, it is done once.
        told.request = Some(format!("{}/{number}/{}", self.client, Clock::unix_micros()));
        let tell = |told: &Tell| {
            shared.patiently(|| {
                let (name, told) = (shared.study.name.clone(), told.clone());
                let written = shared
                    .db
                    .write(move |sql| tuning::tell(sql, &name, number, &told));
                written.wait()
            })
        };
        let ended = match tell(&told) {
            // Values that are none, such as NaN.
            Err(TuneError::Study(error)) => tell(&Tell {
                request: told.request,
                ..failed(error.to_string())
            }),
            ended => ended,
        };
        Ok(Became::Ended(Box::new(ended?)))
    }

    /// What there is to tell of how a program ended.
    fn told(&mut self, status: ExitStatus, folder: &Path) -> Tell {
        match self.why {
            Some(Why::Stopped) => {
                return Tell {
                    state: TrialState::Pruned,
                    values: self.reading.values().ok().map(|values| json!(values)),
                    constraints: Vec::new(),
                    note: None,
                    request: None,
                };
            }
            Some(Why::TimedOut) => {
                let limit = self.shared.run.timeout_s.unwrap_or_default();
                return failed(format!("it took longer than {limit} s"));
            }
            Some(Why::NotOurs | Why::Over) | None => {}
        }
        if !status.success() {
            return failed(self.why_failed(status));
        }
        match self.result(folder) {
            Ok((values, constraints)) => Tell {
                state: TrialState::Complete,
                values: Some(values),
                constraints,
                note: None,
                request: None,
            },
            Err(reason) => failed(reason),
        }
    }

    /// The values of a program that ended well.
    fn result(&mut self, folder: &Path) -> Result<(Value, Vec<f64>), String> {
        match fs::read_to_string(folder.join(RESULT)) {
            Ok(text) => self.reading.hear_file(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("its result file cannot be read: {error}")),
        }
        let unsaid = |name: &str| format!("it told no value of '{name}'");
        let values = self.reading.values().map_err(unsaid)?;
        let constraints = self.reading.constraints().map_err(unsaid)?;
        // Numbers that JSON has not are texts, for the study to name.
        let number = |value: &f64| {
            if value.is_finite() {
                json!(value)
            } else {
                json!(value.to_string())
            }
        };
        Ok((values.iter().map(number).collect(), constraints))
    }

    fn why_failed(&self, status: ExitStatus) -> String {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => status.to_string(),
        };
        if self.last_error.is_empty() {
            how
        } else {
            format!("{how}: {}", self.last_error)
        }
    }
}

fn failed(note: String) -> Tell {
    Tell {
        state: TrialState::Failed,
        values: None,
        constraints: Vec::new(),
        note: Some(note),
        request: None,
    }
}
