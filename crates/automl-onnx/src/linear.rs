//! Linear and logistic models, naive Bayes, and the baseline, as their artifacts have them.

use crate::error::OnnxError;
use crate::frame::{Column, Frame};
use crate::graph::{Graph, Value, doubles, int};
use automl_core::Artifact;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Inputs {
    numbers: Vec<String>,
    sparse: Vec<Sparse>,
}

#[derive(Deserialize)]
struct Sparse {
    name: String,
    n_dims: usize,
}

impl Inputs {
    /// How many columns of numbers there are.
    pub(crate) fn n_numbers(&self) -> usize {
        self.numbers.len()
    }

    /// The columns of numbers, rows by columns.
    pub(crate) fn numbers(
        &self,
        graph: &mut Graph,
        frame: &Frame,
    ) -> Result<Option<Value>, OnnxError> {
        let values = self.numbers.iter().map(|name| frame.number(name).cloned());
        let values = values.collect::<Result<Vec<_>, _>>()?;
        Ok((!values.is_empty()).then(|| graph.beside(&values)))
    }
}

/// `intercept + Σ coef · x`: rows by outputs, as many as there are intercepts.
fn scores(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let inputs: Inputs = artifact.meta("inputs")?;
    let (coef, intercept) = (artifact.f64s("coef")?, artifact.f64s("intercept")?);
    let n_outputs = intercept.len();
    let n_features =
        inputs.numbers.len() + inputs.sparse.iter().map(|one| one.n_dims).sum::<usize>();
    if coef.len() != n_features * n_outputs {
        return Err(artifact.invalid("coef", "wrong length").into());
    }
    let start = graph.constant(doubles(&[1, n_outputs], intercept));
    let mut sum = graph.op("Add", &[rows, &start], []);
    let n_numbers = inputs.numbers.len();
    if let Some(numbers) = inputs.numbers(graph, frame)? {
        let own = &coef[..n_numbers * n_outputs];
        let own = graph.constant(doubles(&[n_numbers, n_outputs], own));
        let part = graph.op("MatMul", &[&numbers, &own], []);
        sum = graph.op("Add", &[&sum, &part], []);
    }
    let mut first = n_numbers;
    for sparse in &inputs.sparse {
        let own = &coef[first * n_outputs..(first + sparse.n_dims) * n_outputs];
        first += sparse.n_dims;
        let column = frame.column(&sparse.name)?.clone();
        let part = match column {
            Column::OneHot { n_dims, .. } | Column::Weights { n_dims, .. }
                if n_dims != sparse.n_dims =>
            {
                return Err(artifact
                    .invalid("inputs", "a column of another width")
                    .into());
            }
            Column::OneHot { codes, dims, .. } => {
                let mut dims = dims.into_iter();
                codes.looked_up(graph, n_outputs, |_| match dims.next().flatten() {
                    Some(dim) => own[dim as usize * n_outputs..][..n_outputs].to_vec(),
                    None => vec![0.0; n_outputs],
                })
            }
            Column::Weights { n_dims: 0, .. } => continue,
            Column::Weights { value, n_dims } => {
                let own = graph.constant(doubles(&[n_dims, n_outputs], own));
                graph.op("MatMul", &[&value, &own], [])
            }
            _ => {
                let what = format!("the sparse column '{}'", sparse.name);
                return Err(OnnxError::unsupported(what));
            }
        };
        sum = graph.op("Add", &[&sum, &part], []);
    }
    Ok(sum)
}

/// Scores beyond this have no exponential, or none but 0.
const SCORE_MAX: f64 = 700.0;

/// A linear model's numbers.
pub(crate) fn elastic_net(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let sum = scores(graph, frame, artifact, rows)?;
    let least = graph.double(f64::MIN);
    let greatest = graph.double(f64::MAX);
    let sum = graph.op("Max", &[&sum, &least], []);
    let sum = graph.op("Min", &[&sum, &greatest], []);
    match artifact.meta.get("link") {
        None => Ok(sum),
        Some(link) if link == "log" => {
            let (least, greatest) = (graph.double(-SCORE_MAX), graph.double(SCORE_MAX));
            let sum = graph.op("Max", &[&sum, &least], []);
            let sum = graph.op("Min", &[&sum, &greatest], []);
            Ok(graph.op("Exp", &[&sum], []))
        }
        Some(other) => Err(OnnxError::unsupported(format!("a link that is {other}"))),
    }
}

/// Probabilities of the classes that were there in the fit, as those of all classes.
pub(crate) fn of_all_classes(
    graph: &mut Graph,
    artifact: &Artifact,
    value: Value,
) -> Result<Value, OnnxError> {
    let present = artifact.u32s("present")?;
    let n_classes: usize = artifact.meta("n_classes")?;
    if present.len() == n_classes {
        return Ok(value);
    }
    let mut places = vec![0.0; present.len() * n_classes];
    for (row, &code) in places.chunks_exact_mut(n_classes).zip(present) {
        row[code as usize] = 1.0;
    }
    let places = graph.constant(doubles(&[present.len(), n_classes], &places));
    Ok(graph.op("MatMul", &[&value, &places], []))
}

/// A logistic model's probabilities.
pub(crate) fn logistic(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let value = match artifact.f64s("intercept")?.len() {
        0 => {
            let certain = graph.double(1.0);
            graph.op("Add", &[rows, &certain], [])
        }
        1 => {
            let score = scores(graph, frame, artifact, rows)?;
            let both = graph.beside(&[rows.clone(), score]);
            graph.op("Softmax", &[&both], [int("axis", 1)])
        }
        _ => {
            let scores = scores(graph, frame, artifact, rows)?;
            graph.op("Softmax", &[&scores], [int("axis", 1)])
        }
    };
    of_all_classes(graph, artifact, value)
}

/// What each cell takes from a class's logarithm, at most.
const GAP_MAX: f64 = 1e200;

/// Gaussian naive Bayes: probabilities.
pub(crate) fn naive_bayes(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
) -> Result<Value, OnnxError> {
    let inputs: Inputs = artifact.meta("inputs")?;
    let (means, variances) = (artifact.f64s("means")?, artifact.f64s("variances")?);
    let mut start = artifact.f64s("log_prior")?.to_vec();
    let (n_columns, n) = (inputs.numbers.len(), start.len());
    if n == 0 || means.len() != n_columns * n || variances.len() != means.len() {
        return Err(artifact.invalid("means", "wrong length").into());
    }
    for variances in variances.chunks_exact(n) {
        for (sum, variance) in start.iter_mut().zip(variances) {
            *sum -= 0.5 * (std::f64::consts::TAU * variance).ln();
        }
    }
    let Some(numbers) = inputs.numbers(graph, frame)? else {
        return Err(artifact.invalid("inputs", "no column").into());
    };
    let cells = graph.reshaped(&numbers, &[-1, n_columns as i64, 1]);
    let means = graph.constant(doubles(&[1, n_columns, n], means));
    let gaps = graph.op("Sub", &[&cells, &means], []);
    let squares = graph.op("Mul", &[&gaps, &gaps], []);
    let doubled: Vec<f64> = variances.iter().map(|variance| 2.0 * variance).collect();
    let doubled = graph.constant(doubles(&[1, n_columns, n], &doubled));
    let parts = graph.op("Div", &[&squares, &doubled], []);
    let most = graph.double(GAP_MAX);
    let parts = graph.op("Min", &[&parts, &most], []);
    let axis = graph.ints(&[1]);
    let sum = graph.op("ReduceSum", &[&parts, &axis], [int("keepdims", 0)]);
    let start = graph.constant(doubles(&[1, n], &start));
    let scores = graph.op("Sub", &[&start, &sum], []);
    let value = graph.op("Softmax", &[&scores], [int("axis", 1)]);
    of_all_classes(graph, artifact, value)
}

/// The same for all rows.
pub(crate) fn baseline(
    graph: &mut Graph,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let values = artifact.f64s("values")?;
    let values = graph.constant(doubles(&[1, values.len()], values));
    Ok(graph.op("Add", &[rows, &values], []))
}
