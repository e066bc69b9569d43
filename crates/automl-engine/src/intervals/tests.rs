//! Coverage is what is asked for, of all rows and of those with small and large predictions.

use super::*;
use automl_core::Seed;
use rand::RngExt;

/// Rows whose errors grow with the prediction and are skewed.
fn rows(n: usize, seed: u64) -> OutOfFold {
    let mut rng = Seed(seed).rng();
    let mut target = Vec::new();
    let mut predictions = Vec::new();
    for _ in 0..n {
        let prediction = rng.random::<f64>() * 10.0;
        let error = -(rng.random::<f64>().max(1e-12)).ln() - 1.0;
        predictions.push(prediction);
        target.push(prediction + error * (0.1 + prediction));
    }
    OutOfFold {
        rows: (0..n as u32).collect(),
        target,
        predictions: Predictions::Numbers(predictions),
        weight: None,
    }
}

fn coverage(band: &Band, rows: &OutOfFold, is_counted: impl Fn(f64) -> bool) -> f64 {
    let pairs = rows.predictions.values().iter().zip(&rows.target);
    let (mut n_in, mut n) = (0, 0);
    for (&prediction, &target) in pairs.filter(|(prediction, _)| is_counted(**prediction)) {
        let [low, high] = band.around(prediction);
        n += 1;
        n_in += usize::from((low..=high).contains(&target));
    }
    f64::from(n_in as u32) / f64::from(n)
}

#[test]
fn new_rows_are_covered_as_often_as_asked_for_whether_predictions_are_small_or_large() {
    let intervals = Intervals::of(&rows(20_000, 1)).unwrap();
    assert!(intervals.is_valid());
    assert_eq!(intervals.bins.len(), BINS_MAX);
    let fresh = rows(40_000, 2);
    for asked in [0.5, 0.8, 0.9, 0.99] {
        let band = intervals.band(asked).unwrap();
        let parts: [&dyn Fn(f64) -> bool; 3] = [&|_| true, &|p| p < 1.0, &|p| p > 9.0];
        for part in parts {
            let found = coverage(&band, &fresh, part);
            assert!((found - asked).abs() < 0.025, "{asked}: {found}");
        }
    }
}

/// By exchangeability the coverage of one new row is at least what is asked for, on the mean over draws of all rows.
#[test]
fn few_rows_cover_on_the_mean() {
    let asked = 0.8;
    let mut sum = 0.0;
    for draw in 0..300 {
        let band = Intervals::of(&rows(30, draw)).unwrap().band(asked).unwrap();
        sum += coverage(&band, &rows(100, draw + 10_000), |_| true);
    }
    let mean = sum / 300.0;
    assert!((asked - 0.01..asked + 0.06).contains(&mean), "{mean}");
}

#[test]
fn bounds_are_the_ranks_of_the_formula() {
    let pairs: Vec<(f64, f64, f64)> = (1..=19).map(|rank| (0.0, f64::from(rank), 1.0)).collect();
    let bin = ErrorBin::new(None, &pairs);
    assert_eq!(bin.bounds(0.9), Some([1.0, 19.0]));
    assert_eq!(bin.bounds(0.8), Some([2.0, 18.0]));
    assert_eq!(bin.bounds(0.91), None);
    let intervals = Intervals { bins: vec![bin] };
    assert!((intervals.coverage_max() - 0.9).abs() < 1e-12);
}

#[test]
fn equal_predictions_are_one_set_and_classes_have_none() {
    let same = OutOfFold {
        rows: (0..1000).collect(),
        target: (0..1000).map(f64::from).collect(),
        predictions: Predictions::Numbers(vec![500.0; 1000]),
        weight: None,
    };
    let intervals = Intervals::of(&same).unwrap();
    assert_eq!(intervals.bins.len(), 1);
    assert!(intervals.is_valid());
    let classes = OutOfFold {
        rows: vec![0],
        target: vec![0.0],
        predictions: Predictions::Probabilities {
            n_classes: 2,
            values: vec![0.5, 0.5],
        },
        weight: None,
    };
    assert_eq!(Intervals::of(&classes), None);
}

#[test]
fn repeats_of_the_validation_are_no_further_rows() {
    let once = rows(30, 5);
    let thrice = OutOfFold {
        rows: once.rows.repeat(3),
        target: once.target.repeat(3),
        predictions: Predictions::Numbers(once.predictions.values().repeat(3)),
        weight: None,
    };
    assert_eq!(Intervals::of(&thrice), Intervals::of(&once));
}

#[test]
fn rows_of_weight_two_count_as_two_rows() {
    let plain = rows(3000, 5);
    let mut doubled = plain.clone();
    doubled.weight = Some((0..3000).map(|row| f64::from(1 + row % 2)).collect());
    let mut written_twice = plain.clone();
    let Predictions::Numbers(predictions) = &mut written_twice.predictions else {
        panic!("numbers");
    };
    for row in (1..3000).step_by(2) {
        written_twice.rows.push(3000 + row as u32);
        written_twice.target.push(plain.target[row]);
        predictions.push(plain.predictions.values()[row]);
    }
    let width = |rows: &OutOfFold| {
        let band = Intervals::of(rows).unwrap().band(0.8).unwrap();
        let [low, high] = band.around(9.5);
        high - low
    };
    let (one, other) = (width(&doubled), width(&written_twice));
    assert!((one / other - 1.0).abs() < 0.05, "{one} {other}");
    let counted = Intervals::of(&doubled).unwrap();
    let n_rows: usize = counted.bins.iter().map(|bin| bin.n_rows).sum();
    assert!((2650..=2750).contains(&n_rows), "{n_rows}");
    assert!(counted.is_valid());
}

#[test]
fn rows_of_no_weight_tell_nothing() {
    let mut rows = rows(600, 6);
    rows.target[0] = 1e9;
    rows.weight = Some((0..600).map(|row| f64::from(u8::from(row > 0))).collect());
    let intervals = Intervals::of(&rows).unwrap();
    let greatest = intervals.bins.iter().flat_map(|bin| &bin.errors);
    assert!(greatest.copied().fold(0.0, f64::max) < 1e6);
    rows.weight = Some(vec![0.0; 600]);
    assert_eq!(Intervals::of(&rows), None);
}

#[test]
fn a_few_rows_of_great_weight_do_not_refuse_ordinary_coverages() {
    let mut rows = rows(2000, 7);
    // A tenth of the rows weighs fifty times as much, and their predictions are alike.
    let weight = |prediction: &f64| if *prediction > 9.0 { 50.0 } else { 1.0 };
    rows.weight = Some(rows.predictions.values().iter().map(weight).collect());
    let intervals = Intervals::of(&rows).unwrap();
    assert!(intervals.is_valid());
    assert!(intervals.coverage_max() >= 0.9, "{intervals:?}");
    // All alike is as none at all.
    let mut alike = rows.clone();
    alike.weight = Some(vec![0.1; 2000]);
    rows.weight = None;
    assert_eq!(Intervals::of(&alike), Intervals::of(&rows));
}
