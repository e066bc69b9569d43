//! A table with a target: what learners learn from.

mod derived;
#[cfg(test)]
mod tests;

pub use derived::Derived;

use crate::error::Coded;
use crate::{Table, TableView, Task};
use std::sync::Arc;

/// What is to be predicted, one value a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Finite numbers, for regression.
    Numbers(Arc<[f64]>),
    /// Codes into the task's classes, each below their number.
    Classes(Arc<[u32]>),
}

impl Target {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Classes(codes) => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Feature columns, a target for each row, and what else is known of the rows. Immutable and shared by all trials.
#[derive(Debug)]
pub struct Dataset {
    table: Table,
    task: Task,
    target: Target,
    weight: Option<Arc<[f64]>>,
    groups: Option<Arc<[u32]>>,
    time: Option<Arc<[f64]>>,
    derived: Arc<Derived>,
}

/// Why columns do not make a dataset.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DatasetError {
    /// There is no row.
    #[error("no rows to learn from")]
    Empty,
    /// A part is longer or shorter than the table.
    #[error("{part} has {n_rows} rows where the table has {expected}")]
    Length {
        /// `target`, `weight`, `groups` or `time`.
        part: &'static str,
        /// Its rows.
        n_rows: usize,
        /// The table's rows.
        expected: usize,
    },
    /// A number of a part cannot be used.
    #[error("{part} is {value} in row {row}")]
    Value {
        /// `target`, `weight` or `time`.
        part: &'static str,
        /// The value.
        value: f64,
        /// The row, from 0.
        row: usize,
    },
    /// The target does not fit the task.
    #[error("a {task} task cannot have this target: {reason}")]
    Target {
        /// The task.
        task: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// All weights are zero.
    #[error("all weights are zero")]
    ZeroWeight,
}

impl Coded for DatasetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "dataset-empty",
            Self::Length { .. } => "dataset-length",
            Self::Value { .. } => "dataset-value",
            Self::Target { .. } => "dataset-target",
            Self::ZeroWeight => "dataset-zero-weight",
        }
    }
}

impl Dataset {
    /// A dataset of feature columns and a target. At least one row; targets finite, codes below the classes' number.
    pub fn new(table: Table, task: Task, target: Target) -> Result<Self, DatasetError> {
        let n_rows = target.len();
        if n_rows == 0 {
            return Err(DatasetError::Empty);
        }
        check_length("table", table.n_rows(), n_rows)?;
        match (&task, &target) {
            (Task::Regression | Task::Quantile { .. }, Target::Numbers(values)) => {
                check_finite("target", values)?;
            }
            (Task::Regression | Task::Quantile { .. }, Target::Classes(_)) => {
                return Err(DatasetError::Target {
                    task: task.kind().name(),
                    reason: "it holds class codes",
                });
            }
            (Task::MultiOutput { .. }, _) => {
                return Err(DatasetError::Target {
                    task: task.kind().name(),
                    reason: "it is one target, and several are learned one by one",
                });
            }
            (_, Target::Numbers(_)) => {
                return Err(DatasetError::Target {
                    task: task.kind().name(),
                    reason: "it holds numbers",
                });
            }
            (_, Target::Classes(codes)) => {
                if codes.iter().any(|&code| code as usize >= task.n_classes()) {
                    return Err(DatasetError::Target {
                        task: task.kind().name(),
                        reason: "a code has no class",
                    });
                }
            }
        }
        Ok(Self {
            table,
            task,
            target,
            weight: None,
            groups: None,
            time: None,
            derived: Arc::default(),
        })
    }

    /// Sets how much each row counts: finite, not negative, not all zero.
    pub fn with_weight(mut self, weight: impl Into<Arc<[f64]>>) -> Result<Self, DatasetError> {
        let weight = weight.into();
        check_length("weight", weight.len(), self.n_rows())?;
        check_finite("weight", &weight)?;
        if let Some(row) = weight.iter().position(|&value| value < 0.0) {
            return Err(DatasetError::Value {
                part: "weight",
                value: weight[row],
                row,
            });
        }
        if weight.iter().all(|&value| value == 0.0) {
            return Err(DatasetError::ZeroWeight);
        }
        self.weight = Some(weight);
        Ok(self)
    }

    /// Sets the group of each row.
    pub fn with_groups(mut self, groups: impl Into<Arc<[u32]>>) -> Result<Self, DatasetError> {
        let groups = groups.into();
        check_length("groups", groups.len(), self.n_rows())?;
        self.groups = Some(groups);
        Ok(self)
    }

    /// Sets the time of each row, in any unit that orders rows.
    pub fn with_time(mut self, time: impl Into<Arc<[f64]>>) -> Result<Self, DatasetError> {
        let time = time.into();
        check_length("time", time.len(), self.n_rows())?;
        check_finite("time", &time)?;
        self.time = Some(time);
        Ok(self)
    }

    /// The same rows and target with other feature columns: what a recipe makes.
    pub fn with_table(&self, table: Table) -> Result<Self, DatasetError> {
        check_length("table", table.n_rows(), self.n_rows())?;
        Ok(Self {
            table,
            task: self.task.clone(),
            target: self.target.clone(),
            weight: self.weight.clone(),
            groups: self.groups.clone(),
            time: self.time.clone(),
            derived: Arc::default(),
        })
    }

    /// The same features with another target of the same length: what a target transformation makes. What was derived
    /// from the table is shared with it.
    pub fn with_target(&self, task: Task, target: Target) -> Result<Self, DatasetError> {
        let mut other = Self::new(self.table.clone(), task, target)?;
        other.weight.clone_from(&self.weight);
        other.groups.clone_from(&self.groups);
        other.time.clone_from(&self.time);
        other.derived = self.derived.clone();
        Ok(other)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.target.len()
    }

    /// The feature columns.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What is predicted.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The target of every row.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The weight of every row, if rows count differently.
    pub fn weight(&self) -> Option<&[f64]> {
        self.weight.as_deref()
    }

    /// The group of every row, if rows stand in groups.
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// The time of every row, if rows are ordered.
    pub fn time(&self) -> Option<&[f64]> {
        self.time.as_deref()
    }

    /// What learners derive from the table alone, once, and share between trials, such as its binned form.
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// The rows whose numbers are given, in that order.
    pub fn view<'a>(&'a self, rows: &'a [u32]) -> DatasetView<'a> {
        debug_assert!(rows.iter().all(|&row| (row as usize) < self.n_rows()));
        DatasetView { data: self, rows }
    }

    /// The numbers of all rows, in order.
    pub fn all_rows(&self) -> Vec<u32> {
        (0..self.n_rows() as u32).collect()
    }
}

fn check_length(part: &'static str, n_rows: usize, expected: usize) -> Result<(), DatasetError> {
    if n_rows == expected {
        Ok(())
    } else {
        Err(DatasetError::Length {
            part,
            n_rows,
            expected,
        })
    }
}

fn check_finite(part: &'static str, values: &[f64]) -> Result<(), DatasetError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(DatasetError::Value {
            part,
            value: values[row],
            row,
        }),
        None => Ok(()),
    }
}

/// Some rows of a dataset: a fold, a sample, or all of it.
#[derive(Debug, Clone, Copy)]
pub struct DatasetView<'a> {
    data: &'a Dataset,
    rows: &'a [u32],
}

impl<'a> DatasetView<'a> {
    /// The whole dataset behind the view.
    pub fn data(&self) -> &'a Dataset {
        self.data
    }

    /// Row numbers in the dataset, in view order.
    pub fn rows(&self) -> &'a [u32] {
        self.rows
    }

    /// Number of rows in the view.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// What is predicted.
    pub fn task(&self) -> &'a Task {
        &self.data.task
    }

    /// The features of the view's rows.
    pub fn table(&self) -> TableView<'a> {
        self.data.table.rows(self.rows)
    }

    /// The targets of the view's rows as numbers: class codes for classification.
    pub fn target_numbers(&self) -> Vec<f64> {
        match &self.data.target {
            Target::Numbers(values) => self.rows.iter().map(|&row| values[row as usize]).collect(),
            Target::Classes(codes) => self
                .rows
                .iter()
                .map(|&row| f64::from(codes[row as usize]))
                .collect(),
        }
    }

    /// The class codes of the view's rows; empty for regression.
    pub fn class_codes(&self) -> Vec<u32> {
        match &self.data.target {
            Target::Numbers(_) => Vec::new(),
            Target::Classes(codes) => self.rows.iter().map(|&row| codes[row as usize]).collect(),
        }
    }

    /// The weights of the view's rows, if rows count differently.
    pub fn weights(&self) -> Option<Vec<f64>> {
        self.data
            .weight()
            .map(|weight| self.rows.iter().map(|&row| weight[row as usize]).collect())
    }
}
