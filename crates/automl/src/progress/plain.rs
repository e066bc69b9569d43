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
    /// The line for an event that `board` has taken in already, if it deserves one.
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
            } => Some(format!(
                "data: {}, {}; scores by {validation}",
                text::counted(*n_rows, "row"),
                text::counted(*n_features, "feature")
            )),
            Event::TrialFinished {
                trial,
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
                let tail = if is_new_best {
                    "new best".to_owned()
                } else {
                    format!("best {}", text::score(*best_score))
                };
                Some(format!(
                    "[{}] trial {}: {name}  {} {}, {tail}",
                    at(board, *at_seconds),
                    trial + 1,
                    board.metric,
                    text::score(*score)
                ))
            }
            Event::TrialFailed {
                trial,
                learner,
                reason,
                at_seconds,
            } => Some(format!(
                "[{}] trial {}: {learner} failed: {reason}",
                at(board, *at_seconds),
                trial + 1
            )),
            Event::Phase { name, at_seconds } => Some(format!(
                "[{}] {}",
                at(board, *at_seconds),
                phase_title(name)
            )),
            _ => None,
        }
    }
}

/// The phase in words.
pub(crate) fn phase_title(name: &str) -> &str {
    match name {
        "search" => "searching",
        "ensemble" => "choosing the ensemble",
        "refit" => "fitting the chosen models on all rows",
        "write" => "writing the model",
        other => other,
    }
}

fn at(board: &Board, at_seconds: f64) -> String {
    match board.time_limit_seconds {
        Some(limit) => format!("{} / {}", text::clock(at_seconds), text::clock(limit)),
        None => text::clock(at_seconds),
    }
}
