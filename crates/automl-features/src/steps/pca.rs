//! Principal components of the number columns.

use crate::fitted::{FittedPart, FittedStep, input, numbers, replace};
use crate::frame::{Frame, check_budget, int, require};
use crate::numeric::mean_variance;
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{check_len, empty, f64s_of_len, set_meta};
use crate::text::svd::sign_of;
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, Table, Threads,
};
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Replaces number columns by their `n_components` principal components `pca_1` and on, which stand where the first of
/// them stood.
///
/// Eigenvectors of the covariance matrix, missing cells counting as the mean; the greatest loading of each is positive.
/// Scale first unless all columns have one unit. Default columns: all numbers.
/// Cost: rows · columns² / 2 multiply-adds, plus the decomposition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pca {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Most components; fewer if there are fewer columns.
    pub n_components: usize,
    /// Whether the number columns stay too.
    pub keep: bool,
}

impl Default for Pca {
    fn default() -> Self {
        Self {
            columns: None,
            n_components: 20,
            keep: false,
        }
    }
}

/// Rows that one thread works on at a time.
const BLOCK: usize = 16_384;

impl StepParams for Pca {
    fn check(&self) -> Result<(), ParamError> {
        let n = self.n_components;
        require(n >= 1, "n_components", int(n), "1 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("pca", &[ColumnKind::Number]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let means = frame.map(names.len(), |index| {
            mean_variance(&frame.numbers(&names[index])).0
        })?;
        let n_components = self.n_components.min(names.len());
        let mut loadings = Vec::with_capacity(n_components * names.len());
        if n_components > 0 {
            let covariance = covariance(frame, &names, &means)?;
            check_budget(frame.ctx)?;
            let eigen = covariance
                .self_adjoint_eigen(Side::Lower)
                .map_err(|error| FitError::Numeric {
                    learner: "pca",
                    reason: format!("no eigenvalues: {error:?}"),
                })?;
            let (directions, n) = (eigen.U(), names.len());
            for k in 0..n_components {
                let loading = |column: usize| directions[(column, n - 1 - k)];
                let sign = sign_of((0..n).map(loading));
                loadings.extend((0..n).map(|column| sign * loading(column)));
            }
        }
        let projection = Projection {
            names,
            means,
            n_components,
            loadings,
            keep: self.keep,
        };
        Ok(projection.into())
    }
}

/// The sums of products of the centred columns, over blocks of rows added in order.
fn covariance(frame: &Frame<'_>, names: &[String], means: &[f64]) -> Result<Mat<f64>, FitError> {
    let n = names.len();
    let columns: Vec<&[f64]> = names
        .iter()
        .map(|name| frame.column(name).as_number().unwrap_or_default())
        .collect();
    let n_blocks = frame.rows.len().div_ceil(BLOCK);
    let blocks = frame.map(n_blocks, |block| {
        let end = frame.rows.len().min((block + 1) * BLOCK);
        let rows = &frame.rows[block * BLOCK..end];
        let centred = Mat::from_fn(rows.len(), n, |row, column| {
            let value = columns[column][rows[row] as usize];
            if value.is_nan() {
                0.0
            } else {
                value - means[column]
            }
        });
        centred.transpose() * &centred
    })?;
    let scale = 1.0 / frame.rows.len() as f64;
    Ok(Mat::from_fn(n, n, |a, b| {
        scale * blocks.iter().map(|block| block[(a, b)]).sum::<f64>()
    }))
}

/// The directions, `names.len()` loadings for each component.
#[derive(Debug)]
struct Projection {
    names: Vec<String>,
    means: Vec<f64>,
    n_components: usize,
    loadings: Vec<f64>,
    keep: bool,
}

impl FittedStep for Projection {
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError> {
        let mut columns = Vec::with_capacity(self.names.len());
        for name in &self.names {
            columns.push(numbers(name, input(table, name)?)?);
        }
        let n = self.names.len();
        let components = threads.map(self.n_components, |k| {
            let mut scores = vec![0.0; table.n_rows()];
            let loadings = &self.loadings[k * n..(k + 1) * n];
            for ((column, mean), loading) in columns.iter().zip(&self.means).zip(loadings) {
                for (score, value) in scores.iter_mut().zip(*column) {
                    if !value.is_nan() {
                        *score += loading * (value - mean);
                    }
                }
            }
            (format!("pca_{}", k + 1), Column::Number(scores))
        });
        let mut components = Some(components);
        let replacements = self
            .names
            .iter()
            .map(|name| (name.as_str(), components.take().unwrap_or_default()))
            .collect();
        Ok(replace(table, replacements, self.keep))
    }

    fn made_from(&self, _table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        Ok(vec![self.names.clone(); self.n_components])
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty("pca");
        set_meta(&mut artifact, "columns", self.names.clone());
        set_meta(&mut artifact, "n_components", self.n_components);
        set_meta(&mut artifact, "keep", self.keep);
        artifact.push_f64("means", self.means.clone());
        artifact.push_f64("loadings", self.loadings.clone());
        artifact
    }
}

/// Reads back the fitted step.
pub(crate) fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
    let names: Vec<String> = artifact.meta("columns")?;
    let n_components: usize = artifact.meta("n_components")?;
    let means = f64s_of_len(artifact, "means", names.len())?;
    let loadings = artifact.f64s("loadings")?.to_vec();
    let expected = names.len().saturating_mul(n_components);
    check_len(artifact, "loadings", loadings.len(), expected)?;
    if names.is_empty() && n_components > 0 {
        return Err(artifact.invalid("n_components", "there is no column"));
    }
    Ok(Arc::new(Projection {
        names,
        means,
        n_components,
        loadings,
        keep: artifact.meta("keep")?,
    }))
}
