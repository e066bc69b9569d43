//! Rows, levels and columns that were not there in training; encodings that do not leak; each step's own promises.

use super::{binary, bits, dataset, fit, fit_with, mixed, numbers, recipe, rows_as_target, same};
use crate::numeric::correlation;
use crate::{Recipe, Step};
use automl_core::{
    Budget, CancelToken, Coded, Column, FitContext, FitError, Levels, MISSING_CODE, PredictError,
    Seed, Table, Target, Threads, Transformer, UNSEEN_CODE, Warnings,
};
use rand::RngExt;

fn every_step() -> Recipe {
    recipe(include_str!("../../../../configs/recipes/every_step.yaml"))
}

fn category(codes: Vec<u32>, levels: &[&str]) -> Column {
    Column::category(codes, Levels::new(levels.iter().copied()))
}

#[test]
fn one_row_gives_the_numbers_that_it_gives_within_a_table() {
    let data = mixed(120);
    for recipe in [
        every_step(),
        Recipe::for_linear_codes(),
        Recipe::for_trees_target_encoded(),
    ] {
        let (fitted, _) = fit(&recipe, &data);
        let all = fitted.transform(&data.table().view()).unwrap();
        for row in (0..120).step_by(17) {
            let alone = fitted.transform(&data.table().rows(&[row])).unwrap();
            assert_eq!(bits(&alone), bits(&all.gather(&[row])));
        }
    }
}

#[test]
fn a_recipe_learns_from_its_training_rows_alone() {
    let data = mixed(200);
    let rows: Vec<u32> = (0..200).filter(|row| row % 3 != 0).collect();
    for recipe in [every_step(), Recipe::for_naive_bayes()] {
        let (fitted, table) = fit_with(&recipe, &data, &rows, Threads::one());
        let warnings = Warnings::default();
        let ctx = FitContext {
            seed: Seed(1),
            threads: Threads::one(),
            budget: Budget::unlimited(),
            warnings: &warnings,
        };
        let apart = recipe.fit(&ctx, &data.view(&rows)).unwrap();
        assert!(same(&apart.artifact(), &fitted.artifact()));
        // Rows that were held out are what any new row is.
        let held_out: Vec<u32> = (0..200).filter(|row| row % 3 == 0).collect();
        let new = fitted.transform(&data.table().rows(&held_out)).unwrap();
        assert_eq!(bits(&table.gather(&held_out)), bits(&new));
    }
}

#[test]
fn columns_are_found_by_name_and_named_when_missing() {
    let data = mixed(50);
    let (fitted, expected) = fit(&Recipe::for_trees(), &data);
    let mut columns: Vec<_> = data.table().shared().collect();
    columns.reverse();
    columns.push(("extra".into(), columns[0].1.clone()));
    let turned = Table::from_shared(columns.clone()).unwrap();
    assert_eq!(
        bits(&fitted.transform(&turned.view()).unwrap()),
        bits(&expected)
    );

    columns.retain(|(name, _)| name.as_ref() != "few");
    let cut = Table::from_shared(columns.clone()).unwrap();
    let error = fitted.transform(&cut.view()).unwrap_err();
    assert_eq!(error, PredictError::ColumnMissing { name: "few".into() });

    columns.push(("few".into(), data.table().shared().next().unwrap().1));
    let changed = Table::from_shared(columns).unwrap();
    let error = fitted.transform(&changed.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'few' is number, the model expects category"
    );
}

/// What a step makes of a column of levels a, a, b, a, c when it meets a, an unseen level and a missing cell.
fn of_known_unseen_missing(yaml: &str) -> Vec<(String, Vec<f64>)> {
    let levels = ["a", "b", "c"];
    let data = rows_as_target(vec![("c", category(vec![0, 0, 1, 0, 2], &levels))]);
    let (fitted, _) = fit(&recipe(yaml), &data);
    let new = category(vec![0, UNSEEN_CODE, MISSING_CODE], &levels);
    let new = Table::new(vec![("c".into(), new)]).unwrap();
    let table = fitted.transform(&new.view()).unwrap();
    let columns = table.iter();
    columns
        .map(|(name, column)| (name.to_owned(), column.as_number().unwrap().to_vec()))
        .collect()
}

#[test]
fn unseen_levels_and_missing_cells_are_defined() {
    let one_hot = of_known_unseen_missing("steps: [{one_hot: {}}]");
    let names: Vec<&str> = one_hot.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["c=a", "c=b", "c=c"]);
    assert_eq!(one_hot[0].1, [1.0, 0.0, 0.0]);
    assert_eq!(one_hot[2].1, [0.0, 0.0, 0.0]);

    let pooled = of_known_unseen_missing("steps: [{one_hot: {min_count: 2}}]");
    assert_eq!(pooled[1], ("c=other".into(), vec![0.0, 1.0, 0.0]));

    let ordinal = of_known_unseen_missing("steps: [{ordinal: {}}]");
    assert_eq!(ordinal[0].1[..2], [0.0, -1.0]);
    assert!(ordinal[0].1[2].is_nan());

    // The mean of all targets 0 to 4 is the prior.
    let encoded = of_known_unseen_missing("steps: [{target_encode: {columns: [c], smoothing: 0}}]");
    assert_eq!(encoded[0], ("c_target".into(), vec![4.0 / 3.0, 2.0, 2.0]));

    let frequency = of_known_unseen_missing("steps: [{frequency: {}}]");
    assert_eq!(frequency[0].1, [0.6, 0.0, 0.0]);
}

#[test]
fn missing_cells_of_training_are_a_level_of_their_own() {
    let data = rows_as_target(vec![(
        "c",
        category(vec![0, MISSING_CODE, 0, 1], &["a", "b"]),
    )]);
    let (_, table) = fit(&recipe("steps: [{one_hot: {}}]"), &data);
    assert_eq!(numbers(&table, "c=missing"), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn wide_one_hot_is_sparse() {
    let names: Vec<String> = (0..100).map(|level| format!("l{level}")).collect();
    let column = Column::category((0..100).collect(), Levels::new(names));
    let data = rows_as_target(vec![("c", column)]);
    let (_, table) = fit(&recipe("steps: [{one_hot: {}}]"), &data);
    let sparse = table.column("c_one_hot").unwrap().as_sparse().unwrap();
    assert_eq!(
        (sparse.n_dims(), sparse.row(7)),
        (100, (&[7_u32][..], &[1.0_f32][..]))
    );
    assert_eq!(&*sparse.names()[7], "c=l7");
}

#[test]
fn out_of_fold_encoding_does_not_leak() {
    // 400 levels of 5 rows and a target that is a coin: nothing can be learned, so an honest encoding tells nothing.
    let mut rng = Seed(5).rng();
    let n_rows = 2000;
    let target: Vec<u32> = (0..n_rows)
        .map(|_| u32::from(rng.random::<bool>()))
        .collect();
    let numbers_of_target: Vec<f64> = target.iter().map(|&class| f64::from(class)).collect();
    let codes: Vec<u32> = (0..n_rows as u32).map(|row| row % 400).collect();
    let levels = Levels::new((0..400).map(|level| format!("{level}")));
    let table = Table::new(vec![("c".into(), Column::category(codes, levels))]).unwrap();
    let data = dataset(table, binary(), Target::Classes(target.into()));
    let (fitted, out_of_fold) = fit(&recipe("steps: [{target_encode: {smoothing: 1}}]"), &data);
    let in_fold = fitted.transform(&data.table().view()).unwrap();
    let honest = correlation(&numbers(&out_of_fold, "c_target"), &numbers_of_target);
    let leaking = correlation(&numbers(&in_fold, "c_target"), &numbers_of_target);
    assert!(leaking > 0.35, "{leaking}");
    assert!(honest < 0.05, "{honest}");
}

#[test]
fn groups_stay_together_when_encoding_out_of_fold() {
    // Each group is one level with one target: a fold that splits a group would see its own target.
    let codes: Vec<u32> = (0..200).map(|row| row / 4).collect();
    let levels = Levels::new((0..50).map(|level| format!("{level}")));
    let target: Vec<f64> = codes.iter().map(|code| f64::from(code % 2)).collect();
    let table = Table::new(vec![("c".into(), Column::category(codes.clone(), levels))]).unwrap();
    let data = dataset(
        table,
        automl_core::Task::Regression,
        Target::Numbers(target.clone().into()),
    );
    let data = data.with_groups(codes).unwrap();
    let (_, table) = fit(&recipe("steps: [{target_encode: {smoothing: 0}}]"), &data);
    assert!(correlation(&numbers(&table, "c_target"), &target) < 0.0);
}

#[test]
fn weights_count_in_target_means() {
    let data = rows_as_target(vec![("c", category(vec![0, 0, 0], &["a"]))]);
    let data = data.with_weight([1.0, 0.0, 3.0]).unwrap();
    let (fitted, _) = fit(&recipe("steps: [{target_encode: {columns: [c]}}]"), &data);
    let table = fitted.transform(&data.table().view()).unwrap();
    assert_eq!(numbers(&table, "c_target"), [1.5; 3]);
}

#[test]
fn missing_numbers_are_filled_and_marked() {
    let x = Column::Number(vec![1.0, f64::NAN, 2.0, 2.0, 7.0]);
    let data = rows_as_target(vec![("x", x), ("full", Column::Number(vec![1.0; 5]))]);
    for (strategy, expected) in [
        ("mean", 3.0),
        ("median", 2.0),
        ("mode", 2.0),
        ("constant", -9.0),
    ] {
        let yaml =
            format!("steps: [{{impute: {{strategy: {strategy}, value: -9, indicator: true}}}}]");
        let (_, table) = fit(&recipe(&yaml), &data);
        assert_eq!(numbers(&table, "x"), [1.0, expected, 2.0, 2.0, 7.0]);
        assert_eq!(numbers(&table, "x_missing"), [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(table.column("full_missing").is_none());
    }
}

#[test]
fn missing_categories_take_the_mode_or_a_level_of_their_own() {
    let codes = vec![1, MISSING_CODE, 1, 0];
    let data = rows_as_target(vec![("c", category(codes, &["a", "b"]))]);
    let codes = |strategy: &str| {
        let yaml = format!("steps: [{{impute: {{columns: [c], strategy: {strategy}}}}}]");
        let table = fit(&recipe(&yaml), &data).1;
        let (codes, levels) = table.column("c").unwrap().as_category().unwrap();
        (codes.to_vec(), levels.len())
    };
    assert_eq!(codes("mode"), (vec![1, 1, 1, 0], 2));
    assert_eq!(codes("constant"), (vec![1, 2, 1, 0], 3));
}

#[test]
fn parts_of_times() {
    // 2000-02-29T13:45:00Z was a Tuesday, day 60 of its year; 1969-12-31T23:59:00Z a Wednesday.
    let leap = (951_782_400 + 13 * 3600 + 45 * 60) * 1_000_000;
    let data = rows_as_target(vec![("t", Column::Timestamp(vec![leap, -60_000_000]))]);
    let (_, table) = fit(&recipe("steps: [{datetime: {}}]"), &data);
    for (part, expected) in [
        ("year", [2000.0, 1969.0]),
        ("month", [2.0, 12.0]),
        ("day", [29.0, 31.0]),
        ("weekday", [1.0, 2.0]),
        ("hour", [13.0, 23.0]),
        ("minute", [45.0, 59.0]),
        ("day_of_year", [60.0, 365.0]),
        (
            "elapsed_days",
            [11016.0 + 0.572_916_666_666_666_7, -1.0 / 1440.0],
        ),
    ] {
        let found = numbers(&table, &format!("t_{part}"));
        assert!(
            (found[0] - expected[0]).abs() < 1e-9 && (found[1] - expected[1]).abs() < 1e-9,
            "{part} {found:?}"
        );
    }
    let quarter = numbers(&table, "t_month_sin")[0];
    assert!((quarter - 0.5).abs() < 1e-12);
}

#[test]
fn parts_that_do_not_vary_are_left_out() {
    let day = 86_400_000_000;
    let data = rows_as_target(vec![("t", Column::Timestamp(vec![0, day, 2 * day]))]);
    let (_, table) = fit(&recipe("steps: [{datetime: {cycles: false}}]"), &data);
    let names: Vec<&str> = table.names().collect();
    assert_eq!(
        names,
        ["t_day", "t_weekday", "t_day_of_year", "t_elapsed_days"]
    );
}

#[test]
fn numbers_that_repeat_become_categories() {
    let codes = Column::Number(vec![7.0, 90210.0, 7.0, 12.0, 90210.0, 12.0]);
    let measured = Column::Number(vec![0.5, 1.5, 0.5, 1.5, 0.5, 1.5]);
    let data = rows_as_target(vec![("zip", codes), ("x", measured)]);
    let (fitted, table) = fit(&recipe("steps: [{number_as_category: {}}]"), &data);
    let (codes, levels) = table.column("zip_level").unwrap().as_category().unwrap();
    assert_eq!(codes, [0, 2, 0, 1, 2, 1]);
    assert_eq!(levels.iter().collect::<Vec<_>>(), ["7", "12", "90210"]);
    assert!(table.column("zip").is_none() && table.column("x").is_some());
    let new = vec![
        ("zip".to_owned(), Column::Number(vec![8.0, f64::NAN])),
        ("x".to_owned(), Column::Number(vec![0.0; 2])),
    ];
    let table = fitted.transform(&Table::new(new).unwrap().view()).unwrap();
    assert_eq!(
        table.column("zip_level").unwrap().as_category().unwrap().0,
        [UNSEEN_CODE, MISSING_CODE]
    );
}

#[test]
fn crossed_categories_are_levels_of_pairs() {
    let data = rows_as_target(vec![
        ("a", category(vec![0, 0, 1, 0], &["x", "y"])),
        ("b", category(vec![1, 1, 0, MISSING_CODE], &["u", "v"])),
    ]);
    let (_, table) = fit(
        &recipe("steps: [{combine_categories: {min_count: 1}}]"),
        &data,
    );
    let (codes, levels) = table.column("a×b").unwrap().as_category().unwrap();
    let crossed: Vec<&str> = codes
        .iter()
        .map(|&code| levels.get(code).unwrap())
        .collect();
    assert_eq!(crossed, ["x|v", "x|v", "y|u", "x|missing"]);
    let (_, table) = fit(
        &recipe("steps: [{combine_categories: {min_count: 2}}]"),
        &data,
    );
    let (codes, _) = table.column("a×b").unwrap().as_category().unwrap();
    assert_eq!(codes, [0, 0, UNSEEN_CODE, UNSEEN_CODE]);
}

#[test]
fn group_means_and_deviations() {
    let data = rows_as_target(vec![
        ("c", category(vec![0, 0, 1, 1], &["a", "b"])),
        ("x", Column::Number(vec![1.0, 3.0, 10.0, f64::NAN])),
    ]);
    let (_, table) = fit(&recipe("steps: [{group_aggregate: {}}]"), &data);
    assert_eq!(numbers(&table, "x_mean_by_c"), [2.0, 2.0, 10.0, 10.0]);
    assert_eq!(numbers(&table, "x_std_by_c"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn interactions_find_the_ratio_that_is_the_target() {
    let mut rng = Seed(2).rng();
    let mut column = || {
        (0..300)
            .map(|_| 1.0 + rng.random::<f64>())
            .collect::<Vec<f64>>()
    };
    let (a, b) = (column(), column());
    let target: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a / b).collect();
    let columns = vec![
        ("a".to_owned(), Column::Number(a)),
        ("b".to_owned(), Column::Number(b)),
    ];
    let table = Table::new(columns).unwrap();
    let data = dataset(
        table,
        automl_core::Task::Regression,
        Target::Numbers(target.clone().into()),
    );
    let (_, table) = fit(&recipe("steps: [{interactions: {max_features: 1}}]"), &data);
    for (found, wanted) in numbers(&table, "a/b").iter().zip(&target) {
        assert!(
            (found / wanted - 1.0).abs() <= f64::EPSILON,
            "{found} {wanted}"
        );
    }
    assert_eq!(table.n_columns(), 3);
}

#[test]
fn filters_drop_what_tells_nothing() {
    let rising: Vec<f64> = (0..50).map(f64::from).collect();
    let data = rows_as_target(vec![
        ("flat", Column::Number(vec![4.0; 50])),
        ("x", Column::Number(rising.clone())),
        (
            "copy",
            Column::Number(rising.iter().map(|x| 5.0 - 2.0 * x).collect()),
        ),
        (
            "noise",
            Column::Number(rising.iter().map(|x| (x * 7.3).sin()).collect()),
        ),
    ]);
    let left = |yaml: &str| -> Vec<String> {
        let table = fit(&recipe(yaml), &data).1;
        table.names().map(ToOwned::to_owned).collect()
    };
    assert_eq!(
        left("steps: [{variance_filter: {}}]"),
        ["x", "copy", "noise"]
    );
    assert_eq!(
        left("steps: [{correlation_filter: {}}]"),
        ["flat", "x", "noise"]
    );
    assert_eq!(left("steps: [{select_k_best: {k: 2}}]"), ["x", "copy"]);
}

#[test]
fn hashing_needs_no_training() {
    let column = category(vec![0, 1, UNSEEN_CODE, MISSING_CODE], &["a", "b"]);
    let text = Column::Text(
        [Some("one two two"), Some("two, ONE two"), None, Some("")]
            .into_iter()
            .collect(),
    );
    let data = rows_as_target(vec![("c", column), ("t", text)]);
    let (_, table) = fit(
        &recipe("steps: [{hashing: {columns: [c, t], n_buckets: 64}}]"),
        &data,
    );
    let levels = table.column("c_hash").unwrap().as_sparse().unwrap();
    assert_eq!(levels.row(0).1, [1.0]);
    assert_ne!(levels.row(0).0, levels.row(1).0);
    assert!(levels.row(2).0.is_empty() && levels.row(3).0.is_empty());
    let words = table.column("t_hash").unwrap().as_sparse().unwrap();
    assert_eq!(words.row(0), words.row(1));
    assert!(words.row(2).0.is_empty());
}

#[test]
fn text_statistics() {
    let text = Column::Text([Some("Hi 42 you!?"), None].into_iter().collect());
    let data = rows_as_target(vec![("t", text)]);
    let (_, table) = fit(&recipe("steps: [{text_stats: {}}]"), &data);
    assert!(table.column("t").is_some());
    for (part, expected) in [
        ("chars", 11.0),
        ("words", 3.0),
        ("word_length", 3.0),
        ("digits", 2.0 / 11.0),
        ("uppercase", 1.0 / 11.0),
        ("punctuation", 2.0 / 11.0),
        ("exclamations", 1.0),
        ("questions", 1.0),
    ] {
        let values = numbers(&table, &format!("t_{part}"));
        assert_eq!(values[0], expected, "{part}");
        assert!(values[1].is_nan());
    }
}

#[test]
fn the_most_frequent_terms_are_kept() {
    let texts = ["b a", "b a c", "b d", "c"];
    let text = Column::Text(texts.iter().map(|text| Some(*text)).collect());
    let data = rows_as_target(vec![("t", text)]);
    let yaml = "steps: [{text_tfidf: {ngrams: [1, 1], min_chars: 1, max_features: 2}}]";
    let (_, table) = fit(&recipe(yaml), &data);
    let sparse = table.column("t_word").unwrap().as_sparse().unwrap();
    // `b` is in three texts, `a` and `c` in two each: the first in the alphabet stays.
    assert_eq!(
        sparse
            .names()
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["a", "b"]
    );
}

#[test]
fn made_names_never_clash() {
    let data = rows_as_target(vec![
        ("c", category(vec![0, 1, 0], &["a", "b"])),
        ("c_frequency", Column::Number(vec![0.0; 3])),
    ]);
    let (_, table) = fit(&recipe("steps: [{frequency: {}}]"), &data);
    assert_eq!(
        table.names().collect::<Vec<_>>(),
        ["c_frequency_2", "c_frequency"]
    );
}

#[test]
fn mistakes_in_a_recipe_are_named() {
    let error = |yaml: &str| Recipe::from_yaml(yaml).unwrap_err();
    assert!(
        error("steps: [{impute: {strategi: mean}}]")
            .to_string()
            .contains("strategi")
    );
    assert!(error("steps: [{imput: {}}]").to_string().contains("imput"));
    assert!(error("step: []").to_string().contains("step"));
    let range = error("steps: [{ordinal: {}}, {target_encode: {folds: 1}}]");
    assert_eq!(range.code(), "recipe-param");
    assert_eq!(
        range.to_string(),
        "step 2 (target_encode) of the recipe: folds = 1 is outside 2 to 100"
    );
}

#[test]
fn columns_named_in_a_recipe_must_be_there_and_fit() {
    let data = rows_as_target(vec![("x", Column::Number(vec![1.0, 2.0]))]);
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(1),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let rows = data.all_rows();
    let error = |yaml: &str| {
        recipe(yaml)
            .fit(&ctx, &data.view(&rows))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("steps: [{scale: {columns: [y]}}]"),
        "column 'y' is missing"
    );
    assert_eq!(
        error("steps: [{one_hot: {columns: [x]}}]"),
        "one_hot cannot take the number column 'x'"
    );
}

#[test]
fn a_cancelled_fit_stops_between_steps() {
    let data = mixed(20);
    let warnings = Warnings::default();
    let cancel = CancelToken::default();
    cancel.cancel();
    let ctx = FitContext {
        seed: Seed(1),
        threads: Threads::one(),
        budget: Budget {
            cancel,
            ..Budget::unlimited()
        },
        warnings: &warnings,
    };
    let rows = data.all_rows();
    let error = Recipe::for_trees()
        .fit(&ctx, &data.view(&rows))
        .unwrap_err();
    assert!(matches!(error, FitError::Cancelled));
}

#[test]
fn steps_can_be_built_in_code() {
    let step: Step = crate::Scale::default().into();
    assert_eq!(Recipe::new(vec![step]), recipe("steps: [{scale: {}}]"));
}
