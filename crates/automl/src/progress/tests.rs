//! What the displays say of a run whose clock the test turns.

use super::bars::budget_line;
use super::board::Board;
use super::plain::Plain;
use automl_core::Event;

fn started(metric: &str) -> Event {
    Event::Started {
        task: "binary".into(),
        metric: metric.into(),
        n_rows: 48_842,
        n_features: 14,
        validation: "5-fold cross-validation".into(),
        time_limit_seconds: Some(60.0),
        max_trials: None,
        fits_per_trial: 5,
    }
}

fn trial(trial: u64, score: f64, best_score: f64, at_seconds: f64) -> Event {
    let (learner, name) = (
        "gradient_boosting".to_owned(),
        format!("gradient boosting #{trial}"),
    );
    Event::TrialFinished {
        trial,
        learner,
        name,
        score,
        best_score,
        fit_seconds: 1.5,
        at_seconds,
    }
}

/// The lines that a run prints.
fn lines(events: &[Event]) -> Vec<String> {
    let (mut board, mut plain) = (Board::default(), Plain::default());
    let mut say = |event: &Event| {
        let is_new_best = board.hear(event);
        plain.line(&board, event, is_new_best)
    };
    events.iter().filter_map(&mut say).collect()
}

#[test]
fn new_bests_are_said_at_once_and_the_rest_now_and_then() {
    let events = [
        started("roc_auc"),
        trial(0, 0.90, 0.90, 1.0),
        trial(1, 0.89, 0.90, 2.0),
        trial(2, 0.91, 0.91, 3.0),
        trial(3, 0.88, 0.91, 12.9),
        trial(4, 0.87, 0.91, 13.1),
        Event::Phase {
            name: "refit".into(),
            at_seconds: 54.0,
        },
    ];
    let expected = [
        "data: 48,842 rows, 14 features; scores by 5-fold cross-validation\n\
         search: [time used / time limit]; #n is the number of a trial",
        "[0:01 / 1:00] new best roc_auc 0.90000: gradient boosting #0",
        "[0:03 / 1:00] new best roc_auc 0.91000: gradient boosting #2",
        "[0:13 / 1:00] 5 trials scored, best roc_auc 0.91000",
        "[0:54 / 1:00] fitting the chosen models on all rows",
    ];
    assert_eq!(lines(&events), expected);
}

#[test]
fn a_failed_trial_is_counted_and_left_to_its_warning() {
    let failed = Event::TrialFailed {
        trial: 3,
        learner: "elastic_net".into(),
        reason: "diverged".into(),
        at_seconds: 5.0,
    };
    let later = trial(4, 2.0, 1.0, 20.0);
    assert_eq!(
        lines(&[started("rmse"), trial(0, 1.0, 1.0, 1.0), failed, later])[2..],
        ["[0:20 / 1:00] 2 trials scored, 1 not, best rmse 1.00000"]
    );
}

#[test]
fn the_board_ranks_by_the_direction_of_the_metric() {
    let mut board = Board::default();
    board.hear(&started("rmse"));
    for (number, score) in [3.0, 1.0, 2.0, 5.0, 4.0, 0.5, 1.0].into_iter().enumerate() {
        board.hear(&trial(number as u64, score, 0.0, 1.0));
    }
    let scores: Vec<f64> = board.top.iter().map(|entry| entry.score).collect();
    assert_eq!(scores, [0.5, 1.0, 1.0, 2.0, 3.0]);
    assert_eq!(
        board.top[1].name, "gradient boosting #1",
        "earlier first among equals"
    );
}

#[test]
fn the_bar_fills_with_time_or_with_trials() {
    let mut board = Board::default();
    board.hear(&started("roc_auc"));
    board.hear(&trial(0, 0.9, 0.9, 10.0));
    assert_eq!(
        budget_line(&board, 30.0, 120),
        format!(
            "{}{}  0:30 left  1 trial  best roc_auc 0.90000  searching",
            "━".repeat(16),
            "╌".repeat(16)
        )
    );
    (board.time_limit_seconds, board.max_trials) = (None, Some(4));
    assert_eq!(board.progress(1e6), 0.25);
    assert!(
        budget_line(&board, 30.0, 120).contains("  0:30  trial 1 of 4"),
        "no time left is claimed without a limit"
    );
    (board.time_limit_seconds, board.max_trials) = (Some(60.0), None);
    assert!(
        budget_line(&board, 99.0, 120).contains("0:00 left"),
        "time left never falls below zero"
    );
}

#[test]
fn the_line_of_the_bar_fits_the_terminal() {
    let mut board = Board::default();
    board.hear(&started("average_precision"));
    board.hear(&trial(0, 0.9, 0.9, 10.0));
    board.phase = "refit".into();
    for width in [20, 60, 80, 100, 200] {
        let line = budget_line(&board, 30.0, width);
        assert!(line.chars().count() <= width, "{width}: {line}");
    }
    assert!(budget_line(&board, 30.0, 80).ends_with("refitting"));
}
