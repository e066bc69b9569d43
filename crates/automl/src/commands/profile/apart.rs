//! Adversarial validation: how well a model tells the rows of one table from those of another.

use automl_core::metrics::Metric;
use automl_core::{
    Column, Dataset, Levels, MISSING_CODE, ParamValue, Role, Schema, Seed, Table, Target, Task,
    Texts, UNSEEN_CODE, Warning, WarningKind, Warnings,
};
use automl_data::profile::{ToldApart, ToldColumn};
use automl_engine::{Configuration, FitOptions, FitRun, ImportantColumn, Quality};
use std::collections::BTreeMap;
use std::time::Duration;

/// Fewer rows of one table say nothing.
pub(in crate::commands) const MIN_ROWS: usize = 30;
/// The constant that every search begins with, and the model.
const TRIALS: u64 = 2;
const LEARNER: &str = "gradient_boosting";
/// Columns that are named.
const MAX_COLUMNS: usize = 5;
/// From here on tables differ by more than is of no matter.
const WARN_FROM: f64 = 0.6;

/// What telling tables apart may cost.
pub(in crate::commands) struct Effort {
    /// Rows of each table, spread over it.
    pub(in crate::commands) max_rows: usize,
    pub(in crate::commands) folds: usize,
    pub(in crate::commands) time_limit: Duration,
    pub(in crate::commands) threads: usize,
}

impl Effort {
    /// Of a look for its own sake.
    pub(super) fn profile(threads: usize) -> Self {
        Self {
            max_rows: 5_000,
            folds: 5,
            time_limit: Duration::from_secs(20),
            threads,
        }
    }
}

/// What came of telling two tables apart.
#[derive(Debug, PartialEq)]
pub(in crate::commands) enum Told {
    /// A model was learned: this well it tells them.
    Apart(ToldApart),
    /// One of the tables has too few rows; these are the rows of both that were looked at.
    FewRows([usize; 2]),
    /// They have no feature of one kind in common.
    NoColumns,
    /// Nothing but a constant was done in time.
    NoTime,
    /// Models were learned, and none was better than a constant.
    Nothing,
}

impl Told {
    /// How well they are told apart, if a model could be learned.
    pub(super) fn apart(self) -> Option<ToldApart> {
        match self {
            Self::Apart(told) => Some(told),
            _ => None,
        }
    }
}

/// Learns from the features which table a row is from. `without` is the column to be predicted, whatever its role.
///
/// # Errors
/// If the search fails.
pub(in crate::commands) fn told_apart(
    (first, schema): (&Table, &Schema),
    second: &Table,
    without: Option<&str>,
    effort: &Effort,
) -> anyhow::Result<Told> {
    let (first, second) = (
        spread(first, effort.max_rows),
        spread(second, effort.max_rows),
    );
    let n_rows = [first.n_rows(), second.n_rows()];
    let is_compared = |name: &str| {
        let field = schema.field(name);
        Some(name) != without && field.is_some_and(|field| field.role == Role::Feature)
    };
    let columns: Vec<(String, Column)> = first
        .iter()
        .filter(|(name, _)| is_compared(name))
        .filter_map(|(name, column)| {
            let both = one_below_the_other(column, second.column(name)?)?;
            Some((name.to_owned(), both))
        })
        .collect();
    if n_rows.iter().any(|&n| n < MIN_ROWS) {
        return Ok(Told::FewRows(n_rows));
    }
    if columns.is_empty() {
        return Ok(Told::NoColumns);
    }
    learn(columns, n_rows, effort)
}

/// Learns from `columns`, which have the rows of one table below those of the other.
fn learn(
    columns: Vec<(String, Column)>,
    n_rows: [usize; 2],
    effort: &Effort,
) -> anyhow::Result<Told> {
    let table = Table::new(columns).expect("columns are as long as both tables");
    let classes = ["first", "second"].map(str::to_owned).into();
    let sources = [vec![0_u32; n_rows[0]], vec![1; n_rows[1]]].concat();
    let target = Target::Classes(sources.into());
    let data = Dataset::new(table, Task::Binary { classes }, target)
        .expect("there is a source for each row");
    let warnings = Warnings::default();
    let run = FitRun::alone(&warnings);
    let outcome = automl_engine::fit(&data, &options(effort), &run)?;
    // A constant looks at no column, and tells nothing apart.
    let Some(importance) = outcome.model.column_importance()? else {
        let mut tried = outcome.leaderboard.rows.iter();
        let is_tried = tried.any(|row| row.trial.is_some() && row.learner == LEARNER);
        return Ok(if is_tried {
            Told::Nothing
        } else {
            Told::NoTime
        });
    };
    let told = |one: ImportantColumn| ToldColumn {
        column: one.column,
        share: one.share,
    };
    let columns = importance.columns.into_iter().take(MAX_COLUMNS);
    Ok(Told::Apart(ToldApart {
        roc_auc: outcome.score,
        by_chance: by_chance(n_rows.map(|n| n as f64)),
        n_rows: n_rows.iter().sum::<usize>() as u64,
        columns: columns.map(told).collect(),
    }))
}

/// Whether tables are told apart by more than chance and by enough to matter.
pub(in crate::commands) fn is_far(told: &ToldApart) -> bool {
    told.roc_auc >= WARN_FROM.max(told.by_chance)
}

/// What the user should know, if tables can be told apart.
pub(super) fn warning(told: &ToldApart) -> Option<Warning> {
    if !is_far(told) {
        return None;
    }
    let names: Vec<String> = told.columns.iter().map(|one| one.column.clone()).collect();
    let message = format!(
        "a model tells the rows of the two tables apart, with a ROC AUC of {:.3}; scores on one may not hold for the other. It looks at {}",
        told.roc_auc,
        if names.is_empty() {
            "no column in particular".to_owned()
        } else {
            names.join(", ")
        }
    );
    Some(Warning::new(WarningKind::Drift, names, message))
}

/// Mann and Whitney (1947): the variance of the area where both samples are from one distribution.
fn by_chance([n, m]: [f64; 2]) -> f64 {
    0.5 + 3.0 * ((n + m + 1.0) / (12.0 * n * m)).sqrt()
}

fn options(effort: &Effort) -> FitOptions {
    FitOptions {
        metric: Some(Metric::RocAuc),
        costs: None,
        quality: Quality::Fast,
        time_limit: Some(effort.time_limit),
        max_trials: Some(TRIALS),
        seed: Seed(0),
        threads: effort.threads,
        memory_limit: None,
        inference_limit: None,
        distills: false,
        folds: Some(effort.folds),
        holdout: None,
        include: vec![LEARNER.to_owned()],
        exclude: Vec::new(),
        portfolio: Some(vec![boosting(0.1, 31, 20), boosting(0.05, 64, 10)]),
        without: Vec::new(),
        explains: false,
    }
}

/// Leaves of ten rows and more: what tells tables apart by fewer is no drift.
fn boosting(rate: f64, n_leaves: i64, leaf_rows: i64) -> Configuration {
    let params = [
        ("learning_rate", ParamValue::Float(rate)),
        ("max_leaves", ParamValue::Int(n_leaves)),
        ("min_rows_per_leaf", ParamValue::Int(leaf_rows)),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value));
    Configuration {
        learner: LEARNER.to_owned(),
        recipe: None,
        log_target: false,
        params: params.into(),
    }
}

fn spread(table: &Table, max_rows: usize) -> Table {
    let n_rows = table.n_rows();
    let n_taken = n_rows.min(max_rows);
    let rows: Vec<u32> = (0..n_taken)
        .map(|index| (index * n_rows / n_taken) as u32)
        .collect();
    table.gather(&rows)
}

/// Both columns as one; none where they are of different kinds.
fn one_below_the_other(first: &Column, second: &Column) -> Option<Column> {
    Some(match (first, second) {
        (Column::Number(a), Column::Number(b)) => Column::Number([&a[..], b].concat()),
        (Column::Timestamp(a), Column::Timestamp(b)) => Column::Timestamp([&a[..], b].concat()),
        (Column::Text(a), Column::Text(b)) => {
            let mut both = Texts::default();
            a.iter().chain(b.iter()).for_each(|text| both.push(text));
            Column::Text(both)
        }
        (
            Column::Category { codes: a, levels },
            Column::Category {
                codes: b,
                levels: other,
            },
        ) => {
            let mut names: Vec<&str> = levels.iter().collect();
            let known: BTreeMap<&str, usize> = levels.iter().zip(0..).collect();
            let place = |level| {
                known.get(level).copied().unwrap_or_else(|| {
                    names.push(level);
                    names.len() - 1
                })
            };
            let translated: Vec<usize> = other.iter().map(place).collect();
            let there = b.iter().map(|&code| match code {
                MISSING_CODE | UNSEEN_CODE => code,
                level => translated[level as usize] as u32,
            });
            let codes = a.iter().copied().chain(there).collect();
            Column::category(codes, Levels::new(names))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
