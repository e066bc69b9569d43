//! How the model's predictions change with the columns that matter most, for the report.

use super::Settings;
use crate::progress::Reporter;
use automl_core::{Column, Table};
use automl_engine::{ColumnImportance, EnsembleModel, PartialDependence, Prepared};
use std::time::Duration;

/// Columns that are asked about.
const N_COLUMNS: usize = 6;
/// Rows that are asked about, spread over the table.
const N_ROWS: usize = 100;
/// Of the time that is left, what it may take: the rest is for writing.
const SHARE_OF_LEFT: f64 = 0.4;
/// Of the whole limit, what it may take.
const SHARE_OF_LIMIT: f64 = 0.02;
/// Where only trials are limited.
const UNLIMITED: Duration = Duration::from_secs(2);

/// None where no part of the model can say what matters. A drawing is no reason to lose a model: rows that cannot be predicted are
/// told of, and the report is without them.
pub(super) fn of(
    model: &EnsembleModel,
    importance: Option<&ColumnImportance>,
    (settings, prepared): (&Settings, &Prepared),
    reporter: &Reporter,
) -> Vec<PartialDependence> {
    let Some(importance) = importance else {
        return Vec::new();
    };
    let time = settings.fit.time_limit.map_or(UNLIMITED, |limit| {
        let left = limit.saturating_sub(reporter.clock().elapsed());
        let share = limit.mul_f64(SHARE_OF_LIMIT);
        share.min(left.mul_f64(SHARE_OF_LEFT))
    });
    let exposure = settings.prepare.exposure.as_deref();
    let rows = sample(prepared.dataset.table(), exposure);
    let columns = importance.columns.iter().take(N_COLUMNS);
    let columns = columns.map(|one| one.column.as_str());
    let found = model.partial_dependence(&rows, columns, Some(time));
    found.unwrap_or_else(|error| {
        reporter.note(&format!("the report has no partial dependence: {error}"));
        Vec::new()
    })
}

/// Rows spread over the table; each with one unit of exposure, if it counts.
fn sample(table: &Table, exposure: Option<&str>) -> Table {
    let n_rows = table.n_rows();
    let n_taken = n_rows.min(N_ROWS);
    let rows: Vec<u32> = (0..n_taken)
        .map(|index| (index * n_rows / n_taken) as u32)
        .collect();
    let taken = table.gather(&rows);
    let Some(exposure) = exposure else {
        return taken;
    };
    let mut columns: Vec<_> = taken.shared().collect();
    columns.push((exposure.into(), Column::Number(vec![1.0; n_taken]).into()));
    Table::from_shared(columns).expect("the exposure is no feature, and as long as they are")
}
