//! Roles, task and usable rows, as a user would state and hear them.

use super::*;
use automl_core::{Coded as _, Levels, Target, TaskKind};

fn field(name: &str, kind: automl_core::Kind) -> Field {
    Field {
        name: name.into(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    }
}

fn numbers(values: &[f64]) -> Column {
    Column::Number(values.to_vec())
}

fn labels(values: &[Option<u32>], levels: &[&str]) -> Column {
    Column::category(
        values
            .iter()
            .map(|code| code.unwrap_or(MISSING_CODE))
            .collect(),
        Levels::new(levels.iter().copied()),
    )
}

/// Prepares a table of a feature `x` and the target `y`.
fn prepared(
    y: Column,
    change: impl FnOnce(&mut PrepareOptions),
) -> Result<(Prepared, Warnings), EngineError> {
    let n_rows = y.n_rows();
    let kind = if y.as_number().is_some() {
        automl_core::Kind::Number
    } else {
        automl_core::Kind::Category
    };
    let x = Column::Number((0..n_rows).map(|row| row as f64).collect());
    let table = Table::new(vec![("x".into(), x), ("y".into(), y)]).unwrap();
    let schema = Schema {
        fields: vec![field("x", automl_core::Kind::Number), field("y", kind)],
        missing: Vec::new(),
    };
    let mut options = PrepareOptions {
        target: "y".into(),
        ..PrepareOptions::default()
    };
    change(&mut options);
    let warnings = Warnings::default();
    prepare(&table, &schema, &options, &warnings).map(|prepared| (prepared, warnings))
}

fn task_of(y: Column) -> TaskKind {
    prepared(y, |_| ()).unwrap().0.dataset.task().kind()
}

fn message(y: Column) -> String {
    prepared(y, |_| ()).unwrap_err().to_string()
}

#[test]
fn a_task_is_read_from_the_target() {
    assert_eq!(
        task_of(labels(&[Some(0), Some(1), Some(1)], &["no", "yes"])),
        TaskKind::Binary
    );
    assert_eq!(
        task_of(labels(
            &[Some(0), Some(1), Some(2), Some(2)],
            &["a", "b", "c"]
        )),
        TaskKind::Multiclass
    );
    assert_eq!(task_of(numbers(&[0.0, 1.0, 1.0, 0.0])), TaskKind::Binary);
    assert_eq!(
        task_of(numbers(&[1.5, 2.5, 3.5, 1.5])),
        TaskKind::Regression
    );
    let counts: Vec<f64> = (0..300).map(|row| f64::from(row % 3)).collect();
    assert_eq!(task_of(numbers(&counts)), TaskKind::Multiclass);
    let amounts: Vec<f64> = (0..300).map(|row| f64::from(row % 3) * 100.0).collect();
    assert_eq!(task_of(numbers(&amounts)), TaskKind::Regression);
}

#[test]
fn a_stated_task_wins_over_the_guess() {
    let (prepared, _) = prepared(numbers(&[0.0, 1.0, 1.0]), |options| {
        options.task = Some(TaskKind::Regression);
    })
    .unwrap();
    assert_eq!(prepared.dataset.task().kind(), TaskKind::Regression);
}

#[test]
fn a_target_too_large_to_square_is_refused() {
    let of_size = |unit: f64| {
        let values: Vec<f64> = (0..300).map(|row| f64::from(row) * unit).collect();
        prepared(numbers(&values), |_| ())
    };
    for unit in [1e150, 1e160, 1e300] {
        let error = of_size(unit).unwrap_err();
        assert_eq!(error.code(), "fit-target");
        assert_eq!(
            error.to_string(),
            format!(
                "target 'y' cannot be learned: its values, up to {:e} in size, are too large to square; \
                 divide them by a constant",
                299.0 * unit
            )
        );
    }
    assert!(of_size(1e140).is_ok());
}

#[test]
fn number_classes_are_labelled_as_they_are_written() {
    let (prepared, _) = prepared(numbers(&[2.0, 1.0, 2.0]), |_| ()).unwrap();
    assert_eq!(prepared.dataset.task().classes(), ["1", "2"]);
    assert_eq!(
        prepared.dataset.target(),
        &Target::Classes([1, 0, 1].into())
    );
}

#[test]
fn rows_without_a_target_are_left_out_and_levels_without_rows_are_no_classes() {
    let y = labels(&[Some(2), None, Some(0), Some(2)], &["a", "b", "c"]);
    let (prepared, warnings) = prepared(y, |_| ()).unwrap();
    assert_eq!(prepared.dataset.n_rows(), 3);
    assert_eq!(prepared.dataset.task().classes(), ["a", "c"]);
    assert_eq!(
        prepared
            .dataset
            .table()
            .column("x")
            .unwrap()
            .as_number()
            .unwrap(),
        [0.0, 2.0, 3.0]
    );
    assert_eq!(
        warnings.list()[0].message,
        "1 of 4 rows have no 'y' and are left out"
    );
}

#[test]
fn a_target_that_cannot_be_learned_says_why() {
    assert_eq!(
        message(numbers(&[f64::NAN; 3])),
        "target 'y' cannot be learned: all its values are missing"
    );
    assert_eq!(
        message(numbers(&[3.0; 3])),
        "target 'y' cannot be learned: all its values are 3"
    );
    assert_eq!(
        message(labels(&[Some(0); 3], &["a"])),
        "target 'y' cannot be learned: it has one class, 'a'"
    );
    assert_eq!(
        message(labels(&[Some(0), Some(1), Some(2)], &["a", "b", "c"])),
        "target 'y' cannot be learned: each of its 3 rows has a class of its own"
    );
    assert_eq!(
        message(numbers(&[3.0])),
        "too few rows with a target to learn from: 1, at least 2 are needed"
    );
}

#[test]
fn an_unknown_column_is_named_with_its_neighbours() {
    let error = prepared(numbers(&[0.0, 1.0]), |options| {
        options.drop = vec!["xx".into()];
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "no column 'xx' for the columns to drop");
    assert_eq!(
        automl_core::Coded::hint(&error),
        Some("did you mean 'x'?".into())
    );
}

#[test]
fn dropping_every_feature_leaves_nothing_to_learn_from() {
    let error = prepared(numbers(&[0.0, 1.0, 1.0]), |options| {
        options.drop = vec!["x".into()];
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no feature column is left beside target 'y': 'x' is dropped"
    );
}

#[test]
fn a_weight_must_be_there_in_every_row() {
    let table = Table::new(vec![
        ("x".into(), numbers(&[1.0, 2.0, 3.0])),
        ("w".into(), numbers(&[1.0, f64::NAN, 3.0])),
        ("y".into(), numbers(&[0.5, 1.5, 2.5])),
    ])
    .unwrap();
    let kind = automl_core::Kind::Number;
    let schema = Schema {
        fields: vec![field("x", kind), field("w", kind), field("y", kind)],
        missing: Vec::new(),
    };
    let options = PrepareOptions {
        target: "y".into(),
        weight: Some("w".into()),
        ..PrepareOptions::default()
    };
    let error = prepare(&table, &schema, &options, &Warnings::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'w' cannot be the weight: it is missing in data row 2"
    );
}

#[test]
fn a_column_has_one_role() {
    let error = prepared(numbers(&[0.0, 1.0, 1.0]), |options| {
        options.weight = Some("x".into());
        options.group = Some("x".into());
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'x' is named both as the weight and as the group"
    );
}

#[test]
fn a_stated_task_that_the_target_cannot_have_is_refused() {
    let labels = labels(&[Some(0), Some(1), Some(1)], &["a", "b"]);
    let stated = |kind| prepared(labels.clone(), |options| options.task = Some(kind)).unwrap_err();
    assert_eq!(
        stated(TaskKind::Regression).to_string(),
        "target 'y' cannot be learned: regression needs numbers, it is a category column"
    );
    assert_eq!(
        stated(TaskKind::Multiclass).to_string(),
        "target 'y' cannot be learned: a multiclass task needs 3 classes or more, it has 2"
    );
}

#[test]
fn a_class_that_the_schema_does_not_declare_is_refused() {
    let column = Column::category(
        vec![0, 1, automl_core::UNSEEN_CODE, 1],
        Levels::new(["no", "yes"]),
    );
    assert_eq!(
        message(column),
        "target 'y' cannot be learned: 1 of its values, the first in data row 3, are none of the levels that the schema declares: no, yes"
    );
}

#[test]
fn a_target_of_nearly_as_many_classes_as_rows_is_warned_of() {
    let names: Vec<String> = (0..30).map(|row| format!("n{row}")).collect();
    let column = Column::category(
        (0..31).map(|row| row.min(29)).collect(),
        Levels::new(names.iter().map(String::as_str)),
    );
    let (_, warnings) = prepared(column, |_| ()).unwrap();
    assert_eq!(
        warnings.list()[0].message,
        "target 'y' has 30 classes in 31 rows, too few of each to learn from; is it the right column?"
    );
}

#[test]
fn the_positive_class_is_the_second_unless_another_is_named() {
    let y = || labels(&[Some(0), Some(1), Some(0)], &["bad", "good"]);
    let with = |y, positive: &str| {
        prepared(y, |options| options.positive = Some(positive.to_owned()))
            .map(|(prepared, _)| prepared.dataset)
    };
    let usual = prepared(y(), |_| ()).unwrap().0.dataset;
    assert_eq!(usual.task().positive_class(), Some("good"));
    assert_eq!(with(y(), "good").unwrap().target(), usual.target());
    let other = with(y(), "bad").unwrap();
    assert_eq!(other.task().classes(), ["good", "bad"]);
    assert_eq!(other.target(), &Target::Classes([1, 0, 1].into()));
    assert_eq!(
        with(y(), "goot").unwrap_err().hint().as_deref(),
        Some("did you mean 'good'?")
    );
    let numbers = numbers(&[0.5, 1.5, 2.5]);
    assert_eq!(with(numbers, "1").unwrap_err().code(), "fit-positive-task");
}

#[test]
fn counts_are_learned_as_rates_weighted_by_their_exposure() {
    let columns = |exposure: &[f64]| {
        let column = |name: &str, values: &[f64]| (name.to_owned(), numbers(values));
        let table = vec![
            column("x", &[1.0, 2.0, 3.0]),
            column("y", &[0.0, 1.0, 6.0]),
            column("years", exposure),
            column("w", &[1.0, 2.0, 3.0]),
        ];
        let fields = table.iter();
        let fields = fields.map(|(name, _)| field(name, automl_core::Kind::Number));
        let schema = Schema {
            fields: fields.collect(),
            missing: Vec::new(),
        };
        let options = PrepareOptions {
            target: "y".into(),
            exposure: Some("years".into()),
            weight: Some("w".into()),
            ..PrepareOptions::default()
        };
        let table = Table::new(table).unwrap();
        prepare(&table, &schema, &options, &Warnings::default())
    };
    let prepared = columns(&[0.5, 0.25, 2.0]).unwrap();
    let data = &prepared.dataset;
    assert_eq!(data.target(), &Target::Numbers([0.0, 4.0, 3.0].into()));
    assert_eq!(data.weight(), Some(&[0.5, 0.5, 6.0][..]));
    let features: Vec<&str> = data.table().names().collect();
    assert_eq!(
        features,
        ["x"],
        "the exposure is multiplied by, not learned from"
    );
    let role = prepared.schema.field("years").unwrap().role;
    assert_eq!(role, Role::Feature, "it is needed to predict");
    let error = columns(&[0.5, 0.0, 2.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'years' cannot be the exposure: it is 0 in data row 2, not above 0"
    );
}

#[test]
fn classes_of_one_row_are_told_of() {
    let levels = ["no", "solo", "yes"];
    let told = |codes: [u32; 12]| {
        let y = labels(&codes.map(Some), &levels);
        let (_, warnings) = prepared(y, |_| ()).unwrap();
        let messages = warnings.list().into_iter().map(|one| one.message);
        messages.collect::<Vec<_>>()
    };
    let [one] = &told([0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2])[..] else {
        panic!("one class has one row")
    };
    assert!(one.starts_with("class 'solo' of 'y' has 1 row"), "{one}");
    assert!(told([0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2]).is_empty());
}

#[test]
fn classes_of_few_rows_are_told_of_beside_classes_of_many() {
    let levels = ["a", "b", "c", "d", "e"];
    let told = |counts: [usize; 5]| {
        let codes = (0..5).flat_map(|class| vec![Some(class as u32); counts[class]]);
        let y = labels(&codes.collect::<Vec<_>>(), &levels);
        let (_, warnings) = prepared(y, |_| ()).unwrap();
        let messages = warnings.list().into_iter().map(|one| one.message);
        messages.collect::<Vec<_>>()
    };
    assert!(told([30, 10, 10, 10, 10]).is_empty());
    let one = told([30, 10, 4, 10, 10]);
    assert!(
        one.len() == 1
            && one[0].starts_with("class 'c' of 'y' has 4 rows: folds have next to none"),
        "{one:?}"
    );
    let many = told([30, 9, 4, 7, 8]);
    assert!(
        many[0].starts_with(
            "classes 'c' (4), 'd' (7), 'e' (8) and 1 more of 'y' have fewer than 10 rows each: "
        ),
        "{many:?}"
    );
    assert_eq!(
        told([30, 1, 4, 10, 10]).len(),
        2,
        "a class of one row is told of apart"
    );
    assert!(
        told([9, 8, 7, 6, 5]).is_empty(),
        "the table is small, no class of it is rare"
    );
}
