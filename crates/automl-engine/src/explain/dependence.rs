//! How the mean prediction changes with one column, the other columns being what they are.
//!
//! Friedman, "Greedy function approximation" (2001), section 8.2. Where columns hang together, some of the rows that it asks about
//! are unlike any real one; what it says there is what the model makes of them.

use super::{Asked, Limit};
use automl_core::{Column, Levels, MISSING_CODE, MISSING_TIME, PredictError, Table, Threads};
use serde::Serialize;
use std::sync::Arc;

/// Values that are tried of a column of numbers or times, at most.
pub(super) const N_VALUES: usize = 16;
/// Levels that are tried of a column of categories, at most: those with the most rows.
const N_LEVELS: usize = 12;
/// Share of the rows below the first value that is tried, and above the last: what is rare would stretch the axis.
const TAIL: f64 = 0.02;

/// How the mean prediction of some rows changes with each of some columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartialDependences {
    /// Rows that the mean is of.
    pub n_rows: usize,
    /// One a column.
    pub columns: Vec<PartialDependence>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartialDependence {
    /// Its name.
    pub column: String,
    /// Numbers and times in ascending order; levels by how many rows have them, most first.
    pub points: Vec<DependencePoint>,
}

/// One value of the column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DependencePoint {
    /// The value that every row is given.
    pub value: DependenceValue,
    /// Of the rows that have a value, the share that has this level, or a value as great as this one at most.
    pub share: f64,
    /// The mean prediction: one number, or a probability a class.
    pub mean: Vec<f64>,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DependenceValue {
    /// A number.
    Number(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A level of categories.
    Level(String),
}

/// The partial dependence on each of the columns, as many at a time as there are threads, until the time is over: those that
/// follow are left out. Columns of one value, of texts and of terms are passed over.
///
/// Cost: values × a prediction of all rows, for each column.
///
/// # Errors
/// The table cannot be predicted.
pub(super) fn partial_dependence(
    asked: &dyn Asked,
    rows: &Table,
    names: &[&str],
    (limit, threads): (&Limit, &Threads),
) -> Result<PartialDependences, PredictError> {
    let tried = names.iter().filter_map(|&name| {
        let values = values(rows.column(name)?);
        (values.len() > 1).then_some((name, values))
    });
    let tried: Vec<(&str, Vec<Tried>)> = tried.collect();
    let mut found = PartialDependences {
        n_rows: rows.n_rows(),
        columns: Vec::with_capacity(tried.len()),
    };
    for wave in tried.chunks(threads.count()) {
        if limit.is_over() {
            break;
        }
        let columns = threads.map(wave.len(), |index| {
            let (name, values) = &wave[index];
            let points = values.iter().zip(means_at(asked, rows, name, values)?);
            let point = |((value, share), mean): (&Tried, _)| DependencePoint {
                value: value.clone(),
                share: *share,
                mean,
            };
            Ok(PartialDependence {
                column: (*name).to_owned(),
                points: points.map(point).collect(),
            })
        });
        for column in columns {
            found.columns.push(column?);
        }
    }
    Ok(found)
}

/// A value, and its share of the rows.
type Tried = (DependenceValue, f64);

/// For each value the mean prediction of the rows if all had it. They are predicted together, which is quicker.
fn means_at(
    asked: &dyn Asked,
    rows: &Table,
    name: &str,
    values: &[Tried],
) -> Result<Vec<Vec<f64>>, PredictError> {
    let n_rows = rows.n_rows();
    let each: Vec<u32> = values.iter().flat_map(|_| 0..n_rows as u32).collect();
    let repeated = rows.gather(&each);
    let columns = repeated.shared().map(|(known, column)| {
        let given = if *known == *name {
            Arc::new(in_turn(values, n_rows, &column))
        } else {
            column
        };
        (known, given)
    });
    let table = Table::from_shared(columns.collect()).expect("names and lengths are as before");
    let predictions = asked.ask(&table, &each)?;
    let width = predictions.width();
    let mean = |rows: &[f64]| {
        let of = |output: usize| rows.iter().skip(output).step_by(width).sum::<f64>();
        (0..width)
            .map(|output| of(output) / n_rows as f64)
            .collect()
    };
    let blocks = predictions.values().chunks_exact(n_rows * width);
    Ok(blocks.map(mean).collect())
}

/// A column in which so many rows have the first value, as many the second, and so on.
fn in_turn(values: &[Tried], n_rows: usize, like: &Column) -> Column {
    match like {
        Column::Category { levels, .. } => {
            let code = |value: &DependenceValue| {
                let known =
                    |level: &str| matches!(value, DependenceValue::Level(own) if own == level);
                levels
                    .iter()
                    .position(known)
                    .map_or(MISSING_CODE, |code| code as u32)
            };
            Column::category(repeat(values, n_rows, code), levels.clone())
        }
        Column::Timestamp(_) => Column::Timestamp(repeat(values, n_rows, |value| match value {
            DependenceValue::Timestamp(time) => *time,
            _ => MISSING_TIME,
        })),
        _ => Column::Number(repeat(values, n_rows, |value| match value {
            DependenceValue::Number(value) => *value,
            _ => f64::NAN,
        })),
    }
}

fn repeat<T: Copy>(values: &[Tried], n_rows: usize, of: impl Fn(&DependenceValue) -> T) -> Vec<T> {
    let each = values.iter().map(|(value, _)| of(value));
    each.flat_map(|value| std::iter::repeat_n(value, n_rows))
        .collect()
}

/// The values to try, each with its share of the rows.
fn values(column: &Column) -> Vec<Tried> {
    match column {
        Column::Number(values) => {
            let known = values.iter().copied().filter(|value| !value.is_nan());
            let mut known: Vec<f64> = known.collect();
            known.sort_unstable_by(f64::total_cmp);
            spread(&known, DependenceValue::Number)
        }
        Column::Timestamp(times) => {
            let known = times.iter().copied();
            let mut known: Vec<i64> = known.filter(|&time| time != MISSING_TIME).collect();
            known.sort_unstable();
            spread(&known, DependenceValue::Timestamp)
        }
        Column::Category { codes, levels } => most_frequent(codes, levels),
        Column::Text(_) | Column::Sparse(_) => Vec::new(),
    }
}

/// Quantiles of sorted values, each once; all of them where they are few.
fn spread<T: Copy + PartialEq + PartialOrd>(
    sorted: &[T],
    value: impl Fn(T) -> DependenceValue,
) -> Vec<Tried> {
    let mut distinct: Vec<T> = sorted.to_vec();
    distinct.dedup();
    if distinct.len() > N_VALUES {
        let at = |index: usize| {
            let share = TAIL + (1.0 - 2.0 * TAIL) * index as f64 / (N_VALUES - 1) as f64;
            sorted[((sorted.len() - 1) as f64 * share).round() as usize]
        };
        distinct = (0..N_VALUES).map(at).collect();
        distinct.dedup();
    }
    let share = |one: T| sorted.partition_point(|other| *other <= one) as f64 / sorted.len() as f64;
    distinct
        .iter()
        .map(|&one| (value(one), share(one)))
        .collect()
}

fn most_frequent(codes: &[u32], levels: &Levels) -> Vec<Tried> {
    let mut counts = vec![0_u64; levels.len()];
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let mut order: Vec<usize> = (0..levels.len()).filter(|&code| counts[code] > 0).collect();
    order.sort_by_key(|&code| std::cmp::Reverse(counts[code]));
    order.truncate(N_LEVELS);
    let level = |code: usize| {
        DependenceValue::Level(levels.get(code as u32).unwrap_or_default().to_owned())
    };
    let n_known: u64 = counts.iter().sum();
    let share = |code: usize| counts[code] as f64 / n_known as f64;
    order
        .into_iter()
        .map(|code| (level(code), share(code)))
        .collect()
}

#[cfg(test)]
mod tests;
