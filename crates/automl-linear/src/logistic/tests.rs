//! Logistic regression: scikit-learn's coefficients, the gradient, and what happens at the edges.

use super::objective::Objective;
use super::{LOGISTIC_REGRESSION, model::Logistic};
use crate::inputs::Inputs;
use crate::matrix::Matrix;
use crate::targets::{Classes, RowWeights};
use crate::testing::{classification, context, fit, fit_with, floats, noise, reference, table};
use automl_core::table::SparseRows;
use automl_core::{
    Budget, CancelToken, Column, Dataset, FitContext, FitError, ParamMap, Seed, Table, Threads,
    Warnings,
};

fn load(data: &Dataset, params: &ParamMap) -> Logistic {
    Logistic::load(
        &fit(&LOGISTIC_REGRESSION, params, data)
            .unwrap()
            .model
            .artifact(),
    )
    .unwrap()
}

/// The loss is flat near its optimum, so coefficients agree less closely than the gradient does.
#[test]
fn coefficients_agree_with_scikit_learn() {
    let reference = reference();
    for case in reference.json["logistic"].as_array().unwrap() {
        let (codes, n_classes) = reference.target(case);
        let mut data = classification(table(&reference.x), n_classes, &codes);
        if case["weighted"] == true {
            data = data.with_weight(reference.weight.clone()).unwrap();
        }
        let model = load(
            &data,
            &floats(&[("c", case["c"].as_f64().unwrap()), ("tol", 1e-9)]),
        );
        let (coef, intercept) = model.coefficients();
        let n_outputs = intercept.len();
        let theirs = case["coef"].as_array().unwrap();
        for (k, row) in theirs.iter().enumerate() {
            for (j, value) in row.as_array().unwrap().iter().enumerate() {
                let (ours, theirs) = (coef[j * n_outputs + k], value.as_f64().unwrap());
                assert!(
                    (ours - theirs).abs() < 2e-5 * (1.0 + theirs.abs()),
                    "{ours} is not {theirs}: {case}"
                );
            }
        }
        let model = fit(
            &LOGISTIC_REGRESSION,
            &floats(&[("c", case["c"].as_f64().unwrap()), ("tol", 1e-9)]),
            &data,
        );
        let predicted = model
            .unwrap()
            .model
            .predict(&table(&reference.new).view())
            .unwrap();
        let theirs = case["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap());
        for (ours, theirs) in predicted.values().iter().zip(theirs) {
            assert!((ours - theirs.as_f64().unwrap()).abs() < 1e-5);
        }
    }
}

/// Three number columns and a sparse one; the class follows the first of each.
fn mixed(n: usize, n_classes: u32) -> Dataset {
    let mut sparse = SparseRows::new((0..30).map(|d| format!("d{d}").into()).collect());
    for i in 0..n as u32 {
        sparse.push([(i % 5, 0.5), (10 + i % 13, 0.25)]);
    }
    let x = noise(n, 1);
    let codes: Vec<u32> = noise(n, 2)
        .iter()
        .enumerate()
        .map(|(i, e)| {
            let score = x[i] + 0.8 * f64::from(i % 5 == 0) + 0.7 * e;
            (((score + 1.5) / 3.0 * f64::from(n_classes)).clamp(0.0, f64::from(n_classes) - 0.5))
                as u32
        })
        .collect();
    let columns = vec![
        ("x".into(), Column::Number(x)),
        (
            "large".into(),
            Column::Number(noise(n, 3).iter().map(|v| 1e5 + 1e4 * v).collect()),
        ),
        ("flat".into(), Column::Number(vec![3.0; n])),
        ("words".into(), Column::Sparse(sparse)),
    ];
    classification(Table::new(columns).unwrap(), n_classes as usize, &codes)
}

#[test]
fn the_gradient_is_the_slope_of_the_cost() {
    for n_classes in [2, 4] {
        let data = mixed(200, n_classes);
        let rows = data.all_rows();
        let view = data.view(&rows);
        let inputs = Inputs::of("test", &view.table(), true).unwrap();
        let weights = RowWeights::of("test", &view).unwrap();
        let classes = Classes::of(&view, &weights);
        let scale = |s: f64| 1.0 / (s + 0.1).sqrt();
        let budget = Budget::unlimited();
        let matrix = Matrix::new(&inputs, &view.table(), &weights, true, scale, &budget).unwrap();
        let warnings = Warnings::default();
        let ctx = context(&warnings);
        let objective = Objective::new(&matrix, &classes, &weights, 0.1, true, &ctx);
        let n_outputs = if n_classes == 2 { 1 } else { 4 };
        let theta = noise((matrix.n_features() + 1) * n_outputs, 5);
        let (_, gradient) = objective.evaluate(&theta).unwrap();
        for at in [0, 1, 3, 20, theta.len() - 1] {
            let cost_at = |step: f64| {
                let mut moved = theta.clone();
                moved[at] += step;
                objective.evaluate(&moved).unwrap().0
            };
            let slope = (cost_at(1e-5) - cost_at(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[at]).abs() < 1e-7,
                "{slope} is not {} at {at}",
                gradient[at]
            );
        }
    }
}

#[test]
fn the_model_does_not_depend_on_threads() {
    for n_classes in [2, 3] {
        let data = mixed(5000, n_classes);
        let one = fit(&LOGISTIC_REGRESSION, &ParamMap::new(), &data)
            .unwrap()
            .model
            .artifact();
        let threads = Threads::new(3).unwrap();
        let many = fit_with(
            &LOGISTIC_REGRESSION,
            &ParamMap::new(),
            &data,
            &threads,
            Budget::unlimited(),
        );
        assert_eq!(one, many.unwrap().model.artifact());
    }
}

#[test]
fn columns_of_very_different_scales_converge_at_once() {
    let data = mixed(2000, 2);
    let rows = data.all_rows();
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(0),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let params = ParamMap::from([("max_iter".into(), automl_core::ParamValue::Int(25))]);
    (LOGISTIC_REGRESSION.build)(&params)
        .unwrap()
        .fit(&ctx, &data.view(&rows).into())
        .unwrap();
    assert_eq!(warnings.list(), []);
}

#[test]
fn separable_classes_with_hardly_a_penalty_still_give_a_model() {
    let data = classification(
        table(&[vec![-1.0], vec![-0.5], vec![0.5], vec![1.0]]),
        2,
        &[0, 0, 1, 1],
    );
    let model = fit(&LOGISTIC_REGRESSION, &floats(&[("c", 1e9)]), &data)
        .unwrap()
        .model;
    let predicted = model.predict(&data.table().view()).unwrap();
    assert_eq!(predicted.class_codes(), [0, 0, 1, 1]);
}

#[test]
fn an_absent_class_has_no_probability() {
    let data = classification(
        table(&[vec![-1.0], vec![-0.5], vec![0.5], vec![1.0]]),
        4,
        &[0, 3, 0, 3],
    );
    let model = fit(&LOGISTIC_REGRESSION, &ParamMap::new(), &data)
        .unwrap()
        .model;
    let predicted = model.predict(&data.table().view()).unwrap();
    for row in predicted.values().chunks(4) {
        assert_eq!((row[1], row[2]), (0.0, 0.0));
        assert!((row[0] + row[3] - 1.0).abs() < 1e-12);
    }
}

#[test]
fn one_class_alone_is_certain() {
    let data = classification(table(&[vec![-1.0], vec![1.0]]), 2, &[1, 1]);
    let model = fit(&LOGISTIC_REGRESSION, &ParamMap::new(), &data)
        .unwrap()
        .model;
    assert_eq!(
        model.predict(&data.table().view()).unwrap().values(),
        [0.0, 1.0, 0.0, 1.0]
    );
    let again = (LOGISTIC_REGRESSION.load)(&model.artifact()).unwrap();
    assert_eq!(again.artifact(), model.artifact());
}

#[test]
fn a_cancelled_fit_says_so() {
    let cancel = CancelToken::default();
    cancel.cancel();
    let budget = Budget {
        cancel,
        ..Budget::unlimited()
    };
    let result = fit_with(
        &LOGISTIC_REGRESSION,
        &ParamMap::new(),
        &mixed(50, 2),
        &Threads::one(),
        budget,
    );
    assert!(matches!(result, Err(FitError::Cancelled)));
}

#[test]
fn a_cut_artifact_is_an_error() {
    let artifact = fit(&LOGISTIC_REGRESSION, &ParamMap::new(), &mixed(50, 3))
        .unwrap()
        .model
        .artifact();
    for name in ["present", "coef", "intercept", "spreads"] {
        let mut bare = artifact.clone();
        bare.arrays.remove(name);
        assert!((LOGISTIC_REGRESSION.load)(&bare).is_err(), "without {name}");
    }
    let mut wrong = artifact;
    wrong.push_u32("present", vec![0, 1, 7]);
    assert!((LOGISTIC_REGRESSION.load)(&wrong).is_err());
}

#[test]
fn an_evaluation_that_the_budget_ends_gives_nothing() {
    let data = mixed(200, 3);
    let rows = data.all_rows();
    let view = data.view(&rows);
    let inputs = Inputs::of("test", &view.table(), true).unwrap();
    let weights = RowWeights::of("test", &view).unwrap();
    let classes = Classes::of(&view, &weights);
    let scale = |s: f64| 1.0 / (s + 0.1).sqrt();
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(0),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let matrix = Matrix::new(&inputs, &view.table(), &weights, true, scale, &ctx.budget).unwrap();
    let objective = Objective::new(&matrix, &classes, &weights, 0.1, true, &ctx);
    let theta = vec![0.0; (matrix.n_features() + 1) * 3];
    assert!(objective.evaluate(&theta).is_ok());
    ctx.budget.cancel.cancel();
    assert!(objective.evaluate(&theta).is_err());
    let again = Matrix::new(&inputs, &view.table(), &weights, true, scale, &ctx.budget);
    assert!(matches!(again, Err(FitError::Cancelled)));
    assert!(matches!(
        objective.solve(1e-3, 10),
        Err(FitError::Cancelled)
    ));
}
