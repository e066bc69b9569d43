//! Predictions know their shape, sum up, and pick the likeliest class.

use super::Predictions;
use crate::Decision;

fn probabilities(values: &[f64]) -> Predictions {
    Predictions::Probabilities {
        n_classes: 2,
        values: values.to_vec(),
    }
}

#[test]
fn shape_follows_from_the_kind() {
    let (numbers, classes) = (Predictions::Numbers(vec![1.0; 4]), probabilities(&[0.5; 4]));
    assert_eq!((numbers.n_rows(), numbers.width()), (4, 1));
    assert_eq!((classes.n_rows(), classes.width()), (2, 2));
    assert_eq!(classes.zeros_like(3), probabilities(&[0.0; 6]));
}

#[test]
fn sums_are_scaled() {
    let mut sum = probabilities(&[0.0, 1.0]);
    sum.add_scaled(0.5, &probabilities(&[1.0, 0.0]));
    assert_eq!(sum.values(), [0.5, 1.0]);
}

#[test]
fn the_first_of_equal_classes_is_taken() {
    assert_eq!(probabilities(&[0.5, 0.5, 0.1, 0.9]).class_codes(), [0, 1]);
    assert!(Predictions::Numbers(vec![1.0]).class_codes().is_empty());
}

#[test]
fn of_two_classes_the_second_is_predicted_above_the_threshold() {
    let two = Predictions::Probabilities {
        n_classes: 2,
        values: vec![0.9, 0.1, 0.7, 0.3, 0.4, 0.6],
    };
    assert_eq!(two.class_codes_by(&Decision::Likeliest), two.class_codes());
    assert_eq!(two.class_codes_by(&Some(0.2).into()), [0, 1, 1]);
    assert_eq!(
        two.class_codes_by(&Some(0.3).into()),
        [0, 0, 1],
        "not above is below"
    );
    assert_eq!(
        two.decided_by(&Some(0.2).into()).values(),
        [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    );
    let three = Predictions::Probabilities {
        n_classes: 3,
        values: vec![0.2, 0.5, 0.3],
    };
    assert_eq!(
        three.class_codes_by(&Some(0.9).into()),
        [1],
        "more classes have none"
    );
}

#[test]
fn further_rows_stand_behind() {
    let mut all = probabilities(&[0.9, 0.1]);
    all.append(probabilities(&[0.2, 0.8]));
    assert_eq!(all.class_codes(), [0, 1]);
    let mut numbers = Predictions::Numbers(vec![1.0]);
    numbers.append(Predictions::Numbers(vec![2.0]));
    assert_eq!(numbers.values(), [1.0, 2.0]);
}

#[test]
fn several_targets_stand_side_by_side_and_come_back_one_by_one() {
    let parts = [
        Predictions::Numbers(vec![5.0, 6.0]),
        probabilities(&[0.9, 0.1, 0.3, 0.7]),
    ];
    let mut both = Predictions::side_by_side(&parts);
    assert_eq!((both.n_rows(), both.width()), (2, 3));
    assert_eq!(both.values(), [5.0, 0.9, 0.1, 6.0, 0.3, 0.7]);
    assert_eq!([both.of_target(0), both.of_target(1)], parts);
    assert_eq!(both.class_codes(), [0, 0, 0, 1]);
    let each = Decision::Each(vec![Decision::Likeliest, Decision::Above(0.05)]);
    assert_eq!(both.class_codes_by(&each), [0, 1, 0, 1]);
    both.append(Predictions::side_by_side(&parts));
    assert_eq!(both.n_rows(), 4);
}
