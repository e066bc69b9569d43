//! Drops number columns that hardly vary.

use crate::fitted::{Dropped, FittedPart};
use crate::frame::{Frame, require};
use crate::numeric::mean_variance;
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use automl_core::{FitError, ParamError, ParamValue};
use serde::{Deserialize, Serialize};

/// Drops number columns whose training values have a variance of at most `threshold`, and columns without any value.
/// A column that is constant but sometimes missing stays: that a cell is missing tells something.
///
/// Default columns: all numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceFilter {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Greatest variance of a dropped column.
    pub threshold: f64,
}

impl StepParams for VarianceFilter {
    fn check(&self) -> Result<(), ParamError> {
        let least = self.threshold;
        let is_ok = least.is_finite() && least >= 0.0;
        require(is_ok, "threshold", ParamValue::Float(least), "0 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("variance_filter", &[ColumnKind::Number]);
        let mut names = scope.names(self.columns.as_ref(), frame.table)?;
        let is_flat = frame.map(names.len(), |index| {
            let values = frame.numbers(&names[index]);
            let n_missing = values.iter().filter(|value| value.is_nan()).count();
            let is_told_by_missing = n_missing > 0 && n_missing < values.len();
            mean_variance(&values).1 <= self.threshold && !is_told_by_missing
        })?;
        let mut is_flat = is_flat.into_iter();
        names.retain(|_| is_flat.next() == Some(true));
        let id = "variance_filter";
        Ok(Dropped { id, names }.into())
    }
}
