//! Probabilities whose truth is known are found too timid, too bold, or right.

use super::*;

/// Rows of two classes whose probability of the second is `p`, and of which that share has it.
fn rows(n_rows: usize, told: impl Fn(f64) -> f64) -> (Vec<f64>, Predictions) {
    let mut target = Vec::new();
    let mut values = Vec::new();
    for row in 0..n_rows {
        let p = 0.05 + 0.9 * (row * 7919 % 1009) as f64 / 1009.0;
        let draw = (row * 104_729 % 9973) as f64 / 9973.0;
        target.push(f64::from(u8::from(draw < p)));
        values.extend([1.0 - told(p), told(p)]);
    }
    let n_classes = 2;
    (target, Predictions::Probabilities { n_classes, values })
}

fn found(metric: Metric, n_rows: usize, told: impl Fn(f64) -> f64) -> Option<f64> {
    let (target, predictions) = rows(n_rows, told);
    let units: Vec<u32> = (0..n_rows as u32).collect();
    let judged = Judged {
        target: &target,
        predictions: &predictions,
        weight: None,
        units: &units,
    };
    let (first, second) = (0..n_rows).partition(|row| row / 7 % 2 == 0);
    power(metric, judged, &[first, second])
}

/// The probability whose log odds are `factor` times those of `p`.
fn odds(p: f64, factor: f64) -> f64 {
    let odds = (p / (1.0 - p)).powf(factor);
    odds / (1.0 + odds)
}

#[test]
fn probabilities_that_are_too_sure_or_not_sure_enough_are_mended() {
    for metric in [Metric::LogLoss, Metric::Brier] {
        let timid = found(metric, 6000, |p| odds(p, 0.5)).unwrap();
        assert!((timid - 2.0).abs() < 0.2, "{metric} {timid}");
        let bold = found(metric, 6000, |p| odds(p, 2.0)).unwrap();
        assert!((bold - 0.5).abs() < 0.05, "{metric} {bold}");
    }
}

#[test]
fn true_probabilities_and_other_metrics_are_left_alone() {
    assert_eq!(found(Metric::LogLoss, 6000, |p| p), None);
    assert_eq!(found(Metric::RocAuc, 6000, |p| odds(p, 0.5)), None);
    assert_eq!(found(Metric::Ece, 6000, |p| odds(p, 0.5)), None);
}

#[test]
fn a_power_of_one_changes_nothing_and_the_order_of_classes_stays() {
    let values = vec![0.7, 0.2, 0.1, 0.0, 1.0, 0.0];
    let n_classes = 3;
    let plain = Predictions::Probabilities { n_classes, values };
    let mut same = plain.clone();
    sharpen(&mut same, 1.0);
    for (a, b) in same.values().iter().zip(plain.values()) {
        assert!((a - b).abs() < 1e-12);
    }
    let mut surer = plain.clone();
    sharpen(&mut surer, 3.0);
    assert!(surer.values()[0] > 0.7 && surer.values()[2] < 0.1);
    assert_eq!(surer.class_codes(), plain.class_codes());
    for row in surer.values().chunks_exact(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn probabilities_of_nothing_stay_finite() {
    let values = vec![1.0, 0.0, 0.0, 1.0];
    let n_classes = 2;
    let mut certain = Predictions::Probabilities { n_classes, values };
    sharpen(&mut certain, 4.0);
    assert!(certain.values().iter().all(|value| value.is_finite()));
}

/// Rows of two classes that are told apart, all of them, but not surely.
fn separated(units: &[u32]) -> Option<f64> {
    let target: Vec<f64> = (0..units.len()).map(|row| (row % 2) as f64).collect();
    let values = (target.iter()).flat_map(|&class| [0.8 - 0.6 * class, 0.2 + 0.6 * class]);
    let values = values.collect();
    let predictions = Predictions::Probabilities {
        n_classes: 2,
        values,
    };
    let judged = Judged {
        target: &target,
        predictions: &predictions,
        weight: None,
        units,
    };
    let (first, second) = (0..units.len()).partition(|row| row / 7 % 2 == 0);
    power(Metric::LogLoss, judged, &[first, second])
}

#[test]
fn rows_that_are_all_right_do_not_make_a_model_certain() {
    let units: Vec<u32> = (0..2000).collect();
    assert_eq!(separated(&units), None);
}

#[test]
fn few_rows_and_few_units_are_left_alone() {
    assert_eq!(found(Metric::LogLoss, 38, |p| odds(p, 0.5)), None);
    let (target, predictions) = rows(6000, |p| odds(p, 0.5));
    let power_of = |units: &[u32]| {
        let judged = Judged {
            target: &target,
            predictions: &predictions,
            weight: None,
            units,
        };
        let (first, second) = (0..6000).partition(|row| row / 7 % 2 == 0);
        power(Metric::LogLoss, judged, &[first, second])
    };
    let rows: Vec<u32> = (0..6000).collect();
    assert!(power_of(&rows).is_some());
    let groups: Vec<u32> = (0..6000).map(|row| row % 19).collect();
    assert_eq!(power_of(&groups), None);
}

#[test]
fn a_gain_within_its_standard_error_is_none() {
    // Of odds that are 5 % too large, a hundred rows cannot tell.
    let n_found = (100..160)
        .filter(|&n| found(Metric::LogLoss, n, |p| odds(p, 1.05)).is_some())
        .count();
    assert!(n_found < 15, "{n_found} of 60");
}

#[test]
fn a_row_that_is_no_number_stays_as_it_is() {
    let mut rows = Predictions::Probabilities {
        n_classes: 2,
        values: vec![f64::NAN, 0.3, 0.6, 0.4],
    };
    sharpen(&mut rows, 2.0);
    assert!(rows.values()[0].is_nan());
    assert_eq!(rows.values()[1], 0.3);
    assert!(rows.values()[2] > 0.6);
}
