//! The history of a metric as a curve: all its points if they are few, or else bins of them, each with its mean and range,
//! so that a plot of a million points shows every peak and costs what a plot of a few hundred does.

use super::TrackingError;
use crate::args;
use crate::db::Sql;

/// What a curve runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The steps that were logged.
    Step,
    /// Milliseconds since 1970.
    Time,
}

/// Some neighbouring points of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// How many.
    pub n_points: i64,
    /// The mean of their places on the axis.
    pub x: f64,
    /// The mean of their values.
    pub mean: f64,
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
}

/// A metric along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The axis: time, if all points have the same step.
    pub axis: Axis,
    /// Points in all.
    pub n_points: i64,
    /// Points that are NaN or infinite; they are in no bin.
    pub n_not_finite: i64,
    /// In the order of the axis.
    pub bins: Vec<Bin>,
}

/// What can be drawn: neither NaN (kept as a mark beside the value) nor an infinity, nor what stands for one.
const FINITE: &str =
    "is_nan = 0 AND value > -1.7976931348623157e308 AND value < 1.7976931348623157e308";

/// The keys of the metrics of a run that have more than one point. Cost: two looks at an index for each metric.
pub fn keys(sql: &mut dyn Sql, run: i64) -> Result<Vec<String>, TrackingError> {
    let rows = sql.query(
        "SELECT l.key, (SELECT 1 FROM metrics m WHERE m.run = l.run AND m.key = l.key LIMIT 1 OFFSET 1) \
         FROM latest_metrics l WHERE l.run = ?1 ORDER BY l.key",
        args![run],
    )?;
    let mut keys = Vec::new();
    for row in rows {
        if row.maybe_int(1)?.is_some() {
            keys.push(row.text(0)?);
        }
    }
    Ok(keys)
}

/// A metric of a run along an axis, in some `n_bins` bins if it has more than twice as many points. Cost: it looks at
/// each point twice and holds what it returns.
pub fn of_run(
    sql: &mut dyn Sql,
    run: i64,
    key: &str,
    axis: Axis,
    n_bins: usize,
) -> Result<Curve, TrackingError> {
    let about = sql.query_one(
        "SELECT COUNT(*), MIN(step), MAX(step), MIN(timestamp_ms), MAX(timestamp_ms) FROM metrics \
         WHERE run = ?1 AND key = ?2",
        args![run, key],
    )?;
    let mut curve = Curve {
        axis,
        n_points: 0,
        n_not_finite: 0,
        bins: Vec::new(),
    };
    let Some(about) = about.filter(|row| row.int(0).is_ok_and(|count| count > 0)) else {
        return Ok(curve);
    };
    curve.n_points = about.int(0)?;
    if curve.n_points > 1 && about.int(1)? == about.int(2)? {
        curve.axis = Axis::Time;
    }
    let (column, low, high) = match curve.axis {
        Axis::Step => ("step", about.int(1)?, about.int(2)?),
        Axis::Time => ("timestamp_ms", about.int(3)?, about.int(4)?),
    };
    curve.bins = if curve.n_points <= 2 * n_bins as i64 {
        points(sql, run, key, column)?
    } else {
        let low = low as f64;
        let per_unit = n_bins as f64 / (high as f64 - low + 1.0);
        bins(sql, run, key, column, (low, per_unit))?
    };
    let n_finite: i64 = curve.bins.iter().map(|bin| bin.n_points).sum();
    curve.n_not_finite = curve.n_points - n_finite;
    Ok(curve)
}

fn points(sql: &mut dyn Sql, run: i64, key: &str, column: &str) -> Result<Vec<Bin>, TrackingError> {
    let rows = sql.query(
        &format!(
            "SELECT {column}, value FROM metrics WHERE run = ?1 AND key = ?2 AND {FINITE} \
             ORDER BY {column}, timestamp_ms, step, value"
        ),
        args![run, key],
    )?;
    let mut points = Vec::with_capacity(rows.len());
    for row in rows {
        let value = row.real(1)?;
        points.push(Bin {
            n_points: 1,
            x: row.int(0)? as f64,
            mean: value,
            low: value,
            high: value,
        });
    }
    Ok(points)
}

fn bins(
    sql: &mut dyn Sql,
    run: i64,
    key: &str,
    column: &str,
    (low, per_unit): (f64, f64),
) -> Result<Vec<Bin>, TrackingError> {
    let x = format!("CAST({column} AS DOUBLE PRECISION)");
    let rows = sql.query(
        &format!(
            "SELECT COUNT(*), AVG({x}), AVG(value), MIN(value), MAX(value) FROM metrics \
             WHERE run = ?1 AND key = ?2 AND {FINITE} GROUP BY CAST(({x} - ?3) * ?4 AS BIGINT) ORDER BY 2"
        ),
        args![run, key, low, per_unit],
    )?;
    let mut bins = Vec::with_capacity(rows.len());
    for row in rows {
        let (low, high) = (row.real(3)?, row.real(4)?);
        bins.push(Bin {
            n_points: row.int(0)?,
            x: row.real(1)?,
            // The mean of equal numbers may be rounded away from them.
            mean: row.real(2)?.clamp(low, high),
            low,
            high,
        });
    }
    Ok(bins)
}
