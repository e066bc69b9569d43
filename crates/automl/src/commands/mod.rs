//! The verbs: one module each. A verb resolves what was typed into settings once, then does its work.

mod access;
mod backup;
mod datasets;
mod endpoint;
mod evaluate;
mod events;
mod export;
mod fit;
mod gc;
mod import;
mod import_studies;
mod importance;
mod latency;
mod launch;
mod leaderboard;
mod lineage;
mod mlruns;
mod models;
mod predict;
mod profile;
mod race;
mod record;
mod runs;
mod serve;
mod study;
mod tensorboard;
mod train;
mod tune;

use crate::cli::{EncodingArg, ImportVerb, Verb};
use crate::console::Console;
use crate::errors::{self, CliError};
use crate::modeldir;
use anyhow::Context as _;
use automl_core::Threads;
use automl_data::Encoding;
use automl_serve::VizierStudies;
use automl_store::moving::OptunaSource;
use automl_store::{Manifest, ModelDir};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::process::ExitCode;

/// How a verb that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// All of it.
    Done,
    /// The user stopped it; the best so far is saved.
    Interrupted,
}

impl Status {
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => errors::DONE,
            Self::Interrupted => errors::INTERRUPTED,
        })
    }
}

/// Runs a verb.
pub(crate) fn run(verb: Verb, console: Console) -> anyhow::Result<Status> {
    match verb {
        Verb::Profile(args) => profile::run(args, console),
        Verb::Fit(args) => fit::run(*args, console),
        Verb::Predict(args) => predict::run(args, console),
        Verb::Evaluate(args) => evaluate::run(args, console),
        Verb::Leaderboard(args) => leaderboard::run(&args, console),
        Verb::Importance(args) => importance::run(&args, console),
        Verb::Export(args) => export::run(&args),
        Verb::Models(verb) => models::run(verb, console),
        Verb::Runs(verb) => runs::run(verb, console),
        Verb::Datasets(verb) => datasets::run(verb, console),
        Verb::Lineage(args) => lineage::run(&args, console),
        Verb::Train(args) => train::run(*args, console),
        Verb::Tune(args) => tune::run(&args, console),
        Verb::Study(verb) => study::run(verb, console),
        Verb::Launch(verb) => launch::run(*verb, console),
        Verb::Endpoint(verb) => endpoint::run(verb, console),
        Verb::Serve(args) => serve::run(*args, console),
        Verb::Users(verb) => access::users(verb, console),
        Verb::Tokens(verb) => access::tokens(verb, console),
        Verb::Audit(args) => access::audit(args, console),
        Verb::TensorBoard(args) => tensorboard::run(&args, console),
        Verb::Import(ImportVerb::Mlruns(args)) => mlruns::run(&args, console),
        Verb::Import(ImportVerb::Optuna(args)) => {
            let mut source = OptunaSource::open(&args.source)?;
            import_studies::run(&mut source, &args.studies, console)
        }
        Verb::Import(ImportVerb::Vizier(args)) => {
            let mut source = VizierStudies::open(&args.source)?;
            import_studies::run(&mut source, &args.studies, console)
        }
        Verb::Backup(args) => backup::backup(&args, console),
        Verb::Restore(args) => backup::restore(&args, console),
        Verb::Gc(args) => gc::run(&args, console),
        Verb::Race(args) => race::run(&args),
        Verb::Latency(args) => latency::run(&args),
        Verb::Warden(args) => tune::run_warden(&args),
    }
}

/// How many threads to use: as many as asked for, or all cores that the process may run on.
fn thread_count(asked: Option<u16>) -> usize {
    match asked {
        Some(count) => usize::from(count),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

pub(crate) fn start_threads(count: usize) -> anyhow::Result<Threads> {
    Threads::new(count).with_context(|| format!("cannot start {count} threads"))
}

fn encoding(asked: Option<EncodingArg>) -> Encoding {
    match asked {
        None | Some(EncodingArg::Utf8) => Encoding::Utf8,
        Some(EncodingArg::Latin1) => Encoding::Latin1,
        Some(EncodingArg::Utf16) => Encoding::Utf16,
    }
}

/// Reads what a fit wrote into a model directory; `absent` of its manifest if the directory does not list the file. That of several
/// targets has none: each target's has.
pub(crate) fn read_results<T: DeserializeOwned, E: Into<anyhow::Error>>(
    model: &Path,
    file: &'static str,
    absent: impl Fn(&Manifest) -> E,
) -> anyhow::Result<T> {
    let dir = ModelDir::open(model)?;
    if !dir.files().iter().any(|listed| listed.path == file) {
        modeldir::check_results(&dir)?;
        return Err(absent(dir.manifest()).into());
    }
    let bytes = dir.file(file)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let reason = error.to_string();
        CliError::ModelFile { file, reason }.into()
    })
}
