//! Rows that repeat, and the order in which they stand.

use super::*;
use automl_core::Field;

fn without_target(columns: Vec<(&str, Column)>) -> Profile {
    profile(
        &table(columns),
        &Schema::default(),
        &ProfileOptions::default(),
    )
    .unwrap()
}

fn told(columns: Vec<(&str, Column)>) -> Vec<String> {
    messages(
        &without_target(columns).warnings,
        WarningKind::DuplicateRows,
    )
}

/// Every row twice, the second time with `more` added to its numbers.
fn twice(values: &[f64], more: f64) -> Vec<f64> {
    let again = values.iter().map(|value| value + more);
    values.iter().copied().chain(again).collect()
}

#[test]
fn values_that_merely_lie_close_do_not_repeat() {
    let x = noise(3000, 70);
    assert!(told(vec![("x", Column::Number(x.clone()))]).is_empty());
    let double = x.iter().map(|x| 2.0 * x).collect();
    let pair = vec![("x", Column::Number(x)), ("double", Column::Number(double))];
    let found = without_target(pair);
    assert_eq!(
        (found.repeated_rows.n_exact, found.repeated_rows.n_near),
        (0, 0)
    );
    let bell = normal(3000, 71);
    let cents = bell.iter().map(|x| (x * 1000.0).round() / 1000.0).collect();
    assert!(told(vec![("x", Column::Number(cents))]).is_empty());
}

#[test]
fn close_codes_and_small_values_beside_huge_ones_do_not_repeat() {
    let code = |stream| -> Column {
        let values = noise(3000, stream)
            .iter()
            .map(|x| (x * x * 3e5).floor())
            .collect();
        Column::Number(values)
    };
    assert!(told(vec![("role", code(81)), ("manager", code(82))]).is_empty());
    let level = normal(3000, 83);
    let hour = |stream| -> Column {
        let noises = normal(3000, stream);
        let values = level
            .iter()
            .zip(&noises)
            .map(|(x, e)| (4.0 * x + 0.1 * e).exp())
            .collect();
        Column::Number(values)
    };
    assert!(told(vec![("first", hour(84)), ("second", hour(85))]).is_empty());
}

#[test]
fn rows_written_twice_are_told_alike_and_nearly_alike() {
    let (x, y) = (noise(1500, 72), normal(1500, 73));
    let both = |more| {
        told(vec![
            ("x", Column::Number(twice(&x, more))),
            ("y", Column::Number(twice(&y, more))),
        ])
    };
    expect![[r#"
        [
            "1,500 rows (50.0 %) repeat an earlier row; if they are one observation written twice, remove them, or scores will be too good",
        ]
    "#]]
    .assert_debug_eq(&both(0.0));
    let near = both(1e-5);
    assert!(near[0].contains("nearly repeat an earlier row"), "{near:?}");
}

#[test]
fn few_combinations_repeat_by_chance() {
    let die = |stream| -> Vec<f64> {
        noise(3000, stream)
            .iter()
            .map(|x| (x * 6.0).floor())
            .collect()
    };
    let columns = |a, b, c| {
        vec![
            ("a", Column::Number(a)),
            ("b", Column::Number(b)),
            ("c", Column::Number(c)),
        ]
    };
    assert!(told(columns(die(74), die(75), die(76))).is_empty());
    let wide = |stream| -> Vec<f64> {
        noise(3000, stream)
            .iter()
            .map(|x| (x * 90.0).floor())
            .collect()
    };
    let [a, b, c] = [77, 78, 79].map(|stream| twice(&wide(stream), 0.0));
    assert_eq!(told(columns(a, b, c)).len(), 1, "730,000 combinations");
}

const DAY: i64 = 86_400_000_000;

fn in_time(times: Vec<i64>, role: Role) -> Option<Warning> {
    let t = table(vec![("day", Column::Timestamp(times))]);
    let field = Field {
        name: "day".into(),
        kind: Kind::Timestamp,
        role,
        levels: Vec::new(),
        format: None,
    };
    let schema = Schema {
        fields: vec![field],
        ..Schema::default()
    };
    time_order_warning(&t, &schema)
}

#[test]
fn rows_in_the_order_of_time_are_told() {
    let rising: Vec<i64> = (0..400).map(|row| row / 4 * DAY).collect();
    let found = in_time(rising.clone(), Role::Feature).unwrap();
    expect!["'day' rises with the rows; validation rows drawn at random have training rows after them, so if the model will predict the future, scores are too good: --time-column day validates on later rows"]
        .assert_eq(&found.message);
    let mut nearly = rising.clone();
    nearly.swap(20, 300);
    assert!(in_time(nearly, Role::Feature).is_some());
    let falling = rising.iter().rev().copied().collect();
    assert!(
        in_time(falling, Role::Feature)
            .unwrap()
            .message
            .contains("falls")
    );
    assert_eq!(in_time(rising, Role::Time), None, "it is known");
}

#[test]
fn rows_in_another_order_or_of_few_times_are_not() {
    let mixed: Vec<i64> = noise(400, 80)
        .iter()
        .map(|x| (x * 300.0) as i64 * DAY)
        .collect();
    assert_eq!(in_time(mixed, Role::Feature), None);
    let few: Vec<i64> = (0..400).map(|row| row / 40 * DAY).collect();
    assert_eq!(in_time(few, Role::Feature), None);
    let by_customer: Vec<i64> = (0..400).map(|row| row % 100 * DAY).collect();
    assert_eq!(
        in_time(by_customer, Role::Feature),
        None,
        "four customers after one another"
    );
    let gaps: Vec<i64> = (0..400)
        .map(|row| {
            if row % 3 == 0 {
                automl_core::MISSING_TIME
            } else {
                row * DAY
            }
        })
        .collect();
    assert_eq!(in_time(gaps, Role::Feature), None);
}
