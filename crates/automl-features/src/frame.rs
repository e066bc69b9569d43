//! What a step sees while it is fitted: a table, the rows to learn from and, for supervised steps, their targets.

use automl_core::{
    Column, DatasetView, FitContext, FitError, MISSING_CODE, ParamError, ParamValue, Seed, Table,
    Task,
};

/// The target and weight of every training row, in the order of the training rows.
pub(crate) struct Labels {
    pub(crate) task: Task,
    /// Targets; class codes as numbers for classification.
    pub(crate) numbers: Vec<f64>,
    /// Class codes; empty for regression.
    pub(crate) classes: Vec<u32>,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) groups: Option<Vec<u32>>,
}

impl Labels {
    pub(crate) fn of(train: &DatasetView<'_>) -> Self {
        Self {
            task: train.task().clone(),
            numbers: train.target_numbers(),
            classes: train.class_codes(),
            weights: train.weights(),
            groups: train.data().groups().map(|groups| {
                let rows = train.rows().iter();
                rows.map(|&row| groups[row as usize]).collect()
            }),
        }
    }

    /// The weight of the training row at `position`.
    pub(crate) fn weight(&self, position: usize) -> f64 {
        self.weights
            .as_ref()
            .map_or(1.0, |weights| weights[position])
    }
}

/// A step's view of the data.
pub(crate) struct Frame<'a> {
    /// The table as the earlier steps left it.
    pub(crate) table: &'a Table,
    /// The rows of `table` to learn from; at least one.
    pub(crate) rows: &'a [u32],
    /// What the training rows are called in the dataset: names that do not depend on how the table was cut.
    pub(crate) ids: &'a [u32],
    /// Targets of the training rows.
    pub(crate) labels: &'a Labels,
    /// What surrounds the fit.
    pub(crate) ctx: &'a FitContext<'a>,
    /// The seed of this step.
    pub(crate) seed: Seed,
}

impl<'a> Frame<'a> {
    /// The column called `name`, which the step was told is there.
    pub(crate) fn column(&self, name: &str) -> &'a Column {
        self.table
            .column(name)
            .expect("names come from the same table")
    }

    /// `[f(0), f(1), …, f(n - 1)]`, whatever runs first; the budget is polled before each.
    ///
    /// # Errors
    /// [`FitError::Cancelled`] when the budget ends before the last.
    pub(crate) fn map<T: Send>(
        &self,
        n: usize,
        f: impl Fn(usize) -> T + Sync + Send,
    ) -> Result<Vec<T>, FitError> {
        let done = self.ctx.threads.map(n, |index| {
            check_budget(self.ctx)?;
            Ok(f(index))
        });
        done.into_iter().collect()
    }

    /// The training values of a number column.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let values = self.column(name).as_number().unwrap_or_default();
        self.rows.iter().map(|&row| values[row as usize]).collect()
    }

    /// The training values of a number column without the missing ones, sorted.
    pub(crate) fn sorted_numbers(&self, name: &str) -> Vec<f64> {
        let mut values = self.numbers(name);
        values.retain(|value| !value.is_nan());
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// The training codes of a category column as slots, and the number of slots: one a level, then one for missing
    /// cells. Unseen levels are counted as missing.
    pub(crate) fn slots(&self, name: &str) -> (Vec<u32>, usize) {
        let Some((codes, levels)) = self.column(name).as_category() else {
            return (Vec::new(), 1);
        };
        let missing = levels.len() as u32;
        let slots = self
            .rows
            .iter()
            .map(|&row| codes[row as usize].min(missing))
            .collect();
        (slots, levels.len() + 1)
    }

    /// Up to `limit` positions into the training rows, evenly spaced: a sample that depends on nothing but their number.
    pub(crate) fn sample(&self, limit: usize) -> Vec<usize> {
        let n_rows = self.rows.len();
        if n_rows <= limit {
            return (0..n_rows).collect();
        }
        (0..limit).map(|index| index * n_rows / limit).collect()
    }
}

/// The slot of a category code: its level, `n_levels` for a missing cell, `None` for a level that was never met.
#[inline]
pub(crate) fn slot_of(code: u32, n_levels: usize) -> Option<usize> {
    if code == MISSING_CODE {
        Some(n_levels)
    } else {
        ((code as usize) < n_levels).then_some(code as usize)
    }
}

/// An error about a step's parameter unless `is_ok`.
pub(crate) fn require(
    is_ok: bool,
    name: &str,
    value: ParamValue,
    domain: &str,
) -> Result<(), ParamError> {
    if is_ok {
        return Ok(());
    }
    Err(ParamError::Domain {
        name: name.to_owned(),
        value,
        domain: domain.to_owned(),
    })
}

/// A whole number as a parameter's value.
pub(crate) fn int(value: usize) -> ParamValue {
    ParamValue::Int(value as i64)
}

/// Stops the work if its budget is over.
pub(crate) fn check_budget(ctx: &FitContext<'_>) -> Result<(), FitError> {
    if ctx.budget.is_over() {
        Err(FitError::Cancelled)
    } else {
        Ok(())
    }
}
