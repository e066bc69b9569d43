//! The whole job on small made-up tables.

mod decisions;
mod explained;
mod quantiles;

use super::*;
use automl_core::metrics::Metric;
use automl_core::{
    CancelToken, Clock, Coded, Column, Dataset, Event, Events, Model, NoEvents, ParamMap,
    ParamValue, Seed, Table, Target, Task, TaskKind, Warnings,
};
use automl_testkit::synthetic;
use std::sync::Mutex;
use std::time::Duration;

pub(crate) fn options(max_trials: u64) -> FitOptions {
    FitOptions {
        metric: None,
        quality: Quality::Balanced,
        time_limit: None,
        max_trials: Some(max_trials),
        seed: Seed(1),
        threads: 2,
        memory_limit: None,
        inference_limit: None,
        folds: Some(3),
        holdout: None,
        include: Vec::new(),
        exclude: Vec::new(),
        without: Vec::new(),
        explains: false,
    }
}

pub(crate) fn run(data: &Dataset, options: &FitOptions) -> Result<FitOutcome, EngineError> {
    let warnings = Warnings::default();
    let run = FitRun {
        clock: Clock::start(),
        cancel: CancelToken::default(),
        memory_in_use: &|| None,
        split_by: SplitBy::default(),
        journal: &NoJournal,
        past: &[],
        warnings: &warnings,
        events: &NoEvents,
    };
    fit(data, options, &run)
}

#[test]
fn every_task_is_learned_better_than_by_the_baseline() {
    for data in [
        synthetic::binary(300, 1),
        synthetic::multiclass(300, 1),
        synthetic::regression(300, 1),
    ] {
        let outcome = run(&data, &options(6)).unwrap();
        let rows = &outcome.leaderboard.rows;
        let baseline = rows.iter().find(|row| row.learner == "baseline").unwrap();
        let task = data.task().kind();
        assert!(
            outcome.metric.is_better(outcome.score, baseline.score),
            "{task:?}"
        );
        assert_eq!(outcome.metric, Metric::default_for(task));
        assert_eq!(outcome.n_trials, 6);
        let shares: f64 = rows.iter().skip(1).map(|row| row.weight).sum();
        assert!(
            (shares - 1.0).abs() < 1e-9,
            "shares of the members sum to one: {shares}"
        );
    }
}

/// The squares of these errors are beyond double precision, so no trial has a score, and none is the best.
#[test]
fn a_score_that_is_not_finite_is_a_failure() {
    #[derive(Default)]
    struct Scores(Mutex<Vec<f64>>);
    impl Events for Scores {
        fn emit(&self, event: &Event) {
            if let Event::TrialFinished { score, .. } = event {
                self.0.lock().unwrap().push(*score);
            }
        }
    }
    let x: Vec<f64> = (0..60).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| x * 1e160).collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(y.into())).unwrap();
    let (warnings, scores) = (Warnings::default(), Scores::default());
    let run = FitRun {
        clock: Clock::start(),
        cancel: CancelToken::default(),
        memory_in_use: &|| None,
        split_by: SplitBy::default(),
        journal: &NoJournal,
        past: &[],
        warnings: &warnings,
        events: &scores,
    };
    let error = fit(&data, &options(4), &run).err().unwrap();
    assert_eq!(error.code(), "fit-all-failed");
    assert_eq!(
        error.to_string(),
        "all 4 trials failed; the first: Baseline #0: its score is inf"
    );
    assert_eq!(*scores.0.lock().unwrap(), Vec::<f64>::new());
}

#[test]
fn threads_do_not_change_the_model() {
    let data = synthetic::binary(240, 2);
    for quality in [Quality::Fast, Quality::Balanced] {
        let artifact = |threads| {
            let outcome = run(
                &data,
                &FitOptions {
                    quality,
                    threads,
                    ..options(18)
                },
            )
            .unwrap();
            (
                outcome.model.artifact(),
                outcome.leaderboard.rows.len(),
                outcome.score,
            )
        };
        assert_eq!(artifact(1), artifact(4), "{quality:?}");
    }
}

#[test]
fn another_seed_gives_another_search() {
    let data = synthetic::binary(240, 2);
    let score = |seed| {
        run(
            &data,
            &FitOptions {
                seed: Seed(seed),
                ..options(8)
            },
        )
        .unwrap()
        .score
    };
    assert_ne!(score(1), score(2));
}

#[test]
fn the_constant_baseline_is_never_mixed_in() {
    // Ranks do not change when a constant is added, so the metric alone would not keep it out.
    let outcome = run(&synthetic::binary(300, 11), &options(12)).unwrap();
    let rows = &outcome.leaderboard.rows;
    let baseline = rows.iter().find(|row| row.learner == "baseline").unwrap();
    assert_eq!(baseline.weight, 0.0);
}

#[test]
fn a_model_read_back_predicts_the_same() {
    for data in [synthetic::multiclass(200, 3), synthetic::regression(200, 3)] {
        let outcome = run(&data, &options(7)).unwrap();
        let read = EnsembleModel::load(&outcome.model.artifact()).unwrap();
        let view = data.table().view();
        assert_eq!(
            read.predict(&view).unwrap(),
            outcome.model.predict(&view).unwrap()
        );
        assert_eq!(read.artifact(), outcome.model.artifact());
    }
}

#[test]
fn a_damaged_artifact_is_an_error() {
    let artifact = run(&synthetic::regression(100, 3), &options(4))
        .unwrap()
        .model
        .artifact();
    let mut without_parts = artifact.clone();
    without_parts.children.pop();
    assert!(EnsembleModel::load(&without_parts).is_err());
    let mut wrong_recipe = artifact.clone();
    wrong_recipe.meta["members"][0]["recipe"] = 99.into();
    assert!(EnsembleModel::load(&wrong_recipe).is_err());
    let mut other_kind = artifact;
    other_kind.kind = "spell".into();
    assert!(EnsembleModel::load(&other_kind).is_err());
}

#[test]
fn a_refitted_model_has_one_model_a_member() {
    let data = synthetic::binary(300, 4);
    let bagged = run(&data, &options(6)).unwrap();
    let members = bagged
        .leaderboard
        .rows
        .iter()
        .skip(1)
        .filter(|row| row.weight > 0.0)
        .count();
    assert_eq!(bagged.model.n_models(), 3 * members);
    let holdout = FitOptions {
        folds: None,
        holdout: Some(0.25),
        ..options(6)
    };
    let refitted = run(&data, &holdout).unwrap();
    let members = refitted
        .leaderboard
        .rows
        .iter()
        .skip(1)
        .filter(|row| row.weight > 0.0)
        .count();
    assert_eq!(refitted.model.n_models(), members);
}

#[test]
fn only_the_learners_asked_for_take_part() {
    let data = synthetic::regression(150, 5);
    let include = vec!["elastic_net".to_owned(), "baseline".to_owned()];
    let outcome = run(
        &data,
        &FitOptions {
            include,
            ..options(5)
        },
    )
    .unwrap();
    assert!(
        outcome.leaderboard.rows[1..]
            .iter()
            .all(|row| row.learner == "elastic_net" || row.learner == "baseline")
    );
    let exclude = vec!["gradient_boosting".to_owned()];
    let outcome = run(
        &data,
        &FitOptions {
            exclude,
            ..options(5)
        },
    )
    .unwrap();
    assert!(
        outcome
            .leaderboard
            .rows
            .iter()
            .all(|row| row.learner != "gradient_boosting")
    );
}

#[test]
fn every_learner_of_the_registry_can_be_asked_for_alone() {
    // A TabM of the usual size takes minutes, as many fits as a search makes.
    for spec in registry::LEARNERS.iter().filter(|spec| spec.id != "tabm") {
        let task = spec.capabilities.tasks[0];
        let data = synthetic::dataset(task, synthetic::Columns::default(), 120, 10);
        let include = vec![spec.id.to_owned()];
        let outcome = run(
            &data,
            &FitOptions {
                include,
                ..options(3)
            },
        );
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", spec.id));
        let rows = &outcome.leaderboard.rows[1..];
        assert!(rows.iter().all(|row| row.learner == spec.id), "{}", spec.id);
    }
}

/// Parameters that make a learner quick; what a few rows hold is learned all the same.
fn small(spec: &automl_core::LearnerSpec) -> ParamMap {
    let is_size =
        |name: &str| ["n_trees", "width", "members", "pieces", "batch_size"].contains(&name);
    let sizes = spec.params.iter().filter(|param| is_size(param.name));
    sizes
        .map(|param| (param.name.to_owned(), ParamValue::Int(16)))
        .collect()
}

#[test]
fn every_learner_of_the_registry_keeps_the_contract() {
    for spec in registry::LEARNERS {
        automl_testkit::check_learner_with(spec, &small(spec));
    }
}

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
        clock: Clock::start(),
        cancel: token,
        memory_in_use: &|| None,
        split_by: SplitBy::default(),
        journal: &NoJournal,
        past: &[],
        warnings: &warnings,
        events: &events,
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
        clock: Clock::start(),
        cancel: CancelToken::default(),
        memory_in_use: &filling,
        split_by: SplitBy::default(),
        journal: &NoJournal,
        past: &[],
        warnings: &warnings,
        events: &NoEvents,
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
    let only = FitRun {
        clock: Clock::start(),
        cancel: CancelToken::default(),
        memory_in_use: &|| None,
        split_by: SplitBy::default(),
        journal: &NoJournal,
        past: &[],
        warnings: &warnings,
        events: &NoEvents,
    };
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
fn a_rare_class_survives_the_comparison_of_many_rows() {
    // 3 positives among rows that are thinned: the sample must keep them, or nothing could be ranked.
    let n_rows = 40_000;
    let codes: Vec<u32> = (0..n_rows)
        .map(|row| u32::from(row % 13_000 == 6_500))
        .collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let include = vec!["baseline".to_owned()];
    let outcome = run(
        &data,
        &FitOptions {
            include,
            ..options(1)
        },
    )
    .unwrap();
    assert_eq!(outcome.score, 0.5);
}

#[test]
fn few_groups_or_times_ask_for_fewer_folds_unless_folds_were_asked_for() {
    let n_rows = 240_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row % 4).collect();
    let grouped = synthetic::binary(n_rows as usize, 12)
        .with_groups(groups)
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &free).unwrap().validation.describe(),
        "3-fold cross-validation"
    );
    let asked = FitOptions {
        folds: Some(8),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &asked).err().map(|error| error.code()),
        Some("split-too-few-groups")
    );
}

#[test]
fn a_validation_without_both_classes_is_widened_or_refused() {
    // All positives come first in time, so that late rows hold one class.
    let n_rows = 200_u32;
    let codes: Vec<u32> = (0..n_rows).map(|row| u32::from(row < 130)).collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let data = data
        .with_time((0..n_rows).map(f64::from).collect::<Vec<_>>())
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &free).unwrap().validation.describe(),
        "holdout of 40 %"
    );
    let asked = FitOptions {
        folds: None,
        holdout: Some(0.2),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &asked).err().map(|error| error.code()),
        Some("fit-split")
    );
}

#[test]
fn groups_and_times_are_never_split_the_wrong_way() {
    let n_rows = 120_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row / 10).collect();
    let grouped = synthetic::binary(n_rows as usize, 9)
        .with_groups(groups.clone())
        .unwrap();
    let plan = Plan::new(&grouped, &options(3)).unwrap();
    for split in &plan.splits {
        assert!(split.valid.iter().all(|&row| {
            !split
                .train
                .iter()
                .any(|&other| groups[other as usize] == groups[row as usize])
        }));
    }
    let times: Vec<f64> = (0..n_rows).map(f64::from).collect();
    let timed = synthetic::binary(n_rows as usize, 9)
        .with_time(times)
        .unwrap();
    let plan = Plan::new(
        &timed,
        &FitOptions {
            folds: None,
            ..options(3)
        },
    )
    .unwrap();
    assert!(
        plan.validation.refit,
        "models that never saw the latest rows are not what is wanted"
    );
    for split in &plan.splits {
        assert!(split.train.iter().max() < split.valid.iter().min());
    }
}

#[test]
fn more_rows_get_cheaper_validation() {
    let limited = |seconds| FitOptions {
        time_limit: Some(Duration::from_secs(seconds)),
        max_trials: None,
        folds: None,
        ..options(1)
    };
    let words = |n_rows, seconds| {
        let data = synthetic::dataset(TaskKind::Binary, synthetic::Columns::default(), n_rows, 1);
        Plan::new(&data, &limited(seconds))
            .unwrap()
            .validation
            .describe()
    };
    assert_eq!(words(300, 60), "3 × 8-fold cross-validation");
    assert_eq!(words(5_000, 60), "8-fold cross-validation");
    assert_eq!(words(60_000, 2), "holdout of 20 %");
}

#[test]
fn parts_of_the_search_can_be_left_out() {
    let data = synthetic::binary(300, 3);
    let names = |outcome: &FitOutcome| {
        let rows = outcome.leaderboard.rows.iter();
        rows.filter_map(|row| row.trial).max().unwrap()
    };
    let without = |part| FitOptions {
        without: vec![part],
        ..options(20)
    };
    let whole = run(&data, &options(20)).unwrap();
    let n_fixed = 1 + names(&run(&data, &without(SearchPart::Tuning)).unwrap());
    assert!(n_fixed < 20, "{n_fixed} of {} trials", whole.n_started);
    let one = run(&data, &without(SearchPart::Ensembling)).unwrap();
    let members = one.leaderboard.rows.iter().skip(1);
    assert_eq!(members.filter(|row| row.weight > 0.0).count(), 1);
    assert!(!whole.plan.validation.refit);
    assert!(
        run(&data, &without(SearchPart::Bagging))
            .unwrap()
            .plan
            .validation
            .refit
    );
    let defaults = run(&data, &without(SearchPart::Portfolio)).unwrap();
    assert_eq!(defaults.n_started, 20, "tuning goes on after the defaults");
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

/// A target that the features say nothing of: whatever the choice of members finds is luck, and the nested score says so.
#[test]
fn the_nested_score_takes_off_what_choosing_members_added() {
    let data = synthetic::binary(200, 5);
    let mut added = 0.0;
    for draw in 1..5_u32 {
        let luck = (0..200_u32).map(|row| (row + 1000 * draw).wrapping_mul(2_654_435_761) >> 31);
        let target = Target::Classes(luck.collect());
        let noise = data.with_target(data.task().clone(), target).unwrap();
        let outcome = run(&noise, &options(14)).unwrap();
        let nested = outcome.nested.unwrap();
        assert!(nested.low < 0.56 && nested.low < nested.high, "{nested:?}");
        assert_eq!(run(&noise, &options(14)).unwrap().nested, Some(nested));
        added += outcome.score - nested.score;
    }
    assert!(added > 0.0, "{added}");
    let learned = run(&synthetic::binary(600, 1), &options(6)).unwrap();
    let nested = learned.nested.unwrap();
    assert!((nested.low..=nested.high).contains(&nested.score));
    let gap = (nested.score - learned.score).abs();
    assert!(gap < 0.05, "{nested:?}, {}", learned.score);
}
