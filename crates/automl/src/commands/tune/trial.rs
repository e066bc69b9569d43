//! One trial, from its start to what is told of it.

use super::call::{About, Call, PARAMS, Params, RESULT, WORKSPACE};
use super::child::{self, Child, Heard, Line};
use super::fit::{self, FitEar};
use super::folder;
use super::keeper::{away, has_ended, is_not_ours};
use super::own::{Ear, forgiving_absence};
use super::reading::Reading;
use super::shared::Shared;
use super::train::TrainEar;
use crate::errors::TuneVerbError;
use crate::progress::Notes as _;
use anyhow::Context as _;
use automl_core::{Clock, Coded as _};
use automl_serve::tuning::{self, Run, Tell, TuneError};
use automl_store::studies::{Trial, TrialState};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

/// Letters of the last line of errors that are told of a trial that failed.
const NOTE_LETTERS: usize = 300;
/// Seconds between two tries to keep what a program measures, while whoever keeps it is away.
const RETRY_S: f64 = 1.0;

/// Seconds for a program that is to be stopped to end by itself, since what it measured may have been its last.
const MOMENT_S: f64 = 0.25;

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

/// A measurement.
struct Measured {
    step: i64,
    values: Vec<f64>,
    /// Whether the study's rule may end the trial by it; not so where it has let it go on before.
    decides: bool,
}

/// A trial that runs.
struct Running<'a> {
    shared: &'a Shared<'a>,
    worker: usize,
    client: &'a str,
    trial: &'a Trial,
    reading: Reading,
    /// Set if a verb of ours is what runs.
    ear: Option<Box<dyn Ear>>,
    /// The last line of its errors that says anything.
    last_error: String,
    why: Option<Why>,
    /// What was measured and is not kept yet, oldest first.
    unsent: VecDeque<Measured>,
    /// Whoever keeps it is away, and asked again then.
    next_try: f64,
    /// Whether the user was told that.
    is_away: bool,
    /// When its program is asked to end, if it is to be stopped.
    ask_at: Option<f64>,
    /// Whether it was asked to end.
    is_asked: bool,
    /// Whether it still ran then, so that it has not ended by itself.
    is_cut: bool,
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
    // Nobody else begins in it before this has ended.
    let taken = folder::take(&shared.folder, trial.number)?;
    let folder = taken.path.as_path();
    let made = fs::write(folder.join(PARAMS), format!("{:#}\n", json!(params)))
        // Of an earlier attempt.
        .and_then(|()| forgiving_absence(fs::remove_file(folder.join(RESULT))));
    made.map_err(|source| TuneVerbError::Folder {
        folder: folder.display().to_string(),
        source,
    })?;
    let call = match call(shared, trial, &params, folder) {
        Ok(call) => call,
        Err(error) => {
            return Ok(tell(
                shared,
                (trial, client),
                &failed(format!("{error:#}")),
            )?);
        }
    };
    let earlier = call.goes_on.then(|| child::errors_of(folder));
    let child = match Child::start(&call, folder) {
        Ok(child) => child,
        // Another trial may well start: one whose arguments are not as long, or hold no NUL.
        Err(error) => {
            let told = failed(format!("it cannot be started: {error}"));
            return Ok(tell(shared, (trial, client), &told)?);
        }
    };
    shared.show.started(worker, trial.number, &params);
    let mut running = Running {
        shared,
        worker,
        client,
        trial,
        reading: Reading::new(shared.objectives(), shared.run.constraints.clone()),
        ear: ear_of(&shared.run),
        last_error: String::new(),
        why: None,
        unsent: VecDeque::new(),
        next_try: 0.0,
        is_away: false,
        ask_at: None,
        is_asked: false,
        is_cut: false,
        end_at: f64::INFINITY,
        next_beat: shared.beat_s,
    };
    running.recall(earlier.as_deref().unwrap_or_default());
    let status = running.watch(child)?;
    if let Some(ear) = &running.ear {
        ear.end(&mut running.reading);
    }
    running.conclude(status, folder)
}

fn params_of(shared: &Shared<'_>, trial: &Trial) -> Params {
    let view = tuning::trial_view(&shared.study, trial);
    view["params"].as_object().cloned().unwrap_or_default()
}

fn call(
    shared: &Shared<'_>,
    trial: &Trial,
    params: &Params,
    folder: &Path,
) -> anyhow::Result<Call> {
    let about = About {
        study: &shared.study.name,
        workspace: shared.workspace.as_deref(),
        number: trial.number,
        names: &shared.names,
        params,
        folder,
    };
    // Names of registered datasets mean the same there.
    let workspace = shared.workspace.iter();
    let variables = workspace
        .map(|place| (WORKSPACE.to_owned(), place.clone()))
        .collect();
    if let Some(options) = &shared.run.fit {
        let words = fit::words(options, params, &shared.objectives(), folder)
            .context("cannot tell where automl is")?;
        return Ok(Call {
            words,
            variables,
            goes_on: false,
        });
    }
    if let Some(base) = &shared.base {
        let attempt = base.words(params, (folder, &shared.study), shared.n_threads)?;
        return Ok(Call {
            words: attempt.words,
            variables,
            goes_on: attempt.goes_on,
        });
    }
    let command = shared.run.command.as_ref();
    Ok(about.call(command.expect("a run that was checked has a command if it has no verb")))
}

fn ear_of(run: &Run) -> Option<Box<dyn Ear>> {
    if run.fit.is_some() {
        return Some(Box::<FitEar>::default());
    }
    run.train
        .is_some()
        .then(|| -> Box<dyn Ear> { Box::<TrainEar>::default() })
}

impl Running<'_> {
    /// Tells again what earlier attempts measured that are gone on with: a trial that waits has lost it.
    fn recall(&mut self, lines: &[String]) {
        let Some(ear) = &mut self.ear else {
            return;
        };
        let measured = lines
            .iter()
            .filter_map(|line| ear.event(line, &mut self.reading));
        self.unsent.extend(measured.map(|(step, values)| Measured {
            step,
            values,
            decides: false,
        }));
        for own in &self.unsent {
            let show = &self.shared.show;
            show.measured(self.worker, own.step, &own.values);
        }
        if let Some(last) = self.unsent.back_mut() {
            last.decides = true;
        }
    }

    /// Hears a program to its end.
    fn watch(&mut self, mut child: Child) -> anyhow::Result<ExitStatus> {
        loop {
            match child.hear().context("a program is lost")? {
                Heard::Ended(status) => return Ok(status),
                Heard::Line(line) => self.hear(&line),
                Heard::Nothing => {}
            }
            let now = child.seconds();
            self.beat(now)?;
            self.send(now)?;
            self.look(now);
            if self.is_due(now) && !self.is_asked {
                self.is_asked = true;
                self.is_cut = child.still_runs().context("a program is lost")?;
                child.ask_to_end(self.shared.run.grace_s);
                self.end_at = now + self.shared.run.grace_s;
            }
            if now >= self.end_at {
                child.end();
                self.end_at = f64::INFINITY;
            }
        }
    }

    /// Whether it is to be asked to end by now.
    fn is_due(&mut self, now: f64) -> bool {
        match self.why {
            None => false,
            Some(Why::Stopped) => now >= *self.ask_at.get_or_insert(now + MOMENT_S),
            Some(Why::TimedOut | Why::NotOurs | Why::Over) => true,
        }
    }

    fn hear(&mut self, line: &Line) {
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
                if let Some(told) = error_of(line, ear.is_some()) {
                    self.last_error = told.chars().take(NOTE_LETTERS).collect();
                }
                match ear {
                    Some(ear) => ear.event(line, &mut self.reading),
                    // Where loggers write.
                    None => self.reading.hear(line),
                }
            }
        };
        if let Some((step, values)) = measured
            && self.why.is_none()
        {
            self.shared.show.measured(self.worker, step, &values);
            self.unsent.push_back(Measured {
                step,
                values,
                decides: true,
            });
        }
    }

    /// Keeps what was measured, and asks whether the trial is worth going on with. What cannot be kept now waits, so that the
    /// program is watched meanwhile.
    fn send(&mut self, now: f64) -> anyhow::Result<()> {
        let shared = self.shared;
        while now >= self.next_try
            && self.why.is_none()
            && let Some(own) = self.unsent.front()
        {
            let told = (own.step, own.values.as_slice());
            let kept = shared
                .keeper
                .measure(&shared.study, self.trial, self.client, told);
            if self.is_absent(&kept) {
                self.next_try = now + RETRY_S;
                return Ok(());
            }
            self.take_in(kept)?;
        }
        Ok(())
    }

    /// Keeps what is left of it once the program has ended, and waits for that.
    fn send_rest(&mut self) -> anyhow::Result<()> {
        let shared = self.shared;
        while self.why.is_none()
            && let Some(own) = self.unsent.front()
        {
            let told = (own.step, own.values.as_slice());
            let kept = shared.patiently(|| {
                let keeper = &shared.keeper;
                keeper.measure(&shared.study, self.trial, self.client, told)
            });
            self.take_in(kept)?;
        }
        Ok(())
    }

    /// The answer to the oldest measurement that was not kept.
    fn take_in(&mut self, kept: Result<bool, TuneError>) -> anyhow::Result<()> {
        let decides = self.unsent.pop_front().is_some_and(|own| own.decides);
        match kept {
            Ok(true) if decides => self.why = Some(Why::Stopped),
            Ok(_) => {}
            Err(error) if is_not_ours(&error) => self.why = Some(Why::NotOurs),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether there is no answer because whoever keeps the study is away, of which the user is told once.
    fn is_absent<T>(&mut self, answer: &Result<T, TuneError>) -> bool {
        let reason = answer.as_ref().err().and_then(away);
        if let Some(reason) = reason.filter(|_| !self.is_away) {
            self.shared.note_away(reason);
        }
        self.is_away = reason.is_some();
        self.is_away
    }

    /// Whether it must end, by time or by the user.
    fn look(&mut self, now: f64) {
        let shared = self.shared;
        if self.why.is_some() {
            // Somebody has said so already.
        } else if shared.is_over() {
            self.why = Some(Why::Over);
        } else if shared.run.timeout_s.is_some_and(|limit| now >= limit) {
            self.why = Some(Why::TimedOut);
        }
    }

    /// A sign of life now and then, until the program has ended, and what others say meanwhile.
    fn beat(&mut self, now: f64) -> anyhow::Result<()> {
        let shared = self.shared;
        if now >= self.next_beat && self.why != Some(Why::NotOurs) {
            self.next_beat = now + shared.beat_s;
            let beaten = shared.keeper.beat(&shared.study, self.trial, self.client);
            if self.is_absent(&beaten) {
                // Other signs of life follow.
                return Ok(());
            }
            match beaten {
                Ok(false) => {}
                Ok(true) => self.why = self.why.or(Some(Why::Stopped)),
                Err(error) if is_not_ours(&error) => self.why = Some(Why::NotOurs),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Tells how it ended, if it is still ours to tell.
    fn conclude(mut self, status: ExitStatus, folder: &Path) -> anyhow::Result<Became> {
        let shared = self.shared;
        if self.why == Some(Why::Over) {
            let released = shared.patiently(|| {
                shared
                    .keeper
                    .release(&shared.study, self.trial, self.client)
            });
            return match released {
                Err(error) if !is_not_ours(&error) => Err(error.into()),
                _ => Ok(Became::GivenUp),
            };
        }
        self.send_rest()?;
        let told = self.told(status, folder);
        match tell(shared, (self.trial, self.client), &told) {
            // Values that are none, such as NaN.
            Err(error) if error.code() == "study-value-not-finite" => {
                let told = failed(error.to_string());
                Ok(tell(shared, (self.trial, self.client), &told)?)
            }
            ended => Ok(ended?),
        }
    }

    /// What there is to tell of how a program ended. One that had ended by itself before anybody could ask it to is told of by how
    /// it ended, whatever was wanted of it.
    fn told(&mut self, status: ExitStatus, folder: &Path) -> Tell {
        match self.why.filter(|_| self.is_cut) {
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

/// What a line of errors says, if anything; verbs of ours tell an error as an event.
fn error_of(line: &str, is_ours: bool) -> Option<String> {
    let line = line.trim();
    if !is_ours {
        return (!line.is_empty()).then(|| line.to_owned());
    }
    match serde_json::from_str::<Value>(line) {
        Ok(event) if event["event"] == "error" => event["message"].as_str().map(str::to_owned),
        Ok(_) => None,
        // Of a panic, or of the system.
        Err(_) => (!line.is_empty()).then(|| line.to_owned()),
    }
}

/// Tells how a trial ended, in one step with the look whether its worker holds it still.
fn tell(
    shared: &Shared<'_>,
    (trial, client): (&Trial, &str),
    told: &Tell,
) -> Result<Became, TuneError> {
    // Sent again if the answer is lost, it is done once.
    let told = Tell {
        request: Some(format!(
            "{client}/{}/{}",
            trial.number,
            Clock::unix_micros()
        )),
        ..told.clone()
    };
    let study = &shared.study;
    let ended = match shared.patiently(|| shared.keeper.tell(study, trial, client, &told)) {
        // The program has told it itself.
        Err(error) if has_ended(&error) => shared.patiently(|| shared.keeper.trial(study, trial)),
        ended => ended,
    };
    match ended {
        Err(error) if is_not_ours(&error) => Ok(Became::GivenUp),
        ended => Ok(Became::Ended(Box::new(ended?))),
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
