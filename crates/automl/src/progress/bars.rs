//! Progress on a terminal: a bar for the budget and a leaderboard of the best few growing under it.

use super::board::{Board, TOP};
use super::plain;
use crate::text;
use automl_core::{Clock, Event};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(120);
/// Characters of the bar, at most and at least.
const BAR_WIDTH: usize = 32;
const MIN_BAR_WIDTH: usize = 8;
/// Characters of the turning mark before the bar, and one kept free at the end of the line.
const MARGIN: usize = 3;
/// Columns of a terminal that does not say.
const USUAL_WIDTH: usize = 80;
/// Characters of a model's name.
const NAME_WIDTH: usize = 40;
/// Characters of a score, and of the metric's name above it.
const SCORE_WIDTH: usize = 18;

/// The bars of one run. Cleared when dropped.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    budget: ProgressBar,
    top: Vec<ProgressBar>,
    board: Arc<Mutex<Board>>,
}

impl Bars {
    /// An empty display on stderr; `clock` is the run's.
    pub(crate) fn new(clock: Clock) -> Self {
        let all = MultiProgress::new();
        let board = Arc::new(Mutex::new(Board::default()));
        let budget = all.add(ProgressBar::no_length());
        budget.set_style(budget_style(&board, clock));
        Self {
            all,
            budget,
            top: Vec::new(),
            board,
        }
    }

    /// Shows what has changed.
    pub(crate) fn hear(&mut self, board: &Board, event: &Event) {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(board);
        if let Event::Started {
            n_rows,
            n_features,
            validation,
            ..
        } = event
        {
            self.line(&plain::data(*n_rows, *n_features, validation));
            self.budget.enable_steady_tick(FRAME);
        }
        if matches!(event, Event::TrialFinished { .. }) {
            self.show_top(board);
        }
        if let Some(line) = plain::epoch(event) {
            self.line(&line);
        }
    }

    /// A bar over the steps of a training, with its rate and the time that is left.
    pub(crate) fn steps(&self, done: u64, n_steps: u64) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new(n_steps).with_position(done));
        bar.set_style(steps_style());
        bar.enable_steady_tick(FRAME);
        bar
    }

    /// A bar over tables, with the rows that are predicted as its message.
    pub(crate) fn parts(&self, n_parts: u64) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new(n_parts));
        bar.set_style(parts_style());
        bar.enable_steady_tick(FRAME);
        bar
    }

    /// Prints a line above the bars.
    pub(crate) fn line(&self, line: &str) {
        // A terminal that is gone takes no more lines; the work goes on.
        self.all.println(line).ok();
    }

    /// Takes everything off the terminal, for good.
    pub(crate) fn clear(&mut self) {
        self.budget.disable_steady_tick();
        // A terminal that is gone needs no clearing.
        self.all.clear().ok();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }

    fn show_top(&mut self, board: &Board) {
        while self.top.len() < 1 + board.top.len().min(TOP) {
            let line = self.all.add(ProgressBar::no_length());
            line.set_style(line_style());
            self.top.push(line);
        }
        let row = |rank: &str, [name, score, took]: [&str; 3]| {
            let (name, score) = (text::clip(name, NAME_WIDTH), text::clip(score, SCORE_WIDTH));
            format!("{rank:>4}  {name:NAME_WIDTH$}  {score:>SCORE_WIDTH$}  {took:>8}")
        };
        self.top[0].set_message(row("#", ["model", &board.metric, "fit time"]));
        for (rank, (line, entry)) in self.top[1..].iter().zip(&board.top).enumerate() {
            let (score, took) = (text::score(entry.score), text::seconds(entry.fit_seconds));
            line.set_message(row(&(rank + 1).to_string(), [&entry.name, &score, &took]));
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A spinner for work whose length is not known; cleared when dropped.
#[derive(Debug)]
pub(crate) struct Spinner(Option<ProgressBar>);

impl Spinner {
    /// Shows `message` with a turning mark and the time it has taken.
    pub(crate) fn on_terminal(message: String) -> Self {
        let bar = ProgressBar::new_spinner().with_message(message);
        let style = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}");
        bar.set_style(style.expect("a template of ours"));
        bar.enable_steady_tick(FRAME);
        Self(Some(bar))
    }

    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self(None)
    }

    /// Changes what is shown.
    pub(crate) fn say(&self, message: String) {
        if let Some(bar) = &self.0 {
            bar.set_message(message);
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn steps_style() -> ProgressStyle {
    let template = "{spinner:.cyan} {bar:32} step {pos} of {len}  {msg}  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template).expect("a template of ours");
    style.progress_chars("━━╌")
}

fn parts_style() -> ProgressStyle {
    let template = "{spinner:.cyan} {bar:32} table {pos} of {len}  {msg}  {elapsed}";
    let style = ProgressStyle::with_template(template).expect("a template of ours");
    style.progress_chars("━━╌")
}

fn line_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").expect("a template of ours")
}

/// One line drawn anew in each frame, so that time moves between events.
fn budget_style(board: &Arc<Mutex<Board>>, clock: Clock) -> ProgressStyle {
    let board = Arc::clone(board);
    let draw = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let board = board.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a line buffer cannot fail.
        out.write_str(&budget_line(&board, clock.seconds(), stderr_width()))
            .ok();
    };
    ProgressStyle::with_template("{spinner:.cyan} {budget}")
        .expect("a template of ours")
        .with_key("budget", draw)
}

fn stderr_width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr())
        .map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
}

/// `━━━━╌╌╌╌ 0:41 left  12 trials  best roc_auc 0.92712  searching` on a terminal of `width` columns: the bar gives way
/// to the words, and the words are cut where there is no room.
pub(crate) fn budget_line(board: &Board, at_seconds: f64, width: usize) -> String {
    let width = width.saturating_sub(MARGIN);
    let words = budget_words(board, at_seconds);
    let n_bar = width
        .saturating_sub(words.chars().count())
        .clamp(MIN_BAR_WIDTH, BAR_WIDTH);
    let filled = (board.progress(at_seconds) * n_bar as f64).round() as usize;
    let bar = format!("{}{}", "━".repeat(filled), "╌".repeat(n_bar - filled));
    text::clip(&format!("{bar}{words}"), width)
}

fn budget_words(board: &Board, at_seconds: f64) -> String {
    let mut line = String::new();
    let time = match board.time_limit_seconds {
        Some(limit) => format!("  {} left", text::clock(limit - at_seconds)),
        None => format!("  {}", text::clock(at_seconds)),
    };
    line.push_str(&time);
    // Writing to a string cannot fail.
    match board.max_trials {
        Some(limit) => write!(line, "  trial {} of {limit}", board.n_seen).ok(),
        None => write!(line, "  {}", text::counted(board.n_trials, "trial")).ok(),
    };
    if board.n_failed > 0 {
        write!(line, " ({} not scored)", board.n_failed).ok();
    }
    if let Some(best) = board.best {
        write!(line, "  best {} {}", board.metric, text::score(best)).ok();
    }
    if !board.phase.is_empty() {
        write!(line, "  {}", short_phase(&board.phase)).ok();
    }
    line
}

/// The phase in one word.
fn short_phase(name: &str) -> &str {
    match name {
        "search" => "searching",
        "ensemble" => "ensembling",
        "refit" => "refitting",
        "distill" => "distilling",
        "explain" => "explaining",
        "write" => "writing",
        other => other,
    }
}
