//! What the profile says of labels, years and drift, and how.

use super::*;

#[test]
fn levels_that_are_nearly_written_alike_are_told() {
    let n = 200;
    let label = |x: f64| ["<=50K", "<=50K.", ">50K", ">50K."][(x * 4.0) as usize].to_owned();
    let city = |x: f64| {
        ["Paris", "PARIS ", "Rome", "New  York", "new york", "?"][(x * 6.0) as usize].to_owned()
    };
    let t = table(vec![
        ("city", labels(&noise(n, 90), city)),
        (
            "grade",
            labels(&noise(n, 91), |x| {
                ["A+", "A", "A-"][(x * 3.0) as usize].into()
            }),
        ),
        ("income", labels(&noise(n, 92), label)),
    ]);
    expect![[r#"
        [
            "levels of 'city' are nearly written alike but count apart: 'New  York' and 'new york'; 'PARIS ' and 'Paris'; if they mean the same, write them alike in the data",
            "classes of 'income' are nearly written alike but count apart: '<=50K' and '<=50K.'; '>50K' and '>50K.'; if they mean the same, write them alike in the data",
        ]
    "#]]
    .assert_debug_eq(&messages(&look(&t, "income").warnings, WarningKind::NearLevels));
}

#[test]
fn years_have_no_thousands_and_one_word_no_plural() {
    let n = 120;
    let year: Vec<f64> = (0..n).map(|row| f64::from(1950 + row % 60)).collect();
    let price: Vec<f64> = (0..n).map(|row| f64::from(1950 + row % 60 * 10)).collect();
    let words: Texts = (0..n)
        .map(|row| Some(["no", "yes"][row as usize % 2]))
        .collect();
    let t = table(vec![
        ("year", Column::Number(year)),
        ("price", Column::Number(price)),
        ("word", Column::Text(words)),
    ]);
    let profile = profile(&t, &Schema::default(), &ProfileOptions::default()).unwrap();
    let text = render_text(&profile, 120);
    assert!(text.contains("1950 · 1965 · 1980 · 1994 · 2009"), "{text}");
    assert!(
        text.contains("1,950 · 2,098 · 2,245 · 2,392 · 2,540"),
        "{text}"
    );
    assert!(text.contains("2 to 3 characters, 1 word, “no”"), "{text}");
    let mut year = profile.clone();
    year.columns.truncate(1);
    let page = render_html(&year);
    assert!(page.contains("2009") && !page.contains("2,009"));
}

#[test]
fn a_mark_of_drift_has_a_warning_and_a_rule() {
    let n = 4000;
    let make = |shift: f64, stream: u64| {
        let moved = |values: Vec<f64>, by: f64| values.iter().map(|x| x + by).collect();
        table(vec![
            ("far", Column::Number(moved(normal(n, stream), shift))),
            (
                "a little",
                Column::Number(moved(normal(n, stream + 1), shift / 8.0)),
            ),
            ("still", Column::Number(normal(n, stream + 2))),
        ])
    };
    let schema = Schema::default();
    let second = make(1.0, 95);
    let options = ProfileOptions {
        other: Some((&second, &schema)),
        ..ProfileOptions::default()
    };
    let first = make(0.0, 94);
    let profile = profile(&first, &schema, &options).unwrap();
    let drift = column(&profile, "a little").drift.clone().unwrap();
    assert!(drift.is_significant && drift.distance < 0.1);
    let text = render_text(&profile, 120);
    let marked: Vec<&str> = text.lines().filter(|line| line.ends_with(" !")).collect();
    assert!(marked.len() == 1 && marked[0].starts_with("far"), "{text}");
    assert!(
        text.contains("\n! the second table differs: by a distance of 0.1 or more"),
        "{text}"
    );
}
