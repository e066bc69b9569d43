//! Each row is predicted by itself, columns are found by name, and what was not there in training is withstood.

use crate::case::{Case, check_equal, gather};
use crate::{Check, synthetic};
use automl_core::{Column, Levels, MISSING_CODE, PredictError, Table, UNSEEN_CODE};

pub(super) const CHECKS: &[Check] = &[
    (
        "rows one by one are predicted as together",
        one_by_one_is_batch,
    ),
    (
        "the order and choice of rows do not matter",
        ignores_row_order,
    ),
    ("no rows give no predictions", predicts_no_rows),
    (
        "the order of columns and further columns do not matter",
        finds_columns_by_name,
    ),
    ("a missing column is named", names_missing_column),
    ("a column of another kind is named", names_wrong_kind),
    ("unseen and missing cells are predicted", predicts_unseen),
];

fn one_by_one_is_batch(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let model = case.fit(&data)?;
    let together = case.predict(model.as_ref(), data.table())?;
    for row in 0..60_u32 {
        let alone = case.predict_rows(model.as_ref(), &data.table().rows(&[row]))?;
        check_equal(&alone, &gather(&together, &[row]))
            .map_err(|seen| format!("row {row}: {seen}"))?;
    }
    Ok(())
}

fn ignores_row_order(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let model = case.fit(&data)?;
    let all = case.predict(model.as_ref(), data.table())?;
    let backwards: Vec<u32> = (0..150).rev().collect();
    let some: Vec<u32> = (0..150).step_by(7).chain([3, 3, 0]).collect();
    for rows in [backwards, some] {
        let expected = gather(&all, &rows);
        let viewed = case.predict_rows(model.as_ref(), &data.table().rows(&rows))?;
        check_equal(&viewed, &expected).map_err(|seen| format!("as a view: {seen}"))?;
        let copied = case.predict(model.as_ref(), &data.table().gather(&rows))?;
        check_equal(&copied, &expected).map_err(|seen| format!("as a copy: {seen}"))?;
    }
    Ok(())
}

fn predicts_no_rows(case: &Case) -> Result<(), String> {
    let data = case.data(60);
    let model = case.fit(&data)?;
    case.predict_rows(model.as_ref(), &data.table().rows(&[]))
        .map(|_| ())
}

fn finds_columns_by_name(case: &Case) -> Result<(), String> {
    let data = case.data(120);
    let model = case.fit(&data)?;
    let expected = case.predict(model.as_ref(), data.table())?;
    let mut columns: Vec<_> = data.table().shared().collect();
    columns.reverse();
    let further = Column::Number(vec![f64::NAN; 120]);
    columns.insert(1, ("further".into(), further.into()));
    let table = Table::from_shared(columns).map_err(|error| error.to_string())?;
    check_equal(&case.predict(model.as_ref(), &table)?, &expected)
}

fn names_missing_column(case: &Case) -> Result<(), String> {
    if case.is_baseline() {
        return Ok(());
    }
    let data = case.data(120);
    let model = case.fit(&data)?;
    for wanted in data.table().names() {
        let rest = data
            .table()
            .shared()
            .filter(|(name, _)| name.as_ref() != wanted);
        let table = Table::from_shared(rest.collect()).map_err(|error| error.to_string())?;
        match model.predict(&table.view()) {
            Err(PredictError::ColumnMissing { name }) if name == wanted => {}
            Err(other) => return Err(format!("without '{wanted}': '{other}'")),
            Ok(_) => return Err(format!("without '{wanted}' it predicts")),
        }
    }
    Ok(())
}

fn names_wrong_kind(case: &Case) -> Result<(), String> {
    if case.is_baseline() {
        return Ok(());
    }
    let data = case.data(120);
    let model = case.fit(&data)?;
    for (wanted, column) in data.table().iter() {
        let other = match column {
            Column::Number(_) => Column::category(vec![0; 120], Levels::new(["x"])),
            _ => Column::Number(vec![0.0; 120]),
        };
        let table = replaced(data.table(), wanted, other)?;
        match model.predict(&table.view()) {
            Err(PredictError::ColumnKind { name, .. }) if name == wanted => {}
            Err(other) => return Err(format!("with another kind of '{wanted}': '{other}'")),
            Ok(_) => return Err(format!("with another kind of '{wanted}' it predicts")),
        }
    }
    Ok(())
}

/// The table with the column called `name` exchanged.
pub(super) fn replaced(table: &Table, name: &str, column: Column) -> Result<Table, String> {
    let mut columns: Vec<_> = table.shared().collect();
    if let Some(position) = table.position(name) {
        columns[position].1 = column.into();
    }
    Table::from_shared(columns).map_err(|error| error.to_string())
}

fn predicts_unseen(case: &Case) -> Result<(), String> {
    // Nothing is missing in training: what comes later must still be predicted.
    let columns = synthetic::Columns {
        missing: false,
        ..case.columns()
    };
    let data = synthetic::dataset(case.task, columns, 120, 3);
    let model = case.fit(&data)?;
    for (name, column) in data.table().iter() {
        let unseen = match column {
            Column::Number(_) if case.spec.capabilities.missing => {
                Column::Number(vec![f64::NAN; 120])
            }
            Column::Number(_) => {
                Column::Number((0..120).map(|row| f64::from(row) * 1e6 - 5e7).collect())
            }
            Column::Category { levels, .. } => {
                let missing = if case.spec.capabilities.missing {
                    MISSING_CODE
                } else {
                    UNSEEN_CODE
                };
                let codes = (0..120).map(|row| if row % 2 == 0 { UNSEEN_CODE } else { missing });
                Column::category(codes.collect(), levels.clone())
            }
            _ => continue,
        };
        let table = replaced(data.table(), name, unseen)?;
        case.predict(model.as_ref(), &table)
            .map_err(|seen| format!("in '{name}': {seen}"))?;
    }
    Ok(())
}
