//! One learner on one task: data for it, fits of it, and what its predictions must be.

use crate::synthetic::{self, Columns};
use automl_core::{
    Artifact, Budget, Dataset, FitContext, FitError, Fitted, Learner, LearnerSpec, Model, ParamMap,
    PredictError, Predictions, Seed, Table, TableView, TaskKind, Threads, TrainingData, Warnings,
};

/// How far a row's probabilities may sum from 1: rounding of a few dozen classes.
const SUM_TOLERANCE: f64 = 1e-9;

pub(crate) struct Case {
    pub(crate) spec: &'static LearnerSpec,
    pub(crate) task: TaskKind,
    pub(crate) params: ParamMap,
}

/// What a fit is given beside the dataset; all rows on one thread without limits unless said otherwise.
pub(crate) struct Setup<'a> {
    pub(crate) rows: Option<&'a [u32]>,
    pub(crate) valid: Option<&'a [u32]>,
    pub(crate) threads: Threads,
    pub(crate) budget: Budget,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            rows: None,
            valid: None,
            threads: Threads::one(),
            budget: Budget::unlimited(),
        }
    }
}

impl Case {
    /// Whether the learner looks at no feature, so that nothing about features can be asked of it.
    pub(crate) fn is_baseline(&self) -> bool {
        self.spec.id == "baseline"
    }

    /// The columns that the learner says it takes.
    pub(crate) fn columns(&self) -> Columns {
        let can = self.spec.capabilities;
        Columns {
            missing: can.missing,
            categories: can.categories,
            sparse: can.sparse,
        }
    }

    /// Rows with all kinds of column that the learner takes.
    pub(crate) fn data(&self, n_rows: usize) -> Dataset {
        synthetic::dataset(self.task, self.columns(), n_rows, 11)
    }

    pub(crate) fn learner(&self) -> Result<Box<dyn Learner>, String> {
        (self.spec.build)(&self.params).map_err(|error| format!("cannot be built: {error}"))
    }

    pub(crate) fn try_fit(&self, data: &Dataset, setup: &Setup<'_>) -> Result<Fitted, FitError> {
        let learner = (self.spec.build)(&self.params)?;
        let all = data.all_rows();
        let warnings = Warnings::default();
        let context = FitContext {
            seed: Seed(5),
            threads: setup.threads.clone(),
            budget: setup.budget.clone(),
            warnings: &warnings,
        };
        let training = TrainingData {
            train: data.view(setup.rows.unwrap_or(&all)),
            valid: setup.valid.map(|rows| data.view(rows)),
        };
        learner.fit(&context, &training)
    }

    pub(crate) fn fit_with(
        &self,
        data: &Dataset,
        setup: &Setup<'_>,
    ) -> Result<Box<dyn Model>, String> {
        let fitted = self
            .try_fit(data, setup)
            .map_err(|error| format!("fit failed: {error}"))?;
        if fitted.is_partial {
            return Err("is_partial is set though there was no limit".into());
        }
        Ok(fitted.model)
    }

    /// A fit of all rows.
    pub(crate) fn fit(&self, data: &Dataset) -> Result<Box<dyn Model>, String> {
        self.fit_with(data, &Setup::default())
    }

    /// The model that an artifact says.
    pub(crate) fn load(&self, artifact: &Artifact) -> Result<Box<dyn Model>, String> {
        (self.spec.load)(artifact).map_err(|error| format!("its artifact does not load: {error}"))
    }

    /// Predictions of all rows of `table`, checked.
    pub(crate) fn predict(&self, model: &dyn Model, table: &Table) -> Result<Predictions, String> {
        self.predict_rows(model, &table.view())
    }

    /// Predictions of `rows`, checked.
    pub(crate) fn predict_rows(
        &self,
        model: &dyn Model,
        rows: &TableView<'_>,
    ) -> Result<Predictions, String> {
        let predictions = model.predict(rows).map_err(|error| said(&error))?;
        self.check_valid(&predictions, rows.n_rows())?;
        Ok(predictions)
    }

    /// One finite number a row, or a probability for each class, summing to 1.
    fn check_valid(&self, predictions: &Predictions, n_rows: usize) -> Result<(), String> {
        let n_classes = synthetic::task_of(self.task).n_classes();
        let width = n_classes.max(1);
        let is_numbers = matches!(predictions, Predictions::Numbers(_));
        if is_numbers != (n_classes == 0) || predictions.width() != width {
            return Err(format!(
                "predictions are not {width} value(s) a row of the task's kind"
            ));
        }
        let values = predictions.values();
        if values.len() != n_rows * width {
            return Err(format!(
                "{} values predicted for {n_rows} rows",
                values.len()
            ));
        }
        for (row, values) in values.chunks_exact(width).enumerate() {
            if values.iter().any(|value| !value.is_finite()) {
                return Err(format!("row {row} is predicted as {values:?}"));
            }
            if is_numbers {
                continue;
            }
            let sum: f64 = values.iter().sum();
            let in_range = values.iter().all(|p| (0.0..=1.0).contains(p));
            if !in_range || (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(format!("row {row} has probabilities {values:?}, sum {sum}"));
            }
        }
        Ok(())
    }
}

fn said(error: &PredictError) -> String {
    format!("predict failed: {error}")
}

/// Bit for bit the same predictions.
pub(crate) fn check_equal(found: &Predictions, expected: &Predictions) -> Result<(), String> {
    let (found, expected) = (found.values(), expected.values());
    if found.len() != expected.len() {
        return Err(format!(
            "{} values where {} are expected",
            found.len(),
            expected.len()
        ));
    }
    match (0..found.len()).find(|&i| found[i].to_bits() != expected[i].to_bits()) {
        Some(i) => Err(format!(
            "value {i} is {:e}, not {:e}",
            found[i], expected[i]
        )),
        None => Ok(()),
    }
}

/// The predictions of the rows given, in that order.
pub(crate) fn gather(predictions: &Predictions, rows: &[u32]) -> Predictions {
    let width = predictions.width();
    let values = rows
        .iter()
        .flat_map(|&row| {
            let start = row as usize * width;
            predictions.values()[start..start + width].iter().copied()
        })
        .collect();
    predictions.with_values(values)
}
