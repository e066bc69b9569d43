//! Forests of numbers at the edge of double precision: learned as well as any, or refused by name.

use crate::tests::{classification, fit_rows, predict, regression};
use crate::{EXTRA_TREES, RANDOM_FOREST};
use automl_core::{Coded as _, Column, Dataset};

const MAP: &str = "{\"n_trees\":5,\"column_fraction\":1.0}";

fn columns() -> Vec<(&'static str, Column)> {
    let number = |factor: usize, modulus: usize| {
        let values = (0..300).map(|row| (row * factor % modulus) as f64);
        Column::Number(values.collect())
    };
    vec![("a", number(37, 23)), ("b", number(101, 19))]
}

/// A target that two features tell, in units of `unit`.
fn of_size(unit: f64) -> Dataset {
    let y = (0..300).map(|row| (row * 37 % 23) as f64 + 0.1 * (row * 101 % 19) as f64);
    regression(columns(), y.map(|y| y * unit).collect())
}

#[test]
fn a_target_too_large_to_square_is_refused() {
    for spec in [&RANDOM_FOREST, &EXTRA_TREES] {
        for unit in [5e152, 1e160, 1e300] {
            let data = of_size(unit);
            let error = fit_rows(spec, MAP, &data, &data.all_rows(), None, 1)
                .err()
                .unwrap();
            assert_eq!(error.code(), "fit-numeric");
            assert_eq!(
                error.to_string(),
                format!(
                    "{} failed: target or weights are too large to square; scale them",
                    spec.id
                )
            );
        }
    }
}

#[test]
fn weights_too_large_to_square_are_refused() {
    let codes: Vec<u32> = (0..300).map(|row| row % 3).collect();
    for data in [of_size(1.0), classification(columns(), codes, 3)] {
        let data = data.with_weight(vec![1e160; 300]).unwrap();
        let error = fit_rows(&RANDOM_FOREST, MAP, &data, &data.all_rows(), None, 1)
            .err()
            .unwrap();
        assert_eq!(error.code(), "fit-numeric");
    }
}

/// A power of two changes no digit, so the trees are the same and the predictions so many times as large.
#[test]
fn a_large_target_is_learned_as_a_small_one() {
    let unit = 2.0_f64.powi(480);
    for spec in [&RANDOM_FOREST, &EXTRA_TREES] {
        let [small, large] = [1.0, unit].map(|unit| {
            let data = of_size(unit);
            let fitted = fit_rows(spec, MAP, &data, &data.all_rows(), None, 1).unwrap();
            // What is written can be read: no value and no gain has overflown.
            (spec.load)(&fitted.model.artifact()).unwrap();
            predict(&fitted, &data)
        });
        let scaled: Vec<f64> = small.iter().map(|value| value * unit).collect();
        assert_eq!(large, scaled, "{}", spec.id);
    }
}
