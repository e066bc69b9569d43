//! The whole job on small made-up tables.

mod decisions;
mod distilled;
mod explained;
mod limits;
mod panics;
mod quantiles;
mod splits;

use super::*;
use crate::refit::Refit;
use crate::trial::Trial;
use automl_core::metrics::Metric;
use automl_core::{
    CancelToken, Coded, Column, Dataset, Deadline, Event, Events, Levels, Model, ParamMap,
    ParamValue, Seed, Table, Target, Task, TaskKind, Threads, Transformer as _, Warnings,
};
use automl_testkit::synthetic;
use std::sync::Mutex;
use std::time::Duration;

pub(crate) fn options(max_trials: u64) -> FitOptions {
    FitOptions {
        metric: None,
        costs: None,
        quality: Quality::Balanced,
        time_limit: None,
        max_trials: Some(max_trials),
        seed: Seed(1),
        threads: 2,
        memory_limit: None,
        inference_limit: None,
        distills: false,
        folds: Some(3),
        holdout: None,
        include: Vec::new(),
        exclude: Vec::new(),
        portfolio: None,
        without: Vec::new(),
        explains: false,
    }
}

pub(crate) fn run(data: &Dataset, options: &FitOptions) -> Result<FitOutcome, EngineError> {
    let warnings = Warnings::default();
    let run = FitRun::alone(&warnings);
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

/// What encodes the target into a category is made once for all members that are fitted again, and deals rows by a seed.
#[test]
fn a_member_fitted_again_is_the_same_whoever_was_encoded_for_first() {
    let n_rows = 400_u32;
    let code = |row: u32| row * 7919 % 31;
    let data = || {
        let levels = Levels::new((0..31).map(|level| format!("c{level}")));
        let codes = (0..n_rows).map(code).collect();
        let x = (0..n_rows).map(|row| f64::from(row * 31 % 97)).collect();
        let columns = vec![
            ("c".to_owned(), Column::category(codes, levels)),
            ("x".to_owned(), Column::Number(x)),
        ];
        let y = (0..n_rows).map(|row| f64::from(code(row) % 5) + f64::from(row * 13 % 11) / 5.0);
        let target = Target::Numbers(y.collect());
        Dataset::new(Table::new(columns).unwrap(), Task::Regression, target).unwrap()
    };
    let options = FitOptions {
        folds: None,
        holdout: Some(0.3),
        include: vec!["nearest_neighbours".into(), "svm".into()],
        ..options(6)
    };
    let warnings = Warnings::default();
    let run = FitRun::alone(&warnings);
    let searched = data();
    let plan = Plan::new(&searched, &options).unwrap();
    let found = search::run(&searched, &plan, &options, &run).unwrap();
    let shares = |trial: &&Trial| trial.config.recipe == "neighbours" && !trial.fits.is_empty();
    let sharing: Vec<&Trial> = found.trials.iter().filter(shares).collect();
    let refitted = |data: &Dataset, trial: &Trial| {
        let refit = Refit {
            data,
            plan: &plan,
            found: &found,
            options: &options,
            run: &run,
            deadline: Deadline::never(),
        };
        let part = refit.refit(trial, &Threads::one()).unwrap();
        let rows = part.recipe.transform(&data.table().view()).unwrap();
        part.model.predict(&rows.view()).unwrap()
    };
    let alone = refitted(&data(), sharing[0]);
    let behind = data();
    refitted(&behind, sharing[1]);
    assert!(refitted(&behind, sharing[0]) == alone);
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
        events: &scores,
        ..FitRun::alone(&warnings)
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
fn parts_of_the_search_can_be_left_out() {
    const N_TRIALS: u64 = 28;
    let data = synthetic::binary(300, 3);
    let names = |outcome: &FitOutcome| {
        let rows = outcome.leaderboard.rows.iter();
        rows.filter_map(|row| row.trial).max().unwrap()
    };
    let without = |part| FitOptions {
        without: vec![part],
        ..options(N_TRIALS)
    };
    let whole = run(&data, &options(N_TRIALS)).unwrap();
    let n_fixed = 1 + names(&run(&data, &without(SearchPart::Tuning)).unwrap());
    assert!(
        n_fixed < N_TRIALS,
        "{n_fixed} of {} trials",
        whole.n_started
    );
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
    assert_eq!(
        defaults.n_started, N_TRIALS,
        "tuning goes on after the defaults"
    );
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
