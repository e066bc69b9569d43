//! Progress of a run: one reporter hears every event and warning, records it, and shows it in the way that suits stderr.
//!
//! Three displays: bars on a terminal, plain lines elsewhere, JSON lines with `--format json`. All of them show what
//! `events.jsonl` holds; warnings come once, in the same words everywhere.

mod bars;
mod board;
mod plain;
#[cfg(test)]
mod tests;

pub(crate) use bars::Spinner;

use crate::console::{Colour, Console, Format, print_line};
use automl_core::{Clock, Event, Events, Warning, Warnings};
use bars::Bars;
use board::Board;
use plain::Plain;
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Says something to the user that is no result.
pub(crate) trait Notes: Sync {
    /// Says it.
    fn note(&self, message: &str);
}

/// Hears, records and shows.
pub(crate) struct Reporter {
    console: Console,
    clock: Clock,
    warnings: Warnings,
    state: Mutex<State>,
}

struct State {
    board: Board,
    display: Display,
    events: Vec<Event>,
    /// Warnings shown so far: the first so many of the list.
    n_shown: usize,
}

enum Display {
    Bars(Bars),
    Plain(Plain),
    Json,
    /// Nobody looks: another process shows the same.
    Silent,
}

impl Reporter {
    /// A reporter for a run that began when `clock` did.
    pub(crate) fn new(console: Console, clock: Clock) -> Self {
        let display = match console.format() {
            Format::Json => Display::Json,
            Format::Text if console.is_live() => Display::Bars(Bars::new(clock)),
            Format::Text => Display::Plain(Plain::default()),
        };
        Self::with(display, console, clock)
    }

    /// A reporter of a part of this run, with a clock of its own, that knows of warnings which were shown already.
    pub(crate) fn beside(&self, clock: Clock, known: &[Warning]) -> Self {
        let own = Self::new(self.console, clock);
        {
            let mut state = own.state();
            for warning in known {
                own.warnings.push(warning.clone());
                let warning = warning.clone();
                state.events.push(Event::Warning { warning });
            }
            state.n_shown = own.warnings.list().len();
        }
        own
    }

    /// A reporter that shows nothing, for a rank whose first one shows the same.
    pub(crate) fn silent(console: Console, clock: Clock) -> Self {
        Self::with(Display::Silent, console, clock)
    }

    fn with(display: Display, console: Console, clock: Clock) -> Self {
        let state = State {
            board: Board::default(),
            display,
            events: Vec::new(),
            n_shown: 0,
        };
        Self {
            console,
            clock,
            warnings: Warnings::default(),
            state: Mutex::new(state),
        }
    }

    /// The run's stopwatch.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Where findings go; they are shown with the next event, or by [`Reporter::show_warnings`].
    pub(crate) fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// Says something that is no event, such as the task that was inferred.
    pub(crate) fn note(&self, message: &str) {
        let line = match self.console.format() {
            Format::Json => json!({ "event": "note", "message": message }).to_string(),
            Format::Text => message.to_owned(),
        };
        self.state().print(&line);
    }

    /// Enters a phase.
    pub(crate) fn phase(&self, name: &str) {
        self.emit(&Event::Phase {
            name: name.to_owned(),
            at_seconds: self.clock.seconds(),
        });
    }

    /// Shows that something of unknown length goes on, while the result lives.
    pub(crate) fn spinner(&self, message: String) -> Spinner {
        if matches!(self.state().display, Display::Bars(_)) {
            Spinner::on_terminal(message)
        } else {
            Spinner::hidden()
        }
    }

    /// A bar over the steps of a training; hidden where there is no terminal.
    pub(crate) fn steps(&self, done: u64, n_steps: u64) -> indicatif::ProgressBar {
        match &self.state().display {
            Display::Bars(bars) => bars.steps(done, n_steps),
            Display::Plain(_) | Display::Json | Display::Silent => indicatif::ProgressBar::hidden(),
        }
    }

    /// A bar over tables that are predicted one by one; hidden where there is no terminal.
    pub(crate) fn parts(&self, n_parts: u64) -> indicatif::ProgressBar {
        match &self.state().display {
            Display::Bars(bars) => bars.parts(n_parts),
            Display::Plain(_) | Display::Json | Display::Silent => indicatif::ProgressBar::hidden(),
        }
    }

    /// Takes in warnings that another reporter of this run has shown.
    pub(crate) fn take_shown(&self, warnings: &[Warning]) {
        self.show_warnings();
        let mut state = self.state();
        for warning in warnings {
            self.warnings.push(warning.clone());
        }
        state.n_shown = self.warnings.list().len();
    }

    /// Shows and records the warnings that were not shown yet.
    pub(crate) fn show_warnings(&self) {
        self.state().take_warnings(self);
    }

    /// Takes the display off the terminal, after the last warnings.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.take_warnings(self);
        if let Display::Bars(bars) = &mut state.display {
            bars.clear();
        }
    }

    /// All events so far, warnings among them.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes for Reporter {
    fn note(&self, message: &str) {
        Self::note(self, message);
    }
}

impl Events for Reporter {
    fn emit(&self, event: &Event) {
        if let Event::Warning { warning } = event {
            self.warnings.push(warning.clone());
            self.show_warnings();
            return;
        }
        let mut state = self.state();
        state.take_warnings(self);
        state.take(self.console, event);
    }
}

impl State {
    fn take_warnings(&mut self, reporter: &Reporter) {
        let all = reporter.warnings.list();
        for warning in &all[self.n_shown..] {
            self.take(
                reporter.console,
                &Event::Warning {
                    warning: warning.clone(),
                },
            );
        }
        self.n_shown = all.len();
    }

    fn take(&mut self, console: Console, event: &Event) {
        self.events.push(event.clone());
        let is_new_best = self.board.hear(event);
        let line = match (&mut self.display, event) {
            (Display::Silent, _) => None,
            (Display::Json, event) => Some(json_line(event)),
            (_, Event::Warning { warning }) => Some(warning_line(console, warning)),
            (Display::Plain(plain), event) => plain.line(&self.board, event, is_new_best),
            (Display::Bars(bars), event) => {
                bars.hear(&self.board, event);
                None
            }
        };
        if let Some(line) = line {
            self.print(&line);
        }
    }

    fn print(&self, line: &str) {
        match &self.display {
            Display::Bars(bars) => bars.line(line),
            Display::Plain(_) | Display::Json => print_line(line),
            Display::Silent => {}
        }
    }
}

/// An event as one line of JSON, as `events.jsonl` and stderr have it.
pub(crate) fn json_line(event: &Event) -> String {
    serde_json::to_string(event).expect("events hold nothing that JSON cannot")
}

fn warning_line(console: Console, warning: &Warning) -> String {
    format!(
        "{}: {}",
        console.label("warning", Colour::Yellow),
        warning.message
    )
}
