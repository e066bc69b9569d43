//! What is wrong with the command line itself, in the shape of every other error.

use super::{BAD_INPUT, DONE, Report};
use crate::cli::Cli;
use crate::console::{Console, Format};
use crate::text;
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::process::ExitCode;

/// What clap has to say: the help that was asked for, or what is wrong with the arguments.
pub(crate) struct Usage {
    error: clap::Error,
    format: Format,
    /// The verb that was typed, with its own verb if it has one.
    verb: Vec<String>,
    /// What was typed after the verb.
    args: Vec<String>,
}

impl Usage {
    /// `args` tell how to print, since they could not be read in whole.
    pub(crate) fn new(error: clap::Error, args: &[OsString]) -> Self {
        let args: Vec<String> = (args.iter().skip(1))
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let asks_for_json = args
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json")
            || args.iter().any(|arg| arg == "--format=json");
        let verb = verb(&args);
        Self {
            error,
            format: if asks_for_json {
                Format::Json
            } else {
                Format::Text
            },
            args: args[verb.len()..].to_vec(),
            verb,
        }
    }

    /// Prints it: help and version to stdout, everything else to stderr.
    pub(crate) fn print(&self) -> ExitCode {
        let is_failure = self.error.use_stderr();
        let is_help = self.error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        if is_failure && (!is_help || self.format == Format::Json) {
            Console::from_environment(self.format).report(&self.report());
        } else {
            // Nobody may be listening, as in `automl --help | head`.
            self.error.print().ok();
        }
        ExitCode::from(if is_failure { BAD_INPUT } else { DONE })
    }

    /// The error as one line, and what to do about it.
    fn report(&self) -> Report {
        let text = self.error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let mut paragraphs = text.split("\n\n");
        let mut lines = paragraphs.next().unwrap_or_default().lines();
        let first = lines.next().unwrap_or_default().trim().to_owned();
        let others: Vec<&str> = lines.map(str::trim).collect();
        let message = match self.error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no verb was given".to_owned(),
            _ if others.is_empty() => first,
            _ => format!("{first} {}", others.join(", ")),
        };
        let tips: Vec<String> = paragraphs
            .flat_map(str::lines)
            .filter_map(|line| line.trim().strip_prefix("tip: ").map(str::to_owned))
            .collect();
        let hint = self
            .own_hint()
            .or_else(|| (!tips.is_empty()).then(|| tips.join("; ")));
        Report {
            code: Some("usage"),
            message,
            hint: Some(hint.unwrap_or_else(|| self.usage())),
        }
    }

    /// What clap does not say: the verbs there are, or that a target was named without its flag.
    fn own_hint(&self) -> Option<String> {
        let has_tip = self.error.get(ContextKind::SuggestedSubcommand).is_some();
        if self.error.kind() == ErrorKind::InvalidSubcommand && self.verb.is_empty() && !has_tip {
            let command = Cli::command();
            let verbs: Vec<&str> = command
                .get_subcommands()
                .filter(|verb| !verb.is_hide_set())
                .map(clap::Command::get_name)
                .collect();
            return Some(format!("the verbs are {}", verbs.join(", ")));
        }
        let Some(ContextValue::String(argument)) = self.error.get(ContextKind::InvalidArg) else {
            return None;
        };
        if self.error.kind() == ErrorKind::UnknownArgument
            && let Some(option) = self.option_before_number(argument)
        {
            return Some(format!("{option} takes no number below zero"));
        }
        let scores =
            matches!(self.verb.as_slice(), [verb] if verb == "predict" || verb == "evaluate");
        if scores && argument.starts_with("--missing") {
            return Some(
                "what counts as missing is kept with the model: give --missing to `automl fit`"
                    .into(),
            );
        }
        let is_extra =
            self.error.kind() == ErrorKind::UnknownArgument && !argument.starts_with('-');
        let takes_target = self.verb == ["fit"];
        let has_target = self.args.iter().any(|arg| arg.starts_with("--target"));
        let is_third_table = self.verb == ["profile"];
        if is_extra && is_third_table {
            return Some(
                "a profile is of one table, or of two to compare; a pattern in quotes, such as 'data/*.csv', reads several files as one table, and --target names the column to predict"
                    .into(),
            );
        }
        (is_extra && takes_target && !has_target).then(|| {
            format!(
                "name the column to predict with --target {}",
                text::shell_word(argument)
            )
        })
    }

    /// The option that a negative number was given to, which begins as `argument` does.
    fn option_before_number(&self, argument: &str) -> Option<&str> {
        let is_number = |word: &str| {
            let digits = word.strip_prefix('-').unwrap_or_default();
            word.starts_with(argument) && digits.starts_with(|first: char| first.is_ascii_digit())
        };
        let mut pairs = self.args.windows(2);
        let pair = pairs.find(|pair| {
            pair[0].starts_with("--") && !pair[0].contains('=') && is_number(&pair[1])
        });
        pair.map(|pair| pair[0].as_str())
    }

    /// How the verb is used, in one line.
    fn usage(&self) -> String {
        let help = [&["automl".to_owned()], self.verb.as_slice()]
            .concat()
            .join(" ");
        let usage = match self.error.get(ContextKind::Usage) {
            Some(ContextValue::StyledStr(usage)) => usage.to_string(),
            _ => String::new(),
        };
        let usage = usage.trim().strip_prefix("Usage: ").unwrap_or_default();
        let words: Vec<&str> = usage.split_whitespace().collect();
        if words.is_empty() {
            format!("`{help} --help` explains it")
        } else {
            format!("{}; `{help} --help` explains it", words.join(" "))
        }
    }
}

/// The verbs at the beginning of what was typed.
fn verb(args: &[String]) -> Vec<String> {
    let mut command = Cli::command();
    let mut verbs = Vec::new();
    for arg in args {
        let Some(found) = command.find_subcommand(arg) else {
            break;
        };
        verbs.push(arg.clone());
        command = found.clone();
    }
    verbs
}
