//! A row stands for the rows before it, a level for all of its rows.

use super::*;
use automl_core::{MISSING_CODE, UNSEEN_CODE};

fn targets<'a>(targets: &'a [f64], order: &'a [u32]) -> MeanTargets<'a> {
    MeanTargets {
        targets,
        weights: None,
        n_outputs: 1,
        prior_rows: 2.0,
        order,
    }
}

#[test]
fn a_row_sees_the_rows_of_its_level_before_it_in_the_order() {
    let y = [1.0, 5.0, 3.0, 7.0];
    let (all, ordered) = targets(&y, &[2, 0, 3, 1]).learn(&[0, 1, 0, 0], 3);
    // The mean of all is 4, with the weight of two rows.
    assert_eq!(all.priors, [4.0]);
    assert_eq!(
        all.of_output(0),
        [(1.0 + 3.0 + 7.0 + 8.0) / 5.0, (5.0 + 8.0) / 3.0, 4.0]
    );
    assert_eq!(
        ordered[0],
        [(3.0 + 8.0) / 3.0, 4.0, 4.0, (3.0 + 1.0 + 8.0) / 4.0]
    );
}

#[test]
fn missing_and_unseen_levels_stand_for_the_mean_of_all() {
    let y = [1.0, 5.0];
    let (all, ordered) = targets(&y, &[0, 1]).learn(&[MISSING_CODE, UNSEEN_CODE], 1);
    assert_eq!(ordered[0], [3.0, 3.0]);
    for code in [0, 1, MISSING_CODE, UNSEEN_CODE] {
        assert_eq!(mean_of(all.of_output(0), all.priors[0], code), 3.0);
    }
}

#[test]
fn a_row_of_weight_two_is_two_rows_and_the_scale_of_weights_says_nothing() {
    let (y, codes) = ([1.0, 4.0, 2.0], [0, 0, 1]);
    let learned = |weights: &[f64]| {
        let weighed = MeanTargets {
            weights: Some(weights),
            ..targets(&y, &[0, 1, 2])
        };
        weighed.learn(&codes, 2)
    };
    assert_eq!(learned(&[1.0; 3]), targets(&y, &[0, 1, 2]).learn(&codes, 2));
    assert_eq!(learned(&[4.0, 2.0, 2.0]), learned(&[2.0, 1.0, 1.0]));
    let twice = [1.0, 1.0, 4.0, 2.0];
    let twice = MeanTargets {
        prior_rows: 2.0 * 4.0 / 3.0,
        ..targets(&twice, &[0, 1, 2, 3])
    };
    let (twice, _) = twice.learn(&[0, 0, 0, 1], 2);
    let (weighed, _) = learned(&[2.0, 1.0, 1.0]);
    for (a, b) in twice.means.iter().zip(&weighed.means) {
        assert!((a - b).abs() < 1e-15, "{a} {b}");
    }
}

#[test]
fn each_class_has_a_mean_and_those_of_a_level_sum_to_one() {
    let y = [0.0, 2.0, 1.0, 2.0, 2.0];
    let classes = MeanTargets {
        n_outputs: 3,
        ..targets(&y, &[4, 3, 2, 1, 0])
    };
    let codes = [0, 0, 1, 1, 1];
    let (all, ordered) = classes.learn(&codes, 2);
    assert_eq!(all.priors, [0.2, 0.2, 0.6]);
    assert_eq!(all.of_output(2), [(1.0 + 1.2) / 4.0, (2.0 + 1.2) / 5.0]);
    for row in 0..5 {
        let sum: f64 = ordered.iter().map(|of_rows| of_rows[row]).sum();
        assert!((sum - 1.0).abs() < 1e-15);
    }
}
