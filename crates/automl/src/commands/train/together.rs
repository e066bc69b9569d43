//! Ranks that train together: those that this machine starts, and what every rank but the first does.

use super::checkpoints::Found;
use super::crew::{self, Crew};
use super::learn::{Around, Ready};
use super::plan::Plan;
use super::{Status, thread_count};
use crate::cli::TrainArgs;
use crate::console::Console;
use crate::errors::TrainVerbError;
use crate::interrupt::Interrupt;
use crate::progress::Reporter;
use crate::ranks::{self, LocalRanks, RanksError, run_local};
use anyhow::Context as _;
use automl_collective::{Launcher, Place};
use automl_core::{Budget, Clock, Collective, Deadline, MemoryLimit, Solo, Threads, agree};
use automl_neural::Device;
use automl_neural::config::TrainConfig;
use automl_neural::train::NoWatch;
use std::ffi::OsString;
use std::sync::Arc;

/// How often all ranks start again where nothing is said.
pub(in crate::commands) const MAX_RESTARTS: u32 = 3;

/// Starts the ranks of this machine, each with its share of the threads, and sees them to their end.
pub(super) fn start(args: &TrainArgs, console: Console) -> anyhow::Result<Status> {
    let size = usize::from(args.ranks);
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.threads.is_none() {
        let share = (thread_count(None) / size).max(1);
        words.extend(["--threads".into(), share.to_string().into()]);
    }
    let mut again: Vec<OsString> = words
        .iter()
        .filter(|word| *word != "--overwrite")
        .cloned()
        .collect();
    if !args.resume {
        again.push("--resume".into());
    }
    let ranks = LocalRanks {
        program: std::env::current_exe().context("this program has no path")?,
        args: words,
        args_again: again,
        size,
        max_restarts: args.max_restarts.unwrap_or(MAX_RESTARTS),
    };
    Ok(if run_local(&ranks, console)? {
        Status::Done
    } else {
        Status::Interrupted
    })
}

/// Joins this process to the other ranks, if a launcher started it as one of several.
pub(super) fn join(place: Option<&Place>, args: &TrainArgs) -> anyhow::Result<Arc<dyn Collective>> {
    let Some(place) = place else {
        return Ok(Arc::new(Solo));
    };
    let asked = usize::from(args.ranks);
    if asked > 1 && asked != place.size {
        return Err(RanksError::Number {
            asked,
            found: place.size,
            launcher: place.launcher.name(),
        }
        .into());
    }
    ranks::join(place)
}

/// That restarts were asked for where they are the business of whoever started the ranks.
pub(super) fn idle_restarts(args: &TrainArgs, launcher: Launcher) -> Option<String> {
    let n = args.max_restarts?;
    let advice = match launcher {
        // Those that are started here are told what was said here.
        Launcher::Torchrun => return None,
        Launcher::Slurm => "`automl launch slurm` writes a script that starts them again",
        Launcher::OpenMpi | Launcher::Pmi | Launcher::Elastic => {
            "start the same command with --resume again"
        }
    };
    let name = launcher.name();
    Some(format!(
        "--max-restarts {n} does nothing here: {name} started the ranks, and does not start them again; {advice}"
    ))
}

/// Makes sure that all ranks compute alike, and go on from the same state: a machine that does not see the checkpoints would
/// begin anew.
pub(super) fn agree_on(
    ranks: &dyn Collective,
    device: Device,
    from: Option<&Found>,
) -> anyhow::Result<()> {
    let device = device.to_string();
    let kind = device.split(':').next().unwrap_or_default();
    agree(ranks, "what computes", kind)?;
    let step = from.map_or("none".to_owned(), |found| format!("step {}", found.step));
    Ok(agree(ranks, "the checkpoint to go on from", &step)?)
}

/// What a rank does that is not the first: it computes its share, shows nothing and writes nothing.
pub(super) fn follow(
    args: TrainArgs,
    config: TrainConfig,
    (ranks, device): (&dyn Collective, Device),
    threads: &Threads,
    console: Console,
) -> anyhow::Result<Status> {
    let reporter = Reporter::silent(console, Clock::start());
    let interrupt = Interrupt::listen(console, || {})?;
    let token = interrupt.token();
    ranks::watch_launcher(move || token.cancel());
    let plan = Plan::new(args, config, &reporter)?;
    let from = state_to_go_on_from(&plan)?;
    agree_on(ranks, device, from.as_ref())?;
    Crew::meet(ranks, threads)?;
    let budget = Budget {
        deadline: Deadline::never(),
        memory: MemoryLimit(None),
        cancel: interrupt.token(),
    };
    let around = Around {
        threads,
        budget: &budget,
        from: from.as_ref(),
        ranks,
        device,
    };
    let trained = Ready::new(&plan, around).and_then(|ready| ready.train(&mut NoWatch));
    // The first rank is still writing; an error of this call is one that it has told of.
    crew::wait(ranks);
    let (_, done) = trained?;
    Ok(if done.is_partial {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// The same as the first rank finds, which alone removes anything.
fn state_to_go_on_from(plan: &Plan) -> anyhow::Result<Option<Found>> {
    let checkpoints = plan.checkpoints();
    if plan.args.resume {
        // Of what cannot be read the first rank tells.
        return Ok(checkpoints.latest().unwrap_or(None));
    }
    if !plan.args.overwrite && !checkpoints.is_empty() {
        let folder = checkpoints.folder().display().to_string();
        return Err(TrainVerbError::Unfinished { folder }.into());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Verb};
    use clap::Parser as _;

    #[test]
    fn restarts_are_told_to_be_idle_where_another_program_started_the_ranks() {
        let told = |words: &[&str], launcher| {
            let words = ["automl", "train", "a.yaml"].iter().chain(words);
            let Verb::Train(args) = Cli::try_parse_from(words).expect("it is a line").verb else {
                unreachable!("the line is of train");
            };
            idle_restarts(&args, launcher)
        };
        let said = ["--max-restarts", "2"];
        for launcher in [
            Launcher::OpenMpi,
            Launcher::Pmi,
            Launcher::Slurm,
            Launcher::Elastic,
        ] {
            assert_eq!(told(&[], launcher), None);
            let told = told(&said, launcher).expect("it was said");
            assert!(told.contains(launcher.name()), "{told}");
        }
        // This program itself, which does start them again.
        assert_eq!(told(&said, Launcher::Torchrun), None);
    }
}
