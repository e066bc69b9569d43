//! Support vector machines: LIBSVM's decisions, probabilities of known cases, and the edges.

use super::chances::{Sigmoid, joined};
use super::kernel::{Kernel, Points, radial};
use super::solver::{End, Problem};
use super::{SVM, centre, scale};
use crate::testing::{classification, fit, floats, noise, reference, regression, table};
use automl_core::{Budget, Threads};

/// Decisions of two classes, without what the learner makes of them. The kernel is kept in single precision.
#[test]
fn decisions_agree_with_scikit_learn() {
    let reference = reference();
    let codes: Vec<u32> = serde_json::from_value(reference.json["binary"].clone()).unwrap();
    let n_features = reference.x[0].len();
    let mut values = reference.x.concat();
    let means = centre(&mut values, n_features);
    let spread = scale(&values, n_features);
    let points = Points::new(values, n_features);
    let mean_weight = reference.weight.iter().sum::<f64>() / reference.weight.len() as f64;
    let cases = reference.json["svm"].as_array().unwrap();
    let cases: Vec<_> = cases
        .iter()
        .filter(|case| case["target"] == "binary")
        .collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let [c, gamma] = ["c", "gamma"].map(|name| case[name].as_f64().unwrap());
        let gamma = gamma / spread;
        let kernel = Kernel::of(&points, gamma, &Threads::one());
        let signs: Vec<f64> = codes
            .iter()
            .map(|code| 1.0 - 2.0 * f64::from(*code))
            .collect();
        let weight = |row: usize| {
            let weighted = case["weighted"].as_bool().unwrap();
            if weighted {
                reference.weight[row] / mean_weight
            } else {
                1.0
            }
        };
        let problem = Problem {
            kernel: &kernel,
            rows: (0..codes.len() as u32).collect(),
            start: signs.clone(),
            signs,
            bounds: (0..codes.len()).map(|row| c * weight(row)).collect(),
        };
        let solution = problem.solve(1e-7, 1_000_000, &Budget::unlimited());
        assert_eq!(solution.end, End::Converged);
        for (row, theirs) in reference.new.iter().zip(case["values"].as_array().unwrap()) {
            let row: Vec<f64> = row
                .iter()
                .zip(&means)
                .map(|(value, mean)| value - mean)
                .collect();
            let vectors = points.values.chunks_exact(n_features).zip(&solution.coefs);
            let sum: f64 = vectors
                .map(|(vector, coef)| coef * radial(&row, vector, gamma))
                .sum();
            let ours = sum + solution.bias;
            assert!(
                (ours - theirs.as_f64().unwrap()).abs() < 1e-4,
                "{ours} is not {theirs}"
            );
        }
    }
}

/// The learner stops at LIBSVM's usual tolerance, hence ours.
#[test]
fn numbers_agree_with_scikit_learn() {
    let reference = reference();
    let new = table(&reference.new);
    let cases = reference.json["svm"].as_array().unwrap().iter();
    let mut n_cases = 0;
    for case in cases.filter(|case| case["target"] == "numbers") {
        let [c, gamma] = ["c", "gamma"].map(|name| case[name].as_f64().unwrap());
        let mut data = regression(table(&reference.x), &reference.y);
        if case["weighted"].as_bool().unwrap() {
            data = data.with_weight(reference.weight.clone()).unwrap();
        }
        let model = fit(&SVM, &floats(&[("c", c), ("gamma", gamma)]), &data)
            .unwrap()
            .model;
        let predicted = model.predict(&new.view()).unwrap();
        for (ours, theirs) in predicted
            .values()
            .iter()
            .zip(case["values"].as_array().unwrap())
        {
            assert!(
                (ours - theirs.as_f64().unwrap()).abs() < 0.01,
                "{ours} is not {theirs}"
            );
        }
        n_cases += 1;
    }
    assert_eq!(n_cases, 2);
}

/// Where the pairs come from one distribution, that is what they are joined to.
#[test]
fn pairs_of_one_distribution_are_joined_to_it() {
    for p in [vec![0.2_f64, 0.3, 0.5], vec![0.7, 0.1, 0.1, 0.05, 0.05]] {
        let k = p.len();
        let twos = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
        let exponents = twos.map(|(a, b)| (p[b] / p[a]).ln());
        for (found, wanted) in joined(exponents, k, 16.0).iter().zip(&p) {
            assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
        }
    }
}

/// Decisions drawn with chances of a sigmoid give that sigmoid back, and rows count by their weights.
#[test]
fn a_sigmoid_is_found_again() {
    let truth = Sigmoid {
        slope: -2.0,
        shift: 0.5,
    };
    let rows = |place: usize| {
        let decision = place as f64 / 100.0 - 3.0;
        let p = truth.at(decision);
        [
            (decision, true, 50.0 * p),
            (decision, false, 50.0 * (1.0 - p)),
        ]
    };
    let rows: Vec<_> = (0..600).flat_map(rows).collect();
    let found = Sigmoid::fit(&rows);
    assert!((found.slope - truth.slope).abs() < 0.01, "{found:?}");
    assert!((found.shift - truth.shift).abs() < 0.01, "{found:?}");
    let apart = [(-1.0, false, 1.0), (1.0, true, 1.0)];
    assert!(Sigmoid::fit(&apart).slope.is_finite());
}

/// Two rings, which no line tells apart.
#[test]
fn rings_are_told_apart() {
    let angle = |i: usize| i as f64 * 0.7;
    let radius = |i: usize| if i.is_multiple_of(2) { 1.0 } else { 2.0 };
    let jitter = noise(400, 3);
    let row = |i: usize| {
        let r = radius(i) + 0.1 * jitter[i];
        vec![r * angle(i).cos(), r * angle(i).sin()]
    };
    let rows: Vec<Vec<f64>> = (0..400).map(row).collect();
    let codes: Vec<u32> = (0..400).map(|i| u32::from(radius(i) > 1.5)).collect();
    let data = classification(table(&rows[..200]), 2, &codes[..200]);
    let model = fit(&SVM, &floats(&[("c", 10.0)]), &data).unwrap().model;
    let predicted = model.predict(&table(&rows[200..]).view()).unwrap();
    let right = predicted
        .class_codes()
        .iter()
        .zip(&codes[200..])
        .filter(|(a, b)| a == b)
        .count();
    assert_eq!(right, 200);
}

/// Probabilities of three classes that overlap are those of a forecaster: of rows that are said to be of a class by half, half are.
#[test]
fn probabilities_of_overlapping_classes_are_calibrated() {
    let n = 900;
    let (x, u) = (noise(n, 5), noise(n, 6));
    let code = |i: usize| {
        // Chances that fall and rise along x.
        let p = [0.5 - 0.4 * x[i], 0.25, 0.25 + 0.4 * x[i]].map(|p: f64| p.clamp(0.02, 0.9));
        let draw = f64::midpoint(u[i], 1.0) * p.iter().sum::<f64>();
        if draw < p[0] {
            0
        } else {
            u32::from(draw >= p[0] + p[1]) + 1
        }
    };
    let rows: Vec<Vec<f64>> = x.iter().map(|value| vec![*value]).collect();
    let codes: Vec<u32> = (0..n).map(code).collect();
    let data = classification(table(&rows[..600]), 3, &codes[..600]);
    let model = fit(&SVM, &floats(&[]), &data).unwrap().model;
    let predicted = model.predict(&table(&rows[600..]).view()).unwrap();
    for class in 0..3 {
        let said: f64 = predicted.values().iter().skip(class).step_by(3).sum();
        let met = codes[600..]
            .iter()
            .filter(|code| **code as usize == class)
            .count();
        assert!(
            (said - met as f64).abs() < 30.0,
            "class {class}: {said} said, {met} met"
        );
    }
}
