//! The best cut is found among all, and only if it gains.

use super::{classes, decision, tune};
use automl_core::metrics::Metric;
use automl_core::{Decision, Predictions};

fn two_classes(positive: &[f64]) -> Predictions {
    Predictions::Probabilities {
        n_classes: 2,
        values: positive.iter().flat_map(|p| [1.0 - p, *p]).collect(),
    }
}

/// Numbers between 0 and 1 that look random.
fn uniforms(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24)
    }
}

/// The best score over all cuts that leave rows on both sides, by trying each on the rows themselves.
fn best_by_hand(metric: Metric, target: &[f64], predictions: &Predictions) -> f64 {
    let cuts = || predictions.values().chunks_exact(2).map(|row| row[1]);
    let greatest = cuts().fold(0.0, f64::max);
    let cuts = cuts().filter(|&cut| cut < greatest);
    let scores = cuts.chain([0.5]).filter_map(|cut| {
        let decided = predictions.decided_by(&Some(cut).into());
        metric.score(target, &decided, None).ok()
    });
    scores.fold(f64::MIN, f64::max)
}

#[test]
fn a_rare_class_is_predicted_from_a_lower_probability_on() {
    let target = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
    let predictions = two_classes(&[0.01, 0.02, 0.05, 0.10, 0.20, 0.25, 0.30, 0.40]);
    let cut = tune(Metric::F1, &target, &predictions, None).unwrap();
    assert!((0.10..0.20).contains(&cut), "{cut}");
    let score = |cut: Option<f64>| {
        let decided = predictions.decided_by(&cut.into());
        Metric::F1.score(&target, &decided, None).unwrap()
    };
    assert_eq!(score(None), 0.0);
    assert!((score(Some(cut)) - 6.0 / 7.0).abs() < 1e-12);
}

#[test]
fn no_cut_is_better_than_the_one_found() {
    let mut uniform = uniforms(9);
    for n_rows in [5, 40, 300] {
        let positive: Vec<f64> = (0..n_rows)
            .map(|_| (uniform() * 20.0).round() / 20.0)
            .collect();
        let target: Vec<f64> = positive
            .iter()
            .map(|p| f64::from(uniform() < 0.6 * p))
            .collect();
        let predictions = two_classes(&positive);
        for metric in Metric::all().filter(|metric| metric.reads_classes()) {
            let cut = tune(metric, &target, &predictions, None);
            let decided = predictions.decided_by(&Some(cut.unwrap_or(0.5)).into());
            let Ok(score) = metric.score(&target, &decided, None) else {
                continue;
            };
            let best = best_by_hand(metric, &target, &predictions);
            assert!(score >= best - 1e-9, "{metric} {n_rows}: {score} {best}");
        }
    }
}

#[test]
fn a_cut_that_does_not_gain_is_left_alone() {
    let predictions = two_classes(&[0.1, 0.4, 0.6, 0.9]);
    let target = [0.0, 0.0, 1.0, 1.0];
    assert_eq!(tune(Metric::Accuracy, &target, &predictions, None), None);
    // One class alone: nothing to tell apart.
    assert_eq!(
        tune(Metric::F1, &[1.0; 4], &two_classes(&[0.7; 4]), None),
        None
    );
}

#[test]
fn rows_count_by_their_weight() {
    let predictions = two_classes(&[0.2, 0.3, 0.4]);
    let target = [1.0, 0.0, 1.0];
    let cut = |weight: &[f64]| tune(Metric::Accuracy, &target, &predictions, Some(weight)).unwrap();
    assert!(cut(&[1.0, 5.0, 1.0]) > 0.3, "the second row must be right");
    assert!(
        cut(&[1.0, 0.0, 1.0]) > 0.3,
        "of equals the one nearest to a half"
    );
}

/// Probabilities of so many classes on a grid, and classes drawn from them, the last ones rarer than they say.
fn drawn(n_rows: usize, n_classes: usize) -> (Vec<f64>, Predictions) {
    let mut uniform = uniforms(3);
    let (mut target, mut values) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let parts: Vec<f64> = (0..n_classes)
            .map(|class| (uniform() * 8.0).round() + if class == 0 { 3.0 } else { 0.5 })
            .collect();
        let sum: f64 = parts.iter().sum();
        let mut left = uniform() * sum;
        let class = parts.iter().position(|part| {
            left -= part;
            left <= 0.0
        });
        target.push(class.unwrap_or(0) as f64);
        values.extend(parts.iter().map(|part| part / sum));
    }
    let predictions = Predictions::Probabilities { n_classes, values };
    (target, predictions)
}

#[test]
fn of_three_classes_hardly_any_thresholds_are_better_than_those_found() {
    let (target, predictions) = drawn(60, 3);
    for metric in [Metric::BalancedAccuracy, Metric::F1Macro, Metric::Mcc] {
        let score = |decision: &Decision| {
            let decided = predictions.decided_by(decision);
            metric.score(&target, &decided, None).unwrap()
        };
        let found = decision(metric, &target, &predictions, None).unwrap_or_default();
        // All thresholds of a fine grid.
        let grid = (1..80_u32).flat_map(|a| (1..80 - a).map(move |b| [a, b, 80 - a - b]));
        let grid = grid.map(|parts| {
            let values = parts.map(|part| f64::from(part) / 80.0).to_vec();
            score(&Decision::Relative(
                automl_core::ClassThresholds::new(values).unwrap(),
            ))
        });
        let best = grid.fold(f64::MIN, f64::max);
        let (found, plain) = (score(&found), score(&Decision::Likeliest));
        assert!(best > plain || metric == Metric::Mcc, "{metric}: {plain}");
        assert!(found >= best - 0.02, "{metric}: {found} {best} {plain}");
    }
}

#[test]
fn thresholds_sum_to_one_and_count_rows_by_their_weight() {
    let (target, predictions) = drawn(200, 4);
    let tuned = |weight: Option<&[f64]>| {
        classes::tune(Metric::F1Macro, &target, &predictions, weight).expect("thresholds gain")
    };
    let plain = tuned(None);
    assert!((plain.values().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(tuned(Some(&[2.0; 200])), plain, "weights are relative");
    // The rows of class 3 alone: whatever is told of the others, that one is told always.
    let weight: Vec<f64> = target.iter().map(|&code| f64::from(code == 3.0)).collect();
    let tuned = Decision::Relative(tuned(Some(&weight)));
    let told = predictions.class_codes_by(&tuned);
    let mut rows = told
        .iter()
        .zip(&target)
        .filter(|(_, target)| **target == 3.0);
    assert!(rows.all(|(code, _)| *code == 3));
}

#[test]
fn probabilities_that_are_right_need_no_thresholds() {
    let predictions = Predictions::Probabilities {
        n_classes: 3,
        values: vec![0.8, 0.1, 0.1, 0.2, 0.6, 0.2, 0.0, 0.0, 1.0],
    };
    let target = [0.0, 1.0, 2.0];
    for metric in [Metric::F1Macro, Metric::BalancedAccuracy, Metric::Accuracy] {
        assert_eq!(decision(metric, &target, &predictions, None), None);
    }
    assert_eq!(decision(Metric::LogLoss, &target, &predictions, None), None);
}

#[test]
fn of_many_rows_the_cut_of_a_rare_class_is_found_among_all() {
    // Half a percent of the rows are of class 2, and told by a score that others have, too, but seldom as high.
    let n_rows = 20_000;
    let mut uniform = uniforms(11);
    let (mut target, mut values) = (Vec::new(), Vec::new());
    for row in 0..n_rows {
        let is_rare = row % 200 == 0;
        let rare = if is_rare {
            0.1 + 0.3 * uniform()
        } else {
            0.25 * uniform().powi(4)
        };
        let first = (1.0 - rare) * uniform();
        values.extend([first, 1.0 - rare - first, rare]);
        target.push(if is_rare {
            2.0
        } else {
            f64::from(first < 0.5 * (1.0 - rare))
        });
    }
    let predictions = Predictions::Probabilities {
        n_classes: 3,
        values,
    };
    let score = |decision: &Decision| {
        let decided = predictions.decided_by(decision);
        Metric::F1Macro.score(&target, &decided, None).unwrap()
    };
    let found = decision(Metric::F1Macro, &target, &predictions, None).expect("a class is rare");
    // Every cut of the rare class, the others being alike.
    let by_hand = (1..400_u32).map(|step| {
        let rare = f64::from(step) / 1000.0;
        let values = vec![1.0, 1.0, rare];
        score(&Decision::Relative(
            automl_core::ClassThresholds::new(values).unwrap(),
        ))
    });
    let best = by_hand.fold(f64::MIN, f64::max);
    let (found, plain) = (score(&found), score(&Decision::Likeliest));
    assert!(best > plain + 0.01, "{best} {plain}");
    assert!(found >= best - 1e-3, "{found} {best}");
}
