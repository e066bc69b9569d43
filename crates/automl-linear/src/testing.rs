//! Small tables and fits for the tests of this crate.

use automl_core::{
    Budget, Column, Dataset, FitContext, FitError, Fitted, LearnerSpec, ParamMap, ParamValue, Seed,
    Table, Target, Task, Threads, Warnings,
};

/// A table of number columns called `x0`, `x1`, …, given row by row.
pub(crate) fn table(rows: &[Vec<f64>]) -> Table {
    let n_columns = rows.first().map_or(0, Vec::len);
    let columns = (0..n_columns)
        .map(|j| {
            (
                format!("x{j}"),
                Column::Number(rows.iter().map(|row| row[j]).collect()),
            )
        })
        .collect();
    Table::new(columns).unwrap()
}

/// A task with classes `a`, `b`, ….
pub(crate) fn classes(n: usize) -> Task {
    let classes = (0..n)
        .map(|k| ((b'a' + k as u8) as char).to_string())
        .collect();
    if n == 2 {
        Task::Binary { classes }
    } else {
        Task::Multiclass { classes }
    }
}

pub(crate) fn regression(table: Table, target: &[f64]) -> Dataset {
    Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap()
}

pub(crate) fn classification(table: Table, n_classes: usize, codes: &[u32]) -> Dataset {
    Dataset::new(table, classes(n_classes), Target::Classes(codes.into())).unwrap()
}

/// Parameters from pairs of name and number.
pub(crate) fn floats(pairs: &[(&str, f64)]) -> ParamMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), ParamValue::Float(*value)))
        .collect()
}

/// Fits on all rows with one thread and no limits.
pub(crate) fn fit(
    spec: &LearnerSpec,
    params: &ParamMap,
    data: &Dataset,
) -> Result<Fitted, FitError> {
    fit_with(spec, params, data, &Threads::one(), Budget::unlimited())
}

/// Fits on all rows.
pub(crate) fn fit_with(
    spec: &LearnerSpec,
    params: &ParamMap,
    data: &Dataset,
    threads: &Threads,
    budget: Budget,
) -> Result<Fitted, FitError> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        threads: threads.clone(),
        budget,
        ..context(&warnings)
    };
    let rows = data.all_rows();
    (spec.build)(params)?.fit(&ctx, &data.view(&rows).into())
}

/// One thread and no limits.
pub(crate) fn context(warnings: &Warnings) -> FitContext<'_> {
    FitContext {
        seed: Seed(1),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings,
    }
}

/// Deterministic numbers between −1 and 1 that look random.
pub(crate) fn noise(n: usize, salt: u64) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let bits = automl_core::Seed(salt).indexed(i as u64).0;
            (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// What scikit-learn fits on a small table; made by `scripts/linear_reference.py`.
pub(crate) struct Reference {
    pub(crate) json: serde_json::Value,
    pub(crate) x: Vec<Vec<f64>>,
    pub(crate) y: Vec<f64>,
    pub(crate) weight: Vec<f64>,
    /// Rows to predict.
    pub(crate) new: Vec<Vec<f64>>,
}

pub(crate) fn reference() -> Reference {
    let json: serde_json::Value = serde_json::from_str(include_str!("reference.json")).unwrap();
    let rows = |name: &str| serde_json::from_value(json[name].clone()).unwrap();
    let values = |name: &str| serde_json::from_value(json[name].clone()).unwrap();
    Reference {
        x: rows("x"),
        new: rows("new"),
        y: values("y"),
        weight: values("weight"),
        json,
    }
}

impl Reference {
    /// The class codes that a case was fitted on, and how many classes there are.
    pub(crate) fn target(&self, case: &serde_json::Value) -> (Vec<u32>, usize) {
        let name = case["target"].as_str().unwrap_or("classes");
        let codes = serde_json::from_value(self.json[name].clone()).unwrap();
        (codes, if name == "binary" { 2 } else { 3 })
    }
}
