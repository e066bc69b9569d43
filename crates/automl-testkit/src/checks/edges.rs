//! The smallest and oddest data that are still data.

use super::fitting::with_target;
use super::predicting::replaced;
use crate::Check;
use crate::case::{Case, Setup};
use automl_core::{Column, Dataset, FitError, Levels, Table, TaskKind, Texts};

pub(super) const CHECKS: &[Check] = &[
    ("one row can be learned", learns_one_row),
    ("two rows can be learned", learns_two_rows),
    ("one column can be learned", learns_one_column),
    ("a constant target is predicted", predicts_constant_target),
    ("a class without rows is withstood", withstands_absent_class),
    (
        "a class of weight zero is withstood",
        withstands_weightless_class,
    ),
    ("a constant column is withstood", withstands_constant_column),
    ("a copied column is withstood", withstands_copied_column),
    (
        "a column of large numbers is withstood",
        withstands_large_numbers,
    ),
    ("an all-missing column is withstood", withstands_all_missing),
    (
        "a category of 200 levels is withstood",
        withstands_many_levels,
    ),
    (
        "a category without levels is withstood",
        withstands_no_levels,
    ),
    (
        "a table without columns is refused or withstood",
        withstands_no_columns,
    ),
    (
        "columns that it does not take are refused or withstood",
        refuses_other_columns,
    ),
];

/// Fits some rows and predicts all.
fn fits_rows(case: &Case, data: &Dataset, rows: &[u32]) -> Result<(), String> {
    let setup = Setup {
        rows: Some(rows),
        ..Setup::default()
    };
    let model = case.fit_with(data, &setup)?;
    case.predict(model.as_ref(), data.table()).map(|_| ())
}

fn fits_table(case: &Case, data: &Dataset, table: Table) -> Result<(), String> {
    let data = data.with_table(table).map_err(|error| error.to_string())?;
    let rows = data.all_rows();
    fits_rows(case, &data, &rows)
}

/// The data with the column `noise` exchanged.
fn fits_with(case: &Case, column: impl Fn(usize) -> Column) -> Result<(), String> {
    let data = case.data(400);
    fits_table(
        case,
        &data,
        replaced(data.table(), "noise", column(data.n_rows()))?,
    )
}

fn learns_one_row(case: &Case) -> Result<(), String> {
    fits_rows(case, &case.data(40), &[7])?;
    fits_rows(case, &case.data(1), &[0])
}

fn learns_two_rows(case: &Case) -> Result<(), String> {
    fits_rows(case, &case.data(40), &[3, 30])
}

fn learns_one_column(case: &Case) -> Result<(), String> {
    let data = case.data(60);
    for column in data.table().shared() {
        let name = column.0.clone();
        let table = Table::from_shared(vec![column]).map_err(|error| error.to_string())?;
        fits_table(case, &data, table).map_err(|seen| format!("'{name}' alone: {seen}"))?;
    }
    Ok(())
}

fn predicts_constant_target(case: &Case) -> Result<(), String> {
    let data = with_target(&case.data(60), |_, _| 1.0)?;
    let model = case.fit(&data)?;
    let predictions = case.predict(model.as_ref(), data.table())?;
    let is_met = if case.task == TaskKind::Regression {
        predictions
            .values()
            .iter()
            .all(|value| (value - 1.0).abs() < 0.02)
    } else {
        predictions.class_codes().iter().all(|&code| code == 1)
    };
    if is_met {
        Ok(())
    } else {
        Err(format!(
            "1 is predicted as {:?}",
            &predictions.values()[..6]
        ))
    }
}

fn withstands_absent_class(case: &Case) -> Result<(), String> {
    if case.task != TaskKind::Multiclass {
        return Ok(());
    }
    let data = with_target(&case.data(90), |_, code| code.min(1.0))?;
    let model = case.fit(&data)?;
    case.predict(model.as_ref(), data.table()).map(|_| ())
}

fn withstands_weightless_class(case: &Case) -> Result<(), String> {
    if case.task == TaskKind::Regression {
        return Ok(());
    }
    let data = case.data(90);
    let rows = data.all_rows();
    let codes = data.view(&rows).class_codes();
    let weight: Vec<f64> = codes.iter().map(|&code| f64::from(code != 0)).collect();
    let data = data
        .with_weight(weight)
        .map_err(|error| error.to_string())?;
    fits_rows(case, &data, &rows)
}

fn withstands_constant_column(case: &Case) -> Result<(), String> {
    fits_with(case, |n_rows| Column::Number(vec![4.0; n_rows]))
}

fn withstands_copied_column(case: &Case) -> Result<(), String> {
    let data = case.data(120);
    let a = data
        .table()
        .column("a")
        .cloned()
        .ok_or("there is a column 'a'")?;
    fits_table(case, &data, replaced(data.table(), "noise", a)?)
}

fn withstands_large_numbers(case: &Case) -> Result<(), String> {
    fits_with(case, |n_rows| {
        let value = |row: usize| {
            if row.is_multiple_of(2) {
                1e12
            } else {
                1e12 + row as f64
            }
        };
        Column::Number((0..n_rows).map(value).collect())
    })
}

fn withstands_all_missing(case: &Case) -> Result<(), String> {
    if !case.spec.capabilities.missing {
        return Ok(());
    }
    fits_with(case, |n_rows| Column::Number(vec![f64::NAN; n_rows]))
}

fn withstands_many_levels(case: &Case) -> Result<(), String> {
    if !case.spec.capabilities.categories {
        return Ok(());
    }
    fits_with(case, |n_rows| {
        let codes = (0..n_rows as u32).map(|row| row * 7 % 200).collect();
        Column::category(codes, Levels::new((0..200).map(|level| level.to_string())))
    })
}

fn withstands_no_levels(case: &Case) -> Result<(), String> {
    let can = case.spec.capabilities;
    if !can.categories || !can.missing {
        return Ok(());
    }
    fits_with(case, |n_rows| {
        Column::category(vec![automl_core::MISSING_CODE; n_rows], Levels::default())
    })
}

/// An error is fine, and so is a valid model; a panic is not.
fn fits_or_refuses(case: &Case, data: &Dataset, table: Table) -> Result<(), String> {
    let data = data.with_table(table).map_err(|error| error.to_string())?;
    match case.try_fit(&data, &Setup::default()) {
        Ok(fitted) => case
            .predict(fitted.model.as_ref(), data.table())
            .map(|_| ()),
        Err(FitError::NoFeatures { .. } | FitError::Column { .. }) => Ok(()),
        Err(other) => Err(format!("the error does not say so: '{other}'")),
    }
}

fn withstands_no_columns(case: &Case) -> Result<(), String> {
    fits_or_refuses(case, &case.data(30), Table::without_columns(30))
}

fn refuses_other_columns(case: &Case) -> Result<(), String> {
    let data = case.data(60);
    let can = case.spec.capabilities;
    let words = |row: usize| {
        if row.is_multiple_of(2) {
            Some("some words")
        } else {
            None
        }
    };
    let mut columns = vec![
        Column::Text((0..60).map(words).collect::<Texts>()),
        Column::Timestamp((0..60).map(|row| row * 86_400_000_000).collect()),
    ];
    if !can.categories {
        columns.push(Column::category(vec![0; 60], Levels::new(["x"])));
    }
    if !can.missing {
        columns.push(Column::Number(vec![f64::NAN; 60]));
    }
    for column in columns {
        let kind = column.kind_name();
        fits_or_refuses(case, &data, replaced(data.table(), "noise", column)?)
            .map_err(|seen| format!("{kind}: {seen}"))?;
    }
    Ok(())
}
