//! What is tried of a column, and with which share of the rows.

use super::*;

fn numbers(column: &Column) -> Vec<(f64, f64)> {
    let number = |(value, share)| match value {
        DependenceValue::Number(value) => (value, share),
        other => panic!("{other:?} is no number"),
    };
    values(column).into_iter().map(number).collect()
}

#[test]
fn few_numbers_are_all_tried_with_the_share_of_rows_up_to_them() {
    let column = Column::Number(vec![2.0, 1.0, f64::NAN, 2.0, 5.0]);
    assert_eq!(numbers(&column), [(1.0, 0.25), (2.0, 0.75), (5.0, 1.0)]);
}

#[test]
fn many_numbers_are_tried_by_their_quantiles_and_rare_ones_do_not_stretch_the_axis() {
    let mut all: Vec<f64> = (0..1000).map(f64::from).collect();
    all[999] = 1e9;
    let tried = numbers(&Column::Number(all));
    assert_eq!(tried.len(), N_VALUES);
    assert_eq!((tried[0].0, tried[N_VALUES - 1].0), (20.0, 979.0));
    assert!(tried.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn the_levels_with_the_most_rows_are_tried() {
    let levels = Levels::new(["a", "b", "never", "c"]);
    let column = Column::category(vec![1, 0, 1, 3, MISSING_CODE, 1, 3, 1, 3], levels);
    let level = |name: &str, share| (DependenceValue::Level(name.into()), share);
    let expected = [level("b", 0.5), level("c", 0.375), level("a", 0.125)];
    assert_eq!(values(&column), expected);
}
