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

/// That what columns do to rows sums to what is predicted of them.
fn assert_sums(outcome: &FitOutcome, data: &Dataset) {
    let view = data.table().view();
    let explanation = outcome.model.explain(&view, &Threads::one()).unwrap();
    let wanted = predicted(outcome, data);
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

#[test]
fn contributions_of_an_ensemble_sum_to_its_prediction() {
    for data in [
        synthetic::binary(200, 3),
        synthetic::multiclass(200, 3),
        synthetic::regression(200, 3),
    ] {
        let linear = if data.task().is_classification() {
            "logistic_regression"
        } else {
            "elastic_net"
        };
        let both: Vec<&str> = TREES.into_iter().chain([linear]).collect();
        for (learners, max_trials) in [(&TREES[..], 6), (&both, 8), (&[linear], 2)] {
            assert_sums(&fitted(&data, learners, max_trials), &data);
        }
    }
}

#[test]
fn a_model_with_a_member_that_cannot_be_explained_says_so() {
    let data = synthetic::binary(120, 4);
    let outcome = fitted(&data, &["nearest_neighbours"], 2);
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
}

/// Of three classes and two columns, the second of which does what is left of the way.
fn on_the_way(from: [f64; 3], to: [f64; 3], first: [f64; 3]) -> Parts {
    let ends = from.iter().zip(to).zip(first);
    Parts {
        n_outputs: 3,
        n_columns: 2,
        values: ends
            .flat_map(|((from, to), first)| [first, to - from - first, *from])
            .collect(),
    }
}

/// What a column does to a class, by many small steps in the logarithm of the way from each end.
fn by_steps(parts: &Parts, power: f64, output: usize, column: usize) -> f64 {
    const N: i32 = 40_000;
    let clamped = |end: Vec<f64>| -> Vec<f64> { end.iter().map(|p| p.max(LEAST)).collect() };
    let [from, to] = parts.ends(0).map(clamped);
    let width = 100.0 / f64::from(N);
    let at = |place: f64| {
        let (passed, left) = (logistic(place), logistic(-place));
        let p: Vec<f64> = (from.iter().zip(&to))
            .map(|(from, to)| left * from + passed * to)
            .collect();
        let sum: f64 = p.iter().map(|p| p.powf(power)).sum();
        let own = p[output].powf(power) / sum;
        let moved = (0..3).map(|source| {
            let share = p[source].powf(power) / sum;
            let is_own = f64::from(u8::from(source == output));
            let part = parts.of(0, source)[column];
            part * power / p[source] * own * (is_own - share)
        });
        passed * left * moved.sum::<f64>()
    };
    let steps = (0..N).map(|step| width * at(-50.0 + width * (f64::from(step) + 0.5)));
    steps.sum()
}

#[test]
fn a_power_of_small_probabilities_is_followed_as_by_many_small_steps() {
    let ways = [
        on_the_way([0.3, 0.5, 0.2], [0.6, 0.3, 0.1], [0.2, -0.1, -0.1]),
        on_the_way(
            [0.3, 0.5, 0.2],
            [1.0 - 1e-12, 1e-12, 0.0],
            [0.4, -0.3, -0.1],
        ),
        on_the_way([1e-12, 0.4, 0.6], [0.7, 0.3, 0.0], [0.5, -0.2, -0.3]),
        on_the_way([0.0, 1e-12, 1.0], [0.5, 0.5, 0.0], [0.25, 0.25, -0.5]),
    ];
    for (power, parts) in [0.25, 0.5, 4.0]
        .into_iter()
        .flat_map(|power| ways.iter().map(move |parts| (power, parts)))
    {
        let map = Classes {
            link: ClassLink::Power(power),
        };
        let told = parts.through(1, 3, &map);
        let ends = parts.ends(0).map(|end| map.at(&end));
        for (found, wanted) in told.ends(0).iter().zip(&ends) {
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
            }
        }
        for (output, column) in (0..3).flat_map(|output| [(output, 0), (output, 1)]) {
            let found = told.of(0, output)[column];
            let wanted = by_steps(parts, power, output, column);
            assert!((found - wanted).abs() < 1e-6, "{power}: {found} {wanted}");
            assert!(found.abs() < 2.0, "{power}: {found}");
        }
    }
}

#[test]
fn of_two_classes_a_power_keeps_shares_of_the_way() {
    let way = |from: f64, to: f64| Parts {
        n_outputs: 1,
        n_columns: 2,
        values: vec![0.25 * (to - from), 0.75 * (to - from), from],
    };
    for power in [0.25, 0.5, 4.0] {
        let map = Sharpened { power };
        for (from, to) in [(0.3, 0.0), (1e-12, 0.8), (1e-12, 2e-12), (0.0, 1.0)] {
            let told = way(from, to).through(1, 1, &map);
            let [start, reached] = [from, to].map(|p| map.at(&[p])[0]);
            let told = told.of(0, 0);
            assert_eq!(told[2], start);
            for (found, share) in told.iter().zip([0.25, 0.75]) {
                let wanted = share * (reached - start);
                assert!((found - wanted).abs() < 1e-12, "{power}: {found} {wanted}");
            }
        }
    }
    // Nothing comes of parts that cancel where there is nothing.
    let nothing = Parts {
        n_outputs: 1,
        n_columns: 2,
        values: vec![0.25, -0.25, 0.0],
    };
    let map = Sharpened { power: 0.25 };
    let told = nothing.through(1, 1, &map);
    assert_eq!(told.of(0, 0), [0.0, 0.0, map.at(&[0.0])[0]]);
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
