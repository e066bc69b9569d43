//! Progress on a terminal: a bar of the trials, a line a worker, and the best trials under them.

use super::board::Board;
use crate::text;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(120);
/// Lines of workers that are shown.
const WORKERS: usize = 16;

/// The bars of a study. Cleared when dropped.
pub(super) struct Bars {
    all: MultiProgress,
    trials: ProgressBar,
    workers: BTreeMap<usize, (ProgressBar, String)>,
    top: Vec<ProgressBar>,
}

impl Bars {
    pub(super) fn new(limit: Option<u64>, board: &Board) -> Self {
        let all = MultiProgress::new();
        let (trials, template) = match limit {
            Some(limit) => (
                ProgressBar::new(limit.max(board.counts.n_ended())),
                "{spinner:.cyan} [{bar:32.cyan/dim}] {pos}/{len} trials  {msg}  {elapsed:.dim}, {eta:.dim} to go",
            ),
            None => (
                ProgressBar::no_length(),
                "{spinner:.cyan} {pos} trials  {msg}  {elapsed:.dim}",
            ),
        };
        let trials = all.add(trials);
        let style = ProgressStyle::with_template(template).expect("a template of ours");
        trials.set_style(style.progress_chars("━╸─"));
        trials.enable_steady_tick(FRAME);
        let bars = Self {
            all,
            trials,
            workers: BTreeMap::new(),
            top: Vec::new(),
        };
        bars.trials.set_position(board.counts.n_ended());
        // What was done before this process tells nothing of its speed.
        bars.trials.reset_eta();
        bars
    }

    /// A worker is busy with a trial.
    pub(super) fn worker(&mut self, worker: usize, trial: String) {
        if worker >= WORKERS {
            return;
        }
        let (all, trials) = (&self.all, &self.trials);
        let before = worker
            .checked_sub(1)
            .and_then(|before| self.workers.get(&before));
        let after = before.map_or(trials, |(bar, _)| bar).clone();
        let (bar, known) = self.workers.entry(worker).or_insert_with(|| {
            let bar = all.insert_after(&after, ProgressBar::new_spinner());
            bar.set_style(style("  {spinner:.cyan} {wide_msg} {elapsed:.dim}"));
            bar.enable_steady_tick(FRAME);
            (bar, String::new())
        });
        bar.reset_elapsed();
        bar.set_message(trial.clone());
        *known = trial;
    }

    /// How far a worker's trial is.
    pub(super) fn worker_at(&mut self, worker: usize, told: &str) {
        if let Some((bar, trial)) = self.workers.get(&worker) {
            bar.set_message(format!("{told}, {trial}"));
        }
    }

    /// A worker has nothing to do.
    pub(super) fn rests(&mut self, worker: usize) {
        if let Some((bar, _)) = self.workers.get(&worker) {
            bar.finish_and_clear();
        }
    }

    /// Shows what has changed.
    pub(super) fn show(&mut self, board: &Board) {
        self.trials.set_position(board.counts.n_ended());
        let best = board.best().map(|best| {
            format!(
                "best {} (trial {})",
                text::score(best.values[0]),
                best.number
            )
        });
        self.trials.set_message(best.unwrap_or_default());
        while self.top.len() < board.top.len() {
            let line = self.all.add(ProgressBar::no_length());
            line.set_style(style("{wide_msg:.dim}"));
            self.top.push(line);
        }
        for (line, good) in self.top.iter().zip(&board.top) {
            let values: Vec<String> = good
                .values
                .iter()
                .map(|&value| text::score(value))
                .collect();
            line.set_message(format!(
                "{:>7}  {:>12}  {}",
                good.number,
                values.join(", "),
                good.params
            ));
        }
    }

    /// Prints a line above the bars.
    pub(super) fn line(&self, line: &str) {
        // A terminal that is gone takes no more lines; the work goes on.
        self.all.println(line).ok();
    }

    /// Takes everything off the terminal, for good.
    pub(super) fn clear(&mut self) {
        self.trials.disable_steady_tick();
        // A terminal that is gone needs no clearing.
        self.all.clear().ok();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of ours")
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}
