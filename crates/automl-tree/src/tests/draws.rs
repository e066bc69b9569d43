//! A round whose draw has nothing to split is drawn again; what ends boosting is told.

use super::{classification, predict, regression, wave};
use crate::{
    CustomObjective, GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams, ScoreLink,
};
use automl_core::*;
use std::sync::Arc;

fn fit(
    learner: &dyn Learner,
    data: &Dataset,
    seed: u64,
    warnings: &Warnings,
) -> Result<Fitted, FitError> {
    let ctx = FitContext {
        seed: Seed(seed),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings,
    };
    learner.fit(&ctx, &data.view(&data.all_rows()).into())
}

/// With these parameters and all others at their default.
fn fit_with(text: &str, data: &Dataset, seed: u64) -> Fitted {
    let map = serde_json::from_str(text).unwrap();
    let learner = (GRADIENT_BOOSTING.build)(&map).unwrap();
    fit(learner.as_ref(), data, seed, &Warnings::default()).unwrap()
}

fn n_rounds(fitted: &Fitted) -> usize {
    fitted.model.as_trees().unwrap().n_rounds()
}

fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum::<f64>()
        / values.len() as f64
}

/// Two columns, of which the second says nothing.
fn small(n: usize) -> Dataset {
    let (x, y) = wave(n);
    let noise = (0..n).map(|row| (row * 31 % 17) as f64).collect();
    regression(
        vec![("x", Column::Number(x)), ("noise", Column::Number(noise))],
        y,
    )
}

#[test]
fn small_tables_are_learned_with_the_defaults() {
    for n in 45..=60 {
        let data = small(n);
        let Target::Numbers(y) = data.target() else {
            unreachable!()
        };
        for seed in 0..3 {
            let fitted = fit_with("{}", &data, seed);
            assert_eq!(n_rounds(&fitted), 500, "{n} rows, seed {seed}");
            let left: Vec<f64> = predict(&fitted, &data)
                .iter()
                .zip(y.iter())
                .map(|(p, y)| p - y)
                .collect();
            assert!(spread(&left) < 0.6 * spread(y), "{n} rows, seed {seed}");
        }
    }
}

#[test]
fn small_tables_of_classes_are_learned_with_the_defaults() {
    for n_classes in [2, 3] {
        let (x, _) = wave(60);
        let codes: Vec<u32> = x.iter().map(|x| (x * n_classes as f64) as u32).collect();
        let data = classification(vec![("x", Column::Number(x))], codes.clone(), n_classes);
        let fitted = fit_with(r#"{"n_trees":50}"#, &data, 1);
        let predicted = fitted.model.predict(&data.table().view()).unwrap();
        let right = predicted
            .class_codes()
            .iter()
            .zip(&codes)
            .filter(|(a, b)| a == b)
            .count();
        assert!(right >= 40, "{n_classes} classes: {right} of 60");
    }
}

#[test]
fn no_way_of_drawing_ends_a_fit_by_chance() {
    let data = small(48);
    for text in [
        r#"{"n_trees":40,"row_fraction":0.5}"#,
        r#"{"n_trees":40,"row_sampling":"mvs","row_fraction":0.5}"#,
        r#"{"n_trees":40,"row_sampling":"goss"}"#,
        r#"{"n_trees":40,"boosting":"dart"}"#,
        r#"{"n_trees":40,"growth":"symmetric"}"#,
        r#"{"n_trees":40,"column_fraction_by_node":0.5}"#,
        r#"{"n_trees":40,"quantized_gradients":true}"#,
        r#"{"n_trees":40,"extra_random":true,"min_rows_per_leaf":15}"#,
        r#"{"n_trees":40,"objective":"quantile","alpha":0.5}"#,
    ] {
        assert_eq!(n_rounds(&fit_with(text, &data, 3)), 40, "{text}");
    }
}

#[test]
fn a_table_without_two_leaves_ends_at_once_and_keeps_no_tree() {
    for text in [
        "{}",
        r#"{"column_fraction_by_node":0.5,"extra_random":true}"#,
    ] {
        let fitted = fit_with(text, &small(39), 1);
        assert_eq!(n_rounds(&fitted), 0, "{text}");
        assert!(!fitted.is_partial);
    }
}

/// A loss whose gradients leave single precision once scores have moved.
#[derive(Debug)]
struct Runaway;

impl CustomObjective for Runaway {
    fn link(&self) -> ScoreLink {
        ScoreLink::Identity
    }

    fn gradients(&self, targets: &[f64], scores: &[f64], pairs: &mut [[f64; 2]]) {
        let moved = scores.iter().any(|score| *score != scores[0]);
        for (pair, (y, s)) in pairs.iter_mut().zip(targets.iter().zip(scores)) {
            *pair = [if moved { 1e300 } else { s - y }, 1.0];
        }
    }

    fn loss(&self, _: &[f64], _: &[f64], _: Option<&[f64]>) -> f64 {
        0.0
    }
}

#[test]
fn an_overflow_after_some_rounds_keeps_them_and_is_told() {
    let params = GradientBoostingParams {
        row_fraction: 1.0,
        ..Default::default()
    };
    let learner = GradientBoosting::with_objective(params, Arc::new(Runaway)).unwrap();
    let warnings = Warnings::default();
    let fitted = fit(&learner, &small(100), 1, &warnings).unwrap();
    assert_eq!(n_rounds(&fitted), 1);
    let [warning] = &warnings.list()[..] else {
        panic!("one warning")
    };
    assert_eq!(warning.kind, WarningKind::NotConverged);
    assert_eq!(
        warning.message,
        "boosting ended after 1 round, which the model keeps: gradients overflow single precision; scale target or weights"
    );
}

#[test]
fn a_loss_that_is_not_finite_is_an_error_whatever_is_watched() {
    let n = 60;
    let (x, mut y) = wave(n);
    // A validation row whose squared error is infinite.
    y[0] = 1e200;
    let data = regression(vec![("x", Column::Number(x))], y);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..n as u32).partition(|row| row % 3 != 0);
    let error = |text: &str| {
        super::fit_rows(&GRADIENT_BOOSTING, text, &data, &train, Some(&valid), 1).err()
    };
    for text in ["{}", r#"{"eval_metric":"mse"}"#] {
        let error = error(text).expect("it is refused");
        assert_eq!(error.code(), "fit-numeric", "{text}");
        assert!(
            error
                .to_string()
                .contains("the loss of the validation rows is inf"),
            "{error}"
        );
    }
    assert!(error(r#"{"early_stopping_rounds":0}"#).is_none());
}
