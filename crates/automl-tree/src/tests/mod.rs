//! What every boosting must do, on small made tables.

mod bundles;
mod constraints;
mod continued;
mod control;
mod custom;
mod dealt;
mod draws;
mod encoding;
mod explain;
mod generalize;
mod linear_leaves;
mod modes;
mod offset;
mod peers;
mod ranking;
mod reference;
pub(crate) mod trees;

use crate::GRADIENT_BOOSTING;
use crate::binning::{BinnedMatrix, BinningRules};
use automl_core::*;

pub(crate) fn wave(n: usize) -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (0..n).map(|i| ((i * 7919) % n) as f64 / n as f64).collect();
    let y = x.iter().map(|x| (6.0 * x).sin() + x).collect();
    (x, y)
}

pub(crate) fn table(columns: Vec<(&str, Column)>) -> Table {
    Table::new(
        columns
            .into_iter()
            .map(|(name, column)| (name.to_owned(), column))
            .collect(),
    )
    .unwrap()
}

pub(crate) fn regression(columns: Vec<(&str, Column)>, y: Vec<f64>) -> Dataset {
    Dataset::new(table(columns), Task::Regression, Target::Numbers(y.into())).unwrap()
}

pub(crate) fn classification(
    columns: Vec<(&str, Column)>,
    codes: Vec<u32>,
    n_classes: usize,
) -> Dataset {
    let classes: Vec<String> = (0..n_classes).map(|class| class.to_string()).collect();
    let task = if n_classes == 2 {
        Task::Binary { classes }
    } else {
        Task::Multiclass { classes }
    };
    Dataset::new(table(columns), task, Target::Classes(codes.into())).unwrap()
}

pub(crate) fn params(text: &str) -> ParamMap {
    serde_json::from_str(text).unwrap()
}

/// The parameters with all rows and columns, and the usual rate, where nothing else is said: what boosting is without its
/// random parts.
fn plain(spec: &LearnerSpec, text: &str) -> ParamMap {
    let mut map = params(text);
    if spec.id != GRADIENT_BOOSTING.id {
        return map;
    }
    let settings = [
        ("n_trees", ParamValue::Int(300)),
        ("learning_rate", ParamValue::Float(0.1)),
        ("row_fraction", ParamValue::Float(1.0)),
        ("column_fraction", ParamValue::Float(1.0)),
    ];
    for (name, value) in settings {
        let spec = spec.params.iter().find(|spec| spec.name == name).unwrap();
        let is_said = |name: &&str| map.contains_key(*name);
        if !spec.aliases.iter().chain([&name]).any(is_said) {
            map.insert(name.to_owned(), value);
        }
    }
    map
}

pub(crate) fn fit_rows(
    spec: &LearnerSpec,
    map: &str,
    data: &Dataset,
    train: &[u32],
    valid: Option<&[u32]>,
    threads: usize,
) -> Result<Fitted, FitError> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::new(threads).unwrap(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let training = TrainingData {
        train: data.view(train),
        valid: valid.map(|rows| data.view(rows)),
    };
    (spec.build)(&plain(spec, map))
        .unwrap()
        .fit(&ctx, &training)
}

pub(crate) fn fit(map: &str, data: &Dataset) -> Fitted {
    fit_rows(&GRADIENT_BOOSTING, map, data, &data.all_rows(), None, 1).unwrap()
}

/// The bins of a dataset, by the usual rules.
pub(crate) fn binned(data: &Dataset, has_bundles: bool) -> std::sync::Arc<BinnedMatrix> {
    let rules = BinningRules {
        max_bins: 255,
        has_bundles,
        levels_max: usize::MAX,
    };
    BinnedMatrix::of(data, "test", rules, &Threads::one(), &Budget::unlimited()).unwrap()
}

pub(crate) fn predict(fitted: &Fitted, data: &Dataset) -> Vec<f64> {
    fitted
        .model
        .predict(&data.table().view())
        .unwrap()
        .values()
        .to_vec()
}

fn rmse(a: &[f64], b: &[f64]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / a.len() as f64).sqrt()
}

#[test]
fn more_trees_fit_the_training_rows_better() {
    let (x, y) = wave(500);
    let data = regression(vec![("x", Column::Number(x))], y.clone());
    let losses: Vec<f64> = [1, 5, 20, 80, 320]
        .iter()
        .map(|n| {
            rmse(
                &predict(
                    &fit(
                        &format!("{{\"n_trees\":{n},\"learning_rate\":0.05}}"),
                        &data,
                    ),
                    &data,
                ),
                &y,
            )
        })
        .collect();
    assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");
    assert!(losses[4] < 0.03, "{losses:?}");
}

#[test]
fn a_rising_map_of_a_feature_changes_no_prediction() {
    let (x, y) = wave(400);
    let cubed = x.iter().map(|x| x.powi(3) * 10.0 + 1.0).collect();
    let plain = regression(vec![("x", Column::Number(x))], y.clone());
    let mapped = regression(vec![("x", Column::Number(cubed))], y);
    assert_eq!(
        predict(&fit("{}", &plain), &plain),
        predict(&fit("{}", &mapped), &mapped)
    );
}

#[test]
fn missing_values_take_the_side_that_fits() {
    let x: Vec<f64> = (0..300)
        .map(|i| {
            if i % 3 == 0 {
                f64::NAN
            } else {
                f64::from(i % 3)
            }
        })
        .collect();
    let y: Vec<f64> = (0..300).map(|i| [5.0, 1.0, 5.0][i % 3]).collect();
    let data = regression(vec![("x", Column::Number(x))], y.clone());
    assert!(rmse(&predict(&fit("{}", &data), &data), &y) < 1e-3);
}

#[test]
fn categories_are_told_apart_and_unseen_ones_are_predicted() {
    let codes: Vec<u32> = (0..2000).map(|i| (i * 7) % 20).collect();
    let y: Vec<f64> = codes
        .iter()
        .map(|&code| f64::from(code * 13 % 20))
        .collect();
    let levels = Levels::new((0..21).map(|level| level.to_string()));
    let data = regression(
        vec![("c", Column::category(codes, levels.clone()))],
        y.clone(),
    );
    let fitted = fit("{\"min_rows_per_category\":10}", &data);
    assert!(rmse(&predict(&fitted, &data), &y) < 0.3);
    let odd = table(vec![(
        "c",
        Column::category(vec![20, UNSEEN_CODE, MISSING_CODE], levels),
    )]);
    let odd = fitted.model.predict(&odd.view()).unwrap();
    assert!(odd.values()[0].is_finite() && odd.values()[1] == odd.values()[2]);
}

#[test]
fn classes_get_probabilities_that_sum_to_one() {
    let (x, _) = wave(600);
    for n_classes in [2, 5] {
        let codes: Vec<u32> = x.iter().map(|x| (x * n_classes as f64) as u32).collect();
        let data = classification(
            vec![("x", Column::Number(x.clone()))],
            codes.clone(),
            n_classes,
        );
        let fitted = fit("{\"n_trees\":50}", &data);
        let predicted = fitted.model.predict(&data.table().view()).unwrap();
        assert_eq!(predicted.class_codes(), codes);
        for row in predicted.values().chunks(n_classes) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn early_stopping_cuts_the_model_to_its_best_round() {
    let (x, y) = wave(600);
    let noisy: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(i, y)| y + ((i * 31 % 17) as f64 - 8.0) / 8.0)
        .collect();
    let data = regression(vec![("x", Column::Number(x))], noisy);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..600).partition(|row| row % 3 != 0);
    let map = "{\"n_trees\":2000,\"early_stopping_rounds\":20}";
    let fitted = fit_rows(&GRADIENT_BOOSTING, map, &data, &train, Some(&valid), 1).unwrap();
    let n_trees = fitted.learned["n_trees"].as_i64().unwrap();
    assert!((1..500).contains(&n_trees), "{n_trees}");
    assert_eq!(fitted.model.artifact().meta["n_trees"], n_trees);
    let again = fit_rows(
        &GRADIENT_BOOSTING,
        &format!("{{\"n_trees\":{n_trees}}}"),
        &data,
        &train,
        None,
        1,
    )
    .unwrap();
    assert_eq!(predict(&fitted, &data), predict(&again, &data));
}

#[test]
fn threads_do_not_change_a_bit() {
    let n = 20_000;
    let columns: Vec<(String, Column)> = (0..9)
        .map(|k| {
            (
                format!("x{k}"),
                Column::Number(
                    (0..n)
                        .map(|i| ((i * (k + 3) * 7919) % 10_007) as f64)
                        .collect(),
                ),
            )
        })
        .collect();
    let codes = (0..n)
        .map(|i| u32::from((i * 3 * 7919) % 10_007 > (i * 5 * 7919) % 10_007))
        .collect();
    let columns = columns
        .iter()
        .map(|(name, column)| (name.as_str(), column.clone()))
        .collect();
    let data = classification(columns, codes, 2);
    let map = "{\"n_trees\":10,\"row_fraction\":0.7,\"column_fraction\":0.8,\"column_fraction_by_node\":0.8}";
    let [one, two] = [1, 2].map(|threads| {
        fit_rows(
            &GRADIENT_BOOSTING,
            map,
            &data,
            &data.all_rows(),
            None,
            threads,
        )
        .unwrap()
        .model
        .artifact()
    });
    assert_eq!(one, two);
}

#[test]
fn a_saved_model_predicts_the_same() {
    let (x, _) = wave(300);
    let codes: Vec<u32> = x.iter().map(|x| (x * 3.0) as u32).collect();
    let other: Vec<u32> = (0..300).map(|i| i % 7).collect();
    let data = classification(
        vec![
            (
                "c",
                Column::category(other, Levels::new(["a", "b", "c", "d", "e", "f", "g"])),
            ),
            ("x", Column::Number(x)),
        ],
        codes,
        3,
    );
    let fitted = fit("{\"n_trees\":5,\"min_rows_per_category\":5}", &data);
    let loaded = (GRADIENT_BOOSTING.load)(&fitted.model.artifact()).unwrap();
    assert_eq!(
        loaded.predict(&data.table().view()).unwrap().values(),
        predict(&fitted, &data)
    );
    assert_eq!(loaded.artifact(), fitted.model.artifact());
}

#[test]
fn what_cannot_be_learned_gives_the_trivial_model() {
    let number = |n: usize| vec![("x", Column::Number((0..n).map(|i| i as f64).collect()))];
    let constant = regression(number(50), vec![2.5; 50]);
    assert_eq!(predict(&fit("{}", &constant), &constant), vec![2.5; 50]);
    let one_row = regression(number(1), vec![4.0]);
    assert_eq!(predict(&fit("{}", &one_row), &one_row), [4.0]);
    let one_class = classification(number(30), vec![1; 30], 3);
    assert!(
        predict(&fit("{}", &one_class), &one_class)
            .chunks(3)
            .all(|p| p[1] > 0.999)
    );
    let useless = regression(
        vec![("x", Column::Number(vec![1.0; 40]))],
        (0..40).map(f64::from).collect(),
    );
    assert_eq!(predict(&fit("{}", &useless), &useless), vec![19.5; 40]);
}

#[test]
fn columns_of_other_kinds_are_refused_by_name() {
    let data = regression(
        vec![("when", Column::Timestamp(vec![0, 1, 2]))],
        vec![1.0, 2.0, 3.0],
    );
    let error = fit_rows(&GRADIENT_BOOSTING, "{}", &data, &[0, 1, 2], None, 1)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "gradient_boosting cannot take the timestamp column 'when'"
    );
}

#[test]
fn gradient_boosting_keeps_the_contract_of_a_learner() {
    automl_testkit::check_learner_with(&GRADIENT_BOOSTING, &params("{\"n_trees\":40}"));
}

#[test]
fn random_forest_keeps_the_contract_of_a_learner() {
    automl_testkit::check_learner_with(&crate::RANDOM_FOREST, &params("{\"n_trees\":20}"));
}

#[test]
fn extra_trees_keep_the_contract_of_a_learner() {
    automl_testkit::check_learner_with(&crate::EXTRA_TREES, &params("{\"n_trees\":20}"));
}

#[test]
fn each_objective_predicts_its_own_mean() {
    let n = 2000;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i % 2)).collect();
    let noise = (0..n).map(|i| ((i / 2) % 100) as f64 / 100.0);
    let y: Vec<f64> = noise
        .zip(&x)
        .map(|(noise, x)| 1.0 + 2.0 * x + noise * noise)
        .collect();
    let data = regression(vec![("x", Column::Number(x))], y);
    let mean = 1.0 + (0..100).map(|i| f64::from(i * i) / 10_000.0).sum::<f64>() / 100.0;
    for (map, low) in [
        ("{\"objective\":\"squared\"}", mean),
        ("{\"objective\":\"poisson\"}", mean),
        ("{\"objective\":\"gamma\"}", mean),
        ("{\"objective\":\"tweedie\"}", mean),
        ("{\"objective\":\"absolute\"}", 1.25),
        ("{\"objective\":\"quantile\",\"alpha\":0.9}", 1.805),
    ] {
        let predicted = predict(&fit(map, &data), &data);
        assert!(
            (predicted[0] - low).abs() < 0.01,
            "{map}: {} for {low}",
            predicted[0]
        );
        assert!(
            (predicted[1] - predicted[0] - 2.0).abs() < 0.01,
            "{map}: {}",
            predicted[1]
        );
    }
}

#[test]
fn targets_outside_an_objective_are_refused() {
    let data = regression(vec![("x", Column::Number(vec![1.0, 2.0]))], vec![-1.0, 1.0]);
    let map = "{\"objective\":\"poisson\"}";
    let error = fit_rows(&GRADIENT_BOOSTING, map, &data, &[0, 1], None, 1)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "objective = poisson needs targets of at least 0"
    );
}

#[test]
fn forests_learn_what_boosting_learns() {
    let (x, y) = wave(2000);
    let noise: Vec<f64> = (0..2000).map(|i| f64::from(i * 7919 % 1009)).collect();
    let data = regression(
        vec![("x", Column::Number(x)), ("noise", Column::Number(noise))],
        y.clone(),
    );
    let (train, test): (Vec<u32>, Vec<u32>) = (0..2000).partition(|row| row % 4 != 0);
    for spec in [&crate::RANDOM_FOREST, &crate::EXTRA_TREES] {
        let map = "{\"n_trees\":50,\"column_fraction\":1.0}";
        let fitted = fit_rows(spec, map, &data, &train, None, 2).unwrap();
        let predicted = predict(&fitted, &data);
        let of = |values: &[f64]| {
            test.iter()
                .map(|&row| values[row as usize])
                .collect::<Vec<_>>()
        };
        let error = rmse(&of(&predicted), &of(&y));
        assert!(error < 0.05, "{}: {error}", spec.id);
        let importance = fitted.model.importance().unwrap();
        assert_eq!(importance.0[0].0, "x");
    }
}
