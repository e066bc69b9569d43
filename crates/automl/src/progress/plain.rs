//! Progress as plain lines, for logs and pipes: new bests at once, the rest now and then.

use super::board::Board;
use crate::text;
use automl_core::Event;

/// Seconds between two lines that bring no new best.
const QUIET_SECONDS: f64 = 10.0;

/// Turns events into lines. Time comes from the events themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plain {
    said_at_seconds: f64,
}

impl Plain {
    /// The line for an event that `board` has taken in already, if it deserves one. Of a failed trial a warning tells,
    /// with its reason; here it is counted.
    pub(crate) fn line(
        &mut self,
        board: &Board,
        event: &Event,
        is_new_best: bool,
    ) -> Option<String> {
        match event {
            Event::Started {
                n_rows,
                n_features,
                validation,
                ..
            } => Some(started(board, *n_rows, *n_features, validation)),
            Event::TrialFinished {
                name,
                score,
                best_score,
                at_seconds,
                ..
            } => {
                if !is_new_best && at_seconds - self.said_at_seconds < QUIET_SECONDS {
                    return None;
                }
                self.said_at_seconds = *at_seconds;
                let (at, metric) = (at_trial(board, *at_seconds), &board.metric);
                Some(if is_new_best {
                    let score = text::score(*score);
                    format!("[{at}] new best {metric} {score}: {name}")
                } else {
                    let (tried, best) = (tried(board), text::score(*best_score));
                    format!("[{at}] {tried}, best {metric} {best}")
                })
            }
            Event::EpochFinished { at_seconds, .. } => {
                let at = at(board, *at_seconds);
                Some(format!("[{at}] {}", epoch(event)?))
            }
            Event::Phase { name, at_seconds } => Some(format!(
                "[{}] {}",
                at(board, *at_seconds),
                phase_title(name)
            )),
            _ => None,
        }
    }
}

/// What is learned from, and how the lines that follow are to be read.
fn started(board: &Board, n_rows: u64, n_features: u64, validation: &str) -> String {
    let time = match (board.time_limit_seconds, board.max_trials) {
        (Some(_), Some(_)) => "[time used / time limit, trial of so many]",
        (Some(_), None) => "[time used / time limit]",
        (None, Some(_)) => "[time used, trial of so many]",
        (None, None) => "[time used]",
    };
    format!(
        "{}\nsearch: {time}; #n is the number of a trial{}",
        data(n_rows, n_features, validation),
        fits(board)
    )
}

/// `epoch 3 of 20: loss 0.31, rmse 0.52 (best so far)`.
pub(crate) fn epoch(event: &Event) -> Option<String> {
    let Event::EpochFinished {
        epoch,
        n_epochs,
        loss,
        scores,
        is_best,
        ..
    } = event
    else {
        return None;
    };
    let scores = scores.iter();
    let scores: Vec<String> = scores
        .map(|(name, value)| format!(", {name} {}", text::score(*value)))
        .collect();
    let scores = scores.concat();
    let best = if *is_best { " (best so far)" } else { "" };
    let loss = text::score(*loss);
    Some(format!(
        "epoch {epoch} of {n_epochs}: loss {loss}{scores}{best}"
    ))
}

/// How many fits a trial takes, where trials are what is counted.
fn fits(board: &Board) -> String {
    /// With more fits a trial than this, fewer folds are worth a word.
    const MANY: u64 = 8;
    match (board.max_trials, board.fits_per_trial) {
        (None, _) | (_, 0 | 1) => String::new(),
        (_, n_fits) if n_fits > MANY => format!("\n{n_fits} fits a trial; --folds 5 is quicker"),
        (_, n_fits) => format!("\n{n_fits} fits a trial"),
    }
}

/// `data: 1,200 rows, 10 features; scores by 5-fold cross-validation`.
pub(crate) fn data(n_rows: u64, n_features: u64, validation: &str) -> String {
    let (rows, features) = (
        text::counted(n_rows, "row"),
        text::counted(n_features, "feature"),
    );
    format!("data: {rows}, {features}; scores by {validation}")
}

/// `12 trials scored, 1 not`: it failed, or its time was over.
fn tried(board: &Board) -> String {
    let scored = format!("{} scored", text::counted(board.n_trials, "trial"));
    match board.n_failed {
        0 => scored,
        n_failed => format!("{scored}, {n_failed} not"),
    }
}

/// The phase in words.
fn phase_title(name: &str) -> &str {
    match name {
        "search" => "searching",
        "ensemble" => "choosing the ensemble",
        "refit" => "fitting the chosen models on all rows",
        "distill" => "making a small model of the ensemble",
        "explain" => "asking the model what it looks at",
        "write" => "writing the model",
        other => other,
    }
}

/// The time, and which trial of how many where they are limited.
fn at_trial(board: &Board, at_seconds: f64) -> String {
    let at = at(board, at_seconds);
    match board.max_trials {
        Some(limit) => format!("{at}, trial {} of {limit}", board.n_seen),
        None => at,
    }
}

fn at(board: &Board, at_seconds: f64) -> String {
    match board.time_limit_seconds {
        Some(limit) => format!("{} / {}", text::clock(at_seconds), text::clock(limit)),
        None => text::clock(at_seconds),
    }
}
