//! The files beside the weights: events, TensorBoard scalars, the report's points.

use crate::progress::json_line;
use crate::report::TrialPoint;
use automl_core::Event;
use automl_tensorboard::{EventFileName, EventLog, Record};

/// `events.jsonl`: one event a line, as they came.
pub(super) fn events_jsonl(events: &[Event]) -> Vec<u8> {
    let mut text = String::new();
    for event in events {
        text.push_str(&json_line(event));
        text.push('\n');
    }
    text.into_bytes()
}

/// Every trial that has a score, in order.
pub(super) fn trial_points(events: &[Event]) -> Vec<TrialPoint> {
    let point = |event: &Event| match event {
        Event::TrialFinished {
            at_seconds,
            name,
            score,
            ..
        } => Some(TrialPoint {
            at_seconds: *at_seconds,
            name: name.clone(),
            score: *score,
        }),
        _ => None,
    };
    events.iter().filter_map(point).collect()
}

/// Name and content of the TensorBoard event file: score and fit time by trial, and the best score after so many trials.
///
/// `unix_seconds` is when the run began; the file's name holds neither host nor process.
pub(super) fn tensorboard(events: &[Event], metric: &str, unix_seconds: f64) -> (String, Vec<u8>) {
    let mut log = EventLog::new(unix_seconds);
    let mut n_ended = 0;
    for event in events {
        n_ended += i64::from(matches!(event, Event::TrialFailed { .. }));
        let Event::TrialFinished {
            trial,
            score,
            best_score,
            fit_seconds,
            at_seconds,
            ..
        } = event
        else {
            continue;
        };
        let (step, at) = (*trial as i64, unix_seconds + at_seconds);
        log.push(&Record::scalar(
            &format!("score/{metric}"),
            step,
            *score,
            at,
        ));
        log.push(&Record::scalar(
            &format!("best/{metric}"),
            n_ended,
            *best_score,
            at,
        ));
        log.push(&Record::scalar("fit/seconds", step, *fit_seconds, at));
        n_ended += 1;
    }
    let name = EventFileName {
        unix_seconds: unix_seconds as u64,
        host: "automl".into(),
        process: 0,
    };
    (
        format!("tensorboard/{}", name.file_name(0)),
        log.into_bytes(),
    )
}
