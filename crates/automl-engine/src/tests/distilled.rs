//! One small model in the place of the ensemble.

use super::*;

fn distilled(data: &Dataset, threads: usize) -> FitOutcome {
    let options = FitOptions {
        distills: true,
        threads,
        ..options(8)
    };
    run(data, &options).unwrap()
}

#[test]
fn a_small_model_takes_the_place_of_the_ensemble_whatever_the_task() {
    for data in [
        synthetic::binary(300, 1),
        synthetic::multiclass(300, 1),
        synthetic::regression(300, 1),
    ] {
        let outcome = distilled(&data, 2);
        let told = outcome.distilled.as_ref().expect("there is time");
        assert_eq!(outcome.model.n_models(), 1);
        assert!(told.ensemble_models >= 3, "{told:?}");
        assert_eq!(outcome.score, told.score);
        assert!(told.row_seconds > 0.0 && told.ensemble_row_seconds > 0.0);
        let [first, second, ..] = &outcome.leaderboard.rows[..] else {
            panic!("the small model and the ensemble have rows")
        };
        assert_eq!((first.rank, first.score), (1, told.score));
        assert_eq!((second.rank, second.score), (2, told.ensemble_score));
        let predictions = outcome.model.predict(&data.table().view()).unwrap();
        assert_eq!(predictions.n_rows(), data.n_rows());
        assert!(predictions.values().iter().all(|value| value.is_finite()));
    }
}

#[test]
fn the_taught_model_is_taken_only_where_it_is_better_on_rows_it_has_not_seen() {
    let data = synthetic::binary(400, 7);
    let told = distilled(&data, 2).distilled.unwrap();
    assert!(told.score >= told.plain_score, "{told:?}");
}

#[test]
fn the_small_model_is_the_same_at_any_number_of_threads() {
    let data = synthetic::binary(200, 2);
    let artifact = |threads| distilled(&data, threads).model.artifact();
    assert_eq!(artifact(1), artifact(3));
}

#[test]
fn what_cannot_be_small_is_refused() {
    let data = synthetic::binary(60, 1);
    let options = FitOptions {
        distills: true,
        include: vec!["random_forest".into()],
        ..options(2)
    };
    let error = run(&data, &options).err().expect("no pupil");
    assert_eq!(error.code(), "fit-distill-learner");
}

#[test]
fn without_time_for_more_the_best_small_model_of_the_search_is_taken() {
    struct Stop(CancelToken);
    impl Events for Stop {
        fn emit(&self, event: &Event) {
            if matches!(event, Event::Phase { name, .. } if name == "distill") {
                self.0.cancel();
            }
        }
    }
    let data = synthetic::regression(300, 4);
    let (warnings, token) = (Warnings::default(), CancelToken::default());
    let events = Stop(token.clone());
    let run = FitRun {
        events: &events,
        cancel: token,
        ..FitRun::alone(&warnings)
    };
    let options = FitOptions {
        distills: true,
        ..options(12)
    };
    let outcome = fit(&data, &options, &run).unwrap();
    let told = outcome.distilled.expect("no time is needed for it");
    assert!(!told.learned_from_ensemble);
    assert_eq!(outcome.model.n_models(), 1);
    let others = outcome.leaderboard.rows.iter().filter(|row| {
        ["gradient_boosting", "elastic_net"].contains(&row.learner.as_str()) && row.trial.is_some()
    });
    let best = others.map(|row| row.score).fold(f64::INFINITY, f64::min);
    assert!((told.score - best).abs() <= 1e-9 * best, "{told:?}, {best}");
    let said = warnings.list();
    assert!(
        said.iter()
            .any(|one| one.message.contains("of one split alone")),
        "{said:?}"
    );
}
