//! Whole numbers that repeat, such as codes and postal districts, as categories.

use crate::fitted::{FittedPart, numbers};
use crate::frame::{Frame, int, require};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use automl_core::{
    Artifact, ArtifactError, Column, FitError, Levels, MISSING_CODE, ParamError, ParamValue,
    PredictError, Threads, UNSEEN_CODE,
};
use serde::{Deserialize, Serialize};

/// Replaces number columns whose training values are whole numbers that repeat by category columns `<name>_level`.
///
/// A column qualifies with `min_levels` to `max_levels` distinct values of which each has `min_repeat` rows on average.
/// Levels stand in numeric order; a value that was not met in training becomes the unseen code.
///
/// Default columns: all numbers that qualify; columns given by name are turned whether they qualify or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberAsCategory {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Fewest distinct values.
    pub min_levels: usize,
    /// Most distinct values.
    pub max_levels: usize,
    /// Fewest rows a value on average.
    pub min_repeat: f64,
    /// Whether the number column stays too.
    pub keep: bool,
}

impl Default for NumberAsCategory {
    fn default() -> Self {
        Self {
            columns: None,
            min_levels: 3,
            max_levels: 10_000,
            min_repeat: 2.0,
            keep: false,
        }
    }
}

impl StepParams for NumberAsCategory {
    fn check(&self) -> Result<(), ParamError> {
        let (least, most) = (self.min_levels, self.max_levels);
        require(most >= least, "max_levels", int(most), "min_levels or more")?;
        let repeat = self.min_repeat;
        let is_ok = repeat.is_finite() && repeat >= 0.0;
        require(is_ok, "min_repeat", ParamValue::Float(repeat), "0 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("number_as_category", &[ColumnKind::Number]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let is_forced = matches!(self.columns, Some(Columns::Names(_)));
        let fitted = frame.map(names.len(), |index| {
            let mut values = frame.sorted_numbers(&names[index]);
            let n_rows = values.len() as f64;
            if !is_forced && values.iter().any(|value| value.fract() != 0.0) {
                return None;
            }
            values.dedup();
            let count = values.len();
            let repeats = n_rows >= self.min_repeat * count as f64;
            let fits = (self.min_levels..=self.max_levels).contains(&count) && repeats;
            (is_forced || fits).then(|| Values::new(values))
        })?;
        let entries = names
            .into_iter()
            .zip(fitted)
            .filter_map(|(name, values)| Some((name, values?)))
            .collect();
        Ok(PerColumn::new("number_as_category", self.keep, entries).into())
    }
}

/// One column's distinct values, sorted, and their names.
#[derive(Debug)]
pub(crate) struct Values {
    values: Vec<f64>,
    levels: Levels,
}

impl Values {
    fn new(values: Vec<f64>) -> Self {
        let levels = Levels::new(values.iter().map(|value| format!("{}", value + 0.0)));
        Self { values, levels }
    }

    fn code(&self, value: f64) -> u32 {
        if value.is_nan() {
            return MISSING_CODE;
        }
        let place = self.values.partition_point(|known| *known < value);
        match self.values.get(place) {
            Some(known) if *known == value => place as u32,
            _ => UNSEEN_CODE,
        }
    }
}

impl Encoder for Values {
    fn names(&self, name: &str) -> Vec<String> {
        vec![format!("{name}_level")]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let values = numbers(name, column)?;
        let codes = values.iter().map(|&value| self.code(value)).collect();
        Ok(vec![Column::category(codes, self.levels.clone())])
    }

    fn save(&self, artifact: &mut Artifact) {
        artifact.push_f64("values", self.values.clone());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let values = artifact.f64s("values")?.to_vec();
        if !values.is_sorted_by(|a, b| a < b) {
            return Err(artifact.invalid("values", "they do not rise"));
        }
        Ok(Self::new(values))
    }
}
