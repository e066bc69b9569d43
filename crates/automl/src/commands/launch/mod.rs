//! `automl launch`: a training as a job of Slurm or Kubernetes.

mod kubernetes;
mod slurm;

use super::Status;
use super::train::MAX_RESTARTS;
use crate::cli::{JobArgs, LaunchVerb};
use crate::console::{Colour, Console, Format, print_json, print_line, print_text};
use crate::errors::LaunchError;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

pub(super) fn run(verb: LaunchVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        LaunchVerb::Slurm(args) => {
            let job = Job::new(&args.job)?;
            let text = slurm::script(&job, &args);
            finish(&job, &text, &SBATCH, console)
        }
        LaunchVerb::Kubernetes(args) => {
            let job = Job::new(&args.job)?;
            let text = kubernetes::manifest(&job, &args)?;
            if let Some(warning) = kubernetes::lost_output(&args) {
                warn(&warning, console);
            }
            finish(&job, &text, &KUBECTL, console)
        }
    }
}

/// Tells of something that will not go as it should.
fn warn(warning: &str, console: Console) {
    let line = match console.format() {
        Format::Json => json!({ "event": "note", "message": warning }).to_string(),
        Format::Text => format!("{}: {warning}", console.label("warning", Colour::Yellow)),
    };
    print_line(&line);
}

/// What a job is, resolved.
struct Job<'a> {
    args: &'a JobArgs,
    name: String,
    ranks: u32,
    ranks_per_node: u32,
    /// Bytes of a rank.
    memory: Option<u64>,
}

impl<'a> Job<'a> {
    fn new(args: &'a JobArgs) -> Result<Self, LaunchError> {
        let (nodes, ranks) = (args.nodes, args.ranks.unwrap_or(args.nodes));
        if !ranks.is_multiple_of(nodes) {
            return Err(LaunchError::Uneven { ranks, nodes });
        }
        let named = args.config.first().and_then(|path| path.file_stem());
        let name = named.map(|stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            args,
            name: args
                .name
                .clone()
                .or(name)
                .unwrap_or_else(|| "automl".into()),
            ranks,
            ranks_per_node: ranks / nodes,
            memory: args.memory.as_deref().map(memory).transpose()?,
        })
    }

    /// How often all ranks start again.
    fn max_restarts(&self) -> u32 {
        self.args.max_restarts.unwrap_or(MAX_RESTARTS)
    }

    /// The words of the command of a rank; configurations are called by `path_of`.
    fn command(&self, path_of: impl Fn(&Path) -> String) -> Vec<String> {
        let mut words = vec![self.args.program.clone(), "train".to_owned()];
        words.extend(self.args.config.iter().map(|path| path_of(path)));
        words.push("--resume".to_owned());
        words.extend(["--threads".to_owned(), self.args.cores.to_string()]);
        if self.args.gpus.is_some() && option(&self.args.options, &["--device"]).is_none() {
            words.extend(["--device".to_owned(), "cuda".to_owned()]);
        }
        words.extend(self.args.options.iter().cloned());
        words
    }
}

/// What one of these names of an option is given, as one word or two; the last counts.
fn option<'w>(words: &'w [String], names: &[&str]) -> Option<&'w str> {
    let given = |(at, word): (usize, &'w String)| {
        names
            .iter()
            .find_map(|name| match word.strip_prefix(name)? {
                "" => words.get(at + 1).map(String::as_str),
                rest => rest.strip_prefix('='),
            })
    };
    words.iter().enumerate().rev().find_map(given)
}

/// Bytes of `512M`, `8G`, `8Gi` or `1T`.
fn memory(text: &str) -> Result<u64, LaunchError> {
    let wrong = || LaunchError::Memory {
        memory: text.to_owned(),
    };
    let plain = text
        .trim()
        .trim_end_matches(['b', 'B'])
        .trim_end_matches('i');
    let digits = plain.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match plain[digits.len()..].to_ascii_uppercase().as_str() {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1_u64 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.trim().parse().map_err(|_no_number| wrong())?;
    match number.checked_mul(factor) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(wrong()),
    }
}

/// A program that takes jobs.
struct Taker {
    program: &'static str,
    /// What makes it read from stdin.
    args: &'static [&'static str],
}

const SBATCH: Taker = Taker {
    program: "sbatch",
    args: &[],
};
const KUBECTL: Taker = Taker {
    program: "kubectl",
    args: &["apply", "-f", "-"],
};

/// Writes the job where it is wanted, and hands it in if that is wanted.
fn finish(job: &Job<'_>, text: &str, taker: &Taker, console: Console) -> anyhow::Result<Status> {
    let args = job.args;
    if let Some(path) = &args.output {
        automl_store::write_atomic(path, text.as_bytes())?;
    }
    if !args.submit {
        if args.output.is_none() {
            print_text(text)?;
        }
        return Ok(Status::Done);
    }
    let said = hand_in(text, taker)?;
    if console.format() == Format::Json {
        print_json(&json!({ "job": job.name, "program": taker.program, "said": said.trim() }))?;
    } else {
        print_text(&said)?;
    }
    Ok(Status::Done)
}

/// What the program says of a job that it took.
fn hand_in(text: &str, taker: &Taker) -> anyhow::Result<String> {
    let program = taker.program;
    let started = Command::new(program)
        .args(taker.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|_absent| LaunchError::NoProgram { program })?;
    let mut stdin = child.stdin.take().expect("it was asked for as a pipe");
    // One that does not read its job says why, below.
    drop(stdin.write_all(text.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(LaunchError::Refused { program, said }.into())
}

#[cfg(test)]
mod tests;
