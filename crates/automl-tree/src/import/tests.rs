//! Imported models predict what their own programs predicted, and no file makes the reader panic.
//!
//! The files come from `scripts/import_reference.py`: LightGBM 4.7.0 and XGBoost 3.4.1.

mod hostile;

use super::*;
use automl_core::{Column, Levels, MISSING_CODE, Table};
use serde_json::Value;

const FILES: [(&str, &[u8]); 18] = [
    (
        "lightgbm_regression.txt",
        include_bytes!("reference/lightgbm_regression.txt"),
    ),
    (
        "lightgbm_quantile.txt",
        include_bytes!("reference/lightgbm_quantile.txt"),
    ),
    (
        "lightgbm_binary.txt",
        include_bytes!("reference/lightgbm_binary.txt"),
    ),
    (
        "lightgbm_multiclass.txt",
        include_bytes!("reference/lightgbm_multiclass.txt"),
    ),
    (
        "lightgbm_poisson.txt",
        include_bytes!("reference/lightgbm_poisson.txt"),
    ),
    (
        "lightgbm_forest.txt",
        include_bytes!("reference/lightgbm_forest.txt"),
    ),
    (
        "lightgbm_no_missing.txt",
        include_bytes!("reference/lightgbm_no_missing.txt"),
    ),
    (
        "lightgbm_constant.txt",
        include_bytes!("reference/lightgbm_constant.txt"),
    ),
    (
        "lightgbm_linear.txt",
        include_bytes!("reference/lightgbm_linear.txt"),
    ),
    (
        "lightgbm_linear_multiclass.txt",
        include_bytes!("reference/lightgbm_linear_multiclass.txt"),
    ),
    (
        "xgboost_regression.json",
        include_bytes!("reference/xgboost_regression.json"),
    ),
    (
        "xgboost_binary.ubj",
        include_bytes!("reference/xgboost_binary.ubj"),
    ),
    (
        "xgboost_multiclass.json",
        include_bytes!("reference/xgboost_multiclass.json"),
    ),
    (
        "xgboost_poisson.ubj",
        include_bytes!("reference/xgboost_poisson.ubj"),
    ),
    (
        "xgboost_dart.json",
        include_bytes!("reference/xgboost_dart.json"),
    ),
    (
        "xgboost_dart_older.json",
        include_bytes!("reference/xgboost_dart_older.json"),
    ),
    (
        "xgboost_stopped_multiclass.json",
        include_bytes!("reference/xgboost_stopped_multiclass.json"),
    ),
    (
        "xgboost_numbers.ubj",
        include_bytes!("reference/xgboost_numbers.ubj"),
    ),
];

fn file(name: &str) -> &'static [u8] {
    let found = FILES.iter().find(|(other, _)| *other == name);
    found.expect("a file of the list").1
}

fn cases() -> Vec<Value> {
    serde_json::from_slice(include_bytes!("reference/cases.json")).unwrap()
}

/// The rows of a case as a table of the model's columns.
fn table(features: &[ImportedFeature], rows: &[Value]) -> Table {
    let column = |(position, feature): (usize, &ImportedFeature)| {
        let cells = rows.iter().map(|row| &row[position]);
        let column = match &feature.levels {
            None => Column::Number(
                cells
                    .map(|cell| cell.as_f64().unwrap_or(f64::NAN))
                    .collect(),
            ),
            Some(levels) => {
                let code = |cell: &Value| match cell.as_str() {
                    None => MISSING_CODE,
                    Some(text) => levels.iter().position(|level| level == text).unwrap() as u32,
                };
                let levels = Levels::new(levels.iter().map(String::as_str));
                Column::category(cells.map(code).collect(), levels)
            }
        };
        (feature.name.clone(), column)
    };
    Table::new(features.iter().enumerate().map(column).collect()).unwrap()
}

#[test]
fn predictions_are_those_of_the_program_that_trained_the_model() {
    for case in cases() {
        let name = case["file"].as_str().unwrap();
        let imported = import(file(name)).unwrap();
        let rows = case["rows"].as_array().unwrap();
        let predicted = imported
            .model
            .predict(&table(&imported.features, rows).view())
            .unwrap();
        let width = predicted.width();
        for (row, expected) in case["predictions"].as_array().unwrap().iter().enumerate() {
            let mut expected: Vec<f64> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect();
            if imported.n_classes == 2 {
                expected.insert(0, 1.0 - expected[0]);
            }
            for (got, expected) in predicted.values()[row * width..].iter().zip(&expected) {
                let error = (got - expected).abs() / expected.abs().max(1.0);
                assert!(
                    error < 1e-6,
                    "{name}, row {row}: {got} instead of {expected}"
                );
            }
            assert_eq!(width, expected.len(), "{name}");
        }
    }
}

/// LightGBM weighs paths by rows, XGBoost by Hessians; both are kept in the import. A constant has nothing to say.
#[test]
fn attributions_are_those_of_the_program_that_trained_the_model() {
    let threads = automl_core::Threads::one();
    for case in cases() {
        let name = case["file"].as_str().unwrap();
        if name.contains("constant") || name.contains("linear") {
            continue;
        }
        let imported = import(file(name)).unwrap();
        let contributions = case["contributions"].as_array().unwrap();
        let rows = &case["rows"].as_array().unwrap()[..contributions.len()];
        // Ours are of what is predicted: log-odds, which LightGBM reaches from its scores by `sigmoid`, and the mean of a
        // forest, of which LightGBM attributes the sum.
        let scale = match name {
            "lightgbm_binary.txt" => 0.7,
            "lightgbm_forest.txt" => 1.0 / 6.0,
            _ => 1.0,
        };
        let table = table(&imported.features, rows);
        let explained = imported.model.explain(&table.view(), &threads).unwrap();
        for (row, expected) in contributions.iter().enumerate() {
            let expected = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap() * scale);
            let got = (0..explained.n_outputs).flat_map(|output| explained.row(row, output));
            for (got, expected) in got.zip(expected) {
                assert!(
                    (got - expected).abs() < 2e-5,
                    "{name}, row {row}: {got} instead of {expected}"
                );
            }
        }
    }
}

#[test]
fn every_file_has_a_case_and_says_what_it_is() {
    let cases = cases();
    for (name, bytes) in FILES {
        assert!(cases.iter().any(|case| case["file"] == name), "{name}");
        let imported = import(bytes).unwrap();
        let is_lightgbm = name.starts_with("lightgbm");
        assert_eq!(
            imported.source,
            if is_lightgbm { "LightGBM" } else { "XGBoost" }
        );
        let n_classes = match name {
            name if name.contains("binary") => 2,
            name if name.contains("multiclass") => 3,
            _ => 0,
        };
        assert_eq!(imported.n_classes, n_classes, "{name}");
    }
    let imported = import(file("lightgbm_binary.txt")).unwrap();
    let levels = imported.features[3].levels.as_ref().unwrap();
    assert_eq!(levels, &["red", "green", "blue", "dark grey", "9"]);
    assert_eq!(imported.features[1].levels, None);
}

#[test]
fn single_precision_thresholds_split_doubles_as_xgboost_does() {
    let split = 0.1_f32;
    let model = String::from_utf8(file("xgboost_regression.json").to_vec()).unwrap();
    let mut model: Value = serde_json::from_str(&model).unwrap();
    let booster = &mut model["learner"]["gradient_booster"]["model"];
    let tree = serde_json::json!({
        "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0],
        "split_conditions": [split, 1.0, 2.0], "default_left": [0, 0, 0], "loss_changes": [1.0, 0.0, 0.0],
        "sum_hessian": [2.0, 1.0, 1.0], "tree_param": {"size_leaf_vector": "1"},
    });
    booster["trees"] = serde_json::json!([tree]);
    booster["tree_info"] = serde_json::json!([0]);
    model["learner"]["learner_model_param"]["base_score"] = "0".into();
    let imported = import(model.to_string().as_bytes()).unwrap();
    let exact = f64::from(split);
    let xs = [
        exact.next_down(),
        exact,
        0.1,
        exact - 1e-10,
        exact - 4e-9,
        exact + 1e-12,
        f64::NAN,
    ];
    let rows: Vec<Value> = xs
        .iter()
        .map(|x| serde_json::json!([x, 0.0, 0.0, null]))
        .collect();
    let predicted = imported
        .model
        .predict(&table(&imported.features, &rows).view())
        .unwrap();
    for (x, got) in xs.iter().zip(predicted.values()) {
        let goes_left = (*x as f32) < split;
        assert_eq!(*got, if goes_left { 1.0 } else { 2.0 }, "{x:e}");
    }
}

/// XGBoost's scikit-learn classes predict with the trees up to the best round, and so do we; its reference case says how.
/// Older files do not say where rounds end.
#[test]
fn trees_after_the_best_round_of_an_early_stop_do_not_count() {
    let mut model: Value = serde_json::from_slice(file("xgboost_stopped_multiclass.json")).unwrap();
    let import = |model: &Value| import(model.to_string().as_bytes());
    let with_ends = import(&model).unwrap();
    // Two trees a class and round, three classes.
    let n_rounds = 2 * 3;
    let best = model["learner"]["attributes"]["best_iteration"].clone();
    let best: usize = best.as_str().unwrap().parse().unwrap();
    assert_eq!(with_ends.n_trees, (best + 1) * n_rounds);

    let booster = &mut model["learner"]["gradient_booster"]["model"];
    let n_trees = booster["trees"].as_array().unwrap().len();
    let ends = booster.as_object_mut().unwrap().remove("iteration_indptr");
    assert!(ends.is_some());
    let without_ends = import(&model).unwrap();
    assert_eq!(without_ends.model.artifact(), with_ends.model.artifact());

    for absent in ["-1", "soon", "1000000", "18446744073709551615"] {
        model["learner"]["attributes"]["best_iteration"] = absent.into();
        let error = import(&model).err().unwrap().to_string();
        let place = "not a whole XGBoost model: learner.attributes.best_iteration: ";
        assert!(error.starts_with(place), "{absent}: {error}");
    }
    let attributes = model["learner"]["attributes"].as_object_mut().unwrap();
    attributes.remove("best_iteration");
    assert_eq!(import(&model).unwrap().n_trees, n_trees);
}

#[test]
fn what_cannot_be_said_with_our_nodes_is_refused_by_name() {
    let refused = |text: &str| import(text.as_bytes()).err().unwrap().to_string();
    let text = std::str::from_utf8(file("lightgbm_binary.txt")).unwrap();
    for (from, to, what) in [
        (
            "objective=binary",
            "objective=mine",
            "the objective 'mine sigmoid:0.7'",
        ),
        (
            "objective=binary",
            "objective=multiclassova num_class:3",
            "the objective 'multiclassova num_class:3 sigmoid:0.7'",
        ),
        (
            "objective=binary",
            "objective=cross_entropy_lambda",
            "the objective 'cross_entropy_lambda sigmoid:0.7'",
        ),
        (
            "objective=binary",
            "objective=regression sqrt",
            "a target under the square root",
        ),
    ] {
        assert_eq!(
            refused(&text.replacen(from, to, 1)),
            format!("LightGBM models with {what} cannot be imported")
        );
    }
    let text = std::str::from_utf8(file("xgboost_regression.json")).unwrap();
    for (from, to, what) in [
        (
            "reg:squarederror",
            "survival:aft",
            "the objective 'survival:aft'",
        ),
        (
            "reg:squarederror",
            "binary:hinge",
            "the objective 'binary:hinge'",
        ),
        (
            "reg:squarederror",
            "reg:logistic",
            "the objective 'reg:logistic'",
        ),
        ("\"gbtree\"", "\"gblinear\"", "the booster 'gblinear'"),
        (
            "\"num_target\":\"1\"",
            "\"num_target\":\"2\"",
            "more than one target",
        ),
        (
            "\"size_leaf_vector\":\"1\"",
            "\"size_leaf_vector\":\"3\"",
            "leaves that hold vectors",
        ),
    ] {
        assert_eq!(
            refused(&text.replacen(from, to, 1)),
            format!("XGBoost models with {what} cannot be imported")
        );
    }
    assert_eq!(
        import(b"a,b\n1,2\n").err(),
        Some(ImportError::UnknownFormat)
    );
    assert_eq!(import(b"").err(), Some(ImportError::UnknownFormat));
}

#[test]
fn a_category_may_have_255_levels() {
    let model = |greatest: usize| {
        let mut model: Value = serde_json::from_slice(file("xgboost_regression.json")).unwrap();
        let booster = &mut model["learner"]["gradient_booster"]["model"];
        booster["trees"] = serde_json::json!([{
            "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [3, 0, 0],
            "split_conditions": [0.0, 1.0, 2.0], "default_left": [0, 0, 0], "loss_changes": [1.0, 0.0, 0.0],
            "sum_hessian": [2.0, 1.0, 1.0], "split_type": [1, 0, 0], "tree_param": {"size_leaf_vector": "1"},
            "categories": [greatest], "categories_nodes": [0], "categories_segments": [0], "categories_sizes": [1],
        }]);
        booster["tree_info"] = serde_json::json!([0]);
        booster["cats"] = serde_json::json!({});
        model.as_object_mut().unwrap()["learner"]["learner_model_param"]["base_score"] = "0".into();
        import(model.to_string().as_bytes())
    };
    let imported = model(254).unwrap();
    let levels = imported.features[3].levels.as_ref().unwrap();
    assert_eq!((levels.len(), levels[254].as_str()), (255, "254"));
    let rows = ["253", "254"].map(|level| serde_json::json!([0, 0, 0, level]));
    let table = table(&imported.features, &rows);
    let predicted = imported.model.predict(&table.view()).unwrap();
    assert_eq!(predicted.values(), [1.0, 2.0]);
    // A level that no split names goes the way of the others, not that of missing ones.
    let imported = model(3).unwrap();
    let rows = ["3", "4"].map(|level| serde_json::json!([0, 0, 0, level]));
    let few = self::table(&imported.features, &rows);
    let predicted = imported.model.predict(&few.view()).unwrap();
    assert_eq!(predicted.values(), [2.0, 1.0]);
    assert_eq!(
        model(255).err().unwrap().to_string(),
        "XGBoost models with more than 255 levels of 'colour' cannot be imported"
    );
}

#[test]
fn linear_leaves_are_whole_and_have_no_attributions() {
    let text = std::str::from_utf8(file("lightgbm_linear.txt")).unwrap();
    let damaged = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        import(changed.as_bytes()).err().unwrap().to_string()
    };
    assert_eq!(
        damaged("leaf_features=0  0 1", "leaf_features=9  0 1"),
        "not a whole LightGBM model: line 57: 'leaf_features' names no feature"
    );
    assert_eq!(
        damaged("num_features=1 2", "num_features=2 2"),
        "not a whole LightGBM model: line 57: 'leaf_features' has not 12 numbers"
    );
    assert_eq!(
        damaged("leaf_features=0  0 1", "leaf_features=3  0 1"),
        "not a whole LightGBM model: line 8: 'feature_names' a feature is a number and a category"
    );
    let imported = import(text.as_bytes()).unwrap();
    let table = table(
        &imported.features,
        &[serde_json::json!([0.1, 0.2, 0.3, "red"])],
    );
    let explained = imported
        .model
        .explain(&table.view(), &automl_core::Threads::one());
    assert_eq!(explained.err().unwrap().code(), "explain-unsupported");
}

/// A target for the rows of an imported model: numbers from 1 up, or classes in turn, that follow the first column.
fn dataset(imported: &ImportedModel, rows: &[Value]) -> automl_core::Dataset {
    use automl_core::{Dataset, Target, Task};
    let table = table(&imported.features, rows);
    let steps = (0..rows.len()).map(|row| table.column_at(0).as_number().unwrap()[row]);
    let steps: Vec<u32> = steps
        .map(|x| u32::from(x > 0.0) + u32::from(x > 0.7))
        .collect();
    let n_classes = imported.n_classes as u32;
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    let codes = || Target::Classes(steps.iter().map(|step| (step + 1) % n_classes).collect());
    match n_classes {
        0 => {
            let numbers = steps.iter().map(|&step| 1.0 + f64::from(step)).collect();
            Dataset::new(table, Task::Regression, Target::Numbers(numbers))
        }
        2 => Dataset::new(table, Task::Binary { classes }, codes()),
        _ => Dataset::new(table, Task::Multiclass { classes }, codes()),
    }
    .unwrap()
}

#[test]
fn boosting_goes_on_from_imported_models() {
    use crate::{GradientBoosting, GradientBoostingParams, Objective};
    use automl_core::{Budget, FitContext, Seed, Threads, Warnings, metrics::Metric};
    for case in cases() {
        let name = case["file"].as_str().unwrap();
        let imported = import(file(name)).unwrap();
        let data = dataset(&imported, case["rows"].as_array().unwrap());
        let warnings = Warnings::default();
        let ctx = FitContext {
            seed: Seed(1),
            threads: Threads::one(),
            budget: Budget::unlimited(),
            warnings: &warnings,
        };
        let is_log = name.contains("poisson");
        let learner = GradientBoosting::new(GradientBoostingParams {
            n_trees: 20,
            learning_rate: 0.1,
            min_rows_per_leaf: 3,
            row_fraction: 1.0,
            column_fraction: 1.0,
            objective: if is_log {
                Objective::Poisson
            } else {
                Objective::Squared
            },
            ..GradientBoostingParams::default()
        });
        let rows = data.all_rows();
        let start = imported.model.as_ref();
        let fitted = learner
            .unwrap()
            .fit_from(&ctx, &data.view(&rows).into(), start);
        if name.contains("linear") {
            assert_eq!(fitted.err().unwrap().code(), "fit-start", "{name}");
            continue;
        }
        let fitted = fitted.unwrap();
        let (trees, view) = (fitted.model.as_trees().unwrap(), data.table().view());
        let n_rounds = start.as_trees().unwrap().n_rounds();
        assert_eq!(trees.n_rounds(), n_rounds + 20, "{name}");
        let stages = trees.staged(&view, &[n_rounds, n_rounds + 20]).unwrap();
        let (before, after) = (&stages[0], &stages[1]);
        assert_eq!(before, &start.predict(&view).unwrap(), "{name}");
        assert_eq!(after, &fitted.model.predict(&view).unwrap(), "{name}");
        let metric = if imported.n_classes == 0 {
            Metric::Rmse
        } else {
            Metric::LogLoss
        };
        let loss = |stage| {
            metric
                .score(&data.view(&rows).target_numbers(), stage, None)
                .unwrap()
        };
        assert!(
            loss(after) < 0.5 * loss(before),
            "{name}: {} from {}",
            loss(after),
            loss(before)
        );
    }
}
