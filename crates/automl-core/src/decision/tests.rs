//! The rule of least expected cost, and what are no costs.

use super::*;
use crate::Predictions;
use proptest::prelude::*;

fn matrix(costs: &[&[f64]]) -> Result<CostMatrix, CostMatrixError> {
    CostMatrix::new(costs.iter().map(|row| row.to_vec()).collect())
}

fn probabilities(n_classes: usize, values: &[f64]) -> Predictions {
    Predictions::Probabilities {
        n_classes,
        values: values.to_vec(),
    }
}

#[test]
fn equal_errors_ask_for_the_likeliest_class() {
    let costs = matrix(&[&[0.0, 1.0, 1.0], &[1.0, 0.0, 1.0], &[1.0, 1.0, 0.0]]).unwrap();
    let rows = probabilities(3, &[0.2, 0.5, 0.3, 0.4, 0.4, 0.2]);
    let decided = rows.class_codes_by(&Decision::Cheapest(costs.clone()));
    assert_eq!(decided, rows.class_codes());
    assert_eq!(costs.threshold(), None, "of more than two classes");
}

#[test]
fn a_class_that_is_dear_to_miss_is_predicted_where_it_is_unlikely() {
    let costs = matrix(&[&[0.0, 1.0, 1.0], &[1.0, 0.0, 1.0], &[9.0, 9.0, 0.0]]).unwrap();
    let rows = probabilities(3, &[0.5, 0.3, 0.2, 0.9, 0.06, 0.04]);
    let decided = rows.class_codes_by(&Decision::Cheapest(costs.clone()));
    assert_eq!(decided, [2, 0]);
    // Of the first row class 2 is true, of the second class 0.
    let compared = costs.compared(
        &[2.0, 0.0],
        &rows,
        &Decision::Cheapest(costs.clone()),
        Some(&[1.0, 3.0]),
    );
    let found = compared.unwrap();
    assert_eq!((found.decided, found.likeliest), (0.0, 9.0 / 4.0));
    assert_eq!((found.constant, found.constant_class), (3.0 / 4.0, 2));
    assert_eq!(costs.mean(&[0.0], &[1], Some(&[0.0])), None);
}

#[test]
fn what_are_no_costs_is_refused() {
    assert_eq!(matrix(&[&[0.0]]), Err(CostMatrixError::Shape));
    assert_eq!(matrix(&[&[0.0, 1.0], &[1.0]]), Err(CostMatrixError::Shape));
    assert!(matches!(
        matrix(&[&[-1.0, 1.0], &[1.0, 0.0]]),
        Err(CostMatrixError::Value {
            actual: 0,
            predicted: 0,
            ..
        })
    ));
    assert!(matches!(
        matrix(&[&[0.0, 1.0], &[f64::NAN, 0.0]]),
        Err(CostMatrixError::Value { actual: 1, .. })
    ));
    assert_eq!(
        matrix(&[&[0.0, 1.0], &[1.0, 2.0]]),
        Err(CostMatrixError::Backwards {
            actual: 1,
            predicted: 0
        })
    );
    assert_eq!(
        matrix(&[&[0.0, 0.0], &[1.0, 0.0]]),
        Err(CostMatrixError::Constant { class: 1 })
    );
    assert!(serde_json::from_str::<CostMatrix>("[[0, 1], [1, 1]]").is_err());
}

proptest! {
    #[test]
    fn of_two_classes_the_rule_is_a_threshold(
        false_alarm in 0.1..10.0_f64,
        missed in 0.1..10.0_f64,
        second in 0.0..1.0_f64,
    ) {
        let costs = matrix(&[&[0.0, false_alarm], &[missed, 0.0]]).unwrap();
        let threshold = costs.threshold().unwrap();
        prop_assume!((threshold - second).abs() > 1e-9);
        let row = probabilities(2, &[1.0 - second, second]);
        prop_assert_eq!(
            row.class_codes_by(&Decision::Cheapest(costs)),
            row.class_codes_by(&Decision::Above(threshold))
        );
    }
}
