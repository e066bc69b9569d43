//! A training whose steps are a program of the user's: it is given the configuration and places for its files, and tells how
//! it gets on by what it prints.

use super::plan::{CONFIG_FILE, run_folder};
use crate::cli::TrainArgs;
use crate::commands::tune::call::{Call, fill, text_of};
use crate::commands::tune::child::{Child, Heard, Line};
use crate::commands::tune::reading::Reading;
use crate::commands::{Status, datasets, thread_count};
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::TrainVerbError;
use crate::interrupt::Interrupt;
use crate::progress::Reporter;
use crate::record::{Detail, Recorder, Seen};
use crate::text;
use anyhow::Context as _;
use automl_core::Clock;
use automl_neural::config::{CommandParams, Goal, ModelParams, Program, TrainConfig};
use automl_neural::train::{TrainError, first_difference};
use automl_store::spool::{self, Point};
use automl_store::tracking::now_ms;
use automl_store::{Overwrite, StoreError, check_target, write_directory};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

/// The configuration, as the program reads it.
const CONFIG: &str = "config.json";
/// What is trained: only the same is gone on with.
const TRAINING: &str = "training.json";
/// What the program prints.
const LOGS: [&str; 2] = ["stdout.log", "stderr.log"];
/// What came of it.
const RESULT: &str = "result.json";
/// Where the program's own files are in the output.
const FILES: &str = "files";

/// A training by a program.
struct Job<'a> {
    args: &'a TrainArgs,
    config: &'a TrainConfig,
    params: &'a CommandParams,
    /// The data, as the program is told of it; empty if none is named.
    data: String,
    /// Where its files are while it runs.
    folder: PathBuf,
}

/// What a program told.
struct Told {
    reading: Reading,
    /// Steps and values of the metric.
    history: Vec<(i64, f64)>,
    last_error: Option<String>,
}

/// Runs the program to its end.
///
/// # Errors
/// It cannot be started, fails, or tells no value of its metric.
pub(super) fn run(
    args: &TrainArgs,
    config: &TrainConfig,
    (console, clock): (Console, Clock),
) -> anyhow::Result<Status> {
    let ModelParams::Command(Program::Command(params)) = &config.model else {
        unreachable!("the caller looked");
    };
    let job = Job::new(args, config, params)?;
    if job.has_ended() {
        return print_ended(args, console);
    }
    check_target(&args.output, Overwrite::Refuse)?;
    let words = job.words()?;
    let reporter = Arc::new(Reporter::new(console, clock));
    let goes_on = job.begin(&reporter)?;
    let heard = Arc::clone(&reporter);
    let interrupt = Interrupt::listen(console, move || {
        heard.note("the command is asked to end (Ctrl-C again to leave at once)");
    })?;
    let recorder = Recorder::begin(&args.record, "train", Detail::Whole, &*reporter);
    recorder.settings(&config.to_value());
    if !job.data.is_empty() {
        recorder.reads(Seen {
            context: "training",
            place: &config.data.path,
            sha256: None,
            n_rows: None,
            schema: None,
        });
    }
    let variables = job.variables(goes_on, recorder.id());
    let call = Call {
        words,
        variables,
        goes_on,
    };
    let done = job.whole(&call, (&reporter, &recorder), &interrupt);
    let status = match (&done, interrupt.token().is_cancelled()) {
        (Ok(_), _) => spool::Status::Finished,
        (Err(_), true) => spool::Status::Killed,
        (Err(_), false) => spool::Status::Failed,
    };
    if status == spool::Status::Killed {
        recorder.is_stopped();
    }
    reporter.finish();
    let run_id = recorder.end(status);
    let result = done?;
    print(args, &result, run_id.as_deref(), console)?;
    Ok(Status::Done)
}

impl<'a> Job<'a> {
    fn new(
        args: &'a TrainArgs,
        config: &'a TrainConfig,
        params: &'a CommandParams,
    ) -> anyhow::Result<Self> {
        let refused = [("--ranks", args.ranks > 1), ("auto", config.auto.any())];
        if let Some((what, _)) = refused.into_iter().find(|(_, is_said)| *is_said) {
            return Err(TrainVerbError::NotOfCommand { what }.into());
        }
        if params.words().is_empty() {
            return Err(TrainVerbError::Lacks { key: "model.run" }.into());
        }
        let folder = std::path::absolute(run_folder(&args.output)).context("there is no folder")?;
        Ok(Self {
            args,
            config,
            params,
            data: data(args, config)?,
            folder,
        })
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether it came to its end before, and that is to be gone on with.
    fn has_ended(&self) -> bool {
        let written = fs::read_to_string(self.args.output.join(CONFIG_FILE));
        self.args.resume && written.is_ok_and(|text| text == self.config.to_yaml())
    }

    /// The program and its arguments.
    fn words(&self) -> Result<Vec<String>, TrainVerbError> {
        let config = self.config.to_value();
        let mut unknown = None;
        let mut filled = |word: &String| {
            fill(word, |_, name| {
                let (section, key) = key_parts(name)?;
                let value = config.get(section).and_then(|section| section.get(key));
                if value.is_none() {
                    unknown.get_or_insert(name.to_owned());
                }
                value.map(text_of)
            })
        };
        let words: Vec<String> = self.params.words().iter().map(&mut filled).collect();
        if let Some(key) = unknown {
            return Err(TrainVerbError::CommandKey { key });
        }
        let program = &words[0];
        if !is_there(program) {
            let program = program.clone();
            return Err(TrainVerbError::CommandMissing { program });
        }
        Ok(words)
    }

    /// Makes the folder of the run; gives whether it goes on with what is there.
    fn begin(&self, reporter: &Reporter) -> anyhow::Result<bool> {
        let checkpoints = self.place("checkpoints");
        let goes_on = self.args.resume && has_any(&checkpoints);
        let left = [checkpoints.clone(), self.place(FILES)];
        let left = left.iter().find(|folder| has_any(folder));
        if let Some(folder) = left.filter(|_| !goes_on && !self.args.overwrite) {
            let folder = folder.display().to_string();
            return Err(TrainVerbError::Unfinished { folder }.into());
        }
        let training = serde_json::to_string_pretty(&self.identity())?;
        if goes_on {
            let before = fs::read_to_string(self.place(TRAINING)).unwrap_or_default();
            if before != training {
                let reason = first_difference(&before, &training);
                return Err(TrainError::OtherTraining { reason }.into());
            }
            let folder = checkpoints.display();
            reporter.note(&format!("going on with what is in {folder}"));
        } else {
            if self.args.resume {
                let folder = checkpoints.display();
                reporter.note(&format!("nothing in {folder}: training from the start"));
            }
            self.clear()?;
        }
        let make = || {
            fs::create_dir_all(&checkpoints)?;
            fs::create_dir_all(self.place(FILES))?;
            let config = format!("{:#}\n", self.config.to_value());
            fs::write(self.place(CONFIG), config)?;
            fs::write(self.place(TRAINING), training)
        };
        make().with_context(|| format!("cannot write to {}", self.folder.display()))?;
        Ok(goes_on)
    }

    /// What decides what comes of it.
    fn identity(&self) -> Value {
        let mut value = self.config.to_value();
        for section in ["checkpoint", "tensorboard"] {
            value[section] = Value::Null;
        }
        value
    }

    /// Removes what a run of this leaves in its folder.
    fn clear(&self) -> anyhow::Result<()> {
        for name in ["checkpoints", FILES, CONFIG, TRAINING, LOGS[0], LOGS[1]] {
            let path = self.place(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let what = format!("cannot remove {}", path.display());
                    return Err(anyhow::Error::from(error).context(what));
                }
                _ => {}
            }
        }
        // It may hold something else.
        fs::remove_dir(&self.folder).ok();
        Ok(())
    }

    /// What the program finds in its environment.
    fn variables(&self, goes_on: bool, run_id: Option<String>) -> Vec<(String, String)> {
        let path = |name: &str| self.place(name).display().to_string();
        let known = [
            ("AUTOML_CONFIG", path(CONFIG)),
            ("AUTOML_DATA", self.data.clone()),
            ("AUTOML_CHECKPOINTS", path("checkpoints")),
            ("AUTOML_OUTPUT", path(FILES)),
            ("AUTOML_RESUME", u8::from(goes_on).to_string()),
            ("AUTOML_SEED", self.config.trainer.seed.to_string()),
            ("AUTOML_DEVICE", self.args.device.clone()),
            (
                "AUTOML_THREADS",
                thread_count(self.args.threads).to_string(),
            ),
            ("AUTOML_RUN_ID", run_id.unwrap_or_default()),
        ];
        let known = known.into_iter();
        known
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Runs the program, and keeps what came of it.
    fn whole(
        &self,
        call: &Call,
        (reporter, recorder): (&Reporter, &Recorder<'_>),
        interrupt: &Interrupt,
    ) -> anyhow::Result<Value> {
        let mut told = self.told(call.goes_on);
        let status = self.watch(call, (reporter, recorder), interrupt, &mut told)?;
        if interrupt.token().is_cancelled() {
            let folder = self.folder.display().to_string();
            return Err(TrainVerbError::CommandStopped { folder }.into());
        }
        let log = |name: &str| self.place(name).display().to_string();
        if !status.success() {
            return Err(TrainVerbError::CommandFailed {
                how: how(status),
                last: told.last_error,
                log: log(LOGS[1]),
            }
            .into());
        }
        let metric = &self.params.metric;
        let Ok(values) = told.reading.values() else {
            return Err(TrainVerbError::CommandMetric {
                metric: metric.clone(),
                log: log(LOGS[0]),
            }
            .into());
        };
        let value = values[0];
        if !value.is_finite() {
            let metric = metric.clone();
            return Err(TrainVerbError::CommandValue { metric, value }.into());
        }
        let result = self.result(value, &told.history, reporter.clock());
        check_links(&self.place(FILES))?;
        let mut is_written = interrupt.hold();
        self.write(&result)?;
        *is_written = true;
        recorder.metrics([(format!("last_{metric}").as_str(), value)]);
        recorder.keeps(&self.args.output, "output");
        self.clear()?;
        Ok(result)
    }

    /// What was told by now: something only where an earlier run is gone on with.
    fn told(&self, goes_on: bool) -> Told {
        let mut told = Told {
            reading: Reading::new(vec![self.params.metric.clone()], Vec::new()),
            history: Vec::new(),
            last_error: None,
        };
        for name in LOGS.iter().filter(|_| goes_on) {
            let bytes = fs::read(self.place(name)).unwrap_or_default();
            for line in String::from_utf8_lossy(&bytes).lines() {
                told.hear(line);
            }
        }
        told
    }

    /// Hears the program to its end, and asks it to end if the user wants that.
    fn watch(
        &self,
        call: &Call,
        (reporter, recorder): (&Reporter, &Recorder<'_>),
        interrupt: &Interrupt,
        told: &mut Told,
    ) -> anyhow::Result<ExitStatus> {
        let program = &call.words[0];
        let mut child =
            Child::start(call, &self.folder).with_context(|| format!("cannot start {program}"))?;
        let (grace, mut end_at, mut is_asked) = (self.params.grace_seconds, f64::INFINITY, false);
        loop {
            match child.hear().context("the command is lost")? {
                Heard::Ended(status) => return Ok(status),
                Heard::Line(line) => {
                    if let Some((step, value)) = told.take(&line, reporter) {
                        recorder.log(vec![Point {
                            key: self.params.metric.clone(),
                            value,
                            step,
                            at_ms: now_ms(),
                        }]);
                    }
                }
                Heard::Nothing => {}
            }
            let now = child.seconds();
            if interrupt.token().is_cancelled() && !is_asked {
                is_asked = true;
                child.ask_to_end(grace);
                end_at = now + grace;
            }
            if now >= end_at {
                child.end();
                end_at = f64::INFINITY;
            }
        }
    }

    fn result(&self, value: f64, history: &[(i64, f64)], clock: Clock) -> Value {
        let is_better = |a: f64, b: f64| match self.params.goal {
            Goal::Minimize => a < b,
            Goal::Maximize => a > b,
        };
        let mut best: Option<(i64, f64)> = None;
        for &(step, value) in history {
            if best.is_none_or(|(_, best)| is_better(value, best)) {
                best = Some((step, value));
            }
        }
        json!({
            "metric": self.params.metric,
            "value": value,
            "best": best.map(|(step, value)| json!({ "step": step, "value": value })),
            "history": history,
            "seconds": clock.seconds(),
        })
    }

    /// Makes the output of what the program wrote, its logs, the configuration and the result: whole or not at all.
    fn write(&self, result: &Value) -> anyhow::Result<()> {
        write_directory(&self.args.output, |staged| {
            let io = |error| StoreError::Io {
                operation: "write",
                path: self.args.output.clone(),
                source: error,
            };
            let fill = || {
                fs::write(staged.join(CONFIG_FILE), self.config.to_yaml())?;
                fs::write(staged.join(RESULT), format!("{result:#}\n"))?;
                for name in LOGS {
                    keep(&self.place(name), &staged.join(name))?;
                }
                keep(&self.place(FILES), &staged.join(FILES))?;
                File::open(staged)?.sync_all()
            };
            fill().map_err(io)
        })
        .map_err(anyhow::Error::from)
    }
}

impl Told {
    /// Takes in a line; gives a step with its value once it is known.
    fn hear(&mut self, line: &str) -> Option<(i64, f64)> {
        let (step, values) = self.reading.hear(line)?;
        // A run that goes on tells again what came after its last state.
        let n_before = self.history.partition_point(|&(known, _)| known < step);
        self.history.truncate(n_before);
        self.history.push((step, values[0]));
        Some((step, values[0]))
    }

    /// Takes in a line as it comes, and shows it.
    fn take(&mut self, line: &Line, reporter: &Reporter) -> Option<(i64, f64)> {
        match line {
            Line::NotKept(reason) => {
                reporter.note(&format!("what it prints is not kept any more: {reason}"));
                None
            }
            Line::Out(line) => {
                reporter.note(line);
                self.hear(line)
            }
            Line::Err(line) => {
                reporter.note(line);
                if !line.trim().is_empty() {
                    self.last_error = Some(line.trim().to_owned());
                }
                self.hear(line)
            }
        }
    }
}

/// The data as the program is told of it: the path of what a registered name stands for, an absolute one if it is here.
fn data(args: &TrainArgs, config: &TrainConfig) -> anyhow::Result<String> {
    if config.data.path.is_empty() {
        return Ok(String::new());
    }
    let place = datasets::place(&config.data.path, &args.record.workspace.workspace)?;
    if place.contains("://") {
        return Ok(place);
    }
    let path = std::path::absolute(&place).context("there is no folder")?;
    let is_pattern = place.contains(['*', '?', '[']);
    if !is_pattern && !path.exists() {
        return Err(TrainVerbError::CommandData { path: place }.into());
    }
    Ok(path.display().to_string())
}

/// The parts of `section.key`; none if the name is not of that form.
fn key_parts(name: &str) -> Option<(&str, &str)> {
    let is_word = |word: &str| {
        let is_letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        word.starts_with(|c: char| c.is_ascii_lowercase()) && word.bytes().all(is_letter)
    };
    let parts = name.split_once('.');
    parts.filter(|(section, key)| is_word(section) && is_word(key))
}

/// Whether there is a program of this name.
fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Whether a folder has anything in it.
fn has_any(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut listed| listed.next().is_some())
}

/// Refuses links that lead to no file: to a folder, which may hold anything, or nowhere.
fn check_links(path: &Path) -> anyhow::Result<()> {
    if path.is_symlink() {
        if path.is_file() {
            return Ok(());
        }
        let link = path.display().to_string();
        return Err(TrainVerbError::CommandLink { link }.into());
    }
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            check_links(&entry?.path())?;
        }
    }
    Ok(())
}

/// A file or a folder once more, by hard links where the disk has them, and made to last. Of a link the file is kept that it
/// leads to.
fn keep(source: &Path, target: &Path) -> io::Result<()> {
    if source.is_dir() {
        fs::create_dir_all(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            keep(&entry.path(), &target.join(entry.file_name()))?;
        }
        return File::open(target)?.sync_all();
    }
    if source.is_symlink() || fs::hard_link(source, target).is_err() {
        fs::copy(source, target)?;
    }
    File::open(target)?.sync_all()
}

fn print_ended(args: &TrainArgs, console: Console) -> anyhow::Result<Status> {
    let output = args.output.display();
    if console.format() == Format::Json {
        print_json(&json!({ "output": args.output, "has_ended_before": true }))?;
    } else {
        print_text(&format!(
            "the training has ended already; what came of it is in {output}\n"
        ))?;
    }
    Ok(Status::Done)
}

fn print(
    args: &TrainArgs,
    result: &Value,
    run_id: Option<&str>,
    console: Console,
) -> anyhow::Result<()> {
    if console.format() == Format::Json {
        let mut told = result.clone();
        told["output"] = json!(args.output);
        told["run_id"] = json!(run_id);
        return print_json(&told);
    }
    let number = |value: &Value| text::score(value.as_f64().unwrap_or(f64::NAN));
    let best = match &result["best"] {
        Value::Null => String::new(),
        best => format!(", best {} at step {}", number(&best["value"]), best["step"]),
    };
    let run = run_id.map_or_else(String::new, |id| {
        format!("run     {id}, shown by automl serve\n")
    });
    Ok(print_text(&format!(
        "score   {} {}{best}\noutput  {}\n{run}",
        result["metric"].as_str().unwrap_or_default(),
        number(&result["value"]),
        args.output.display(),
    ))?)
}
