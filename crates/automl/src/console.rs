//! What goes where: results to stdout; progress, warnings and errors to stderr; colour only where it is wanted.

use crate::errors::{self, CliError, Report};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// How results, progress and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one result object on stdout; events, warnings and errors as JSON lines on stderr
    Json,
}

/// The two streams and how they are to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    format: Format,
    stderr_is_terminal: bool,
    stderr_has_colour: bool,
}

impl Console {
    /// As the environment has it: `NO_COLOR` (any value) and `TERM=dumb` turn colour off.
    pub(crate) fn from_environment(format: Format) -> Self {
        let stderr_is_terminal = io::stderr().is_terminal() && format == Format::Text;
        let stderr_has_colour = stderr_is_terminal && wants_colour();
        Self {
            format,
            stderr_is_terminal,
            stderr_has_colour,
        }
    }

    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Whether a person sees stderr live: bars and spinners make sense.
    pub(crate) fn is_live(self) -> bool {
        self.stderr_is_terminal
    }

    /// A label such as `warning` or `error`, in colour where there is any.
    pub(crate) fn label(self, label: &str, colour: Colour) -> String {
        if self.stderr_has_colour {
            format!("\x1b[1;{}m{label}\x1b[0m", colour as u8)
        } else {
            label.to_owned()
        }
    }

    /// Prints an error with its advice and gives the exit code that goes with it.
    pub(crate) fn fail(self, error: &anyhow::Error) -> ExitCode {
        let report = Report::of(error);
        self.report(&report);
        ExitCode::from(report.exit_code())
    }

    /// Prints what there is to say of an error, if it is one.
    pub(crate) fn report(self, report: &Report) {
        match self.format {
            _ if report.exit_code() == errors::DONE => {}
            Format::Json => print_line(&report.to_json().to_string()),
            Format::Text => self.fail_in_words(report),
        }
    }

    fn fail_in_words(self, report: &Report) {
        let label = match report.code {
            Some(code) => format!("error[{code}]"),
            None => "error".to_owned(),
        };
        print_line(&format!(
            "{}: {}",
            self.label(&label, Colour::Red),
            report.message
        ));
        if let Some(hint) = &report.hint {
            print_line(&format!("{}: {hint}", self.label("hint", Colour::Cyan)));
        }
    }
}

/// The colours of labels, as ANSI numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red = 31,
    Yellow = 33,
    Cyan = 36,
}

/// Puts text on stdout.
///
/// # Errors
/// Stdout cannot be written, such as a full disk. A reader that has gone away is not an error.
pub(crate) fn print_text(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    forgive_broken_pipe(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
    .map_err(|source| CliError::Stdout { source })
}

/// Puts one indented JSON value and a newline on stdout.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print_text(&text)?)
}

/// Puts a line on stderr. Nobody may be listening; that stops no work.
pub(crate) fn print_line(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Characters of a line on stdout: the terminal's, or enough for a log.
pub(crate) fn stdout_width() -> usize {
    const WIDTH_OF_A_LOG: usize = 120;
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((width, _)) => usize::from(width.0),
        None => WIDTH_OF_A_LOG,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the binary is where the environment is read"
)]
fn wants_colour() -> bool {
    let is_refused = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    !is_refused && !is_dumb
}

/// A reader that has gone away, as in `automl … | head`, has all it wanted.
pub(crate) fn forgive_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if errors::is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}
