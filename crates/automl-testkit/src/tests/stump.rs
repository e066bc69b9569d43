//! A tree of one split, sound or with one fault: the learner that the suite is tried on.
//!
//! The split is the median of the number column that explains most; missing numbers have a leaf of their own.

use automl_core::{
    Artifact, ArtifactError, Capabilities, Column, FitContext, FitError, Fitted, Learner,
    LearnerSpec, Model, ParamError, ParamMap, Params, PredictError, Predictions, TableView,
    TaskKind, TrainingData,
};
use serde_json::json;

const ID: &str = "stump";
const N_LEAVES: usize = 3;

/// What is wrong with a stump.
pub(super) struct Fault;

impl Fault {
    pub(super) const NONE: u8 = 0;
    pub(super) const UNCHECKED_LOAD: u8 = 1;
    pub(super) const BATCH_MEAN: u8 = 2;
    pub(super) const COUNTS_THREADS: u8 = 3;
    pub(super) const PEEKS: u8 = 4;
    pub(super) const IGNORES_WEIGHTS: u8 = 5;
    pub(super) const BY_POSITION: u8 = 6;
}

/// Parameters of a stump.
#[derive(Params, Debug, Clone)]
struct StumpParams {
    /// Rows of the mean prediction that are added to each leaf.
    #[param(default = 0.001, range = 1e-9..=1e9, log, search = 1e-3..=1.0, alias = "lambda")]
    smoothing: f64,
    /// Whether missing numbers have a leaf of their own.
    #[param(default = true, search)]
    missing_leaf: bool,
}

struct Stump<const FAULT: u8>(StumpParams);

struct Fit<const FAULT: u8> {
    names: Vec<String>,
    feature: usize,
    threshold: f64,
    missing_leaf: bool,
    n_classes: usize,
    leaves: Vec<f64>,
}

pub(super) fn spec<const FAULT: u8>() -> &'static LearnerSpec {
    const {
        &LearnerSpec {
            id: ID,
            title: "Stump",
            capabilities: Capabilities {
                tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
                missing: true,
                categories: false,
                sparse: false,
                weights: true,
                early_stopping: false,
            },
            params: StumpParams::SPECS,
            references: &[],
            build: build::<FAULT>,
            load: load::<FAULT>,
        }
    }
}

fn build<const FAULT: u8>(map: &ParamMap) -> Result<Box<dyn Learner>, ParamError> {
    Ok(Box::new(Stump::<FAULT>(StumpParams::from_map(map)?)))
}

fn load<const FAULT: u8>(artifact: &Artifact) -> Result<Box<dyn Model>, ArtifactError> {
    let fit = Fit::<FAULT> {
        names: artifact.meta("names")?,
        feature: artifact.meta("feature")?,
        threshold: artifact.meta("threshold")?,
        missing_leaf: artifact.meta("missing_leaf")?,
        n_classes: artifact.meta("n_classes")?,
        leaves: artifact.f64s("leaves")?.to_vec(),
    };
    if FAULT != Fault::UNCHECKED_LOAD {
        if fit.feature >= fit.names.len() {
            return Err(artifact.invalid("feature", "it has no name"));
        }
        if Some(fit.leaves.len()) != fit.n_classes.max(1).checked_mul(N_LEAVES) {
            return Err(artifact.invalid("leaves", "there are not three a class"));
        }
    }
    Ok(Box::new(fit))
}

impl<const FAULT: u8> Learner for Stump<FAULT> {
    fn spec(&self) -> &'static LearnerSpec {
        spec::<FAULT>()
    }

    fn params(&self) -> ParamMap {
        self.0.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        let view = data.train;
        let table = view.data().table();
        let n_classes = view.task().n_classes();
        let mut best: Option<(f64, Fit<FAULT>)> = None;
        for (feature, (name, column)) in table.iter().enumerate() {
            let values = column.as_number().ok_or_else(|| FitError::Column {
                learner: ID,
                column: name.to_owned(),
                kind: column.kind_name(),
            })?;
            let mut present: Vec<f64> = view
                .rows()
                .iter()
                .map(|&row| values[row as usize])
                .collect();
            present.retain(|value| !value.is_nan());
            present.sort_unstable_by(f64::total_cmp);
            let mut fit = Fit {
                names: table.names().map(str::to_owned).collect(),
                feature,
                threshold: present.get(present.len() / 2).copied().unwrap_or(0.0),
                missing_leaf: self.0.missing_leaf,
                n_classes,
                leaves: Vec::new(),
            };
            let gain = fit.learn_leaves(data, values, self.0.smoothing);
            if FAULT == Fault::COUNTS_THREADS {
                fit.leaves[0] += 1e-12 * ctx.threads.count() as f64;
            }
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, fit));
            }
        }
        let (_, fit) = best.ok_or(FitError::NoFeatures { learner: ID })?;
        let model: Box<dyn Model> = Box::new(fit);
        Ok(model.into())
    }
}

impl<const FAULT: u8> Fit<FAULT> {
    fn leaf(&self, value: f64) -> usize {
        match value {
            value if value.is_nan() && self.missing_leaf => 2,
            value => usize::from(value >= self.threshold),
        }
    }

    /// Sets the leaves to smoothed means of the target, or of each class's indicator; returns `Σ weight × mean²`.
    fn learn_leaves(&mut self, data: &TrainingData<'_>, values: &[f64], smoothing: f64) -> f64 {
        let width = self.n_classes.max(1);
        let all = data.train.data().all_rows();
        let rows = if FAULT == Fault::PEEKS {
            all.as_slice()
        } else {
            data.train.rows()
        };
        let view = data.train.data().view(rows);
        let weights = view.weights().filter(|_| FAULT != Fault::IGNORES_WEIGHTS);
        let (mut sums, mut totals) = (vec![0.0; N_LEAVES * width], [0.0; N_LEAVES]);
        for (position, target) in view.target_numbers().into_iter().enumerate() {
            let weight = weights.as_ref().map_or(1.0, |weights| weights[position]);
            let leaf = self.leaf(values[rows[position] as usize]);
            totals[leaf] += weight;
            if self.n_classes == 0 {
                sums[leaf] += weight * target;
            } else {
                sums[leaf * width + target as usize] += weight;
            }
        }
        let total: f64 = totals.iter().sum();
        let mut gain = 0.0;
        for leaf in 0..N_LEAVES {
            for class in 0..width {
                let prior =
                    (0..N_LEAVES).map(|l| sums[l * width + class]).sum::<f64>() / total.max(1e-300);
                let mean =
                    (sums[leaf * width + class] + smoothing * prior) / (totals[leaf] + smoothing);
                gain += totals[leaf] * mean * mean;
                self.leaves.push(mean);
            }
        }
        gain
    }
}

impl<const FAULT: u8> Model for Fit<FAULT> {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let table = rows.table();
        let mut columns = Vec::new();
        for (position, name) in self.names.iter().enumerate() {
            let column = if FAULT == Fault::BY_POSITION {
                table.column_at(position)
            } else {
                table
                    .column(name)
                    .ok_or_else(|| PredictError::ColumnMissing { name: name.clone() })?
            };
            let Column::Number(values) = column else {
                return Err(PredictError::ColumnKind {
                    name: name.clone(),
                    found: column.kind_name(),
                    expected: "number",
                });
            };
            columns.push(values);
        }
        let width = self.n_classes.max(1);
        let mut values: Vec<f64> = rows
            .iter_rows()
            .flat_map(|row| {
                let leaf = self.leaf(columns[self.feature][row]);
                self.leaves[leaf * width..(leaf + 1) * width]
                    .iter()
                    .copied()
            })
            .collect();
        if FAULT == Fault::BATCH_MEAN && self.n_classes == 0 {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            for value in &mut values {
                *value += 1e-9 * mean;
            }
        }
        Ok(if self.n_classes == 0 {
            Predictions::Numbers(values)
        } else {
            Predictions::Probabilities {
                n_classes: self.n_classes,
                values,
            }
        })
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = Artifact::new(
            ID,
            json!({
                "names": self.names,
                "feature": self.feature,
                "threshold": self.threshold,
                "missing_leaf": self.missing_leaf,
                "n_classes": self.n_classes,
            }),
        );
        artifact.push_f64("leaves", self.leaves.clone());
        artifact
    }
}
