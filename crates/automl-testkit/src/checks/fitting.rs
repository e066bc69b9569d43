//! A model is a function of the rows, the parameters and the seed, and it learns.

use crate::artifacts::check_same;
use crate::case::{Case, Setup};
use crate::{Check, synthetic};
use automl_core::metrics::Metric;
use automl_core::{Dataset, FitError, ParamMap, Predictions, Target, TaskKind, Threads};

pub(super) const CHECKS: &[Check] = &[
    ("a second fit gives the same model", is_idempotent),
    ("the thread count does not matter", ignores_threads),
    ("rows outside the view do not matter", ignores_other_rows),
    ("it beats the constant predictor", learns),
    (
        "what early stopping learned can be passed back",
        learned_params_pass,
    ),
    ("importances are shares", importance_sums_to_one),
    ("other tasks are refused", refuses_other_tasks),
];

fn is_idempotent(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let first = case.fit(&data)?.artifact();
    // Once more on what the first fit left in the dataset's store, and once from nothing.
    check_same(&case.fit(&data)?.artifact(), &first)?;
    check_same(&case.fit(&case.data(150))?.artifact(), &first)
}

fn ignores_threads(case: &Case) -> Result<(), String> {
    let artifact = |count: usize| {
        let threads = Threads::new(count).map_err(|error| error.to_string())?;
        let setup = Setup {
            threads,
            ..Setup::default()
        };
        // Fresh data each time, so that nothing is shared between the two.
        case.fit_with(&case.data(700), &setup)
            .map(|model| model.artifact())
    };
    check_same(&artifact(3)?, &artifact(1)?)
}

fn ignores_other_rows(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let rows: Vec<u32> = (0..100).collect();
    let setup = || Setup {
        rows: Some(&rows),
        ..Setup::default()
    };
    let expected = case.fit_with(&data, &setup())?.artifact();
    let other = with_target(&data, |row, value| {
        if row < 100 {
            value
        } else {
            other_value(case.task, value)
        }
    })?;
    check_same(&case.fit_with(&other, &setup())?.artifact(), &expected)
        .map_err(|difference| format!("with other targets there, {difference}"))
}

/// Another value that the target may have.
pub(super) fn other_value(task: TaskKind, value: f64) -> f64 {
    match task {
        TaskKind::Regression => value + 1000.0,
        TaskKind::Binary => 1.0 - value,
        _ => (value + 1.0) % 3.0,
    }
}

/// The dataset with another target: numbers or class codes by row and old value.
pub(super) fn with_target(
    data: &Dataset,
    value: impl Fn(usize, f64) -> f64,
) -> Result<Dataset, String> {
    let rows = data.all_rows();
    let values: Vec<f64> = data
        .view(&rows)
        .target_numbers()
        .into_iter()
        .enumerate()
        .map(|(row, old)| value(row, old))
        .collect();
    let target = if data.task().is_classification() {
        Target::Classes(values.iter().map(|&code| code as u32).collect())
    } else {
        Target::Numbers(values.into())
    };
    data.with_target(data.task().clone(), target)
        .map_err(|error| error.to_string())
}

fn learns(case: &Case) -> Result<(), String> {
    if case.is_baseline() {
        return Ok(());
    }
    let data = case.data(240);
    let model = case.fit(&data)?;
    let predictions = case.predict(model.as_ref(), data.table())?;
    check_skill(case.task, &data, &predictions, None)
}

/// The predictions rank rows (classes) or are nearer than the mean (numbers) by more than luck.
pub(super) fn check_skill(
    task: TaskKind,
    data: &Dataset,
    predictions: &Predictions,
    weight: Option<&[f64]>,
) -> Result<(), String> {
    let rows = data.all_rows();
    let target = data.view(&rows).target_numbers();
    let (metric, needed) = match task {
        TaskKind::Regression => (Metric::R2, 0.3),
        _ => (Metric::RocAuc, 0.7),
    };
    let score = metric
        .score(&target, predictions, weight)
        .map_err(|error| error.to_string())?;
    if score < needed {
        return Err(format!(
            "{metric} on the training rows is {score:.3}, not {needed} or more"
        ));
    }
    Ok(())
}

fn learned_params_pass(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let rows = data.all_rows();
    let (train, valid) = rows.split_at(100);
    let setup = || Setup {
        rows: Some(train),
        valid: Some(valid),
        ..Setup::default()
    };
    let fit = || {
        case.try_fit(&data, &setup())
            .map_err(|error| error.to_string())
    };
    let fitted = fit()?;
    case.predict(fitted.model.as_ref(), data.table())?;
    check_same(&fit()?.model.artifact(), &fitted.model.artifact())?;
    let mut params: ParamMap = case.params.clone();
    params.extend(fitted.learned.clone());
    match (case.spec.build)(&params) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{:?}: {error}", fitted.learned)),
    }
}

fn importance_sums_to_one(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let Some(importance) = case.fit(&data)?.importance() else {
        return Ok(());
    };
    let shares: Vec<f64> = importance.0.iter().map(|(_, share)| *share).collect();
    let sum: f64 = shares.iter().sum();
    let are_shares = shares.iter().all(|share| (0.0..=1.0).contains(share));
    let is_sorted = shares.is_sorted_by(|a, b| a >= b);
    // A model without a split or with all-zero coefficients has no share to give.
    if are_shares && is_sorted && (sum == 0.0 || (sum - 1.0).abs() < 1e-6) {
        Ok(())
    } else {
        Err(format!("{:?}, sum {sum}", importance.0))
    }
}

fn refuses_other_tasks(case: &Case) -> Result<(), String> {
    for task in [TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression] {
        if case.spec.capabilities.tasks.contains(&task) {
            continue;
        }
        let data = synthetic::dataset(task, case.columns(), 30, 1);
        match case.try_fit(&data, &Setup::default()) {
            Err(FitError::Task { .. }) => {}
            Err(other) => return Err(format!("{} gives '{other}'", task.name())),
            Ok(_) => return Err(format!("{} gives a model", task.name())),
        }
    }
    Ok(())
}
