//! Tables of one distribution, and of two.

use super::*;
use automl_core::{Field, Kind};

fn schema() -> Schema {
    let fields = [
        ("id", Kind::Number, Role::Id),
        ("x", Kind::Number, Role::Feature),
        ("colour", Kind::Category, Role::Feature),
    ];
    let field = |(name, kind, role): (&str, _, _)| Field {
        name: name.into(),
        kind,
        role,
        levels: Vec::new(),
        format: None,
    };
    Schema {
        fields: fields.map(field).into(),
        missing: Vec::new(),
    }
}

/// Rows whose `x` begins at `from`.
fn table(n_rows: u32, from: f64, colours: &[&str]) -> Table {
    let x = (0..n_rows)
        .map(|row| from + f64::from(row * 37 % 101))
        .collect();
    let codes = (0..n_rows)
        .map(|row| row * 7 % colours.len() as u32)
        .collect();
    let colours = Column::category(codes, Levels::new(colours.iter().copied()));
    let id = Column::Number((0..n_rows).map(f64::from).collect());
    let columns = [("id", id), ("x", Column::Number(x)), ("colour", colours)];
    Table::new(
        columns
            .map(|(name, column)| (name.to_owned(), column))
            .into(),
    )
    .unwrap()
}

fn told(first: &Table, second: &Table, without: Option<&str>) -> Option<ToldApart> {
    all_told(first, second, without).apart()
}

fn all_told(first: &Table, second: &Table, without: Option<&str>) -> Told {
    told_apart((first, &schema()), second, without, &Effort::profile(2)).unwrap()
}

#[test]
fn a_column_of_one_value_tells_nothing() {
    let same =
        |n_rows| Table::new(vec![("x".to_owned(), Column::Number(vec![1.0; n_rows]))]).unwrap();
    let told = told_apart((&same(60), &schema()), &same(50), None, &Effort::profile(2));
    assert!(!matches!(told, Ok(Told::Apart(_))), "{told:?}");
}

#[test]
fn rows_of_one_distribution_cannot_be_told_apart() {
    let colours = ["red", "blue"];
    let told = told(&table(300, 0.0, &colours), &table(200, 0.0, &colours), None).unwrap();
    assert!((0.4..WARN_FROM).contains(&told.roc_auc), "{told:?}");
    assert_eq!((told.n_rows, warning(&told)), (500, None));
    assert!((told.by_chance - 0.579).abs() < 1e-3, "{told:?}");
}

#[test]
fn what_moved_is_named_unless_it_is_to_be_predicted() {
    let colours = ["red", "blue"];
    let (first, second) = (table(300, 0.0, &colours), table(200, 80.0, &colours));
    let apart = told(&first, &second, None).unwrap();
    assert!(
        apart.roc_auc > 0.9 && apart.columns[0].column == "x",
        "{apart:?}"
    );
    let warning = warning(&apart).unwrap();
    assert!(
        warning.message.contains("It looks at x"),
        "{}",
        warning.message
    );
    let without = told(&first, &second, Some("x")).unwrap();
    assert!(without.roc_auc < WARN_FROM, "{without:?}");
}

#[test]
fn levels_mean_the_same_in_both_tables_whatever_their_codes() {
    let (first, second) = (
        table(120, 0.0, &["red", "blue"]),
        table(120, 0.0, &["blue", "green"]),
    );
    let [a, b] = [&first, &second].map(|table| table.column("colour").unwrap());
    let both = one_below_the_other(a, b).unwrap();
    let (codes, levels) = both.as_category().unwrap();
    assert_eq!(levels.iter().collect::<Vec<_>>(), ["red", "blue", "green"]);
    assert_eq!((&codes[..2], &codes[120..122]), (&[0, 1][..], &[1, 2][..]));
}

#[test]
fn too_few_rows_or_other_kinds_say_nothing() {
    let colours = ["red", "blue"];
    let few = table(20, 0.0, &colours);
    assert_eq!(
        all_told(&table(300, 0.0, &colours), &few, None),
        Told::FewRows([300, 20])
    );
    assert_eq!(
        all_told(&few, &table(300, 0.0, &colours), None),
        Told::FewRows([20, 300])
    );
    let other = Column::Number(vec![1.0; 40]);
    let other = Table::new(vec![("colour".to_owned(), other)]).unwrap();
    assert_eq!(
        all_told(&table(300, 0.0, &colours), &other, None),
        Told::NoColumns
    );
}

#[test]
fn columns_that_are_no_features_are_not_compared() {
    let colours = ["red", "blue"];
    let (first, second) = (table(300, 0.0, &colours), table(200, 80.0, &colours));
    for role in [
        Role::Target,
        Role::Weight,
        Role::Group,
        Role::Time,
        Role::Ignored,
    ] {
        let mut schema = schema();
        schema.fields[1].role = role;
        let told = told_apart((&first, &schema), &second, None, &Effort::profile(2)).unwrap();
        let is_far = told.apart().is_some_and(|told| is_far(&told));
        assert!(!is_far, "{role:?}");
    }
}

#[test]
fn nothing_is_told_where_there_was_no_time() {
    let colours = ["red", "blue"];
    let (first, second) = (table(300, 0.0, &colours), table(200, 80.0, &colours));
    let effort = Effort {
        time_limit: Duration::from_millis(1),
        ..Effort::profile(2)
    };
    let told = told_apart((&first, &schema()), &second, None, &effort);
    assert!(!matches!(told, Ok(Told::Nothing)), "{told:?}");
}
