//! Contributions sum to what is predicted, and are those of a member alone where there is one.

use super::*;
use crate::tests::{options, run};
use crate::{FitOptions, FitOutcome};
use automl_core::{Dataset, Model as _};
use automl_testkit::synthetic;

const TREES: [&str; 3] = ["gradient_boosting", "random_forest", "extra_trees"];

fn fitted(data: &Dataset, include: &[&str], max_trials: u64) -> FitOutcome {
    let options = FitOptions {
        include: include.iter().map(|name| (*name).into()).collect(),
        ..options(max_trials)
    };
    run(data, &options).unwrap()
}

/// What contributions of each row sum to, an output each.
fn sums(explanation: &Explanation) -> Vec<f64> {
    let rows = (0..explanation.n_rows())
        .flat_map(|row| (0..explanation.n_outputs).map(move |output| (row, output)));
    rows.map(|(row, output)| explanation.row(row, output).iter().sum())
        .collect()
}

/// What is predicted, on the scale of the prediction: the probability of the second of two classes.
fn predicted(outcome: &FitOutcome, data: &Dataset) -> Vec<f64> {
    let predictions = outcome.model.predict(&data.table().view()).unwrap();
    match &predictions {
        Predictions::Probabilities {
            n_classes: 2,
            values,
        } => values.iter().skip(1).step_by(2).copied().collect(),
        other => other.values().to_vec(),
    }
}

fn assert_near(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        let scale = wanted.abs().max(1.0);
        assert!((found - wanted).abs() < 1e-6 * scale, "{found} {wanted}");
    }
}

#[test]
fn contributions_of_an_ensemble_of_trees_sum_to_its_prediction() {
    for data in [
        synthetic::binary(200, 3),
        synthetic::multiclass(200, 3),
        synthetic::regression(200, 3),
    ] {
        let outcome = fitted(&data, &TREES, 6);
        let view = data.table().view();
        let explanation = outcome.model.explain(&view, &Threads::one()).unwrap();
        let wanted = predicted(&outcome, &data);
        let found = sums(&explanation);
        match explanation.scale {
            Scale::Prediction => assert_near(&found, &wanted),
            Scale::LogOdds => {
                let found: Vec<f64> = found.into_iter().map(logistic).collect();
                assert_near(&found, &wanted);
            }
            Scale::Softmax => {
                let link = ClassLink::Softmax;
                let rows = found.chunks_exact(explanation.n_outputs);
                let found: Vec<f64> = rows.flat_map(|row| Classes { link }.at(row)).collect();
                assert_near(&found, &wanted);
            }
            other => panic!("{other:?} is not expected"),
        }
        for column in &explanation.columns {
            assert!(data.table().column(column).is_some(), "{column}");
        }
    }
}

#[test]
fn a_model_with_a_member_that_cannot_be_explained_says_so() {
    let data = synthetic::binary(120, 4);
    let outcome = fitted(&data, &["logistic_regression"], 2);
    let view = data.table().view();
    let error = outcome.model.explain(&view, &Threads::one()).unwrap_err();
    assert_eq!(error, ExplainError::Unsupported);
}

#[test]
fn what_is_carried_through_a_link_sums_to_what_the_link_makes() {
    let parts = Parts {
        n_outputs: 3,
        n_columns: 2,
        values: vec![0.4, -1.5, 0.2, 2.0, 0.1, -0.3, -0.7, 0.9, 0.0],
    };
    let [_, scores] = parts.ends(0);
    for link in [ClassLink::Softmax, ClassLink::OneVsRest] {
        let map = Classes { link };
        let told = parts.through(1, 3, &map);
        let [from, to] = told.ends(0);
        assert_near(&to, &map.at(&scores));
        let [start, _] = parts.ends(0);
        assert_near(&from, &map.at(&start));
        // What one class gains, others lose.
        for column in 0..2 {
            let sum: f64 = (0..3).map(|output| told.of(0, output)[column]).sum();
            assert!(sum.abs() < 1e-9, "{sum}");
        }
    }
    let power = Classes {
        link: ClassLink::Power(1.7),
    };
    let probabilities = parts.through(
        1,
        3,
        &Classes {
            link: ClassLink::Softmax,
        },
    );
    let [_, to] = probabilities.ends(0);
    let told = probabilities.through(1, 3, &power);
    assert_near(&told.ends(0)[1], &power.at(&to));
}

#[test]
fn a_column_that_does_nothing_to_the_score_does_nothing_to_the_prediction() {
    let parts = Parts {
        n_outputs: 1,
        n_columns: 2,
        values: vec![0.0, 1.5, -0.5],
    };
    let told = parts.through(1, 1, &Single(logistic));
    assert_eq!(told.of(0, 0)[0], 0.0);
    assert_near(&told.of(0, 0)[1..2], &[logistic(1.0) - logistic(-0.5)]);
    let still = Parts {
        n_outputs: 1,
        n_columns: 2,
        values: vec![1.0, -1.0, 0.3],
    };
    let told = still.through(1, 1, &Single(f64::exp));
    assert_near(&told.of(0, 0)[..1], &[0.3_f64.exp()]);
}
