//! What a profile promises, on tables small enough to check by hand.

mod brief;
mod copies;
mod leaks;
mod rows;
mod shown;

use super::*;
use automl_core::{Dataset, Levels, Target, Task, Texts, Warning, WarningKind};
use expect_test::expect;

/// Numbers that look random, from 0 to below 1; each `stream` its own.
fn noise(n: usize, stream: u64) -> Vec<f64> {
    let seed = Seed(stream);
    (0..n as u64)
        .map(|row| (seed.indexed(row).0 >> 11) as f64 / (1_u64 << 53) as f64)
        .collect()
}

fn normal(n: usize, stream: u64) -> Vec<f64> {
    let sums: Vec<Vec<f64>> = (0..12).map(|part| noise(n, stream * 100 + part)).collect();
    (0..n)
        .map(|row| sums.iter().map(|part| part[row]).sum::<f64>() - 6.0)
        .collect()
}

fn category(values: &[String]) -> Column {
    let mut levels = values.to_vec();
    levels.sort();
    levels.dedup();
    let code = |value: &String| levels.binary_search(value).unwrap() as u32;
    Column::category(
        values.iter().map(code).collect(),
        Levels::new(levels.clone()),
    )
}

fn labels(values: &[f64], name: impl Fn(f64) -> String) -> Column {
    category(&values.iter().map(|&value| name(value)).collect::<Vec<_>>())
}

fn table(columns: Vec<(&str, Column)>) -> Table {
    Table::new(
        columns
            .into_iter()
            .map(|(name, column)| (name.to_owned(), column))
            .collect(),
    )
    .unwrap()
}

fn look(table: &Table, target: &str) -> Profile {
    let options = ProfileOptions {
        target: Some(target),
        ..ProfileOptions::default()
    };
    profile(table, &Schema::default(), &options).unwrap()
}

fn messages(warnings: &[Warning], kind: WarningKind) -> Vec<String> {
    warnings
        .iter()
        .filter(|w| w.kind == kind)
        .map(|w| w.message.clone())
        .collect()
}

fn column<'a>(profile: &'a Profile, name: &str) -> &'a ColumnProfile {
    profile
        .columns
        .iter()
        .find(|column| column.name == name)
        .unwrap()
}

fn numbers(profile: &Profile, name: &str) -> NumberSummary {
    match &column(profile, name).summary {
        Summary::Numbers(summary) => summary.clone(),
        other => panic!("{other:?}"),
    }
}

fn passengers() -> Table {
    let n = 400;
    let chance = noise(n, 1);
    let survived: Vec<f64> = chance.iter().map(|c| f64::from(*c < 0.4)).collect();
    let mut age: Vec<f64> = normal(n, 2)
        .iter()
        .map(|x| (30.0 + 12.0 * x).round())
        .collect();
    age[3] = f64::NAN;
    let mixed: Vec<f64> = noise(n, 3)
        .iter()
        .zip(&survived)
        .map(|(c, s)| if *c < 0.75 { *s } else { 1.0 - s })
        .collect();
    table(vec![
        ("survived", Column::Number(survived.clone())),
        ("age", Column::Number(age)),
        (
            "sex",
            labels(&mixed, |x| ["male", "female"][x as usize].into()),
        ),
        (
            "alive",
            labels(&survived, |x| ["no", "yes"][x as usize].into()),
        ),
        (
            "ticket",
            Column::Number((0..n).map(|row| row as f64 + 1000.0).collect()),
        ),
    ])
}

#[test]
fn numbers_are_summarised_as_numpy_does() {
    let values = vec![4.0, f64::NAN, 1.0, 2.0, 3.0, 10.0];
    let profile = profile(
        &table(vec![("x", Column::Number(values))]),
        &Schema::default(),
        &ProfileOptions::default(),
    )
    .unwrap();
    let x = numbers(&profile, "x");
    assert_eq!(
        (x.min, x.q25, x.median, x.q75, x.max),
        (1.0, 2.0, 3.0, 4.0, 10.0)
    );
    assert_eq!(x.mean, 4.0);
    assert!((x.std - 12.5_f64.sqrt()).abs() < 1e-12);
    assert!((x.q05 - 1.2).abs() < 1e-12 && (x.q95 - 8.8).abs() < 1e-12);
    assert_eq!(
        (profile.columns[0].n_missing, profile.columns[0].n_distinct),
        (1, 5)
    );
}

#[test]
fn every_value_is_in_one_bar_of_the_histogram() {
    let far = normal(1000, 5).iter().map(|x| (3.0 * x).exp()).collect();
    for values in [
        normal(1000, 4),
        far,
        vec![7.0; 9],
        vec![0.1],
        (0..300).map(f64::from).collect(),
    ] {
        let n = values.len() as u64;
        let t = table(vec![("x", Column::Number(values))]);
        let profile = profile(&t, &Schema::default(), &ProfileOptions::default()).unwrap();
        let histogram = numbers(&profile, "x").histogram;
        assert_eq!(histogram.counts.iter().sum::<u64>(), n);
        assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
        assert!(histogram.edges.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn a_few_far_values_do_not_flatten_the_histogram() {
    let mut values = normal(1000, 6);
    values.extend([1e6, -1e6]);
    let t = table(vec![("x", Column::Number(values))]);
    let profile = profile(&t, &Schema::default(), &ProfileOptions::default()).unwrap();
    let histogram = numbers(&profile, "x").histogram;
    assert!(histogram.is_open_below && histogram.is_open_above);
    assert!(histogram.counts.iter().filter(|count| **count > 0).count() > 15);
}

#[test]
fn association_is_comparable_between_kinds() {
    let n = 4000;
    let x = normal(n, 20);
    let e = normal(n, 21);
    let y: Vec<f64> = (0..n).map(|row| 0.6 * x[row] + 0.8 * e[row]).collect();
    let square: Vec<f64> = x.iter().map(|x| x * x).collect();
    let t = table(vec![
        ("x", Column::Number(x.clone())),
        (
            "bins of x",
            labels(&x, |x| format!("{:+.0}", (2.0 * x).round())),
        ),
        ("noise", Column::Number(normal(n, 22))),
        (
            "names",
            labels(&noise(n, 23), |x| format!("{:.0}", x * 3000.0)),
        ),
        ("y", Column::Number(y)),
    ]);
    let profile = look(&t, "y");
    let of = |name: &str| column(&profile, name).association.unwrap();
    assert!((of("x").pearson.unwrap() - 0.6).abs() < 0.03);
    assert!((of("x").spearman.unwrap() - 0.58).abs() < 0.03);
    assert!((of("x").score - 0.6).abs() < 0.03);
    assert!((of("bins of x").score - 0.58).abs() < 0.03);
    assert!((of("bins of x").correlation_ratio.unwrap() - 0.59).abs() < 0.03);
    assert!(of("noise").score < 0.08);
    // Many rare levels fit the rows they were counted on, but tell nothing of others.
    assert!(of("names").correlation_ratio.unwrap() > 0.5 && of("names").score < 0.08);
    assert!(column(&profile, "y").association.is_none());

    let t = table(vec![
        ("square", Column::Number(square.clone())),
        ("x", Column::Number(x)),
        (
            "far",
            labels(&square, |x| if x > 1.0 { "yes" } else { "no" }.into()),
        ),
    ]);
    let profile = look(&t, "far");
    let of = |name: &str| column(&profile, name).association.unwrap();
    assert!(of("square").score > 0.9 && of("square").mutual_information.unwrap() > 0.8);
    assert!(of("x").score > 0.8, "a curve is seen as well as a line");
}

#[test]
fn identifiers_constants_copies_and_wide_categories_are_told() {
    let n = 400;
    let kind: Vec<f64> = noise(n, 24).iter().map(|x| (x * 3.0).floor()).collect();
    let t = table(vec![
        (
            "key",
            labels(&(0..n).map(|row| row as f64).collect::<Vec<_>>(), |x| {
                format!("k{x}")
            }),
        ),
        (
            "row",
            Column::Number((0..n).map(|row| row as f64).collect()),
        ),
        ("empty", Column::Number(vec![f64::NAN; n])),
        ("same", Column::Number(vec![5.0; n])),
        ("kind", Column::Number(kind.clone())),
        ("copy", Column::Number(kind.clone())),
        (
            "word",
            labels(&kind, |x| ["one", "two", "three"][x as usize].into()),
        ),
        (
            "city",
            labels(&noise(n, 25), |x| format!("c{:.0}", x * 150.0)),
        ),
        ("measure", Column::Number(normal(n, 26))),
    ]);
    let profile = profile(&t, &Schema::default(), &ProfileOptions::default()).unwrap();
    let all: Vec<&str> = profile
        .warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    expect![[r#"
        [
            "'key' differs in every row and looks like an identifier; automl fit ... --drop key leaves it out",
            "'row' differs in every row and looks like an identifier; automl fit ... --drop row leaves it out",
            "'empty' holds no value and cannot help; automl fit ... --drop empty leaves it out",
            "'same' holds only '5' and cannot help; automl fit ... --drop same leaves it out",
            "'city' has 140 levels; rare ones are pooled or encoded by the target, and new rows may bring unseen ones",
            "'copy' and 'word' tell the same rows apart as 'kind'; automl fit ... --drop copy --drop word leaves them out",
        ]
    "#]]
    .assert_debug_eq(&all);
}

#[test]
fn a_rare_class_is_told() {
    let t = table(vec![
        ("x", Column::Number(normal(1000, 27))),
        (
            "y",
            labels(&(0..1000).map(f64::from).collect::<Vec<_>>(), |x| {
                if x < 12.0 { "yes" } else { "no" }.into()
            }),
        ),
    ]);
    let found = messages(&look(&t, "y").warnings, WarningKind::ClassImbalance);
    expect![[r#"
        [
            "class 'yes' of 'y' has 1.2 % of the rows (12); accuracy hides errors on it, average_precision does not",
        ]
    "#]]
    .assert_debug_eq(&found);
}

#[test]
fn repeated_rows_are_counted() {
    let x = vec![1.0, 1.0, 2.0, 2.000_01, 3.0, 9.0];
    let y = vec![0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    let texts: Texts = ["a", "a", "B ", "b", "c", "c"]
        .map(Some)
        .into_iter()
        .collect();
    let t = table(vec![
        ("x", Column::Number(x)),
        ("t", Column::Text(texts)),
        ("y", Column::Number(y)),
    ]);
    let repeated = look(&t, "y").repeated_rows;
    assert_eq!(
        (repeated.n_exact, repeated.n_near, repeated.n_contradicting),
        (1, 2, 0)
    );
    let t = table(vec![
        ("x", Column::Number(vec![1.0, 1.0, 2.0])),
        ("y", Column::Number(vec![0.0, 1.0, 1.0])),
    ]);
    assert_eq!(look(&t, "y").repeated_rows.n_contradicting, 2);
}

#[test]
fn levels_of_a_second_table_are_read_by_meaning() {
    let n = 400;
    let size = normal(n, 30);
    let flag =
        |words: [&'static str; 2]| labels(&size, move |x| words[usize::from(x > 0.0)].into());
    let first = table(vec![
        ("flag", flag(["False", "True"])),
        ("digit", flag(["0.0", "1.0"])),
    ]);
    let second = table(vec![
        ("flag", flag(["FALSE", "TRUE"])),
        ("digit", flag(["0", "1"])),
    ]);
    let schema = Schema::default();
    let options = ProfileOptions {
        other: Some((&second, &schema)),
        ..ProfileOptions::default()
    };
    let profile = profile(&first, &schema, &options).unwrap();
    for name in ["flag", "digit"] {
        let drift = column(&profile, name).drift.clone().unwrap();
        assert!(drift.distance == 0.0 && drift.unseen.is_empty(), "{name}");
    }
}

#[test]
fn a_target_cell_that_is_no_declared_level_counts_as_missing() {
    let codes = (0..60).map(|row| {
        if row == 7 {
            automl_core::UNSEEN_CODE
        } else {
            row % 2
        }
    });
    let declared = automl_core::Levels::new(["0", "1"]);
    let t = table(vec![
        ("x", Column::Number(normal(60, 31))),
        ("y", Column::category(codes.collect(), declared)),
    ]);
    assert_eq!(look(&t, "y").n_rows_sampled, 59);
}

#[test]
fn drift_is_told_where_it_is_more_than_chance() {
    let make = |n: usize, shift: f64, stream: u64, city: &str| {
        let mut values = normal(n, stream);
        for x in &mut values {
            *x += shift;
        }
        table(vec![
            ("moved", Column::Number(values)),
            ("still", Column::Number(normal(n, stream + 1))),
            (
                "city",
                labels(&noise(n, stream + 2), |x| {
                    if x < 0.9 { "A" } else { city }.into()
                }),
            ),
        ])
    };
    let compare = |first: &Table, second: &Table| {
        let schema = Schema::default();
        let options = ProfileOptions {
            other: Some((second, &schema)),
            ..ProfileOptions::default()
        };
        profile(first, &schema, &options).unwrap()
    };
    let drifted = compare(&make(1000, 0.0, 30, "B"), &make(800, 0.5, 40, "C"));
    expect![[r#"
        [
            "'moved' is distributed differently in the second table (distance 0.21 of 1, stability index 0.23); scores there may be worse",
            "11.9 % of the second table's rows have levels of 'city' that the first lacks, such as 'C'; a model treats them as unseen",
        ]
    "#]]
    .assert_debug_eq(&messages(&drifted.warnings, WarningKind::Drift));
    let few = compare(&make(30, 0.0, 50, "B"), &make(25, 0.0, 60, "B"));
    assert!(messages(&few.warnings, WarningKind::Drift).is_empty());
    let gone = compare(
        &make(30, 0.0, 50, "B"),
        &table(vec![("moved", Column::Number(vec![0.0]))]),
    );
    assert_eq!(messages(&gone.warnings, WarningKind::Drift).len(), 2);
}

#[test]
fn an_unknown_target_names_its_neighbours() {
    let options = ProfileOptions {
        target: Some("survivd"),
        ..ProfileOptions::default()
    };
    let error = profile(&passengers(), &Schema::default(), &options).unwrap_err();
    assert_eq!(error.code(), "profile-no-target");
    assert_eq!(error.hint().unwrap(), "did you mean survived?");
}

#[test]
fn odd_tables_are_profiled_too() {
    let empty = table(vec![
        ("x", Column::Number(vec![])),
        ("y", Column::Text(Texts::default())),
    ]);
    let one = table(vec![
        ("x", Column::Number(vec![1.0])),
        ("y", labels(&[0.0], |_| "a".into())),
    ]);
    let missing = table(vec![
        ("x", Column::Timestamp(vec![automl_core::MISSING_TIME; 3])),
        (
            "y",
            Column::category(vec![automl_core::MISSING_CODE; 3], Levels::default()),
        ),
    ]);
    for t in [empty, one, missing, Table::without_columns(5)] {
        for target in t.names().map(Some).chain([None]) {
            let options = ProfileOptions {
                target,
                other: None,
                ..ProfileOptions::default()
            };
            let profile = profile(&t, &Schema::default(), &options).unwrap();
            assert!(!render_text(&profile, 80).is_empty());
            assert!(!render_html(&profile).is_empty());
        }
    }
}

#[test]
fn the_profile_survives_json() {
    let profile = look(&passengers(), "survived");
    let json = serde_json::to_string(&profile).unwrap();
    assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
}

#[test]
fn the_text_fits_the_terminal() {
    let mut profile = look(&passengers(), "survived");
    profile.title = Some("passengers.csv".into());
    expect![[r"
        passengers.csv · 400 rows × 5 columns · < 0.1 % of cells missing

        column    kind      missing  distinct  histogram   min · quartiles · max, or top levels   tells of survived
        ───────────────────────────────────────────────────────────────────────────────────────────────────────────
        survived  number          –         2  █▅          0 · 0 · 0 · 1 · 1                      target
        age       number      0.2 %        62  ▁▁▃▆█▅▃▁▁   -4 · 23 · 31 · 38 · 61                        0.00
        sex       category        –         2  █▇          male 52.5 % · female 47.5 %            ███▏   0.51
        alive     category        –         2  █▅          no 59.5 % · yes 40.5 %                 ██████ 0.99
        ticket    number          –       400  ██████████  1,000 · 1,100 · 1,200 · 1,299 · 1,399         0.00

        2 warnings
          target leak  'alive' alone predicts 'survived' in 100.0 % of unseen rows; drop it with automl fit ... --drop
                       alive if it is not known when predicting
          identifier   'ticket' differs in every row and looks like an identifier; automl fit ... --drop ticket leaves
                       it out
    "]].assert_eq(&render_text(&profile, 110));
    for n_columns in [40, 60, 80, 100, 200] {
        for line in render_text(&profile, n_columns).lines() {
            assert!(
                format::width(line) <= n_columns.max(40) || line.contains("--drop"),
                "{line}"
            );
        }
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_names() {
    let n = 300;
    let columns: Vec<(String, Column)> = (0..50)
        .map(|index| {
            (
                format!("size <b>{index}"),
                Column::Number(normal(n, 100 + index)),
            )
        })
        .collect();
    let t = Table::new(columns).unwrap();
    let page = render_html(&look(&t, "size <b>0"));
    for asset in [
        "http://", "https://", "<script", "src=", "@import", "url(", "<b>1",
    ] {
        assert!(!page.contains(asset), "{asset}");
    }
    assert!(page.len() < 200_000, "{} bytes for 50 columns", page.len());
    assert!(page.contains("prefers-color-scheme") && page.contains("<title>"));
}

#[test]
fn numbers_read_well() {
    let cases = [
        0.0,
        1.0,
        -1234.0,
        0.5,
        48_842.25,
        0.000_123_45,
        1e-9,
        1e15,
        2.0 / 3.0,
        99_999.96,
    ];
    expect![[r#"
        "0 | 1 | -1,234 | 0.5 | 48,842 | 0.0001234 | 1.00e-9 | 1.00e15 | 0.6667 | 100,000"
    "#]]
    .assert_debug_eq(&cases.map(format::number).join(" | "));
    assert_eq!(format::percent(0.9999), "> 99.9 %");
    assert_eq!(format::percent(0.0001), "< 0.1 %");
    assert_eq!(format::cut("日本語のテキスト", 7), "日本語…");
}

#[test]
fn the_words_of_a_text_tell_of_the_target() {
    let (n, draws, other) = (600, noise(600, 1), noise(600, 2));
    let target: Vec<f64> = draws.iter().map(|draw| f64::from(*draw > 0.5)).collect();
    let text = |word: &dyn Fn(usize) -> &'static str| -> Column {
        let texts: Vec<String> = (0..n)
            .map(|row| format!("note {row}: the {} seat, {}", word(row), row * 7 % 13))
            .collect();
        Column::Text(
            texts
                .iter()
                .map(|text| Some(text.as_str()))
                .collect::<Texts>(),
        )
    };
    let found = look(
        &table(vec![
            (
                "told",
                text(&|row| if target[row] > 0.5 { "Red" } else { "blue" }),
            ),
            (
                "idle",
                text(&|row| if other[row] > 0.5 { "Red" } else { "blue" }),
            ),
            (
                "empty",
                Column::Text((0..n).map(|_| None::<&str>).collect()),
            ),
            ("class", labels(&target, |value| format!("c{value}"))),
        ]),
        "class",
    );
    let score = |name: &str| column(&found, name).association.unwrap().score;
    assert!(score("told") > 0.95, "{}", score("told"));
    assert!(score("idle") < 0.2, "{}", score("idle"));
    assert_eq!(score("empty"), 0.0);
    let number = |row: usize| target[row] * 10.0 + other[row];
    let found = look(
        &table(vec![
            (
                "told",
                text(&|row| if target[row] > 0.5 { "Red" } else { "blue" }),
            ),
            ("y", Column::Number((0..n).map(number).collect())),
        ]),
        "y",
    );
    let score = column(&found, "told").association.unwrap().score;
    assert!(score > 0.9, "{score}");
}
