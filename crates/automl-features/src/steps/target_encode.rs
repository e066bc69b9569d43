//! Levels replaced by the mean target of their training rows, shrunk towards the mean of all.

use crate::fitted::{FittedPart, FittedStep, codes, replace};
use crate::frame::{Frame, check_budget, int, require, slot_of};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnFilter, ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{check_len, push_strings, strings};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, ParamValue, PredictError, Table,
    TaskKind, Threads,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Replaces each category column by the mean target of its level.
///
/// `(Σ w y + smoothing · prior) / (Σ w + smoothing)` with the prior the weighted mean target of all training rows, as
/// scikit-learn's `TargetEncoder` and the m-estimate of Micci-Barreca (2001). Regression and binary tasks give one column
/// `<name>_target` (the share of the second class), multiclass tasks one column `<name>_target_<class>` for each of the
/// `max_classes` most frequent classes. Missing cells are a level; a level that was not met gets the prior.
///
/// Training rows are encoded out of fold: the rows are dealt into `folds` parts (stratified by class; groups stay
/// together) and each part is encoded by the others, so that the encoded column says nothing about a row's own target.
///
/// Default columns: categories of at least 11 levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetEncode {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// How many rows the prior counts for.
    pub smoothing: f64,
    /// Parts that training rows are dealt into.
    pub folds: usize,
    /// Most classes with a column of their own in multiclass tasks.
    pub max_classes: usize,
    /// Whether the category column stays too.
    pub keep: bool,
}

impl Default for TargetEncode {
    fn default() -> Self {
        Self {
            columns: None,
            smoothing: 20.0,
            folds: 5,
            max_classes: 20,
            keep: false,
        }
    }
}

impl StepParams for TargetEncode {
    fn is_supervised(&self) -> bool {
        true
    }

    fn check(&self) -> Result<(), ParamError> {
        let (smoothing, folds) = (self.smoothing, self.folds);
        let is_ok = smoothing.is_finite() && smoothing >= 0.0;
        let value = ParamValue::Float(smoothing);
        require(is_ok, "smoothing", value, "0 or more")?;
        require((2..=100).contains(&folds), "folds", int(folds), "2 to 100")?;
        let most = self.max_classes;
        require(most > 0, "max_classes", int(most), "1 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let mut scope = Scope::new("target_encode", &[ColumnKind::Category]);
        scope.default = ColumnFilter {
            min_levels: Some(11),
            ..ColumnFilter::default()
        };
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let outputs = Output::all(frame, self.max_classes);
        let folds = deal(frame, self.folds);
        let threads = &frame.ctx.threads;
        let encoded = frame.map(names.len(), |index| {
            self.fit_column(frame, &outputs, &folds, &names[index])
        })?;
        let mut entries = Vec::with_capacity(names.len());
        let mut replacements = Vec::with_capacity(names.len());
        for (name, encoding) in names.iter().zip(encoded) {
            let (means, out_of_fold) = encoding?;
            let mut columns = means.encode(name, frame.column(name), threads)?;
            for ((_, column), values) in columns.iter_mut().zip(out_of_fold) {
                if let Column::Number(all) = column {
                    for (&row, value) in frame.rows.iter().zip(values) {
                        all[row as usize] = value;
                    }
                }
            }
            replacements.push((name.as_str(), columns));
            entries.push((name.clone(), means));
        }
        let table: Table = replace(frame.table, replacements, self.keep);
        let step = PerColumn::new("target_encode", self.keep, entries);
        Ok(FittedPart {
            step: Arc::new(step) as Arc<dyn FittedStep>,
            table: Some(table),
        })
    }
}

impl TargetEncode {
    /// The full encoding of a column and, for each output, the out-of-fold value of each training row. The budget is
    /// polled once an output: a task of many classes makes as many columns of one.
    fn fit_column(
        &self,
        frame: &Frame<'_>,
        outputs: &[Output],
        folds: &[u32],
        name: &str,
    ) -> Result<(Means, Vec<Vec<f64>>), FitError> {
        let (slots, n_slots) = frame.slots(name);
        let n_folds = self.folds;
        // Weights do not depend on the output; sums are kept by (fold, slot), so that leaving one fold out is a subtraction
        // of nothing: the other folds are added up instead, in fold order.
        let mut counts = vec![0.0; n_folds * n_slots];
        for (position, &slot) in slots.iter().enumerate() {
            let cell = folds[position] as usize * n_slots + slot as usize;
            counts[cell] += frame.labels.weight(position);
        }
        let mut values = Vec::with_capacity(outputs.len() * n_slots);
        let mut priors = Vec::with_capacity(outputs.len());
        let mut out_of_fold = Vec::with_capacity(outputs.len());
        for output in outputs {
            check_budget(frame.ctx)?;
            let mut sums = vec![0.0; n_folds * n_slots];
            for (position, &slot) in slots.iter().enumerate() {
                let cell = folds[position] as usize * n_slots + slot as usize;
                sums[cell] += frame.labels.weight(position) * output.target(frame, position);
            }
            let (means, prior) = self.means_without(None, n_slots, &sums, &counts);
            values.extend(means);
            priors.push(prior);
            let by_fold: Vec<Vec<f64>> = (0..n_folds)
                .map(|fold| self.means_without(Some(fold), n_slots, &sums, &counts).0)
                .collect();
            let encoded = slots.iter().zip(folds);
            let encoded = encoded.map(|(&slot, &fold)| by_fold[fold as usize][slot as usize]);
            out_of_fold.push(encoded.collect());
        }
        let means = Means {
            labels: outputs.iter().map(|output| output.label.clone()).collect(),
            n_slots,
            values,
            priors,
        };
        Ok((means, out_of_fold))
    }

    /// The shrunk mean of each slot, and the prior, over all folds but one.
    fn means_without(
        &self,
        fold: Option<usize>,
        n_slots: usize,
        sums: &[f64],
        counts: &[f64],
    ) -> (Vec<f64>, f64) {
        let add = |cells: &[f64]| {
            let mut total = vec![0.0; n_slots];
            for (index, part) in cells.chunks_exact(n_slots).enumerate() {
                if Some(index) != fold {
                    total.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
                }
            }
            total
        };
        let (sums, counts) = (add(sums), add(counts));
        let weight: f64 = counts.iter().sum();
        let prior = if weight > 0.0 {
            sums.iter().sum::<f64>() / weight
        } else {
            0.0
        };
        let shrunk = |(sum, count): (&f64, &f64)| {
            let weight = count + self.smoothing;
            if *count > 0.0 && weight > 0.0 {
                (sum + self.smoothing * prior) / weight
            } else {
                prior
            }
        };
        (sums.iter().zip(&counts).map(shrunk).collect(), prior)
    }
}

/// One encoded column: what it averages and the end of its name.
struct Output {
    label: String,
    class: Option<u32>,
}

impl Output {
    fn all(frame: &Frame<'_>, max_classes: usize) -> Vec<Self> {
        let task = &frame.labels.task;
        if task.kind() != TaskKind::Multiclass {
            let class = task.is_classification().then_some(1);
            let label = String::from("target");
            return vec![Self { label, class }];
        }
        let mut counts = vec![0_usize; task.n_classes()];
        for &class in &frame.labels.classes {
            counts[class as usize] += 1;
        }
        let mut classes: Vec<usize> = (0..counts.len()).collect();
        classes.sort_by_key(|&class| (std::cmp::Reverse(counts[class]), class));
        classes.truncate(max_classes);
        classes.sort_unstable();
        let output = |class: usize| Self {
            label: format!("target_{}", task.classes()[class]),
            class: Some(class as u32),
        };
        classes.into_iter().map(output).collect()
    }

    fn target(&self, frame: &Frame<'_>, position: usize) -> f64 {
        match self.class {
            Some(class) => f64::from(u8::from(frame.labels.classes[position] == class)),
            None => frame.labels.numbers[position],
        }
    }
}

/// The fold of each training row: even in size, stratified by class, groups together, rows that repeat together. Depends
/// on the seed and on what rows are called, not on their order.
fn deal(frame: &Frame<'_>, n_folds: usize) -> Vec<u32> {
    let labels = frame.labels;
    let unit = |position: usize| match &labels.groups {
        Some(groups) => groups[position],
        None => frame.ids[position],
    };
    let stratum = |position: usize| match (&labels.groups, labels.classes.get(position)) {
        (None, Some(&class)) => class,
        _ => 0,
    };
    let key = |position: usize| {
        let unit = unit(position);
        let shuffled = frame.seed.named("folds").indexed(u64::from(unit)).0;
        (stratum(position), shuffled, unit)
    };
    let mut order: Vec<((u32, u64, u32), u32)> = (0..frame.rows.len())
        .map(|position| (key(position), position as u32))
        .collect();
    order.sort_unstable();
    let mut folds = vec![0; frame.rows.len()];
    for (rank, same) in order.chunk_by(|a, b| a.0 == b.0).enumerate() {
        for &(_, position) in same {
            folds[position as usize] = (rank % n_folds) as u32;
        }
    }
    folds
}

/// One column's encoding: for each output the value of each level and, last, of missing cells.
#[derive(Debug)]
pub(crate) struct Means {
    labels: Vec<String>,
    n_slots: usize,
    values: Vec<f64>,
    priors: Vec<f64>,
}

impl Encoder for Means {
    fn names(&self, name: &str) -> Vec<String> {
        let labels = self.labels.iter();
        labels.map(|label| format!("{name}_{label}")).collect()
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let codes = codes(name, column)?;
        let tables = self.values.chunks_exact(self.n_slots).zip(&self.priors);
        let encoded = tables.map(|(means, prior)| {
            let mean = |code: &u32| slot_of(*code, means.len() - 1).map_or(*prior, |s| means[s]);
            Column::Number(codes.iter().map(mean).collect())
        });
        Ok(encoded.collect())
    }

    fn save(&self, artifact: &mut Artifact) {
        push_strings(artifact, "labels", self.labels.iter().map(String::as_str));
        artifact.push_f64("values", self.values.clone());
        artifact.push_f64("priors", self.priors.clone());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let labels = strings(artifact, "labels")?;
        let values = artifact.f64s("values")?.to_vec();
        let priors = artifact.f64s("priors")?.to_vec();
        check_len(artifact, "priors", priors.len(), labels.len())?;
        let n_slots = values.len() / labels.len().max(1);
        if n_slots == 0 || n_slots * labels.len() != values.len() {
            return Err(artifact.invalid("values", "they cannot be shared out"));
        }
        Ok(Self {
            labels: labels.into_iter().map(Into::into).collect(),
            n_slots,
            values,
            priors,
        })
    }
}
