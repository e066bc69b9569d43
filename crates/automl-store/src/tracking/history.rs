//! The histories of metrics, whole or thinned out for a plot.

use super::log::{Metric, stored};
use super::{Page, TrackingError, offset, page};
use crate::args;
use crate::db::{Row, Sql};
use std::collections::BTreeSet;

fn metric(row: &Row) -> Result<Metric, TrackingError> {
    Ok(Metric {
        key: row.text(0)?,
        timestamp_ms: row.int(1)?,
        step: row.int(2)?,
        value: if row.int(4)? != 0 {
            f64::NAN
        } else {
            row.real(3)?
        },
        ..Metric::default()
    })
}

/// The points of one metric of a run, oldest first; `n_max` of them, or all.
pub fn of_run(
    sql: &mut dyn Sql,
    run: i64,
    key: &str,
    n_max: Option<usize>,
    page_token: Option<&str>,
) -> Result<Page<Metric>, TrackingError> {
    let offset = offset(page_token)?;
    let n_max = n_max.unwrap_or(i32::MAX as usize);
    let rows = sql.query(
        "SELECT key, timestamp_ms, step, value, is_nan FROM metrics WHERE run = ?1 AND key = ?2 \
         ORDER BY timestamp_ms, step, value LIMIT ?3 OFFSET ?4",
        args![run, key, n_max as i64 + 1, offset as i64],
    )?;
    let metrics = rows.iter().map(metric).collect::<Result<_, _>>()?;
    Ok(page(metrics, n_max, offset))
}

/// Those of some points that a run does not have.
pub fn absent(
    sql: &mut dyn Sql,
    run: i64,
    points: Vec<Metric>,
) -> Result<Vec<Metric>, TrackingError> {
    let mut absent = Vec::new();
    for point in points {
        let found = sql.query_one(
            "SELECT step FROM metrics WHERE run = ?1 AND key = ?2 AND timestamp_ms = ?3 AND step = ?4 \
             AND value = ?5 AND is_nan = ?6",
            args![
                run, &point.key, point.timestamp_ms, point.step, stored(point.value),
                point.value.is_nan(),
            ],
        )?;
        if found.is_none() {
            absent.push(point);
        }
    }
    Ok(absent)
}

/// The points of one metric at some steps, by step and then time.
pub fn at_steps(
    sql: &mut dyn Sql,
    run: i64,
    key: &str,
    steps: &BTreeSet<i64>,
) -> Result<Vec<Metric>, TrackingError> {
    let mut metrics = Vec::new();
    for &step in steps {
        let rows = sql.query(
            "SELECT key, timestamp_ms, step, value, is_nan FROM metrics WHERE run = ?1 AND key = ?2 AND step = ?3 \
             ORDER BY timestamp_ms, value",
            args![run, key, step],
        )?;
        for row in &rows {
            metrics.push(metric(row)?);
        }
    }
    Ok(metrics)
}

/// The steps that a metric has points at, between two steps or all.
pub fn steps(
    sql: &mut dyn Sql,
    run: i64,
    key: &str,
    between: Option<(i64, i64)>,
) -> Result<BTreeSet<i64>, TrackingError> {
    let (from, to) = between.unwrap_or((i64::MIN, i64::MAX));
    let rows = sql.query(
        "SELECT DISTINCT step FROM metrics WHERE run = ?1 AND key = ?2 AND step >= ?3 AND step <= ?4",
        args![run, key, from, to],
    )?;
    rows.iter().map(|row| Ok(row.int(0)?)).collect()
}

/// About `n_max` of the steps, spread evenly, with the last.
pub fn spread(steps: &BTreeSet<i64>, n_max: usize) -> BTreeSet<i64> {
    let steps: Vec<i64> = steps.iter().copied().collect();
    if steps.len() <= n_max || n_max == 0 {
        return steps.into_iter().collect();
    }
    let stride = steps.len() as f64 / n_max as f64;
    (0..n_max)
        .map(|index| steps[(index as f64 * stride) as usize])
        .chain(steps.last().copied())
        .collect()
}
