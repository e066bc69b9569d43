//! Means and deviations of numbers within the levels of a category.

use crate::fitted::{FittedPart, FittedStep, append, codes, input};
use crate::frame::{Frame, int, require, slot_of};
use crate::numeric::mean_variance;
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{empty, set_meta};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, Table, Threads,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is told of the numbers of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// Their population standard deviation.
    Std,
}

impl Statistic {
    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Std => "std",
        }
    }

    fn of(self, (mean, variance): (f64, f64)) -> f64 {
        match self {
            Self::Mean => mean,
            Self::Std => variance.sqrt(),
        }
    }
}

/// Adds columns `<number>_<statistic>_by_<category>`: the statistic of the training rows of the row's level.
///
/// Missing cells are a level; a level without numbers in training gets the statistic of all rows. Categories are taken
/// in table order, and for each the numbers, until `max_features` columns are made.
///
/// Default columns: all categories and all numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupAggregate {
    /// The categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Columns>,
    /// The statistics.
    pub statistics: Vec<Statistic>,
    /// Most columns added.
    pub max_features: usize,
}

impl Default for GroupAggregate {
    fn default() -> Self {
        Self {
            columns: None,
            numbers: None,
            statistics: vec![Statistic::Mean, Statistic::Std],
            max_features: 50,
        }
    }
}

impl StepParams for GroupAggregate {
    fn check(&self) -> Result<(), ParamError> {
        let most = self.max_features;
        require(most <= 10_000, "max_features", int(most), "0 to 10000")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let categories = Scope::new("group_aggregate", &[ColumnKind::Category])
            .names(self.columns.as_ref(), frame.table)?;
        let numbers = Scope::new("group_aggregate", &[ColumnKind::Number])
            .names(self.numbers.as_ref(), frame.table)?;
        let mut wanted = Vec::new();
        for category in &categories {
            for number in &numbers {
                for &statistic in &self.statistics {
                    wanted.push((category, number, statistic));
                }
            }
        }
        wanted.truncate(self.max_features);
        let aggregates = frame.map(wanted.len(), |index| {
            let (category, number, statistic) = wanted[index];
            let (slots, n_slots) = frame.slots(category);
            let values = frame.numbers(number);
            Aggregate {
                category: category.clone(),
                name: format!("{number}_{}_by_{category}", statistic.name()),
                values: statistics(&slots, n_slots, &values, statistic),
                overall: statistic.of(mean_variance(&values)),
            }
        })?;
        Ok(Aggregates(aggregates).into())
    }
}

/// The statistic of each slot; NaN where it holds no number.
fn statistics(slots: &[u32], n_slots: usize, values: &[f64], statistic: Statistic) -> Vec<f64> {
    let mut by_slot: Vec<Vec<f64>> = vec![Vec::new(); n_slots];
    for (&slot, &value) in slots.iter().zip(values) {
        if !value.is_nan() {
            by_slot[slot as usize].push(value);
        }
    }
    let of = |values: Vec<f64>| {
        if values.is_empty() {
            f64::NAN
        } else {
            statistic.of(mean_variance(&values))
        }
    };
    by_slot.into_iter().map(of).collect()
}

#[derive(Debug)]
struct Aggregate {
    category: String,
    name: String,
    /// One value a level and, last, for missing cells; NaN means `overall`.
    values: Vec<f64>,
    overall: f64,
}

/// The columns that are added.
#[derive(Debug)]
struct Aggregates(Vec<Aggregate>);

impl FittedStep for Aggregates {
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError> {
        let columns = threads.map(self.0.len(), |index| {
            let aggregate = &self.0[index];
            let codes = codes(&aggregate.category, input(table, &aggregate.category)?)?;
            let n_levels = aggregate.values.len() - 1;
            let value = |code: &u32| {
                slot_of(*code, n_levels)
                    .map(|slot| aggregate.values[slot])
                    .filter(|value| !value.is_nan())
                    .unwrap_or(aggregate.overall)
            };
            let values = codes.iter().map(value).collect();
            Ok((aggregate.name.clone(), Column::Number(values)))
        });
        Ok(append(
            table,
            columns.into_iter().collect::<Result<_, PredictError>>()?,
        ))
    }

    fn made_from(&self, _table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        let categories = self.0.iter().map(|aggregate| &aggregate.category);
        Ok(categories.map(|category| vec![category.clone()]).collect())
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty("group_aggregate");
        for aggregate in &self.0 {
            let mut child = empty("aggregate");
            set_meta(&mut child, "category", aggregate.category.clone());
            set_meta(&mut child, "name", aggregate.name.clone());
            child.push_f64("values", aggregate.values.clone());
            child.push_f64("overall", vec![aggregate.overall]);
            artifact.children.push(child);
        }
        artifact
    }
}

/// Reads back the fitted step.
pub(crate) fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
    let mut all = Vec::with_capacity(artifact.children.len());
    for child in &artifact.children {
        let values = child.f64s("values")?.to_vec();
        if values.is_empty() {
            return Err(child.invalid("values", "there is none"));
        }
        all.push(Aggregate {
            category: child.meta("category")?,
            name: child.meta("name")?,
            values,
            overall: crate::stored::f64s_of_len(child, "overall", 1)?[0],
        });
    }
    Ok(Arc::new(Aggregates(all)))
}
