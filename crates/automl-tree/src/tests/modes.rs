//! Ways of growing, drawing and boosting beside the usual ones.

use super::{classification, fit, fit_rows, params, predict, regression, rmse, wave};
use crate::GRADIENT_BOOSTING;
use automl_core::{
    Budget, Coded, Column, Dataset, FitContext, Levels, ParamMap, ParamValue, Seed, Table, Target,
    Task, Threads, TrainingData, Warnings,
};

#[test]
fn symmetric_trees_learn_numbers_and_categories_of_few_and_many_levels() {
    let (x, y) = wave(2000);
    for n_levels in [3, 20] {
        let codes: Vec<u32> = (0..2000).map(|i| (i * 7) % n_levels).collect();
        let y: Vec<f64> = y
            .iter()
            .zip(&codes)
            .map(|(y, &code)| y + f64::from(code * 13 % n_levels) / 10.0)
            .collect();
        let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
        let columns = vec![
            ("c", Column::category(codes, levels)),
            ("x", Column::Number(x.clone())),
        ];
        let data = regression(columns, y.clone());
        let map = r#"{"growth":"symmetric","n_trees":200,"min_rows_per_category":10}"#;
        let one = fit(map, &data);
        assert!(rmse(&predict(&one, &data), &y) < 0.1);
        let two = fit_rows(&GRADIENT_BOOSTING, map, &data, &data.all_rows(), None, 2).unwrap();
        assert_eq!(one.model.artifact(), two.model.artifact());
    }
    let map = params(r#"{"growth":"symmetric","max_depth":17}"#);
    assert_eq!(
        (GRADIENT_BOOSTING.build)(&map).err().unwrap().code(),
        "param-conflict"
    );
}

#[test]
fn rows_drawn_by_gradient_learn_the_same_at_any_number_of_threads() {
    let (x, y) = wave(3000);
    let columns = || vec![("x", Column::Number(x.clone()))];
    let weights: Vec<f64> = (0..3000).map(|row| f64::from(1 + row % 4)).collect();
    let numbers = regression(columns(), y.clone())
        .with_weight(weights)
        .unwrap();
    let codes = y.iter().map(|y| y.max(0.0) as u32).collect();
    let classes = classification(columns(), codes, 3);
    for map in [
        r#"{"row_sampling":"goss","n_trees":60}"#,
        r#"{"row_sampling":"mvs","subsample":0.3,"n_trees":60}"#,
        r#"{"row_sampling":"mvs","subsample":0.3,"n_trees":60,"growth":"symmetric"}"#,
        r#"{"row_sampling":"mvs","subsample":0.5,"n_trees":60,"objective":"absolute"}"#,
    ] {
        for data in [&numbers, &classes] {
            let [one, two] = [1, 2].map(|threads| {
                fit_rows(
                    &GRADIENT_BOOSTING,
                    map,
                    data,
                    &data.all_rows(),
                    None,
                    threads,
                )
                .unwrap()
            });
            assert_eq!(one.model.artifact(), two.model.artifact(), "{map}");
            assert_ne!(
                one.model.artifact(),
                fit(r#"{"n_trees":60}"#, data).model.artifact()
            );
            if *data.task() == Task::Regression {
                assert!(rmse(&predict(&one, data), &y) < 0.05, "{map}");
            }
        }
    }
}

#[test]
fn quantised_gradients_learn_nearly_the_same_with_weights_and_drawn_rows_too() {
    let (x, y) = wave(3000);
    let weights: Vec<f64> = (0..3000).map(|row| f64::from(1 + row % 4)).collect();
    let columns = || vec![("x", Column::Number(x.clone()))];
    let numbers = regression(columns(), y.clone())
        .with_weight(weights)
        .unwrap();
    let codes: Vec<u32> = y.iter().map(|y| y.max(0.0) as u32).collect();
    let classes = classification(columns(), codes, 3);
    for map in [
        r#"{"n_trees":60"#,
        r#"{"n_trees":60,"subsample":0.5"#,
        r#"{"n_trees":60,"row_sampling":"goss","growth":"symmetric""#,
    ] {
        let packed = format!(r#"{map},"use_quantized_grad":true}}"#);
        for data in [&numbers, &classes] {
            let rows = data.all_rows();
            let [one, two] = [1, 2].map(|threads| {
                fit_rows(&GRADIENT_BOOSTING, &packed, data, &rows, None, threads).unwrap()
            });
            assert_eq!(one.model.artifact(), two.model.artifact(), "{map}");
            let plain = fit(&format!("{map}}}"), data);
            assert_ne!(one.model.artifact(), plain.model.artifact());
            if *data.task() == Task::Regression {
                let [plain, packed] = [&plain, &one].map(|fit| rmse(&predict(fit, data), &y));
                assert!(packed < 1.1 * plain + 1e-3, "{map}: {packed} for {plain}");
            }
        }
    }
}

/// `wave` as a regression.
fn numbers(n: usize) -> Dataset {
    let (x, y) = wave(n);
    regression(vec![("x", Column::Number(x))], y)
}

#[test]
fn dropping_no_tree_is_plain_boosting_and_dropping_all_steps_like_one() {
    let data = numbers(500);
    let plain = fit(r#"{"n_trees":20}"#, &data);
    let none = fit(r#"{"n_trees":20,"boosting":"dart","skip_drop":1.0}"#, &data);
    assert_eq!(plain.model.artifact(), none.model.artifact());
    let one = predict(&fit(r#"{"n_trees":1}"#, &data), &data);
    let all = r#"{"n_trees":20,"boosting":"dart","skip_drop":0.0,"drop_rate":1.0,"max_drop":0}"#;
    let all = predict(&fit(all, &data), &data);
    assert!(
        one.iter()
            .zip(&all)
            .all(|(one, all)| (one - all).abs() < 1e-6)
    );
}

#[test]
fn dropping_some_trees_learns_the_same_at_any_number_of_threads() {
    let (x, y) = wave(20_000);
    let codes = y.iter().map(|y| y.max(0.0) as u32).collect();
    let classes = classification(vec![("x", Column::Number(x))], codes, 3);
    let map =
        r#"{"n_trees":30,"boosting":"dart","rate_drop":0.1,"skip_drop":0.3,"learning_rate":0.5}"#;
    for data in [numbers(20_000), classes] {
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
        });
        assert_eq!(one.model.artifact(), two.model.artifact());
        if *data.task() == Task::Regression {
            let error = rmse(&predict(&one, &data), &y);
            assert!(error < 0.05, "{error}");
        }
    }
}

#[test]
fn dropping_trees_makes_all_rounds_and_says_so() {
    let data = numbers(300);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..300).partition(|row| row % 3 != 0);
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let training = TrainingData {
        train: data.view(&train),
        valid: Some(data.view(&valid)),
    };
    let map = params(r#"{"n_trees":40,"boosting":"dart","early_stopping_rounds":1}"#);
    let fitted = (GRADIENT_BOOSTING.build)(&map)
        .unwrap()
        .fit(&ctx, &training)
        .unwrap();
    assert_eq!(fitted.model.artifact().meta["n_trees"], 40);
    assert!(fitted.learned.is_empty());
    assert!(
        warnings.list()[0]
            .message
            .starts_with("early_stopping_rounds")
    );
}

#[test]
fn one_against_the_rest_is_a_binary_boosting_for_each_class() {
    let (x, _) = wave(900);
    let codes: Vec<u32> = x.iter().map(|x| (x * 3.0) as u32).collect();
    let columns = || vec![("x", Column::Number(x.clone()))];
    let data = classification(columns(), codes.clone(), 3);
    let map = r#"{"n_trees":12,"multiclass":"one_vs_rest"}"#;
    let fitted = fit(map, &data);
    let ours = predict(&fitted, &data);
    let of_class: Vec<Vec<f64>> = (0..3)
        .map(|class| {
            let binary = codes.iter().map(|&code| u32::from(code == class)).collect();
            let data = classification(columns(), binary, 2);
            let predicted = predict(&fit(r#"{"n_trees":12}"#, &data), &data);
            predicted.chunks(2).map(|p| p[1]).collect()
        })
        .collect();
    for (row, ours) in ours.chunks(3).enumerate() {
        let sum: f64 = of_class.iter().map(|p| p[row]).sum();
        for class in 0..3 {
            assert!((ours[class] - of_class[class][row] / sum).abs() < 1e-12);
        }
    }
    let loaded = (GRADIENT_BOOSTING.load)(&fitted.model.artifact()).unwrap();
    assert_eq!(loaded.predict(&data.table().view()).unwrap().values(), ours);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..900).partition(|row| row % 3 != 0);
    let map = r#"{"n_trees":300,"multiclass":"one_vs_rest","early_stopping_rounds":5}"#;
    let stopped = fit_rows(&GRADIENT_BOOSTING, map, &data, &train, Some(&valid), 1).unwrap();
    assert!(stopped.learned.contains_key("n_trees"));
}

#[test]
fn rows_without_weight_are_refused_and_targets_beyond_single_precision_too() {
    let (x, y) = wave(60);
    let columns = || vec![("x", Column::Number(x.clone()))];
    let weights: Vec<f64> = (0..60).map(|row| f64::from(u8::from(row >= 30))).collect();
    let data = regression(columns(), y.clone())
        .with_weight(weights)
        .unwrap();
    let light: Vec<u32> = (0..30).collect();
    let error = |data: &Dataset, rows: &[u32]| {
        fit_rows(&GRADIENT_BOOSTING, "{}", data, rows, None, 1)
            .err()
            .unwrap()
    };
    assert_eq!(error(&data, &light).code(), "fit-numeric");
    let huge = regression(columns(), y.iter().map(|y| y * 1e60).collect());
    assert_eq!(error(&huge, &huge.all_rows()).code(), "fit-numeric");
    let heavy = regression(columns(), y)
        .with_weight(vec![1e300; 60])
        .unwrap();
    assert_eq!(error(&heavy, &heavy.all_rows()).code(), "fit-numeric");
}

#[test]
fn every_mode_keeps_the_contract_of_a_learner() {
    for map in [
        r#"{"n_trees":30,"growth":"symmetric","max_depth":4}"#,
        r#"{"n_trees":30,"boosting":"dart"}"#,
        r#"{"n_trees":30,"row_sampling":"goss","learning_rate":0.3}"#,
        r#"{"n_trees":30,"row_sampling":"mvs","row_fraction":0.7}"#,
        r#"{"n_trees":30,"multiclass":"one_vs_rest","column_fraction_by_level":0.8}"#,
    ] {
        automl_testkit::check_learner_with(&GRADIENT_BOOSTING, &params(map));
    }
}

/// Two rows of a class among thousands have Hessians near zero, and a Newton step without a limit runs away.
#[test]
fn a_rare_class_does_not_run_away() {
    let n = 6000_u32;
    let x: Vec<f64> = (0..n).map(|row| f64::from(row * 7919 % 6007)).collect();
    let codes: Vec<u32> = (0..n as usize)
        .map(|row| match row {
            17 | 4001 => 2,
            _ => u32::from(x[row] > 3000.0),
        })
        .collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let classes = ["a", "b", "rare"].map(str::to_owned).to_vec();
    let task = Task::Multiclass { classes };
    let data = Dataset::new(table, task, Target::Classes(codes.clone().into())).unwrap();
    let loss = |max_step: f64| {
        let params = ParamMap::from([
            ("n_trees".to_owned(), ParamValue::Int(1)),
            ("learning_rate".to_owned(), ParamValue::Float(0.1)),
            ("row_fraction".to_owned(), ParamValue::Float(1.0)),
            ("max_step".to_owned(), ParamValue::Float(max_step)),
        ]);
        let warnings = Warnings::default();
        let ctx = FitContext {
            seed: Seed(1),
            threads: Threads::one(),
            budget: Budget::unlimited(),
            warnings: &warnings,
        };
        let rows = data.all_rows();
        let learner = (GRADIENT_BOOSTING.build)(&params).unwrap();
        let fitted = learner.fit(&ctx, &data.view(&rows).into()).unwrap();
        let predicted = fitted.model.predict(&data.table().view()).unwrap();
        let of_row = |(row, &code): (usize, &u32)| {
            -predicted.values()[row * 3 + code as usize].max(1e-15).ln()
        };
        codes.iter().enumerate().map(of_row).sum::<f64>() / n as f64
    };
    let (bounded, free) = (loss(10.0), loss(0.0));
    assert!(bounded < free, "{bounded} with a limit, {free} without");
}
