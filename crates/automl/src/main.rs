//! `automl`: from a table to a strong model and its predictions, in one command.
//!
//! The binary owns the command line, the environment and everything that is printed. Each verb is one module of
//! [`commands`]: it resolves what the user typed into settings once, does its work through the library crates, and puts
//! its result on stdout; progress, warnings and errors go to stderr.
//!
//! What this crate must not know: how a table is read, how a model learns, how an artifact is laid out.

mod batch;
mod bug;
mod cli;
mod commands;
mod console;
mod costs;
mod decisions;
mod difference;
mod distilled;
mod errors;
mod forecasting;
mod interrupt;
mod memory;
mod modeldir;
mod progress;
mod ranks;
mod record;
mod remote;
mod report;
mod scoring;
mod serving;
mod tables;
mod text;
mod units;
mod workspace;

use console::Console;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let cli = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(usage) => return usage.print(),
    };
    let console = Console::from_environment(cli.verb.format());
    let done = bug::guard(console, || commands::run(cli.verb, console));
    let why = match &done {
        Some(done) => done.as_ref().err().map(errors::Report::of),
        None => Some(bug::report()),
    };
    record::end_left(why.as_ref(), console);
    match done {
        Some(Ok(status)) => status.exit_code(),
        Some(Err(error)) => console.fail(&error),
        None => ExitCode::from(errors::FAILED),
    }
}
