//! Columns that give the target away are told, and no others.

use super::*;

#[test]
fn a_column_that_gives_the_class_away_is_a_leak_and_a_strong_one_is_not() {
    let profile = look(&passengers(), "survived");
    expect![[r#"
        [
            "'alive' alone predicts 'survived' in 100.0 % of unseen rows; drop it with automl fit ... --drop alive if it is not known when predicting",
        ]
    "#]]
    .assert_debug_eq(&messages(&profile.warnings, WarningKind::TargetLeak));
}

#[test]
fn a_column_that_gives_the_number_away_is_a_leak_and_a_strong_one_is_not() {
    let n = 2000;
    let celsius = normal(n, 7);
    let strong: Vec<f64> = celsius
        .iter()
        .zip(normal(n, 8))
        .map(|(c, e)| c + 0.3 * e)
        .collect();
    let curve: Vec<f64> = celsius.iter().map(|c| (c / 2.0).exp()).collect();
    let t = table(vec![
        ("celsius", Column::Number(celsius)),
        ("strong", Column::Number(strong)),
        ("a curve", Column::Number(curve)),
    ]);
    let found = messages(&look(&t, "celsius").warnings, WarningKind::TargetLeak);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("'a curve' alone explains"),
        "{found:?}"
    );
    assert!(found[0].contains("--drop 'a curve'"), "{found:?}");
}

#[test]
fn columns_that_add_up_to_the_target_are_a_leak() {
    let n = 1000;
    let casual: Vec<f64> = noise(n, 9).iter().map(|x| (x * 100.0).floor()).collect();
    let registered: Vec<f64> = noise(n, 10).iter().map(|x| (x * 300.0).floor()).collect();
    let cnt = casual.iter().zip(&registered).map(|(a, b)| a + b).collect();
    let t = table(vec![
        (
            "hour",
            Column::Number(noise(n, 11).iter().map(|x| (x * 24.0).floor()).collect()),
        ),
        ("casual", Column::Number(casual)),
        ("registered", Column::Number(registered)),
        ("cnt", Column::Number(cnt)),
    ]);
    let profile = look(&t, "cnt");
    let leak = profile
        .warnings
        .iter()
        .find(|w| w.kind == WarningKind::TargetLeak)
        .unwrap();
    assert_eq!(leak.columns, ["casual", "registered"]);
    expect!["'casual' + 'registered' gives 'cnt' in unseen rows; drop them with automl fit ... --drop casual --drop registered if they are not known when predicting"]
        .assert_eq(&leak.message);
}

#[test]
fn a_weighted_difference_and_a_product_are_leaks_too() {
    let n = 500;
    let a: Vec<f64> = normal(n, 12);
    let b: Vec<f64> = normal(n, 13);
    let y = a.iter().zip(&b).map(|(a, b)| 2.0 * a - b + 5.0).collect();
    let t = table(vec![
        ("a", Column::Number(a)),
        ("noise", Column::Number(normal(n, 14))),
        ("b", Column::Number(b)),
        ("y", Column::Number(y)),
    ]);
    let found = messages(&look(&t, "y").warnings, WarningKind::TargetLeak);
    assert!(
        found[0].starts_with("2 × 'a' − 'b' + 5 gives 'y'"),
        "{found:?}"
    );

    let price: Vec<f64> = noise(n, 15).iter().map(|x| 1.0 + 99.0 * x).collect();
    let pieces: Vec<f64> = noise(n, 16)
        .iter()
        .map(|x| 1.0 + (x * 9.0).floor())
        .collect();
    let total = price.iter().zip(&pieces).map(|(a, b)| a * b).collect();
    let t = table(vec![
        ("price", Column::Number(price)),
        ("pieces", Column::Number(pieces)),
        ("total", Column::Number(total)),
    ]);
    let found = messages(&look(&t, "total").warnings, WarningKind::TargetLeak);
    assert!(
        found[0].starts_with("'price' × 'pieces' gives 'total'"),
        "{found:?}"
    );
}

#[test]
fn numbers_that_only_come_close_are_no_leak() {
    let n = 1000;
    let a = normal(n, 17);
    let b = normal(n, 18);
    let e = normal(n, 19);
    let y = (0..n).map(|row| a[row] + b[row] + 0.1 * e[row]).collect();
    let t = table(vec![
        ("a", Column::Number(a)),
        ("b", Column::Number(b)),
        ("y", Column::Number(y)),
    ]);
    assert!(messages(&look(&t, "y").warnings, WarningKind::TargetLeak).is_empty());
}

#[test]
fn few_rows_row_numbers_and_times_are_no_leak() {
    let few = table(vec![
        (
            "x",
            Column::Number((0..20).map(|row| f64::from(row % 2)).collect()),
        ),
        (
            "y",
            Column::Number((0..20).map(|row| f64::from(row % 2)).collect()),
        ),
    ]);
    assert!(messages(&look(&few, "y").warnings, WarningKind::TargetLeak).is_empty());
    let sorted = table(vec![
        ("row", Column::Number((0..500).map(f64::from).collect())),
        (
            "time",
            Column::Timestamp((0..500).map(|row| row * 3_600_000_000).collect()),
        ),
        (
            "y",
            Column::Number((0..500).map(|row| (f64::from(row) / 50.0).sin()).collect()),
        ),
    ]);
    assert!(messages(&look(&sorted, "y").warnings, WarningKind::TargetLeak).is_empty());
}

#[test]
fn a_dataset_gets_the_same_leak_warnings() {
    let t = passengers();
    let codes: Vec<u32> = t
        .column("survived")
        .unwrap()
        .as_number()
        .unwrap()
        .iter()
        .map(|&x| x as u32)
        .collect();
    let features = Table::from_shared(t.shared().skip(1).collect()).unwrap();
    let task = Task::Binary {
        classes: vec!["0".into(), "1".into()],
    };
    let data = Dataset::new(features, task, Target::Classes(codes.into())).unwrap();
    let of_profile = messages(&look(&t, "survived").warnings, WarningKind::TargetLeak);
    // The flags are those of a fit, which a profile has to say.
    let expected: Vec<String> = (of_profile.iter())
        .map(|message| message.replace("automl fit ... ", ""))
        .collect();
    assert_ne!(of_profile, expected);
    assert_eq!(
        messages(&leak_warnings(&data, "survived"), WarningKind::TargetLeak),
        expected
    );
}

#[test]
fn many_columns_that_give_the_target_away_have_one_warning() {
    let n = 400;
    let celsius = normal(n, 40);
    let mut columns: Vec<(String, Column)> = (0..8)
        .map(|copy| {
            let scaled = celsius.iter().map(|c| c * (copy + 2) as f64).collect();
            (format!("copy {copy}"), Column::Number(scaled))
        })
        .collect();
    columns.push(("celsius".to_owned(), Column::Number(celsius)));
    let t = Table::new(columns).unwrap();
    let found = messages(&look(&t, "celsius").warnings, WarningKind::TargetLeak);
    assert_eq!(
        found,
        [
            "each of 8 columns alone nearly determines 'celsius' in unseen rows, most of all 'copy 0', 'copy 1', 'copy 2', 'copy 3', 'copy 4'; drop those that are not known when predicting"
        ]
    );
}
