//! Whether the rows stand in the order of a time, so that folds drawn at random mix past and future.

use super::association::spearman;
use super::leak::{Speaker, time_flag};
use super::rows;
use automl_core::{Column, Kind, MISSING_TIME, Role, Schema, Seed, Table, Warning, WarningKind};

/// Rows that are looked at, at most.
const MAX_ROWS: usize = 20_000;
/// Fewer distinct times are steps of a design, or a few dates that a table happens to be sorted by.
const MIN_TIMES: usize = 30;
/// Rank correlation of time and row number from which the rows stand in the order of the time.
const ORDERED: f64 = 0.98;

/// A warning for a fit that draws its folds at random from a table whose rows stand in the order of a timestamp; none
/// where `schema` says what groups the rows or orders them.
pub fn time_order_warning(table: &Table, schema: &Schema) -> Option<Warning> {
    warning(table, schema, Speaker::Fit)
}

pub(super) fn warning(table: &Table, schema: &Schema, speaker: Speaker) -> Option<Warning> {
    let is_settled =
        (schema.fields.iter()).any(|field| matches!(field.role, Role::Time | Role::Group));
    if is_settled {
        return None;
    }
    let orders = (schema.fields.iter())
        .filter(|field| field.kind == Kind::Timestamp && field.role == Role::Feature)
        .filter_map(|field| Some((order(table.column(&field.name)?)?, field.name.as_str())));
    let mut best: Option<(f64, &str)> = None;
    for (order, name) in orders {
        if order.abs() >= ORDERED && best.is_none_or(|(known, _)| order.abs() > known.abs()) {
            best = Some((order, name));
        }
    }
    let (order, name) = best?;
    let way = if order > 0.0 { "rises" } else { "falls" };
    let message = format!(
        "'{name}' {way} with the rows; validation rows drawn at random have training rows after them, so if the model will predict the future, scores are too good: {} validates on later rows",
        time_flag(speaker, name)
    );
    Some(Warning::new(WarningKind::TimeOrder, [name], message))
}

/// Spearman's correlation of time and row number; `None` where too few rows have one of enough times.
fn order(column: &Column) -> Option<f64> {
    let Column::Timestamp(times) = column else {
        return None;
    };
    let rows = rows::sample(times.len(), MAX_ROWS, Seed(0), |row| {
        times[row] != MISSING_TIME
    });
    let n_missing = times.iter().filter(|time| **time == MISSING_TIME).count();
    let mut distinct: Vec<i64> = rows.iter().map(|&row| times[row as usize]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_TIMES || n_missing * 10 > times.len() {
        return None;
    }
    let places: Vec<f64> = rows.iter().map(|&row| f64::from(row)).collect();
    let values: Vec<f64> = rows.iter().map(|&row| times[row as usize] as f64).collect();
    spearman(&places, &values)
}
