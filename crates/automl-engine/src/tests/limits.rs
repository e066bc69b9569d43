//! What a search does at its limits, and settings that cannot work.

use super::*;

#[test]
fn settings_that_cannot_work_are_named() {
    let data = synthetic::binary(60, 6);
    let code = |options: FitOptions| run(&data, &options).err().map(|error| error.code());
    assert_eq!(
        code(FitOptions {
            include: vec!["gbm".into()],
            ..options(3)
        }),
        Some("fit-learner-unknown")
    );
    assert_eq!(
        code(FitOptions {
            include: vec!["elastic_net".into()],
            ..options(3)
        }),
        Some("fit-no-learner")
    );
    assert_eq!(
        code(FitOptions {
            metric: Some(Metric::Rmse),
            ..options(3)
        }),
        Some("fit-metric-task")
    );
    assert_eq!(
        code(FitOptions {
            max_trials: None,
            ..options(3)
        }),
        Some("fit-no-limit")
    );
    assert_eq!(
        code(FitOptions {
            memory_limit: Some(1000),
            ..options(3)
        }),
        Some("fit-memory")
    );
}

/// Raises the token when the second trial has ended.
struct StopAfterTwo {
    token: CancelToken,
    n_trials: Mutex<u32>,
}

impl Events for StopAfterTwo {
    fn emit(&self, event: &Event) {
        if matches!(event, Event::TrialFinished { .. }) {
            let mut n_trials = self.n_trials.lock().unwrap();
            *n_trials += 1;
            if *n_trials == 2 {
                self.token.cancel();
            }
        }
    }
}

#[test]
fn stopping_keeps_the_best_so_far() {
    let data = synthetic::binary(200, 7);
    let token = CancelToken::default();
    let events = StopAfterTwo {
        token: token.clone(),
        n_trials: Mutex::new(0),
    };
    let warnings = Warnings::default();
    let run = FitRun {
        cancel: token,
        events: &events,
        ..FitRun::alone(&warnings)
    };
    let outcome = fit(&data, &options(1000), &run).unwrap();
    assert!(outcome.interrupted);
    assert!((2..20).contains(&outcome.n_trials), "{}", outcome.n_trials);
    assert_eq!(
        outcome
            .model
            .predict(&data.table().view())
            .unwrap()
            .n_rows(),
        200
    );
}

#[test]
fn memory_that_fills_up_ends_the_search_with_what_there_is() {
    let data = synthetic::binary(200, 7);
    let warnings = Warnings::default();
    let n_asked = std::sync::atomic::AtomicU64::new(0);
    let filling = || Some(n_asked.fetch_add(1 << 20, std::sync::atomic::Ordering::Relaxed));
    let run = FitRun {
        memory_in_use: &filling,
        ..FitRun::alone(&warnings)
    };
    let limited = FitOptions {
        memory_limit: Some(40 << 20),
        ..options(1000)
    };
    let outcome = fit(&data, &limited, &run).unwrap();
    assert!((1..40).contains(&outcome.n_trials), "{}", outcome.n_trials);
    assert!(
        warnings
            .list()
            .iter()
            .any(|warning| warning.message.starts_with("the search ended early: 3"))
    );
}

#[test]
fn a_limit_that_is_already_over_still_gives_a_model() {
    let data = synthetic::binary(200, 8);
    let hurried = FitOptions {
        time_limit: Some(Duration::from_millis(1)),
        max_trials: None,
        ..options(1)
    };
    let warnings = Warnings::default();
    let only = FitRun::alone(&warnings);
    assert_eq!(fit(&data, &hurried, &only).unwrap().n_trials, 1);
    let warned = warnings.list();
    assert!(
        warned[0]
            .message
            .starts_with("the model is the constant baseline")
    );
    let exclude = vec!["baseline".to_owned()];
    let error = run(&data, &FitOptions { exclude, ..hurried }).err();
    assert_eq!(error.map(|error| error.code()), Some("fit-time-limit"));
}

#[test]
fn a_limit_on_the_time_of_a_row_is_kept_or_told_of() {
    let data = synthetic::binary(300, 3);
    let limited = |limit| FitOptions {
        inference_limit: Some(limit),
        ..options(8)
    };
    let wide = run(&data, &limited(Duration::from_secs(10))).unwrap();
    assert!(wide.plan.validation.refit, "bags become single models");
    let members = wide.leaderboard.rows.iter().skip(1);
    let n_members = members.filter(|row| row.weight > 0.0).count();
    assert_eq!(wide.model.n_models(), n_members);
    assert!(wide.row_seconds.unwrap() < 10.0);
    let narrow = run(&data, &limited(Duration::from_nanos(1))).unwrap();
    assert_eq!(narrow.model.n_models(), 1, "the quickest alone");
    assert_eq!(run(&data, &options(2)).unwrap().row_seconds, None);
}

fn boosting(rate: f64, max_leaves: i64) -> crate::portfolio::Configuration {
    let mut configuration = crate::portfolio::Configuration::of(&automl_tree::GRADIENT_BOOSTING);
    configuration.params = ParamMap::from([
        ("learning_rate".to_owned(), ParamValue::Float(rate)),
        ("max_leaves".to_owned(), ParamValue::Int(max_leaves)),
    ]);
    configuration
}

#[test]
fn a_fast_model_is_quick_and_what_is_too_slow_is_tried_once_more_with_fewer_trees() {
    let data = synthetic::regression(3000, 5);
    let options = FitOptions {
        quality: Quality::Fast,
        folds: None,
        include: vec!["gradient_boosting".into()],
        portfolio: Some(vec![boosting(0.004, 64), boosting(0.3, 4)]),
        ..options(12)
    };
    let slow = FitOptions {
        quality: Quality::Best,
        max_trials: Some(2),
        ..options.clone()
    };
    let slow = run(&data, &slow).unwrap().model.row_work();
    assert!(slow > 2e5, "what is to be avoided: {slow}");
    let outcome = run(&data, &options).unwrap();
    assert!(
        outcome.model.row_work() < 6e4,
        "{}",
        outcome.model.row_work()
    );
    let rate = |row: &LeaderboardRow| row.params["learning_rate"].as_f64().unwrap();
    let tried = outcome.leaderboard.rows.iter();
    let tuned = tried.filter(|row| row.trial.is_some_and(|trial| trial > 2));
    let twin = tuned.filter(|row| row.params["max_leaves"].as_i64() == Some(64));
    let twin = twin.map(rate).fold(0.0, f64::max);
    assert!(twin > 0.004, "its trees are fewer: {twin}");
}

#[test]
fn what_is_slow_is_taken_where_all_that_is_quick_is_hardly_better_than_a_constant() {
    let data = synthetic::regression(3000, 5);
    let options = FitOptions {
        quality: Quality::Fast,
        folds: None,
        include: vec!["gradient_boosting".into(), "baseline".into()],
        portfolio: Some(vec![boosting(0.004, 64)]),
        ..options(2)
    };
    let outcome = run(&data, &options).unwrap();
    assert!(
        outcome.model.row_work() > 5e4,
        "{}",
        outcome.model.row_work()
    );
}
