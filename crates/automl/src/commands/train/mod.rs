//! `automl train`: a network from a configuration, with checkpoints to go on from.

mod board;
mod checkpoints;
mod chosen;
mod command;
mod crew;
mod device;
mod learn;
mod material;
mod plan;
mod result;
mod together;
mod watch;
mod workers;

use super::{Status, start_threads, thread_count};
use crate::cli::TrainArgs;
use crate::console::{Console, print_json, print_text};
use crate::errors::{CliError, TrainVerbError};
use crate::interrupt::Interrupt;
use crate::progress::Reporter;
use crate::ranks;
use crate::record::{Detail, Recorder, Seen};
use automl_core::params::ParamChoice as _;
use automl_core::{Artifact, Budget, Clock, Collective, Deadline, FitError, PredictError, Threads};
use automl_data::LABEL_COLUMN;
use automl_neural::Device;
use automl_neural::config::{Family, Layer, ModelParams, Program, TrainConfig, json_schema};
use automl_neural::train::{Course, TrainError};
use automl_store::{Overwrite, StoreError, check_target, spool};
use checkpoints::{Checkpoints, Found};
use crew::Crew;
use learn::{Around, Done, Ready};
use material::Material;
use plan::Plan;
use std::path::PathBuf;
use std::sync::Arc;
pub(super) use together::MAX_RESTARTS;
use watch::TrainWatch;
use workers::Workers;

pub(super) fn run(args: TrainArgs, console: Console) -> anyhow::Result<Status> {
    let clock = Clock::start();
    if args.print_schema {
        print_json(&json_schema())?;
        return Ok(Status::Done);
    }
    let config = read_config(&args)?;
    if let ModelParams::Command(Program::Command(_)) = &config.model
        && !args.print_config
    {
        return command::run(&args, &config, (console, clock));
    }
    if args.print_config {
        print_text(&chosen::settled(args, config, console)?.to_yaml())?;
        return Ok(Status::Done);
    }
    if plan::has_ended(&args, &config) {
        return result::print_ended(&args.output, console);
    }
    let place = ranks::place()?;
    if place.is_none() && args.ranks > 1 {
        return together::start(&args, console);
    }
    let ranks = together::join(place.as_ref(), &args)?;
    let threads = start_threads(thread_count(args.threads))?;
    let device = device::named(&args.device, place.as_ref())?;
    if ranks.rank() > 0 {
        let ranks = (ranks.as_ref(), device);
        return together::follow(args, config, ranks, &threads, console);
    }
    let reporter = Arc::new(Reporter::new(console, clock));
    let interrupt = listen(&reporter, console)?;
    let workers = Workers {
        ranks: ranks.as_ref(),
        threads: threads.count(),
        device,
    };
    workers.say_where(&args, place.as_ref(), &reporter);
    let plan = Plan::new(args, config, &reporter)?;
    let checkpoints = plan.checkpoints();
    let from = begin(&plan, &checkpoints, &reporter)?;
    if from.is_none() {
        workers.say_who_idles(&plan.config, &reporter);
    }
    together::agree_on(ranks.as_ref(), device, from.as_ref())?;
    let crew = Crew::meet(ranks.as_ref(), &threads)?;
    if interrupt.token().is_cancelled() {
        return Err(CliError::Interrupted.into());
    }
    let recorder = Recorder::begin(&plan.args.record, "train", Detail::Whole, &*reporter);
    note_begin(&recorder, &plan);
    let training = Training {
        plan: &plan,
        checkpoints: &checkpoints,
        reporter: &reporter,
        recorder: &recorder,
        interrupt: &interrupt,
        threads: &threads,
        ranks: ranks.as_ref(),
        device,
    };
    let (done, status) = training.ended(&crew, from.as_ref());
    reporter.finish();
    let run_id = recorder.end(status);
    let trained = done?;
    result::print(&plan, &trained, run_id.as_deref(), &reporter, console)?;
    Ok(if trained.is_partial {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// How the record says that a training ended.
fn status_of(done: &anyhow::Result<Done>, is_cancelled: bool) -> spool::Status {
    match (done, is_cancelled) {
        // It wrote a model, but did not come to its end.
        (Ok(done), _) if done.is_partial => spool::Status::Killed,
        (Ok(_), _) => spool::Status::Finished,
        (Err(_), true) => spool::Status::Killed,
        (Err(_), false) => spool::Status::Failed,
    }
}

/// Records what is trained, and on what.
fn note_begin(recorder: &Recorder<'_>, plan: &Plan) {
    recorder.settings(&chosen::without_open_keys(&plan.config));
    recorder.reads(Seen {
        context: "training",
        place: &plan.config.data.path,
        sha256: Some(&plan.fingerprint),
        n_rows: Some(plan.n_rows_read),
        schema: serde_json::to_value(plan.material.schema()).ok(),
    });
}

/// Name and content of each file of a configuration.
pub(super) fn read_files(paths: &[PathBuf]) -> Result<Vec<(String, String)>, TrainVerbError> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok((name, text)),
            Err(source) => Err(TrainVerbError::Config { path: name, source }),
        }
    };
    paths.iter().map(read).collect()
}

/// The configuration of all files and overrides.
fn read_config(args: &TrainArgs) -> anyhow::Result<TrainConfig> {
    let files = read_files(&args.config)?;
    let layers: Vec<Layer<'_>> = files
        .iter()
        .map(|(name, text)| Layer { name, text })
        .collect();
    let mut config = TrainConfig::read(&layers, &args.set)?;
    if config.model.family() == Family::Image && config.data.target.is_empty() {
        // What folders and IDX files have.
        LABEL_COLUMN.clone_into(&mut config.data.target);
    }
    Ok(config)
}

fn listen(reporter: &Arc<Reporter>, console: Console) -> anyhow::Result<Interrupt> {
    let reporter = Arc::clone(reporter);
    let interrupt = Interrupt::listen(console, move || {
        reporter.note(
            "stopping after this step; a checkpoint and the best so far will be saved (Ctrl-C again to leave at once)",
        );
    })?;
    let token = interrupt.token();
    ranks::watch_launcher(move || token.cancel());
    Ok(interrupt)
}

/// What to go on from, if that is wanted and there is something.
fn begin(
    plan: &Plan,
    checkpoints: &Checkpoints,
    reporter: &Reporter,
) -> anyhow::Result<Option<Found>> {
    let folder = checkpoints.folder().display();
    if !plan.args.resume {
        if !plan.args.overwrite && !checkpoints.is_empty() {
            let folder = folder.to_string();
            return Err(TrainVerbError::Unfinished { folder }.into());
        }
        checkpoints.clear()?;
        checkpoints.clear_end()?;
        if plan.args.overwrite {
            clear_events(plan)?;
        }
        return Ok(None);
    }
    let found = checkpoints.latest().unwrap_or_else(|error| {
        reporter.note(&format!("no checkpoint can be read: {error}"));
        None
    });
    match &found {
        None if plan::is_longer(&plan.args, &plan.config) => {
            return Err(if plan.config.is_open_ended() {
                let reason = format!("its last state is not in {folder}");
                TrainVerbError::NotLonger { reason }.into()
            } else {
                not_longer(&plan.config)
            });
        }
        None => {
            // It would take the place of a model that this training did not write.
            check_target(&plan.args.output, Overwrite::Refuse)?;
            reporter.note(&format!(
                "no checkpoint in {folder}: training from the start"
            ));
        }
        Some(found) => {
            check_longer(found, &plan.config)?;
            for reason in &found.damaged {
                reporter.note(&format!("a checkpoint is left out: {reason}"));
            }
            reporter.note(&format!("going on after step {}", found.step));
        }
    }
    Ok(found)
}

/// Removes the event files of an earlier training, whose curves would go on in those of this one.
fn clear_events(plan: &Plan) -> std::io::Result<()> {
    match std::fs::remove_dir_all(plan.tensorboard()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// That a training cannot be made longer whose steps depend on how many there are.
fn not_longer(config: &TrainConfig) -> anyhow::Error {
    let schedule = &config.schedule;
    let courses = [
        ("weight_decay", schedule.weight_decay.choice_name()),
        ("dropout", schedule.dropout.choice_name()),
        ("type", schedule.r#type.choice_name()),
    ];
    let constant = Course::Constant.choice_name();
    let falls = courses.iter().find(|(_, course)| *course != constant);
    let (key, course) = falls.unwrap_or(&courses[2]);
    let reason = format!("along schedule.{key}: {course}, each step depends on how many there are");
    TrainVerbError::NotLonger { reason }.into()
}

/// Whether more epochs than the training had would change anything.
fn check_longer(found: &Found, config: &TrainConfig) -> Result<(), TrainVerbError> {
    let (n_done, is_stopped) = found.epochs();
    let done = crate::text::counted(n_done, "epoch");
    let reason = if found.is_end && is_stopped {
        let patience = crate::text::counted(config.trainer.patience, "epoch");
        format!("it ended after {done}, as its score got no better for {patience}")
    } else if found.is_end && n_done >= config.trainer.epochs {
        format!("it has had {done}")
    } else {
        return Ok(());
    };
    Err(TrainVerbError::NotLonger { reason })
}

/// A training with all that surrounds it.
struct Training<'a> {
    plan: &'a Plan,
    checkpoints: &'a Checkpoints,
    reporter: &'a Reporter,
    recorder: &'a Recorder<'a>,
    interrupt: &'a Interrupt,
    threads: &'a Threads,
    ranks: &'a dyn Collective,
    device: Device,
}

impl Training<'_> {
    /// Trains and writes the model; gives how the record says that it ended, once all ranks have.
    fn ended(&self, crew: &Crew, from: Option<&Found>) -> (anyhow::Result<Done>, spool::Status) {
        let trained = self.train(from);
        // The others wait for what this rank writes: where one ends, a launcher may end all.
        crew.part(self.ranks, self.recorder, || {
            let done = trained.and_then(|trained| self.write(trained));
            let status = status_of(&done, self.interrupt.token().is_cancelled());
            if status == spool::Status::Killed {
                self.recorder.is_stopped();
            }
            (done, status)
        })
    }

    /// Writes the model.
    fn write(
        &self,
        (model, done, watch): (Artifact, Done, TrainWatch<'_>),
    ) -> anyhow::Result<Done> {
        self.reporter.phase("write");
        let mut is_written = self.interrupt.hold();
        let config = watch.config().clone();
        result::write(self, (model, &config), &done, watch.into_tensorboard()?)?;
        if !done.is_partial {
            // There is nothing left to go on with.
            self.checkpoints.clear()?;
        }
        *is_written = true;
        Ok(done)
    }

    fn train(&self, from: Option<&Found>) -> anyhow::Result<(Artifact, Done, TrainWatch<'_>)> {
        let budget = Budget {
            deadline: Deadline::never(),
            memory: chosen::memory_limit(&self.plan.config),
            cancel: self.interrupt.token(),
        };
        let around = Around {
            threads: self.threads,
            budget: &budget,
            from,
            ranks: self.ranks,
            device: self.device,
        };
        let explain = |error| self.explain(error);
        let ready = Ready::new(self.plan, around).map_err(explain)?;
        let start = from.map_or(0, |found| found.step);
        let mut watch = TrainWatch::new(self, start);
        let trained = ready.train(&mut watch);
        let is_closed = watch.close(matches!(&trained, Ok((_, done)) if !done.is_partial));
        let (model, done) = trained.map_err(explain)?;
        is_closed?;
        Ok((model, done, watch))
    }

    /// What the user is told of a training that gave nothing.
    fn explain(&self, error: TrainError) -> anyhow::Error {
        match error {
            // Before its first step.
            TrainError::Cancelled if self.checkpoints.is_empty() => CliError::Interrupted.into(),
            TrainError::Cancelled => TrainVerbError::Stopped {
                folder: self.checkpoints.folder().display().to_string(),
            }
            .into(),
            TrainError::NotFinite {
                what,
                value,
                step,
                rows,
                blame,
            } => {
                // Counted among the training rows so far.
                let of_data = |&row: &u32| self.plan.material.data_row(row);
                let rows: Vec<u32> = rows.iter().map(of_data).collect();
                match &self.plan.material {
                    Material::Rows(_) => TrainError::NotFinite {
                        what,
                        value,
                        step,
                        rows,
                        blame,
                    }
                    .into(),
                    Material::Series(_) => TrainVerbError::NotFinite {
                        what,
                        value,
                        step,
                        rows,
                        blame,
                    }
                    .into(),
                }
            }
            TrainError::Fit(FitError::Predict(PredictError::Cell { name, row, reason })) => {
                match self.plan.material.file(row) {
                    Some(file) => TrainVerbError::File {
                        file: file.to_owned(),
                        reason,
                    }
                    .into(),
                    None => PredictError::Cell { name, row, reason }.into(),
                }
            }
            TrainError::OtherTraining { reason } if reason.contains("\"epochs\":") => {
                not_longer(&self.plan.config)
            }
            TrainError::Watch(error) => match error.downcast::<StoreError>() {
                Ok(error) => anyhow::Error::from(*error),
                Err(error) => anyhow::Error::from_boxed(error),
            },
            other => other.into(),
        }
    }
}
