//! Sparse columns reduced to a few numbers by a truncated singular value decomposition.

use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::{Frame, check_budget, int, require};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::set_meta;
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, SparseRows, Threads,
};
use faer::{Mat, Side};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Replaces each sparse column by its `n_components` leading right singular directions, columns `<name>_svd_1` and on:
/// latent semantic analysis when the column holds term weights.
///
/// Randomised subspace iteration on the Gram matrix (Halko, Martinsson and Tropp, SIAM Review 53, 2011), then an exact
/// decomposition in the small space. The sign of each direction is such that its greatest loading is positive.
///
/// Default columns: all sparse columns. Cost: `(n_iterations + 2) · 4 · cells · (n_components + 10)` operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextSvd {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Most components; fewer if the column has fewer dimensions.
    pub n_components: usize,
    /// Passes over the data that sharpen the directions.
    pub n_iterations: usize,
    /// Whether the sparse column stays too.
    pub keep: bool,
}

impl Default for TextSvd {
    fn default() -> Self {
        Self {
            columns: None,
            n_components: 64,
            n_iterations: 3,
            keep: false,
        }
    }
}

/// Directions beyond those wanted, so that the last of them are good too.
const OVERSAMPLE: usize = 10;

impl StepParams for TextSvd {
    fn check(&self) -> Result<(), ParamError> {
        let n = self.n_components;
        let is_ok = (1..=2000).contains(&n);
        require(is_ok, "n_components", int(n), "1 to 2000")?;
        let passes = self.n_iterations;
        require(passes <= 100, "n_iterations", int(passes), "0 to 100")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("text_svd", &[ColumnKind::Sparse]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            if let Some(sparse) = frame.column(&name).as_sparse() {
                let components = self.fit_column(frame, sparse, &name)?;
                entries.push((name, components));
            }
        }
        Ok(PerColumn::new("text_svd", self.keep, entries).into())
    }
}

impl TextSvd {
    fn fit_column(
        &self,
        frame: &Frame<'_>,
        sparse: &SparseRows,
        name: &str,
    ) -> Result<Components, FitError> {
        let n_dims = sparse.n_dims();
        let width = (self.n_components + OVERSAMPLE).min(n_dims);
        let n_components = self.n_components.min(n_dims);
        if n_components == 0 {
            return Ok(Components::none(n_dims));
        }
        let mut rng = frame.seed.named(name).rng();
        // Uniform instead of normal numbers: any continuous distribution spans the space.
        let start = Mat::from_fn(n_dims, width, |_, _| rng.random::<f64>() - 0.5);
        let mut basis = start.qr().compute_thin_Q();
        for _ in 0..=self.n_iterations {
            check_budget(frame.ctx)?;
            basis = gram_times(frame, sparse, &basis)?.qr().compute_thin_Q();
        }
        check_budget(frame.ctx)?;
        let small = basis.transpose() * gram_times(frame, sparse, &basis)?;
        let eigen = small
            .self_adjoint_eigen(Side::Lower)
            .map_err(|error| FitError::Numeric {
                learner: "text_svd",
                reason: format!("no eigenvalues for '{name}': {error:?}"),
            })?;
        let directions = &basis * eigen.U();
        // Eigenvalues rise, so the last columns lead.
        let mut loadings = Vec::with_capacity(n_dims * n_components);
        let signs: Vec<f64> = (0..n_components)
            .map(|k| sign_of((0..n_dims).map(|dim| directions[(dim, width - 1 - k)])))
            .collect();
        for dim in 0..n_dims {
            for (k, sign) in signs.iter().enumerate() {
                loadings.push((sign * directions[(dim, width - 1 - k)]) as f32);
            }
        }
        Ok(Components {
            n_dims,
            width: n_components,
            loadings,
            is_single: true,
        })
    }
}

/// The sign of the element of greatest size, of equals the first.
pub(crate) fn sign_of(values: impl Iterator<Item = f64>) -> f64 {
    let greatest = values.fold(0.0_f64, |best, value| {
        if value.abs() > best.abs() {
            value
        } else {
            best
        }
    });
    if greatest < 0.0 { -1.0 } else { 1.0 }
}

/// `AᵀA B` for the training rows `A`, two multiply-adds a cell and column of `B`. Rows are cut into at most 16 blocks by
/// their number alone, and the blocks' sums are added in order.
fn gram_times(
    frame: &Frame<'_>,
    sparse: &SparseRows,
    basis: &Mat<f64>,
) -> Result<Mat<f64>, FitError> {
    let (n_dims, width) = (basis.nrows(), basis.ncols());
    let by_row: Vec<f64> = (0..n_dims)
        .flat_map(|dim| (0..width).map(move |k| basis[(dim, k)]))
        .collect();
    let block_len = frame.rows.len().div_ceil(16).max(8192);
    let n_blocks = frame.rows.len().div_ceil(block_len);
    let blocks = frame.map(n_blocks, |block| {
        let end = frame.rows.len().min((block + 1) * block_len);
        let mut sums = vec![0.0; n_dims * width];
        let mut projected = vec![0.0; width];
        for &row in &frame.rows[block * block_len..end] {
            let (dims, values) = sparse.row(row as usize);
            projected.fill(0.0);
            for (&dim, &value) in dims.iter().zip(values) {
                let start = dim as usize * width;
                add_scaled(&mut projected, &by_row[start..start + width], value.into());
            }
            for (&dim, &value) in dims.iter().zip(values) {
                let start = dim as usize * width;
                add_scaled(&mut sums[start..start + width], &projected, value.into());
            }
        }
        sums
    })?;
    let mut blocks = blocks.into_iter();
    let mut total = blocks.next().unwrap_or_else(|| vec![0.0; n_dims * width]);
    for block in blocks {
        add_scaled(&mut total, &block, 1.0);
    }
    Ok(Mat::from_fn(n_dims, width, |dim, k| total[dim * width + k]))
}

#[inline]
fn add_scaled(sums: &mut [f64], values: &[f64], scale: f64) {
    debug_assert_eq!(sums.len(), values.len());
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += scale * value;
    }
}

/// One column's directions, a row of loadings for each dimension.
#[derive(Debug)]
pub(crate) struct Components {
    n_dims: usize,
    width: usize,
    loadings: Vec<f32>,
    /// Whether the numbers are rounded to single: then they are nearly always the same in whichever order a program adds. Models of
    /// earlier versions do not round.
    is_single: bool,
}

impl Components {
    fn none(n_dims: usize) -> Self {
        Self {
            n_dims,
            width: 0,
            loadings: Vec::new(),
            is_single: true,
        }
    }
}

/// Rows that one thread works on at a time.
const BLOCK: usize = 8192;

impl Encoder for Components {
    fn names(&self, name: &str) -> Vec<String> {
        let numbers = 1..=self.width;
        numbers.map(|k| format!("{name}_svd_{k}")).collect()
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let sparse = column
            .as_sparse()
            .filter(|sparse| sparse.n_dims() == self.n_dims)
            .ok_or_else(|| wrong_kind(name, column, ColumnKind::Sparse))?;
        let width = self.width;
        let n_rows = sparse.n_rows();
        let blocks = threads.map(n_rows.div_ceil(BLOCK), |block| {
            let rows = block * BLOCK..n_rows.min((block + 1) * BLOCK);
            let mut out = vec![0.0; rows.len() * width];
            if width > 0 {
                for (row, sums) in rows.zip(out.chunks_exact_mut(width)) {
                    let (dims, values) = sparse.row(row);
                    for (&dim, &value) in dims.iter().zip(values) {
                        let start = dim as usize * width;
                        let loadings = &self.loadings[start..start + width];
                        for (sum, loading) in sums.iter_mut().zip(loadings) {
                            *sum += f64::from(value) * f64::from(*loading);
                        }
                    }
                    if self.is_single {
                        for sum in sums {
                            *sum = f64::from(*sum as f32);
                        }
                    }
                }
            }
            out
        });
        let column = |k: usize| {
            let cells = blocks
                .iter()
                .flat_map(|block| block.iter().skip(k).step_by(width));
            Column::Number(cells.copied().collect())
        };
        Ok((0..width).map(column).collect())
    }

    fn save(&self, artifact: &mut Artifact) {
        set_meta(artifact, "n_dims", self.n_dims);
        set_meta(artifact, "n_components", self.width);
        set_meta(artifact, "single", self.is_single);
        artifact.push_f32("loadings", self.loadings.clone());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let n_dims: usize = artifact.meta("n_dims")?;
        let n_components: usize = artifact.meta("n_components")?;
        let is_single = match artifact.meta.get("single") {
            None => false,
            Some(_) => artifact.meta("single")?,
        };
        let loadings = artifact.f32s("loadings")?.to_vec();
        if n_dims.checked_mul(n_components) != Some(loadings.len()) {
            return Err(artifact.invalid("loadings", "there is not one for each cell"));
        }
        Ok(Self {
            n_dims,
            width: n_components,
            loadings,
            is_single,
        })
    }
}
