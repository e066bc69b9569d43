//! What a page shows of many runs at once: how many there are, when the last began, which is best, and who is whose child.

use super::runs::{COLUMNS, RunInfo, info};
use super::{Page, TrackingError, offset, page};
use crate::args;
use crate::db::Sql;
use std::collections::BTreeMap;

/// The tag that holds the id of the run that a run is part of.
pub const PARENT_TAG: &str = "mlflow.parentRunId";

/// What goes on in an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Runs that were not deleted.
    pub n_runs: i64,
    /// When the last of them began.
    pub last_start_ms: Option<i64>,
}

/// What goes on in some experiments; those without runs are left out. Cost: a look at the index of their runs.
pub fn activity(
    sql: &mut dyn Sql,
    experiments: &[i64],
) -> Result<BTreeMap<i64, Activity>, TrackingError> {
    if experiments.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = experiments.iter().map(i64::to_string).collect();
    let rows = sql.query(
        &format!(
            "SELECT experiment_id, COUNT(*), MAX(start_ms) FROM runs \
             WHERE experiment_id IN ({}) AND stage = 'active' GROUP BY experiment_id",
            ids.join(", ")
        ),
        &[],
    )?;
    let mut found = BTreeMap::new();
    for row in rows {
        let activity = Activity {
            n_runs: row.int(1)?,
            last_start_ms: row.maybe_int(2)?,
        };
        found.insert(row.int(0)?, activity);
    }
    Ok(found)
}

/// The metrics that the latest runs of an experiment have, those that most of them have first.
pub fn metric_keys(
    sql: &mut dyn Sql,
    experiment: i64,
    n_runs: usize,
) -> Result<Vec<String>, TrackingError> {
    let rows = sql.query(
        "SELECT m.key FROM (SELECT run FROM runs WHERE experiment_id = ?1 AND stage = 'active' \
         ORDER BY start_ms DESC, id LIMIT ?2) r JOIN latest_metrics m ON m.run = r.run \
         GROUP BY m.key ORDER BY COUNT(*) DESC, m.key",
        args![experiment, n_runs as i64],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

/// The best value of a metric among the latest runs of an experiment, with the id of its run.
pub fn best(
    sql: &mut dyn Sql,
    experiment: i64,
    key: &str,
    is_greater_better: bool,
    n_runs: usize,
) -> Result<Option<(f64, String)>, TrackingError> {
    let direction = if is_greater_better { "DESC" } else { "ASC" };
    let row = sql.query_one(
        &format!(
            "SELECT m.value, r.id FROM (SELECT run, id FROM runs WHERE experiment_id = ?1 AND stage = 'active' \
             ORDER BY start_ms DESC, id LIMIT ?2) r JOIN latest_metrics m ON m.run = r.run \
             WHERE m.key = ?3 AND m.is_nan = 0 ORDER BY m.value {direction}, r.id LIMIT 1"
        ),
        args![experiment, n_runs as i64, key],
    )?;
    row.map(|row| Ok((row.real(0)?, row.text(1)?))).transpose()
}

/// How many active children each run has, counted up to `n_max`; those without are left out.
pub fn child_counts(
    sql: &mut dyn Sql,
    runs: &[&str],
    n_max: usize,
) -> Result<BTreeMap<String, usize>, TrackingError> {
    let mut counts = BTreeMap::new();
    for run in runs {
        let row = sql.query_one(
            "SELECT COUNT(*) FROM (SELECT 1 FROM tags t JOIN runs r ON r.run = t.run \
             WHERE t.key = ?1 AND t.value = ?2 AND r.stage = 'active' LIMIT ?3) c",
            args![PARENT_TAG, *run, n_max as i64],
        )?;
        let count = row.map(|row| row.int(0)).transpose()?.unwrap_or(0);
        if count > 0 {
            counts.insert((*run).to_owned(), count as usize);
        }
    }
    Ok(counts)
}

/// The active children of a run, in the order in which they began.
pub fn children(
    sql: &mut dyn Sql,
    workspace: &str,
    run: &str,
    n_max: usize,
    page_token: Option<&str>,
) -> Result<Page<RunInfo>, TrackingError> {
    let offset = offset(page_token)?;
    let rows = sql.query(
        &format!(
            "SELECT {COLUMNS} FROM tags t JOIN runs r ON r.run = t.run JOIN experiments e ON e.id = r.experiment_id \
             WHERE t.key = ?1 AND t.value = ?2 AND r.stage = 'active' AND e.workspace = ?3 \
             ORDER BY r.start_ms, r.run LIMIT ?4 OFFSET ?5"
        ),
        args![PARENT_TAG, run, workspace, n_max as i64 + 1, offset as i64],
    )?;
    let found = rows.iter().map(info).collect::<Result<_, _>>()?;
    Ok(page(found, n_max, offset))
}
