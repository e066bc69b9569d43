//! What is common to the verbs of ours that are tuned: their options by name, what they score by, and how they are heard.

use super::call::text_of;
use super::reading::Reading;
use crate::cli::Cli;
use crate::errors::TuneVerbError;
use automl_core::metrics::Metric;
use automl_core::nearest;
use automl_store::studies::{Direction, Objective};
use clap::CommandFactory as _;
use serde_json::Value;

/// The directory in the folder of a trial that its model is written to.
pub(super) const MODEL: &str = "model";

/// Understands what a verb of ours tells with `--format json`.
pub(super) trait Ear {
    /// Takes in a line of stdout.
    fn output(&mut self, line: &str);

    /// Takes in a line of stderr. Gives what [`Reading::take`] gives.
    fn event(&mut self, line: &str, reading: &mut Reading) -> Option<(i64, Vec<f64>)>;

    /// Takes in the result, once all of stdout is there.
    fn end(&self, reading: &mut Reading);
}

/// What a verb scores by.
pub(super) struct Scores<'a> {
    pub(super) verb: &'static str,
    /// The metrics that it was asked for; none where it looks for those that are objectives.
    pub(super) asked: &'a [Metric],
    /// What it tells besides metrics and `score`, good or bad as the study says.
    pub(super) others: &'a [&'static str],
}

impl Scores<'_> {
    /// Whether a value of the objective's name is told, and better means the same.
    ///
    /// # Errors
    /// If not.
    pub(super) fn check(&self, objective: &Objective) -> Result<(), TuneVerbError> {
        let name = objective.name.as_str();
        if self.others.contains(&name) {
            return Ok(());
        }
        let known = Metric::from_name(name);
        let metric = match (name, &known) {
            ("score", _) => match self.asked.first() {
                Some(metric) => *metric,
                None => return Ok(()),
            },
            (_, Ok(known)) if known.name() == name && self.takes(*known) => *known,
            (_, Ok(known)) if self.asked.is_empty() => return self.unknown(name, [known.name()]),
            (_, Err(_)) if self.asked.is_empty() => {
                let all = Metric::all().map(Metric::name).chain(self.others.to_vec());
                let near = nearest(name, all);
                return self.unknown(name, near.iter().map(String::as_str));
            }
            _ => return self.unknown(name, self.asked.iter().map(|metric| metric.name())),
        };
        let (wanted, better) = if metric.higher_is_better() {
            (Direction::Maximize, "greater")
        } else {
            (Direction::Minimize, "smaller")
        };
        if objective.direction == wanted {
            return Ok(());
        }
        let (verb, name) = (self.verb, name.to_owned());
        Err(TuneVerbError::Direction { verb, name, better })
    }

    fn takes(&self, metric: Metric) -> bool {
        self.asked.is_empty() || self.asked.contains(&metric)
    }

    fn unknown<'n>(
        &self,
        name: &str,
        near: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), TuneVerbError> {
        Err(TuneVerbError::Objective {
            verb: self.verb,
            name: name.to_owned(),
            near: near.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// Whether a verb has all these options.
///
/// # Errors
/// The first that it has not, or that is one of `ours`, which are set for each trial here.
pub(super) fn check_options<'n>(
    verb: &'static str,
    ours: &[&str],
    names: impl IntoIterator<Item = &'n String>,
) -> Result<(), TuneVerbError> {
    let cli = Cli::command();
    let own = cli.find_subcommand(verb).expect("it is a verb of ours");
    let known: Vec<String> = own
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .filter(|name| !ours.contains(&name.as_str()))
        .collect();
    for name in names {
        if !known.contains(name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let name = name.clone();
            return Err(TuneVerbError::Option { verb, name, near });
        }
    }
    Ok(())
}

/// The words that a call of a verb of ours begins with.
///
/// # Errors
/// If this program cannot say where it is.
pub(super) fn words(verb: &str) -> std::io::Result<Vec<String>> {
    let program = std::env::current_exe()?.display().to_string();
    Ok(vec![program, verb.to_owned()])
}

/// What is not there need not be removed.
pub(super) fn forgiving_absence(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// An option as a word; none for one that is not given.
pub(super) fn option(name: &str, value: &Value) -> Option<String> {
    let option = format!("--{}", name.replace('_', "-"));
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(option),
        Value::Array(list) => {
            let texts: Vec<String> = list.iter().map(text_of).collect();
            Some(format!("{option}={}", texts.join(",")))
        }
        other => Some(format!("{option}={}", text_of(other))),
    }
}
