//! Targets and weights of the rows of a view, in the forms that the learners here need.

use automl_core::{
    DatasetView, FitContext, FitError, LearnerSpec, Seed, Task, TaskKind, Warning, WarningKind,
};

/// Fails unless the learner does the view's task.
pub(crate) fn require_task(spec: &LearnerSpec, task: &Task) -> Result<TaskKind, FitError> {
    let kind = task.kind();
    if spec.capabilities.tasks.contains(&kind) {
        Ok(kind)
    } else {
        Err(FitError::Task {
            learner: spec.id,
            task: kind.name(),
        })
    }
}

/// Row weights that sum to 1, and what they summed to before.
pub(crate) struct RowWeights {
    pub(crate) share: Vec<f64>,
    pub(crate) total: f64,
}

impl RowWeights {
    /// The weights of a view: equal when it has none.
    pub(crate) fn of(learner: &'static str, view: &DatasetView<'_>) -> Result<Self, FitError> {
        let mut share = view.weights().unwrap_or_else(|| vec![1.0; view.n_rows()]);
        let total: f64 = share.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            let reason = "the weights of the rows to learn from do not have a positive sum".into();
            return Err(FitError::Numeric { learner, reason });
        }
        for weight in &mut share {
            *weight /= total;
        }
        Ok(Self { share, total })
    }
}

/// That so many bytes are within the limit.
pub(crate) fn require_memory(
    learner: &'static str,
    needed: u64,
    ctx: &FitContext<'_>,
) -> Result<(), FitError> {
    match ctx.budget.memory.0 {
        Some(limit) if needed > limit => Err(FitError::Memory {
            learner,
            needed,
            limit,
        }),
        _ => Ok(()),
    }
}

/// Says that not all rows that have weight are used, if they are more; `uses` says who does what with a sample.
pub(crate) fn warn_of_sample(
    ctx: &FitContext<'_>,
    uses: &str,
    (shares, max_rows): (&[f64], usize),
) {
    let n_rows = shares.iter().filter(|&&share| share > 0.0).count();
    if n_rows > max_rows {
        let message =
            format!("{uses} a sample of {max_rows} of {n_rows} rows; raise max_rows for more");
        let none = Vec::<String>::new();
        ctx.warnings
            .push(Warning::new(WarningKind::BudgetReached, none, message));
    }
}

/// Rows that have weight, at most `max_rows` of them, in their order.
pub(crate) fn kept_rows(shares: &[f64], max_rows: usize, seed: Seed) -> Vec<u32> {
    let mut kept: Vec<u32> = (0..shares.len() as u32)
        .filter(|&i| shares[i as usize] > 0.0)
        .collect();
    if kept.len() > max_rows {
        kept.select_nth_unstable_by_key(max_rows, |&i| (seed.indexed(u64::from(i)).0, i));
        kept.truncate(max_rows);
        kept.sort_unstable();
    }
    kept
}

/// The classes that have weight among the rows of a view: only these can be told apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes {
    /// How many the task has.
    pub(crate) n_in_task: usize,
    /// Codes of those that are there, rising; at least one.
    pub(crate) present: Vec<u32>,
    /// Share of the weight of each of `present`.
    pub(crate) prior: Vec<f64>,
    /// For each row the position of its class in `present`; any position where the row has no weight.
    pub(crate) positions: Vec<u32>,
}

impl Classes {
    /// Counts the classes of a view.
    pub(crate) fn of(view: &DatasetView<'_>, weights: &RowWeights) -> Self {
        let n_classes = view.task().n_classes();
        let codes = view.class_codes();
        let mut shares = vec![0.0; n_classes];
        for (&code, &share) in codes.iter().zip(&weights.share) {
            shares[code as usize] += share;
        }
        let present: Vec<u32> = (0..n_classes as u32)
            .filter(|&code| shares[code as usize] > 0.0)
            .collect();
        let mut position_of = vec![0; n_classes];
        for (position, &code) in present.iter().enumerate() {
            position_of[code as usize] = position as u32;
        }
        Self {
            n_in_task: n_classes,
            prior: present.iter().map(|&code| shares[code as usize]).collect(),
            positions: codes
                .iter()
                .map(|&code| position_of[code as usize])
                .collect(),
            present,
        }
    }
}

/// Turns scores (log-probabilities up to a constant) into probabilities, row by row, in place.
pub(crate) fn softmax_rows(scores: &mut [f64], n_classes: usize) {
    for row in scores.chunks_exact_mut(n_classes) {
        softmax(row);
    }
}

/// Softmax of one row in place; returns the log of the sum of exponentials.
pub(crate) fn softmax(row: &mut [f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - max).exp();
        sum += *value;
    }
    for value in row.iter_mut() {
        *value /= sum;
    }
    max + sum.ln()
}
