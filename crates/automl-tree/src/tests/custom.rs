//! Objectives that a user brings.

use super::{classification, fit, predict, regression, wave};
use crate::{
    CustomObjective, GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams, Objective,
    ScoreLink,
};
use automl_core::{
    Budget, Coded, Column, Dataset, FitContext, FitError, Fitted, Learner, Seed, Threads,
    TrainingData, Warnings,
};
use std::sync::Arc;

/// A loss as two functions of target and score.
#[derive(Debug)]
struct Formula {
    link: ScoreLink,
    derivatives: fn(f64, f64) -> [f64; 2],
    loss: fn(f64, f64) -> f64,
}

impl CustomObjective for Formula {
    fn link(&self) -> ScoreLink {
        self.link
    }

    fn gradients(&self, targets: &[f64], scores: &[f64], pairs: &mut [[f64; 2]]) {
        for (row, pair) in pairs.iter_mut().enumerate() {
            *pair = (self.derivatives)(targets[row], scores[row]);
        }
    }

    fn loss(&self, targets: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64 {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let rows = 0..targets.len();
        let total: f64 = rows.clone().map(weight).sum();
        rows.map(|row| weight(row) * (self.loss)(targets[row], scores[row]))
            .sum::<f64>()
            / total
    }
}

const SQUARED: Formula = Formula {
    link: ScoreLink::Identity,
    derivatives: |y, s| [s - y, 1.0],
    loss: |y, s| 0.5 * (s - y) * (s - y),
};
const POISSON: Formula = Formula {
    link: ScoreLink::Log,
    derivatives: |y, s| [s.exp() - y, (s + 0.7).exp()],
    loss: |y, s| s.exp() - y * s,
};
const LOGISTIC: Formula = Formula {
    link: ScoreLink::Logit,
    derivatives: |y, s| {
        let p = 1.0 / (1.0 + (-s).exp());
        [p - y, p * (1.0 - p)]
    },
    loss: |y, s| s.exp().ln_1p() - y * s,
};

fn fit_own(
    objective: Formula,
    params: GradientBoostingParams,
    data: &Dataset,
) -> Result<Fitted, FitError> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::new(2).unwrap(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let (train, valid): (Vec<u32>, Vec<u32>) =
        data.all_rows().into_iter().partition(|row| row % 3 != 0);
    let training = TrainingData {
        train: data.view(&train),
        valid: Some(data.view(&valid)),
    };
    let custom = GradientBoosting::with_objective(params, Arc::new(objective))?;
    custom.fit(&ctx, &training)
}

fn few_rounds(offset: &str) -> GradientBoostingParams {
    GradientBoostingParams {
        n_trees: 60,
        early_stopping_rounds: 5,
        offset_column: offset.into(),
        ..GradientBoostingParams::default()
    }
}

/// The same loss, built in and brought along, gives the same trees from the same start, with weights and offsets too.
#[test]
fn a_loss_that_is_built_in_gives_the_same_model_when_it_is_brought() {
    let (x, y) = wave(600);
    let columns = || {
        let start = (0..600).map(|row| f64::from(row % 5) / 10.0).collect();
        vec![
            ("x", Column::Number(x.clone())),
            ("start", Column::Number(start)),
        ]
    };
    let weights: Vec<f64> = (0..600).map(|row| f64::from(1 + row % 3)).collect();
    let numbers = regression(
        columns(),
        y.iter().map(|y| (3.0 + 2.0 * y).max(0.0)).collect(),
    );
    let numbers = numbers.with_weight(weights.clone()).unwrap();
    let classes = classification(
        columns(),
        y.iter().map(|&y| u32::from(y > 0.5)).collect(),
        2,
    );
    let classes = classes.with_weight(weights).unwrap();
    for offset in ["", "start"] {
        for (objective, built_in, data) in [
            (SQUARED, Objective::Squared, &numbers),
            (POISSON, Objective::Poisson, &numbers),
            (LOGISTIC, Objective::Squared, &classes),
        ] {
            let own = fit_own(objective, few_rounds(offset), data).unwrap();
            let params = GradientBoostingParams {
                objective: built_in,
                ..few_rounds(offset)
            };
            let warnings = Warnings::default();
            let ctx = FitContext {
                seed: Seed(7),
                threads: Threads::one(),
                budget: Budget::unlimited(),
                warnings: &warnings,
            };
            let (train, valid): (Vec<u32>, Vec<u32>) = (0..600).partition(|row| row % 3 != 0);
            let training = TrainingData {
                train: data.view(&train),
                valid: Some(data.view(&valid)),
            };
            let known = GradientBoosting::new(params)
                .unwrap()
                .fit(&ctx, &training)
                .unwrap();
            assert_eq!(own.learned, known.learned);
            for (own, known) in predict(&own, data).iter().zip(&predict(&known, data)) {
                assert!(
                    (own - known).abs() < 1e-5,
                    "{built_in:?}: {own} for {known}"
                );
            }
            // Loaded without the objective.
            let loaded = (GRADIENT_BOOSTING.load)(&own.model.artifact()).unwrap();
            let loaded = loaded.predict(&data.table().view()).unwrap();
            assert_eq!(loaded.values(), predict(&own, data));
        }
    }
}

#[test]
fn the_start_is_found_wherever_it_is() {
    for mean in [1e-6, 0.3, 1.0, 1e6] {
        let targets = [0.5 * mean, 1.5 * mean];
        let start = POISSON.start(&targets, None, None);
        assert!(
            (start - mean.ln()).abs() < 1e-6,
            "{start} for a mean of {mean}"
        );
        let start = SQUARED.start(&targets, None, Some(&[1.0, 2.0]));
        assert!((start - (mean - 1.5)).abs() < 1e-9 * mean.max(1.0));
    }
    let start = LOGISTIC.start(&[0.0, 1.0], Some(&[3.0, 1.0]), None);
    assert!((start + 3f64.ln()).abs() < 1e-9);
}

#[test]
fn what_an_objective_says_must_be_usable() {
    let (x, y) = wave(90);
    let data = regression(vec![("x", Column::Number(x.clone()))], y.clone());
    let error = |objective| {
        fit_own(objective, GradientBoostingParams::default(), &data)
            .err()
            .unwrap()
    };
    for derivatives in [
        |_, _| [f64::NAN, 1.0],
        |_, _| [0.0, f64::INFINITY],
        (|_, _| [0.5, -1.0]) as fn(f64, f64) -> [f64; 2],
    ] {
        let error = error(Formula {
            derivatives,
            ..SQUARED
        });
        assert_eq!(error.code(), "fit-numeric");
        assert!(
            error.to_string().contains("Hessians not below 0"),
            "{error}"
        );
    }
    for (loss, said) in [
        ((|_, _| f64::NAN) as fn(f64, f64) -> f64, "NaN"),
        (|_, _| f64::INFINITY, "inf"),
    ] {
        let error = error(Formula { loss, ..SQUARED });
        assert_eq!(error.code(), "fit-numeric");
        let end = format!("gives the loss {said} of the validation rows, which must be finite");
        assert!(error.to_string().ends_with(&end), "{error}");
    }
    assert_eq!(error(LOGISTIC).code(), "param-conflict");
    let codes: Vec<u32> = y.iter().map(|&y| u32::from(y > 0.5)).collect();
    let classes = classification(vec![("x", Column::Number(x.clone()))], codes.clone(), 2);
    let defaults = GradientBoostingParams::default;
    assert_eq!(
        fit_own(SQUARED, defaults(), &classes).err().unwrap().code(),
        "param-conflict"
    );
    let many = classification(vec![("x", Column::Number(x))], codes, 3);
    assert_eq!(
        fit_own(LOGISTIC, defaults(), &many).err().unwrap().code(),
        "fit-task"
    );
    let params = GradientBoostingParams {
        objective: Objective::Poisson,
        ..defaults()
    };
    assert!(GradientBoosting::with_objective(params, Arc::new(SQUARED)).is_err());
}

#[test]
fn parameters_are_those_of_the_learner_without_it() {
    let own = GradientBoosting::with_objective(few_rounds(""), Arc::new(SQUARED)).unwrap();
    assert_eq!(
        own.params(),
        GradientBoosting::new(few_rounds("")).unwrap().params()
    );
    let (x, y) = wave(60);
    let data = regression(vec![("x", Column::Number(x))], y);
    let plain = fit(r#"{"n_trees":3}"#, &data).model.artifact();
    let keys: Vec<&String> = plain.meta.as_object().unwrap().keys().collect();
    let own = fit_own(SQUARED, few_rounds(""), &data)
        .unwrap()
        .model
        .artifact();
    assert_eq!(
        own.meta.as_object().unwrap().keys().collect::<Vec<_>>(),
        keys
    );
}
