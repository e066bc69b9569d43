//! Attributions sum to what the model says, whatever surrounds a row.

use super::trees::of_all_kinds;
use super::{regression, wave};
use crate::GRADIENT_BOOSTING;
use crate::tests::{fit, fit_rows, predict, table};
use automl_core::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

#[test]
fn they_sum_to_the_score_and_pairs_sum_to_them() {
    for (data, fitted) in of_all_kinds() {
        let view = data.table().view();
        let explanation = fitted.model.explain(&view, &Threads::one()).unwrap();
        let pairs = fitted.model.interactions(&view, &Threads::one()).unwrap();
        let predicted = fitted.model.predict(&view).unwrap();
        let (n_outputs, width) = (explanation.n_outputs, predicted.width());
        assert_eq!(explanation.columns, ["x", "noise", "c"]);
        assert_eq!((explanation.n_rows(), pairs.n_outputs), (500, n_outputs));
        for row in 0..500 {
            let of_output = |output| explanation.row(row, output).iter().sum::<f64>();
            let scores: Vec<f64> = (0..n_outputs).map(of_output).collect();
            let total: f64 = scores.iter().map(|score| score.exp()).sum();
            let odds = |score: &f64| 1.0 / (1.0 + (-score).exp());
            let total_odds: f64 = scores.iter().map(odds).sum();
            let predicted = &predicted.values()[row * width..][..width];
            for (output, score) in scores.iter().enumerate() {
                let said = match explanation.scale {
                    Scale::Prediction => *score,
                    Scale::Log => score.exp(),
                    Scale::LogOdds => odds(score),
                    Scale::OneVsRest => odds(score) / total_odds,
                    Scale::Softmax => score.exp() / total,
                };
                let is_second = width == 2;
                assert!(close(said, predicted[output + usize::from(is_second)]));
                let matrix = pairs.matrix(row, output);
                for (i, value) in explanation.row(row, output).iter().enumerate() {
                    assert!(close(matrix[i * 4..][..4].iter().sum(), *value));
                    assert!((0..4).all(|j| close(matrix[i * 4 + j], matrix[j * 4 + i])));
                }
            }
        }
    }
}

#[test]
fn a_row_alone_is_explained_as_among_others_and_at_any_thread_count() {
    for (data, fitted) in of_all_kinds() {
        let rows: Vec<u32> = (0..3000).map(|i| i * 7 % 500).collect();
        let view = data.table().rows(&rows);
        let [one, three] = [1, 3].map(|count| {
            let threads = Threads::new(count).unwrap();
            fitted.model.explain(&view, &threads).unwrap()
        });
        assert_eq!(one, three);
        for place in [0, 1, 1100, 2999] {
            let alone = data.table().rows(&rows[place..=place]);
            let alone = fitted.model.explain(&alone, &Threads::one()).unwrap();
            for output in 0..one.n_outputs {
                assert_eq!(alone.row(0, output), one.row(place, output));
            }
        }
        let none = fitted
            .model
            .explain(&data.table().rows(&[]), &Threads::one());
        assert_eq!(none.unwrap().n_rows(), 0);
    }
}

#[test]
fn what_is_expected_is_the_mean_over_the_rows_learned_from() {
    let (x, y) = wave(400);
    let data = regression(vec![("x", Column::Number(x))], y);
    let fitted = fit("{}", &data);
    let predicted = predict(&fitted, &data);
    let mean = predicted.iter().sum::<f64>() / 400.0;
    let explanation = fitted.model.explain(&data.table().view(), &Threads::one());
    let explanation = explanation.unwrap();
    for (row, predicted) in predicted.iter().enumerate() {
        let [of_x, expected] = explanation.row(row, 0) else {
            panic!("two values a row");
        };
        assert!(close(*expected, mean) && close(*of_x, predicted - mean));
    }
}

#[test]
fn models_without_trees_or_covers_say_so() {
    let (x, y) = wave(100);
    let data = regression(vec![("x", Column::Number(x))], y);
    let view = data.table().view();
    let mut artifact = fit("{}", &data).model.artifact();
    artifact.arrays.remove("leaf_covers").unwrap();
    let old = (GRADIENT_BOOSTING.load)(&artifact).unwrap();
    let error = old.explain(&view, &Threads::one()).unwrap_err();
    assert_eq!(error, ExplainError::NoCover);
    let other = table(vec![("y", Column::Number(vec![0.0]))]);
    let error = old.explain(&other.view(), &Threads::one()).unwrap_err();
    assert_eq!(error.to_string(), "column 'x' is missing");
    // Nothing to learn: no trees, and only the expected score.
    let constant = regression(vec![("x", Column::Number(vec![1.0, 2.0]))], vec![3.0; 2]);
    let trivial = fit_rows(&GRADIENT_BOOSTING, "{}", &constant, &[0, 1], None, 1).unwrap();
    let view = constant.table().view();
    let explanation = trivial.model.explain(&view, &Threads::one()).unwrap();
    assert_eq!(explanation.values, [0.0, 3.0, 0.0, 3.0]);
}
