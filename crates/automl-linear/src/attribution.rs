//! What each column did to the scores of a linear function.
//!
//! With features that are taken as independent, the Shapley value of one is `coefficient × (value − mean)` (Lundberg and Lee, 2017,
//! *A unified approach to interpreting model predictions*, corollary 1). That of a sparse column is the sum of its dimensions'.

use crate::inputs::{Bound, Inputs};
use automl_core::{Artifact, ArtifactError, ExplainError, Explanation, Scale, TableView};

/// What an artifact calls the means of the features.
const MEANS: &str = "means";

/// The mean of each feature over rows whose shares sum to 1. Cost: one multiply-add for each stored value.
pub(crate) fn means(bound: &Bound<'_>, rows: &TableView<'_>, shares: &[f64]) -> Vec<f64> {
    let dense = bound.numbers.iter().map(|values| {
        let cells = rows.iter_rows().map(|row| values[row]).zip(shares);
        cells.map(|(x, share)| x * share).sum()
    });
    let mut means: Vec<f64> = dense.collect();
    for sparse in &bound.sparse {
        let first = means.len();
        means.resize(first + sparse.n_dims(), 0.0);
        for (row, share) in rows.iter_rows().zip(shares) {
            let (indices, values) = sparse.row(row);
            for (&index, &value) in indices.iter().zip(values) {
                means[first + index as usize] += share * f64::from(value);
            }
        }
    }
    means
}

/// Writes the means of the features to an artifact.
pub(crate) fn write(artifact: &mut Artifact, means: Option<&Vec<f64>>) {
    if let Some(means) = means {
        artifact.push_f64(MEANS, means.clone());
    }
}

/// The means of the features; none in an artifact that was written before they were kept.
///
/// # Errors
/// They are not as many as there are features, or not finite.
pub(crate) fn read(
    artifact: &Artifact,
    n_features: usize,
) -> Result<Option<Vec<f64>>, ArtifactError> {
    if !artifact.arrays.contains_key(MEANS) {
        return Ok(None);
    }
    let means = artifact.f64s(MEANS)?;
    if means.len() != n_features {
        return Err(artifact.invalid(MEANS, "wrong length"));
    }
    if means.iter().any(|mean| !mean.is_finite()) {
        return Err(artifact.invalid(MEANS, "a value is not finite"));
    }
    Ok(Some(means.to_vec()))
}

/// A linear function of the features, an output or several.
pub(crate) struct Scored<'a> {
    pub(crate) inputs: &'a Inputs,
    /// `n_features × n_outputs`, feature-major.
    pub(crate) coef: &'a [f64],
    pub(crate) intercept: &'a [f64],
    /// Of each feature; none if nobody kept them.
    pub(crate) means: Option<&'a [f64]>,
}

impl Scored<'_> {
    /// What each column did to each score of each row.
    ///
    /// # Errors
    /// The means are not known, or the rows cannot be predicted.
    pub(crate) fn explained(
        &self,
        rows: &TableView<'_>,
        scale: Scale,
    ) -> Result<Explanation, ExplainError> {
        let means = self.means.ok_or(ExplainError::Unsupported)?;
        let bound = self.inputs.bind(rows)?;
        let n_outputs = self.intercept.len();
        let (n_numbers, n_columns) = (
            bound.numbers.len(),
            bound.numbers.len() + bound.sparse.len(),
        );
        let width = n_columns + 1;
        let at = |feature: usize, output: usize| self.coef[feature * n_outputs + output];
        let mut values = vec![0.0; rows.n_rows() * n_outputs * width];
        // What a row has where nothing is stored.
        let mut nothing = vec![0.0; n_outputs * width];
        for (output, own) in nothing.chunks_exact_mut(width).enumerate() {
            let mut expected = self.intercept[output];
            for (feature, mean) in means.iter().enumerate() {
                expected += at(feature, output) * mean;
                if feature < n_numbers {
                    own[feature] = -at(feature, output) * mean;
                }
            }
            let mut first = n_numbers;
            for (place, input) in self.inputs.sparse.iter().enumerate() {
                let dims = first..first + input.n_dims;
                own[n_numbers + place] = -dims.map(|dim| at(dim, output) * means[dim]).sum::<f64>();
                first += input.n_dims;
            }
            own[n_columns] = expected;
        }
        for (to, row) in values
            .chunks_exact_mut(n_outputs * width)
            .zip(rows.iter_rows())
        {
            to.copy_from_slice(&nothing);
            for (output, own) in to.chunks_exact_mut(width).enumerate() {
                for (feature, column) in bound.numbers.iter().enumerate() {
                    own[feature] += at(feature, output) * column[row];
                }
                let mut first = n_numbers;
                for (place, sparse) in bound.sparse.iter().enumerate() {
                    let (indices, stored) = sparse.row(row);
                    for (&index, &value) in indices.iter().zip(stored) {
                        own[n_numbers + place] +=
                            at(first + index as usize, output) * f64::from(value);
                    }
                    first += sparse.n_dims();
                }
            }
        }
        let sparse = self.inputs.sparse.iter().map(|input| &input.name);
        Ok(Explanation {
            columns: self.inputs.numbers.iter().chain(sparse).cloned().collect(),
            n_outputs,
            scale,
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{classification, fit, floats, noise, regression};
    use crate::{ELASTIC_NET, LOGISTIC_REGRESSION};
    use automl_core::table::SparseRows;
    use automl_core::{
        Column, Dataset, ExplainError, LearnerSpec, ParamMap, ParamValue, Scale, Table, Threads,
    };

    /// A number column and two dimensions of a sparse one.
    fn rows(n: usize) -> (Table, Vec<f64>) {
        let x: Vec<f64> = noise(n, 1).iter().map(|x| 3.0 + x).collect();
        let mut sparse = SparseRows::new(["a".into(), "b".into()].into());
        for row in 0..n as u32 {
            sparse.push([(row % 2, 0.5 + (row % 3) as f32)]);
        }
        let columns = vec![
            ("x".into(), Column::Number(x.clone())),
            ("words".into(), Column::Sparse(sparse)),
        ];
        (Table::new(columns).unwrap(), x)
    }

    fn params(objective: &str) -> ParamMap {
        let mut params = floats(&[("alpha", 0.01)]);
        params.insert(
            "objective".into(),
            ParamValue::Text(objective.to_owned().into()),
        );
        params
    }

    /// Attributions of all rows, beside what the model predicts of them.
    fn explained(
        spec: &LearnerSpec,
        params: &ParamMap,
        data: &Dataset,
    ) -> (automl_core::Explanation, Vec<f64>) {
        let model = fit(spec, params, data).unwrap().model;
        // As it is when it is read back.
        let model = (spec.load)(&model.artifact()).unwrap();
        let rows = data.table().view();
        let told = model.explain(&rows, &Threads::one()).unwrap();
        (told, model.predict(&rows).unwrap().values().to_vec())
    }

    #[test]
    fn attributions_of_a_row_sum_to_its_score() {
        let (table, x) = rows(60);
        let numbers: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
        let data = regression(table.clone(), &numbers);
        for (objective, scale) in [("squared", Scale::Prediction), ("poisson", Scale::Log)] {
            let (told, predicted) = explained(&ELASTIC_NET, &params(objective), &data);
            assert_eq!(told.columns, ["x", "words"]);
            assert_eq!(told.scale, scale);
            for (row, predicted) in predicted.iter().enumerate() {
                let score: f64 = told.row(row, 0).iter().sum();
                let value = if scale == Scale::Log {
                    score.exp()
                } else {
                    score
                };
                assert!(
                    (value - predicted).abs() < 1e-9 * predicted.abs(),
                    "{objective}"
                );
            }
        }
        for n_classes in [2, 3] {
            let code = |(row, x): (usize, &f64)| ((x * 1.4) as u32 + row as u32) % n_classes;
            let codes: Vec<u32> = x.iter().enumerate().map(code).collect();
            let data = classification(table.clone(), n_classes as usize, &codes);
            let (told, predicted) = explained(&LOGISTIC_REGRESSION, &ParamMap::new(), &data);
            let n_outputs = if n_classes == 2 { 1 } else { 3 };
            assert_eq!(told.n_outputs, n_outputs);
            for (row, predicted) in predicted.chunks_exact(n_classes as usize).enumerate() {
                let scores = (0..n_outputs).map(|output| told.row(row, output).iter().sum());
                let mut scores: Vec<f64> = scores.collect();
                if n_classes == 2 {
                    scores.insert(0, 0.0);
                }
                let sum: f64 = scores.iter().map(|score| score.exp()).sum();
                for (score, predicted) in scores.iter().zip(predicted) {
                    assert!((score.exp() / sum - predicted).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_column_does_what_its_value_differs_from_the_mean() {
        let (table, x) = rows(60);
        let target: Vec<f64> = x.iter().map(|x| 5.0 - 2.0 * x).collect();
        let data = regression(table, &target);
        let (told, _) = explained(&ELASTIC_NET, &floats(&[("alpha", 0.0)]), &data);
        let mean = x.iter().sum::<f64>() / 60.0;
        for (row, x) in x.iter().enumerate() {
            let [own, words, expected] = told.row(row, 0) else {
                panic!("two columns and what is expected");
            };
            assert!((own + 2.0 * (x - mean)).abs() < 1e-6, "{own}");
            assert!(words.abs() < 1e-6, "it tells nothing: {words}");
            assert!((expected - (5.0 - 2.0 * mean)).abs() < 1e-6);
        }
    }

    #[test]
    fn without_means_nothing_is_explained_and_wrong_ones_are_refused() {
        let (table, x) = rows(20);
        let data = regression(table, &x);
        let whole = fit(&ELASTIC_NET, &ParamMap::new(), &data).unwrap().model;
        let mut old = whole.artifact();
        old.arrays.remove(super::MEANS);
        let model = (ELASTIC_NET.load)(&old).unwrap();
        let told = model.explain(&data.table().view(), &Threads::one());
        assert_eq!(told, Err(ExplainError::Unsupported));
        for means in [vec![0.0; 2], vec![f64::NAN; 3]] {
            let mut altered = old.clone();
            altered.push_f64(super::MEANS, means);
            assert!((ELASTIC_NET.load)(&altered).is_err());
        }
    }
}
