//! Boosting that goes on from a model.

use super::{classification, fit, fit_rows, plain, predict, regression, rmse, wave};
use crate::{GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams, RANDOM_FOREST};
use automl_core::{
    Budget, CancelToken, Coded, Column, Dataset, FitContext, FitError, Fitted, Learner, Levels,
    MISSING_CODE, Model, Params, Seed, Threads, TrainingData, UNSEEN_CODE, Warnings,
};

fn go_on_rows(
    map: &str,
    data: &Dataset,
    train: &[u32],
    valid: Option<&[u32]>,
    start: &dyn Model,
    threads: usize,
) -> Result<Fitted, FitError> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::new(threads).unwrap(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let params = GradientBoostingParams::from_map(&plain(&GRADIENT_BOOSTING, map)).unwrap();
    let training = TrainingData {
        train: data.view(train),
        valid: valid.map(|rows| data.view(rows)),
    };
    GradientBoosting::new(params)?.fit_from(&ctx, &training, start)
}

fn go_on(map: &str, data: &Dataset, start: &dyn Model) -> Result<Fitted, FitError> {
    go_on_rows(map, data, &data.all_rows(), None, start, 1)
}

/// Numbers, and a category of so many levels of which the first `n_met` have rows.
fn columns(n: usize, n_levels: usize, n_met: usize) -> Vec<(&'static str, Column)> {
    let (x, _) = wave(n);
    let codes = (0..n).map(|row| (row * 31 % n_met) as u32).collect();
    let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
    let start = (0..n).map(|row| (row * 13 % 7) as f64 / 7.0).collect();
    vec![
        ("c", Column::category(codes, levels)),
        ("x", Column::Number(x)),
        ("start", Column::Number(start)),
    ]
}

fn target(columns: &[(&'static str, Column)]) -> Vec<f64> {
    let (codes, _) = columns[0].1.as_category().unwrap();
    let x = columns[1].1.as_number().unwrap();
    let of_row = |(code, x): (&u32, &f64)| 3.0 + (6.0 * x).sin() + f64::from(code * 13 % 10) / 5.0;
    codes.iter().zip(x).map(of_row).collect()
}

#[test]
fn some_rounds_and_then_others_are_the_rounds_together() {
    let columns = || columns(700, 12, 12);
    let y = target(&columns());
    let weights: Vec<f64> = (0..700).map(|row| f64::from(1 + row % 3)).collect();
    let numbers = regression(columns(), y.clone())
        .with_weight(weights)
        .unwrap();
    let two = classification(
        columns(),
        y.iter().map(|&y| u32::from(y > 3.5)).collect(),
        2,
    );
    let three = classification(columns(), y.iter().map(|&y| (y / 2.0) as u32).collect(), 3);
    let queries: Vec<u32> = (0..700).map(|row| row % 30).collect();
    let grades = regression(columns(), y.iter().map(|y| y.floor().max(0.0)).collect());
    let grades = grades.with_groups(queries).unwrap();
    for (map, data) in [
        (r#""row_fraction":0.7,"column_fraction":0.6"#, &numbers),
        (r#""objective":"poisson","offset_column":"start""#, &numbers),
        (r#""objective":"absolute","growth":"symmetric""#, &numbers),
        (r#""row_sampling":"goss","learning_rate":0.3"#, &two),
        (
            r#""class_weight":"balanced","row_sampling":"mvs","row_fraction":0.6"#,
            &two,
        ),
        (r#""column_fraction_by_node":0.5"#, &three),
        (r#""multiclass":"one_vs_rest""#, &three),
        (r#""objective":"lambda_rank""#, &grades),
    ] {
        let map =
            |n_trees: usize| format!(r#"{{"n_trees":{n_trees},"min_rows_per_category":10,{map}}}"#);
        let whole = fit(&map(12), data);
        let first = fit(&map(5), data);
        let both = go_on(&map(7), data, first.model.as_ref()).unwrap();
        assert_eq!(predict(&whole, data), predict(&both, data), "{}", map(12));
        let (mut whole, mut both) = (whole.model.artifact(), both.model.artifact());
        // Gains are added up in another order, and a set may say anything of bins that no level has.
        let parts = [&mut whole, &mut both].map(|artifact| {
            let gains = artifact.f64s("gains").unwrap().to_vec();
            let sets = artifact.i64s("category_sets").unwrap().chunks(4);
            let sets: Vec<i64> = sets.map(|set| set[0] & 0x1fff).collect();
            artifact.arrays.remove("gains");
            artifact.arrays.remove("category_sets");
            (gains, sets)
        });
        for (gain, other) in parts[0].0.iter().zip(&parts[1].0) {
            assert!((gain - other).abs() <= 1e-9 * gain, "{}", map(12));
        }
        assert!(parts[0].1 == parts[1].1 && whole == both, "{}", map(12));
    }
}

#[test]
fn validation_rows_start_from_the_model_too() {
    let columns = columns(900, 12, 12);
    let y = target(&columns);
    let noisy: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(row, y)| y + (row * 31 % 17) as f64 / 8.0)
        .collect();
    let data = regression(columns, noisy);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..900).partition(|row| row % 3 != 0);
    let map = |n_trees: usize| format!(r#"{{"n_trees":{n_trees},"early_stopping_rounds":10}}"#);
    let whole = fit_rows(
        &GRADIENT_BOOSTING,
        &map(400),
        &data,
        &train,
        Some(&valid),
        1,
    )
    .unwrap();
    let first = fit_rows(&GRADIENT_BOOSTING, &map(8), &data, &train, None, 1).unwrap();
    let [one, two] = [1, 2].map(|threads| {
        let start = first.model.as_ref();
        go_on_rows(&map(400), &data, &train, Some(&valid), start, threads).unwrap()
    });
    assert_eq!(one.model.artifact(), two.model.artifact());
    let n_trees = |fitted: &Fitted| fitted.learned["n_trees"].as_i64().unwrap();
    assert!(n_trees(&whole) < 390);
    assert_eq!(n_trees(&one) + 8, n_trees(&whole));
    assert_eq!(predict(&one, &data), predict(&whole, &data));
}

/// Goes on from a model of other rows; its trees must say what the model said, of any level. Gives the model, and how far
/// the whole is from a fit that takes the model's scores as an offset.
fn check_sum(old: &Dataset, new: &Dataset, n_levels: u32) -> (Fitted, f64) {
    let map = r#"{"n_trees":40,"min_rows_per_category":5,"cat_smooth":1.0,"min_rows_per_leaf":5}"#;
    let first = fit(map, old);
    let start = first.model.as_ref();
    let before = predict(&first, new);
    // Where the mean of what is left is zero, a fit beside an offset starts from nothing.
    let y = new.view(&new.all_rows()).target_numbers();
    let left = y
        .iter()
        .zip(&before)
        .map(|(y, before)| y - before)
        .sum::<f64>()
        / y.len() as f64;
    let y: Vec<f64> = y.iter().map(|y| y - left).collect();
    let columns = |with: Option<&[f64]>| -> Vec<(&str, Column)> {
        let columns = new
            .table()
            .iter()
            .map(|(name, column)| (name, column.clone()));
        columns
            .chain(with.map(|scores| ("scores", Column::Number(scores.to_vec()))))
            .collect()
    };
    let new = regression(columns(None), y.clone());
    let both = go_on(map, &new, start).unwrap();
    let trees = both.model.as_trees().unwrap();
    let odd = Column::category(
        (0..n_levels).chain([UNSEEN_CODE, MISSING_CODE]).collect(),
        Levels::new((0..n_levels).map(|level| level.to_string())),
    );
    let n_odd = odd.n_rows();
    let odd = super::table(vec![
        ("start", Column::Number(vec![0.3; n_odd])),
        (
            "x",
            Column::Number(
                (0..n_odd)
                    .map(|row| {
                        if row % 5 == 0 {
                            f64::NAN
                        } else {
                            row as f64 / n_odd as f64
                        }
                    })
                    .collect(),
            ),
        ),
        ("c", odd),
    ]);
    for view in [new.table().view(), odd.view()] {
        let stages = trees.staged(&view, &[40]).unwrap();
        assert_eq!(stages[0], start.predict(&view).unwrap());
    }
    let beside = regression(columns(Some(&before)), y);
    let map = map.replace('{', r#"{"offset_column":"scores","#);
    let beside = predict(&fit(&map, &beside), &beside);
    let joined = predict(&both, &new);
    let far = joined
        .iter()
        .zip(&beside)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    let loaded = (GRADIENT_BOOSTING.load)(&both.model.artifact()).unwrap();
    assert_eq!(
        loaded.predict(&new.table().view()).unwrap().values(),
        joined
    );
    (both, far)
}

#[test]
fn old_trees_keep_what_they_say_and_new_ones_tell_new_levels_apart() {
    let old = columns(700, 12, 5);
    let old = regression(old.clone(), target(&old));
    let new = columns(900, 12, 12);
    let y = target(&new);
    let new = regression(new, y.clone());
    let (both, far) = check_sum(&old, &new, 12);
    assert!(far < 1e-5, "{far}");
    let before = rmse(&predict(&fit("{}", &old), &new), &y);
    let left = y.iter().sum::<f64>() / 900.0 - predict(&both, &new).iter().sum::<f64>() / 900.0;
    let shifted: Vec<f64> = y.iter().map(|y| y - left).collect();
    let after = rmse(&predict(&both, &new), &shifted);
    assert!(after < 0.2 * before, "{after} from {before}");
    // A column that was constant then has no bins of its own.
    let old = columns(300, 12, 1);
    let (_, far) = check_sum(&regression(old.clone(), target(&old)), &new, 12);
    assert!(far < 1e-5, "{far}");
}

/// More levels than bins, met in another order: the new trees see the old bins.
#[test]
fn levels_beyond_the_bins_keep_their_meaning() {
    let many = |factor: usize, n_met: usize| {
        let mut columns = columns(4000, 700, 700);
        // Each level has another number of rows.
        let codes = (0..4000_usize).map(|row| {
            let level = ((row * 7919 % 4000) as f64 / 4000.0).powi(2) * n_met as f64;
            (level as usize * factor % 700) as u32
        });
        let levels = Levels::new((0..700).map(|level| level.to_string()));
        columns[0].1 = Column::category(codes.collect(), levels);
        let y = target(&columns);
        regression(columns, y)
    };
    let (old, new) = (many(1, 600), many(3, 700));
    let (both, _) = check_sum(&old, &new, 700);
    let spread = |fitted: &Fitted| {
        let y = new.view(&new.all_rows()).target_numbers();
        let left: Vec<f64> = y
            .iter()
            .zip(predict(fitted, &new))
            .map(|(y, p)| y - p)
            .collect();
        let mean = left.iter().sum::<f64>() / left.len() as f64;
        rmse(&left, &vec![mean; left.len()])
    };
    let (before, after) = (spread(&fit("{}", &old)), spread(&both));
    assert!(after < 0.9 * before, "{after} from {before}");
}

#[test]
fn columns_may_stand_in_another_order() {
    let columns = columns(400, 12, 12);
    let y = target(&columns);
    let data = regression(columns.clone(), y.clone());
    let first = fit(r#"{"n_trees":5}"#, &data);
    let turned = regression(columns.into_iter().rev().collect(), y);
    let both = go_on(r#"{"n_trees":5}"#, &turned, first.model.as_ref()).unwrap();
    let other = go_on(r#"{"n_trees":5}"#, &data, first.model.as_ref()).unwrap();
    assert_eq!(predict(&both, &data), predict(&other, &data));
    let names = both.model.artifact().meta["columns"].clone();
    assert_eq!(names, first.model.artifact().meta["columns"]);
    let explained = both
        .model
        .explain(&data.table().view(), &Threads::one())
        .unwrap();
    let sum: f64 = explained.row(3, 0).iter().sum();
    assert!((sum - predict(&both, &data)[3]).abs() < 1e-9);
}

#[test]
fn a_model_without_an_offset_can_be_given_one() {
    let columns = columns(400, 12, 12);
    let y = target(&columns);
    let without = regression(columns[..2].to_vec(), y.clone());
    let data = regression(columns, y);
    let first = fit(r#"{"n_trees":5}"#, &without);
    let map = r#"{"n_trees":0,"offset_column":"start"}"#.replace(":0", ":1");
    let both = go_on(&map, &data, first.model.as_ref()).unwrap();
    let offset = data.table().column("start").unwrap().as_number().unwrap();
    let stages = both
        .model
        .as_trees()
        .unwrap()
        .staged(&data.table().view(), &[5])
        .unwrap();
    for (row, staged) in stages[0].values().iter().enumerate() {
        assert!((staged - predict(&first, &data)[row] - offset[row]).abs() < 1e-12);
    }
    assert_eq!(both.model.artifact().meta["columns"][2], "start");
}

#[test]
fn a_budget_that_is_over_leaves_the_model_as_it_was() {
    let columns = columns(200, 12, 12);
    let y = target(&columns);
    let data = regression(columns, y);
    let first = fit(r#"{"n_trees":4}"#, &data);
    let cancel = CancelToken::default();
    cancel.cancel();
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::one(),
        budget: Budget {
            cancel,
            ..Budget::unlimited()
        },
        warnings: &warnings,
    };
    let learner = GradientBoosting::new(GradientBoostingParams::default()).unwrap();
    let rows = data.all_rows();
    let training = data.view(&rows).into();
    let fitted = learner
        .fit_from(&ctx, &training, first.model.as_ref())
        .unwrap();
    assert!(fitted.is_partial);
    assert_eq!(predict(&fitted, &data), predict(&first, &data));
    assert_eq!(
        learner.fit(&ctx, &training).err().unwrap().code(),
        "fit-cancelled"
    );
}

#[test]
fn what_cannot_be_continued_is_refused_with_the_reason() {
    let columns = columns(200, 12, 12);
    let y = target(&columns);
    let data = regression(columns.clone(), y.clone());
    let map = r#"{"n_trees":2}"#;
    let first = fit(map, &data);
    let said = |map: &str, data: &Dataset, start: &Fitted| {
        let error = go_on(map, data, start.model.as_ref()).err().unwrap();
        (error.code(), error.to_string())
    };
    let told = |start: &str| format!("gradient_boosting cannot continue this model: {start}");
    let (x, _) = wave(200);
    let mut more = columns.clone();
    more.push(("extra", Column::Number(x)));
    let reason = told("the column 'extra' is not one of those that it was fitted on");
    assert_eq!(
        said(map, &regression(more, y.clone()), &first),
        ("fit-start", reason)
    );
    let fewer = regression(columns[..2].to_vec(), y.clone());
    assert_eq!(said(map, &fewer, &first).0, "predict-column-missing");
    let mut other = columns.clone();
    other[1].1 = columns[0].1.clone();
    assert_eq!(
        said(map, &regression(other, y.clone()), &first).0,
        "predict-column-kind"
    );
    let poisson = r#"{"n_trees":2,"objective":"poisson"}"#;
    let reason = told("its link is identity, and that of task and objective is log");
    assert_eq!(said(poisson, &data, &first), ("fit-start", reason));
    let three = classification(columns.clone(), (0..200).map(|row| row % 3).collect(), 3);
    let four = classification(columns.clone(), (0..200).map(|row| row % 4).collect(), 4);
    let reason = told("it gives 3 scores a row where the task has 4");
    assert_eq!(said(map, &four, &fit(map, &three)), ("fit-start", reason));
    let offset = fit(r#"{"n_trees":2,"offset_column":"start"}"#, &data);
    let reason = told("its scores start from the column 'start', which offset_column must name");
    assert_eq!(said(map, &data, &offset), ("fit-start", reason));
    assert_eq!(
        said(r#"{"boosting":"dart"}"#, &data, &first).0,
        "param-conflict"
    );
    let forest = fit_rows(
        &RANDOM_FOREST,
        r#"{"n_trees":2}"#,
        &data,
        &data.all_rows(),
        None,
        1,
    )
    .unwrap();
    let reason = told("it is of the kind random_forest, not gradient_boosting");
    assert_eq!(said(map, &data, &forest), ("fit-start", reason));
}
