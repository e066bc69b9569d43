//! Elastic net: scikit-learn's coefficients, the optimality conditions, and agreement of its four ways to solve.

use super::{ELASTIC_NET, ElasticNetParams, Problem, gram, model::Linear, wide};
use crate::inputs::Inputs;
use crate::targets::RowWeights;
use crate::testing::{context, fit, fit_with, floats, noise, reference, regression, table};
use automl_core::table::SparseRows;
use automl_core::{
    Budget, CancelToken, Coded, Column, Dataset, FitContext, FitError, ParamMap, ParamValue, Seed,
    Table, Threads, Warnings,
};
use serde_json::Value;

fn coefficients(data: &Dataset, params: &ParamMap) -> (Vec<f64>, f64) {
    let artifact = fit(&ELASTIC_NET, params, data).unwrap().model.artifact();
    let model = Linear::load(&artifact).unwrap();
    let (coef, intercept) = model.coefficients();
    (coef.to_vec(), intercept)
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

fn compare_with_reference(case: &Value, l1_ratio: f64) {
    let reference = reference();
    let mut data = regression(table(&reference.x), &reference.y);
    if case["weighted"] == true {
        data = data.with_weight(reference.weight.clone()).unwrap();
    }
    let mut params = floats(&[
        ("alpha", case["alpha"].as_f64().unwrap()),
        ("l1_ratio", l1_ratio),
        ("tol", 1e-20),
    ]);
    params.insert(
        "intercept".into(),
        ParamValue::Bool(case["intercept"] == true),
    );
    params.insert("scale_target".into(), ParamValue::Bool(false));
    params.insert("max_iter".into(), ParamValue::Int(100_000));
    let (coef, intercept) = coefficients(&data, &params);
    for (ours, theirs) in coef.iter().zip(case["coef"].as_array().unwrap()) {
        assert!(
            close(*ours, theirs.as_f64().unwrap(), 1e-8),
            "{coef:?} is not {case}"
        );
    }
    assert!(
        close(intercept, case["constant"].as_f64().unwrap(), 1e-8),
        "{intercept} in {case}"
    );
}

#[test]
fn ridge_agrees_with_scikit_learn() {
    for case in reference().json["ridge"].as_array().unwrap() {
        compare_with_reference(case, 0.0);
    }
}

#[test]
fn elastic_net_agrees_with_scikit_learn() {
    for case in reference().json["elastic_net"].as_array().unwrap() {
        compare_with_reference(case, case["l1_ratio"].as_f64().unwrap());
    }
}

#[test]
fn without_a_penalty_a_line_is_found_exactly() {
    let data = regression(table(&[vec![0.0], vec![1.0], vec![2.0]]), &[5.0, 7.0, 9.0]);
    let (coef, intercept) = coefficients(&data, &floats(&[("alpha", 0.0)]));
    assert!(close(coef[0], 2.0, 1e-12) && close(intercept, 5.0, 1e-12));
}

#[test]
fn equal_columns_without_a_penalty_share_the_slope() {
    let data = regression(
        table(&[vec![0.0, 0.0], vec![1.0, 1.0], vec![2.0, 2.0]]),
        &[1.0, 3.0, 5.0],
    );
    let (coef, intercept) = coefficients(&data, &floats(&[("alpha", 0.0)]));
    assert!(close(coef[0], 1.0, 1e-9) && close(coef[1], 1.0, 1e-9) && close(intercept, 1.0, 1e-9));
}

#[test]
fn a_scaled_target_scales_the_coefficients_alone() {
    let reference = reference();
    let large: Vec<f64> = reference.y.iter().map(|y| 1000.0 * y).collect();
    let params = floats(&[("alpha", 0.1), ("l1_ratio", 0.5)]);
    let (small_coef, _) = coefficients(&regression(table(&reference.x), &reference.y), &params);
    let (large_coef, _) = coefficients(&regression(table(&reference.x), &large), &params);
    for (small, large) in small_coef.iter().zip(large_coef) {
        assert!(close(small * 1000.0, large, 1e-9));
    }
}

#[test]
fn a_constant_target_needs_no_feature() {
    let data = regression(table(&[vec![0.0], vec![1.0], vec![2.0]]), &[4.0; 3]);
    for ratio in [0.0, 0.5] {
        assert_eq!(
            coefficients(&data, &floats(&[("l1_ratio", ratio)])),
            (vec![0.0], 4.0)
        );
    }
}

/// Twenty number columns of which some matter, and a sparse column of ten dimensions.
fn mixed(n: usize) -> Dataset {
    let mut columns: Vec<(String, Column)> = (0..20)
        .map(|j| (format!("x{j}"), Column::Number(noise(n, j))))
        .collect();
    let mut sparse = SparseRows::new((0..10).map(|d| format!("d{d}").into()).collect());
    for i in 0..n as u32 {
        sparse.push([(i % 7, 1.0), (7 + i % 3, 0.5)]);
    }
    let target: Vec<f64> = noise(n, 99)
        .iter()
        .enumerate()
        .map(|(i, e)| {
            let x = |j: usize| columns[j].1.as_number().unwrap()[i];
            3.0 + 2.0 * x(0) - x(3) + 0.5 * f64::from(i as u32 % 7 == 2) + 0.1 * e
        })
        .collect();
    columns.push(("words".into(), Column::Sparse(sparse)));
    regression(Table::new(columns).unwrap(), &target)
}

#[test]
fn all_ways_to_solve_agree() {
    let data = mixed(300);
    let rows = data.all_rows();
    let view = data.view(&rows);
    let inputs = Inputs::of("test", &view.table(), true).unwrap();
    let weights = RowWeights::of("test", &view).unwrap();
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(0),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let learner = ElasticNetParams::default();
    for (l1, l2) in [(0.0, 0.05), (0.02, 0.01)] {
        let mut target = view.target_numbers();
        learner.standardise(&mut target, &weights).unwrap();
        let problem = Problem {
            inputs: &inputs,
            weights: &weights,
            target,
            l1,
            l2,
            has_intercept: true,
            tol: 1e-20,
            max_passes: 10_000,
        };
        let by_gram = gram::solve(&problem, &ctx, &view.table()).unwrap();
        let mut others = vec![wide::solve_by_descent(&problem, &ctx, &view.table()).unwrap()];
        if l1 == 0.0 {
            others.push(wide::solve_ridge(&problem, &ctx, &view.table()).unwrap());
        }
        for other in others {
            assert!(close(by_gram.intercept, other.intercept, 1e-6));
            for (a, b) in by_gram.coef.iter().zip(&other.coef) {
                assert!(close(*a, *b, 1e-6), "{a} is not {b} at l1 = {l1}");
            }
        }
    }
}

#[test]
fn coefficients_do_not_depend_on_threads() {
    let data = mixed(9000);
    let one = fit(&ELASTIC_NET, &ParamMap::new(), &data)
        .unwrap()
        .model
        .artifact();
    let threads = Threads::new(3).unwrap();
    let many = fit_with(
        &ELASTIC_NET,
        &ParamMap::new(),
        &data,
        &threads,
        Budget::unlimited(),
    );
    assert_eq!(one, many.unwrap().model.artifact());
}

#[test]
fn gaps_and_categories_are_refused_by_name() {
    let data = regression(table(&[vec![0.0, f64::NAN], vec![1.0, 2.0]]), &[1.0, 2.0]);
    let error = fit(&ELASTIC_NET, &ParamMap::new(), &data).err().unwrap();
    assert_eq!(
        error.to_string(),
        "elastic_net cannot take the number with missing values column 'x1'"
    );
    assert_eq!(error.code(), "fit-column");
}

#[test]
fn a_cancelled_fit_says_so() {
    let cancel = CancelToken::default();
    cancel.cancel();
    let budget = Budget {
        cancel,
        ..Budget::unlimited()
    };
    let data = regression(table(&[vec![0.0], vec![1.0]]), &[1.0, 2.0]);
    let result = fit_with(
        &ELASTIC_NET,
        &ParamMap::new(),
        &data,
        &Threads::one(),
        budget,
    );
    assert!(matches!(result, Err(FitError::Cancelled)));
}

#[test]
fn importance_finds_the_columns_that_matter() {
    let model = fit(&ELASTIC_NET, &ParamMap::new(), &mixed(300))
        .unwrap()
        .model;
    let importance = model.importance().unwrap().0;
    assert_eq!(
        (importance[0].0.as_str(), importance[1].0.as_str()),
        ("x0", "x3")
    );
    assert!(close(
        importance.iter().map(|(_, share)| share).sum(),
        1.0,
        1e-12
    ));
}

#[test]
fn a_cut_artifact_is_an_error() {
    let artifact = fit(&ELASTIC_NET, &ParamMap::new(), &mixed(50))
        .unwrap()
        .model
        .artifact();
    assert!((ELASTIC_NET.load)(&artifact).is_ok());
    let mut cut = artifact.clone();
    cut.push_f64("coef", vec![1.0]);
    assert!((ELASTIC_NET.load)(&cut).is_err());
    let mut bare = artifact;
    bare.arrays.clear();
    assert!((ELASTIC_NET.load)(&bare).is_err());
}

/// Two columns for the same thing, many times over: too many for eigenvalues.
#[test]
fn many_dependent_columns_without_a_penalty_share_the_slope() {
    let (n, n_levels) = (1200, 250);
    let sparse = |name: &str| {
        let names = (0..n_levels).map(|d| format!("{name}{d}").into()).collect();
        let mut sparse = SparseRows::new(names);
        for i in 0..n as u32 {
            sparse.push([(i * 7 % n_levels as u32, 1.0)]);
        }
        Column::Sparse(sparse)
    };
    let target: Vec<f64> = (0..n).map(|i| f64::from(i as u32 * 7 % 250)).collect();
    let columns = vec![("a".into(), sparse("a")), ("b".into(), sparse("b"))];
    let data = regression(Table::new(columns).unwrap(), &target);
    let (coef, intercept) = coefficients(&data, &floats(&[("alpha", 0.0)]));
    for level in 0..n_levels {
        assert!(close(coef[level], coef[n_levels + level], 1e-6));
        let fitted = intercept + coef[level] + coef[n_levels + level];
        assert!(close(fitted, level as f64, 1e-4), "{fitted} is not {level}");
    }
}

#[test]
fn a_fit_whose_time_ends_while_it_sums_says_so() {
    let data = regression(
        Table::new(
            (0..300)
                .map(|j| (format!("x{j}"), Column::Number(noise(20_000, j))))
                .collect(),
        )
        .unwrap(),
        &noise(20_000, 1000),
    );
    let budget = Budget {
        deadline: automl_core::Deadline::after(std::time::Duration::from_millis(5)),
        ..Budget::unlimited()
    };
    let result = fit_with(
        &ELASTIC_NET,
        &ParamMap::new(),
        &data,
        &Threads::one(),
        budget,
    );
    assert!(matches!(result, Err(FitError::Cancelled)));
}

/// Parameters of a deviance, solved closely.
fn deviance(objective: &str, pairs: &[(&str, f64)]) -> ParamMap {
    let mut params = floats(pairs);
    params.insert(
        "objective".into(),
        ParamValue::Text(objective.to_owned().into()),
    );
    params.insert("tol".into(), ParamValue::Float(1e-16));
    params.insert("max_iter".into(), ParamValue::Int(100_000));
    params
}

#[test]
fn deviances_agree_with_scikit_learn() {
    let reference = reference();
    for case in reference.json["deviance"].as_array().unwrap() {
        let target: Vec<f64> = serde_json::from_value(case["target"].clone()).unwrap();
        let mut data = regression(table(&reference.x), &target);
        if case["weighted"] == true {
            data = data.with_weight(reference.weight.clone()).unwrap();
        }
        let number = |name: &str| case[name].as_f64().unwrap();
        let mut params = deviance(
            case["objective"].as_str().unwrap(),
            &[
                ("alpha", number("alpha")),
                ("tweedie_power", number("tweedie_power")),
            ],
        );
        params.insert(
            "intercept".into(),
            ParamValue::Bool(case["intercept"] == true),
        );
        let (coef, intercept) = coefficients(&data, &params);
        for (ours, theirs) in coef.iter().zip(case["coef"].as_array().unwrap()) {
            assert!(
                close(*ours, theirs.as_f64().unwrap(), 1e-6),
                "{coef:?} is not {case}"
            );
        }
        assert!(
            close(intercept, number("constant"), 1e-6),
            "{intercept} in {case}"
        );
        let model = fit(&ELASTIC_NET, &params, &data).unwrap().model;
        let predicted = model.predict(&table(&reference.new).view()).unwrap();
        for (ours, theirs) in predicted
            .values()
            .iter()
            .zip(case["values"].as_array().unwrap())
        {
            assert!(close(*ours, theirs.as_f64().unwrap(), 1e-6), "{case}");
        }
    }
}

#[test]
fn without_a_penalty_counts_of_groups_are_their_means() {
    let x = [0.0, 0.0, 0.0, 1.0, 1.0];
    let data = regression(table(&x.map(|x| vec![x])), &[0.0, 1.0, 2.0, 5.0, 8.0]);
    for objective in ["poisson", "tweedie"] {
        let params = deviance(objective, &[("alpha", 0.0)]);
        let model = fit(&ELASTIC_NET, &params, &data).unwrap().model;
        let said = model
            .predict(&table(&[vec![0.0], vec![1.0]]).view())
            .unwrap();
        let [first, second] = said.values() else {
            panic!("two rows");
        };
        assert!(
            close(*first, 1.0, 1e-7) && close(*second, 6.5, 1e-7),
            "{said:?}"
        );
    }
}

#[test]
fn an_absolute_penalty_leaves_the_slopes_of_the_deviance_within_it() {
    let reference = reference();
    let target: Vec<f64> = reference.y.iter().map(|y| y.max(0.0).round()).collect();
    let data = regression(table(&reference.x), &target);
    let alpha = 0.3;
    let params = deviance("poisson", &[("alpha", alpha), ("l1_ratio", 1.0)]);
    let (coef, intercept) = coefficients(&data, &params);
    assert!(coef.contains(&0.0) && coef.iter().any(|weight| *weight != 0.0));
    let n = reference.x.len() as f64;
    for (j, weight) in coef.iter().enumerate() {
        let slope = |(row, value): (&Vec<f64>, &f64)| {
            let score: f64 = row.iter().zip(&coef).map(|(x, b)| x * b).sum::<f64>() + intercept;
            (score.exp() - value) * row[j] / n
        };
        let slope: f64 = reference.x.iter().zip(&target).map(slope).sum();
        if *weight == 0.0 {
            assert!(slope.abs() <= alpha + 1e-5, "{j}: {slope}");
        } else {
            assert!(close(slope, -alpha * weight.signum(), 1e-4), "{j}: {slope}");
        }
    }
}

#[test]
fn a_deviance_refuses_targets_that_its_family_has_not() {
    let told = |objective: &str, target: [f64; 3]| {
        let data = regression(table(&[vec![0.0], vec![1.0], vec![2.0]]), &target);
        let fitted = fit(&ELASTIC_NET, &deviance(objective, &[]), &data);
        fitted.err().map(|error| error.to_string())
    };
    assert_eq!(told("poisson", [0.0, 1.0, 3.0]), None);
    assert_eq!(
        told("poisson", [0.0, -1.0, 3.0]).unwrap(),
        "objective = poisson needs targets of at least 0"
    );
    assert_eq!(
        told("gamma", [0.0, 1.0, 3.0]).unwrap(),
        "objective = gamma needs targets above 0"
    );
    // Nothing was ever counted: nothing is expected, and no logarithm is infinite.
    let none = regression(table(&[vec![0.0], vec![1.0]]), &[0.0, 0.0]);
    let model = fit(&ELASTIC_NET, &deviance("poisson", &[]), &none)
        .unwrap()
        .model;
    let said = model.predict(&table(&[vec![5.0]]).view()).unwrap();
    assert!((0.0..1e-300).contains(&said.values()[0]), "{said:?}");
}

#[test]
fn a_deviance_is_the_same_by_products_and_by_residuals_and_at_any_number_of_threads() {
    let reference = reference();
    let target: Vec<f64> = reference.y.iter().map(|y| y.max(0.0).round()).collect();
    let narrow = table(&reference.x);
    // Sparse dimensions that no row has make it wide.
    let mut sparse = SparseRows::new((0..3000).map(|d| format!("d{d}").into()).collect());
    for row in 0..reference.x.len() {
        sparse.push([((row % 2) as u32, 1.0)]);
    }
    let columns = narrow
        .iter()
        .map(|(name, column)| (name.to_owned(), column.clone()));
    let columns: Vec<(String, Column)> = columns.collect();
    let wide = columns.iter().cloned();
    let wide = wide
        .chain([("words".to_owned(), Column::Sparse(sparse))])
        .collect();
    let half: Vec<f64> = (0..reference.x.len())
        .map(|row| f64::from(row % 2 == 0))
        .collect();
    let other: Vec<f64> = half.iter().map(|x| 1.0 - x).collect();
    let by_hand = columns.into_iter().chain([
        ("d0".to_owned(), Column::Number(half)),
        ("d1".to_owned(), Column::Number(other)),
    ]);
    let (wide, by_hand) = (
        regression(Table::new(wide).unwrap(), &target),
        regression(Table::new(by_hand.collect()).unwrap(), &target),
    );
    for l1_ratio in [0.0, 0.5] {
        let params = deviance("poisson", &[("alpha", 0.05), ("l1_ratio", l1_ratio)]);
        let (few, many) = (
            coefficients(&by_hand, &params),
            coefficients(&wide, &params),
        );
        for (a, b) in few.0.iter().zip(&many.0) {
            assert!(close(*a, *b, 1e-4), "{few:?}");
        }
        let threads = Threads::new(3).unwrap();
        let three = fit_with(
            &ELASTIC_NET,
            &params,
            &by_hand,
            &threads,
            Budget::unlimited(),
        );
        let one = fit(&ELASTIC_NET, &params, &by_hand).unwrap().model;
        assert_eq!(three.unwrap().model.artifact(), one.artifact());
    }
}

#[test]
fn a_deviance_is_minimised_from_however_far() {
    let (coef, intercept) = {
        let data = regression(table(&vec![vec![1.0]; 5]), &[1e6; 5]);
        let mut params = deviance("poisson", &[("alpha", 0.0)]);
        params.insert("intercept".into(), ParamValue::Bool(false));
        coefficients(&data, &params)
    };
    assert!(
        close(coef[0], 1e6_f64.ln(), 1e-9) && intercept == 0.0,
        "{coef:?}"
    );
    // One row that is unlike all others, and has a column of its own.
    let rows: Vec<Vec<f64>> = (0..2000).map(|row| vec![f64::from(row == 7)]).collect();
    let target: Vec<f64> = (0..2000)
        .map(|row| if row == 7 { 1e6 } else { 1.0 })
        .collect();
    let data = regression(table(&rows), &target);
    for objective in ["poisson", "tweedie", "gamma"] {
        let params = deviance(objective, &[("alpha", 0.0)]);
        let (coef, intercept) = coefficients(&data, &params);
        assert!(intercept.abs() < 1e-6, "{objective}: {intercept}");
        assert!(close(coef[0], 1e6_f64.ln(), 1e-6), "{objective}: {coef:?}");
    }
}

#[test]
fn a_fit_that_has_not_converged_says_so() {
    let reference = reference();
    let target: Vec<f64> = reference.y.iter().map(|y| y.max(0.0).round()).collect();
    let data = regression(table(&reference.x), &target);
    let told = |max_iter: i64| {
        let mut params = deviance("poisson", &[("alpha", 1e-4), ("l1_ratio", 0.5)]);
        params.insert("max_iter".into(), ParamValue::Int(max_iter));
        let warnings = Warnings::default();
        let ctx = context(&warnings);
        let rows = data.all_rows();
        let learner = (ELASTIC_NET.build)(&params).unwrap();
        learner.fit(&ctx, &data.view(&rows).into()).unwrap();
        warnings.list().len()
    };
    assert_eq!(told(1), 1);
    assert_eq!(told(100_000), 0);
}
