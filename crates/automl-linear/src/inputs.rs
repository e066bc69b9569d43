//! Which columns a model reads, by name: number columns first, then the dimensions of sparse columns.

use automl_core::table::SparseRows;
use automl_core::{
    Artifact, ArtifactError, Column, FitError, Importance, Places, PredictError, Table, TableView,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The columns that a model was fitted on. Feature `j` is number column `j`; after these come the sparse dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    pub(crate) numbers: Vec<String>,
    pub(crate) sparse: Vec<SparseInput>,
    /// Where they stand in the tables that come.
    #[serde(skip)]
    places: Places,
}

/// A sparse column of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SparseInput {
    pub(crate) name: String,
    pub(crate) n_dims: usize,
}

/// The columns of one table that stand for a model's inputs.
pub(crate) struct Bound<'t> {
    pub(crate) numbers: Vec<&'t [f64]>,
    pub(crate) sparse: Vec<&'t SparseRows>,
}

impl Inputs {
    /// The inputs that `rows` offer, all finite; any other column is an error that names it.
    pub(crate) fn of(
        learner: &'static str,
        rows: &TableView<'_>,
        takes_sparse: bool,
    ) -> Result<Self, FitError> {
        let mut inputs = Self {
            numbers: Vec::new(),
            sparse: Vec::new(),
            places: Places::default(),
        };
        for (name, column) in rows.table().iter() {
            let refuse = |kind| FitError::Column {
                learner,
                column: name.to_owned(),
                kind,
            };
            match column {
                Column::Number(values) => {
                    if let Some(kind) = unusable(values, rows) {
                        return Err(refuse(kind));
                    }
                    inputs.numbers.push(name.to_owned());
                }
                Column::Sparse(sparse) if takes_sparse => {
                    inputs.sparse.push(SparseInput {
                        name: name.to_owned(),
                        n_dims: sparse.n_dims(),
                    });
                }
                other => return Err(refuse(other.kind_name())),
            }
        }
        if inputs.n_features() == 0 {
            return Err(FitError::NoFeatures { learner });
        }
        Ok(inputs)
    }

    /// Number columns and sparse dimensions together.
    pub(crate) fn n_features(&self) -> usize {
        self.numbers.len() + self.sparse.iter().map(|input| input.n_dims).sum::<usize>()
    }

    /// The columns of a table whose rows are to be predicted. Number cells of these rows must be finite.
    pub(crate) fn bind<'t>(&self, rows: &TableView<'t>) -> Result<Bound<'t>, PredictError> {
        let table: &'t Table = rows.table();
        let places = self.places.of(table, || self.find(table))?;
        let mut columns = places.iter().map(|&place| table.column_at(place));
        let mut next = || columns.next().expect("every input has a place");
        let kind_error = |name: &str, found, expected| PredictError::ColumnKind {
            name: name.to_owned(),
            found,
            expected,
        };
        let mut bound = Bound {
            numbers: Vec::with_capacity(self.numbers.len()),
            sparse: Vec::with_capacity(self.sparse.len()),
        };
        for name in &self.numbers {
            let column = next();
            let values = column
                .as_number()
                .ok_or_else(|| kind_error(name, column.kind_name(), "number"))?;
            if let Some(found) = unusable(values, rows) {
                return Err(kind_error(name, found, "number without gaps"));
            }
            bound.numbers.push(values);
        }
        for input in &self.sparse {
            let column = next();
            let sparse = column
                .as_sparse()
                .ok_or_else(|| kind_error(&input.name, column.kind_name(), "sparse"))?;
            if sparse.n_dims() != input.n_dims {
                return Err(kind_error(&input.name, "sparse of another width", "sparse"));
            }
            bound.sparse.push(sparse);
        }
        Ok(bound)
    }

    /// Where the columns stand, those of numbers first.
    fn find(&self, table: &Table) -> Result<Vec<usize>, PredictError> {
        let sparse = self.sparse.iter().map(|input| &input.name);
        table.places_of(self.numbers.iter().chain(sparse).map(String::as_str))
    }

    /// Shares of `scores` (one non-negative number a feature) by column, greatest first.
    pub(crate) fn importance(&self, scores: &[f64]) -> Importance {
        let mut shares: Vec<(String, f64)> = self
            .numbers
            .iter()
            .cloned()
            .zip(scores.iter().copied())
            .collect();
        let mut start = self.numbers.len();
        for input in &self.sparse {
            let end = start + input.n_dims;
            shares.push((input.name.clone(), scores[start..end].iter().sum()));
            start = end;
        }
        let total: f64 = shares.iter().map(|(_, score)| score).sum();
        if total > 0.0 {
            for (_, score) in &mut shares {
                *score /= total;
            }
        } else {
            let even = 1.0 / shares.len() as f64;
            for (_, score) in &mut shares {
                *score = even;
            }
        }
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        Importance(shares)
    }

    /// As the part of an artifact's JSON called `inputs`.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::json!({ "numbers": self.numbers, "sparse": self.sparse })
    }

    /// Back from [`Inputs::to_json`].
    pub(crate) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let inputs: Self = artifact.meta("inputs")?;
        let fits = inputs
            .sparse
            .iter()
            .try_fold(inputs.numbers.len(), |sum, input| {
                sum.checked_add(input.n_dims)
            });
        match fits {
            Some(n) if n > 0 => Ok(inputs),
            _ => Err(artifact.invalid("inputs", "the number of features is out of range")),
        }
    }
}

/// What keeps `rows` of a number column from being used, if anything.
fn unusable(values: &[f64], rows: &TableView<'_>) -> Option<&'static str> {
    rows.iter_rows()
        .map(|row| values[row])
        .find(|value| !value.is_finite())
        .map(|value| {
            if value.is_nan() {
                "number with missing values"
            } else {
                "number with infinite values"
            }
        })
}

/// `z[i, k] = offset[k] + Σⱼ x[i, j] · coef[j, k]` for the rows given, row-major `n × n_outputs`.
///
/// `coef` is feature-major, `n_features × n_outputs`. Cost: one multiply-add for each stored value and output; 256 rows
/// at a time, so that the sums stay in the cache while the columns stream by.
pub(crate) fn linear_scores(
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    coef: &[f64],
    offset: &[f64],
) -> Vec<f64> {
    const BLOCK: usize = 256;
    let n_outputs = offset.len();
    let mut scores = vec![0.0; rows.n_rows() * n_outputs];
    for (block, out) in scores.chunks_mut(BLOCK * n_outputs).enumerate() {
        let first = block * BLOCK;
        for sums in out.chunks_exact_mut(n_outputs) {
            sums.copy_from_slice(offset);
        }
        for (values, weights) in bound.numbers.iter().zip(coef.chunks_exact(n_outputs)) {
            for (i, sums) in out.chunks_exact_mut(n_outputs).enumerate() {
                add_scaled(sums, values[rows.row(first + i)], weights);
            }
        }
        let mut start = bound.numbers.len();
        for sparse in &bound.sparse {
            for (i, sums) in out.chunks_exact_mut(n_outputs).enumerate() {
                let (indices, values) = sparse.row(rows.row(first + i));
                for (&index, &value) in indices.iter().zip(values) {
                    let at = (start + index as usize) * n_outputs;
                    add_scaled(sums, f64::from(value), &coef[at..at + n_outputs]);
                }
            }
            start += sparse.n_dims();
        }
    }
    scores
}

#[inline]
fn add_scaled(sums: &mut [f64], factor: f64, weights: &[f64]) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += factor * weight;
    }
}
