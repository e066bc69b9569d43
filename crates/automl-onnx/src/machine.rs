//! Support vector machines, as their artifacts have them.

use crate::error::OnnxError;
use crate::frame::Frame;
use crate::graph::{Graph, Value, doubles, int};
use crate::linear::{Inputs, of_all_classes};
use automl_core::Artifact;

/// A machine's numbers, or probabilities of all classes.
pub(crate) fn machine(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let n_classes: usize = artifact.meta("n_classes")?;
    let coefs = artifact.f64s("coefs")?;
    let (kernel, n_vectors) = kernel(graph, frame, artifact)?;
    if n_classes > 0 {
        return classes(graph, artifact, &kernel, (n_vectors, coefs), rows);
    }
    let &[bias, centre, scale] = artifact.f64s("line")? else {
        return Err(artifact.invalid("line", "wrong length").into());
    };
    if coefs.len() != n_vectors {
        return Err(artifact.invalid("coefs", "wrong length").into());
    }
    let scaled: Vec<f64> = coefs.iter().map(|coef| coef * scale).collect();
    let coefs = graph.constant(doubles(&[n_vectors, 1], &scaled));
    let start = graph.double(centre + scale * bias);
    let sum = graph.op("MatMul", &[&kernel, &coefs], []);
    Ok(graph.op("Add", &[&sum, &start], []))
}

/// `exp(−γ ‖x − v‖²)`, rows by vectors, and how many of these there are.
fn kernel(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
) -> Result<(Value, usize), OnnxError> {
    let inputs: Inputs = artifact.meta("inputs")?;
    let gamma: f64 = artifact.meta("gamma")?;
    let (means, vectors) = (artifact.f64s("means")?, artifact.f64s("vectors")?);
    let d = inputs.n_numbers();
    let Some(numbers) = inputs.numbers(graph, frame)? else {
        return Err(artifact.invalid("inputs", "no column").into());
    };
    let n = vectors.len() / d;
    if means.len() != d || vectors.len() != n * d || n == 0 {
        return Err(artifact.invalid("vectors", "wrong length").into());
    }
    let means = graph.constant(doubles(&[1, d], means));
    let x = graph.op("Sub", &[&numbers, &means], []);
    let squares = graph.op("Mul", &[&x, &x], []);
    let axis = graph.ints(&[1]);
    let squares = graph.op("ReduceSum", &[&squares, &axis], [int("keepdims", 1)]);
    let by_feature: Vec<f64> = (0..d)
        .flat_map(|feature| vectors.iter().skip(feature).step_by(d))
        .map(|value| -2.0 * value)
        .collect();
    let by_feature = graph.constant(doubles(&[d, n], &by_feature));
    let own = vectors.chunks_exact(d);
    let own: Vec<f64> = own
        .map(|row| row.iter().map(|value| value * value).sum())
        .collect();
    let own = graph.constant(doubles(&[1, n], &own));
    let products = graph.op("MatMul", &[&x, &by_feature], []);
    let sum = graph.op("Add", &[&products, &squares], []);
    let sum = graph.op("Add", &[&sum, &own], []);
    let zero = graph.double(0.0);
    let distances = graph.op("Max", &[&sum, &zero], []);
    let width = graph.double(-gamma);
    let exponents = graph.op("Mul", &[&distances, &width], []);
    Ok((graph.op("Exp", &[&exponents], []), n))
}

/// Decisions of all pairs of classes, their sigmoids, and these joined.
fn classes(
    graph: &mut Graph,
    artifact: &Artifact,
    kernel: &Value,
    (n_vectors, coefs): (usize, &[f64]),
    rows: &Value,
) -> Result<Value, OnnxError> {
    let (present, places) = (artifact.u32s("present")?, artifact.u32s("places")?);
    let (pairs, rest) = artifact.f64s("pairs")?.as_chunks::<3>();
    let k = present.len();
    let others = k.saturating_sub(1);
    let twos: Vec<[usize; 2]> = (0..k)
        .flat_map(|a| (a + 1..k).map(move |b| [a, b]))
        .collect();
    let is_whole = pairs.len() == twos.len()
        && rest.is_empty()
        && places.len() == n_vectors
        && coefs.len() == n_vectors * others;
    if !is_whole || k == 0 {
        return Err(artifact.invalid("pairs", "wrong length").into());
    }
    if k == 1 {
        let certain = graph.double(1.0);
        let value = graph.op("Add", &[rows, &certain], []);
        return of_all_classes(graph, artifact, value);
    }
    let mut counts = vec![0.0; n_vectors * twos.len()];
    let vectors = places.iter().zip(coefs.chunks_exact(others));
    for (row, (&place, coefs)) in counts.chunks_exact_mut(twos.len()).zip(vectors) {
        for (count, &[a, b]) in row.iter_mut().zip(&twos) {
            *count = match place as usize {
                own if own == a => coefs[b - 1],
                own if own == b => coefs[a],
                _ => 0.0,
            };
        }
    }
    let counts = graph.constant(doubles(&[n_vectors, twos.len()], &counts));
    let decisions = graph.op("MatMul", &[kernel, &counts], []);
    let slopes: Vec<f64> = pairs.iter().map(|[_, slope, _]| *slope).collect();
    let shifts: Vec<f64> = (pairs.iter())
        .map(|[bias, slope, shift]| bias * slope + shift)
        .collect();
    let slopes = graph.constant(doubles(&[1, twos.len()], &slopes));
    let shifts = graph.constant(doubles(&[1, twos.len()], &shifts));
    let exponents = graph.op("Mul", &[&decisions, &slopes], []);
    let exponents = graph.op("Add", &[&exponents, &shifts], []);
    let most: f64 = artifact.meta("exponent_max")?;
    let (least, most) = (graph.double(-most), graph.double(most));
    let exponents = graph.op("Max", &[&exponents, &least], []);
    let exponents = graph.op("Min", &[&exponents, &most], []);
    let opposite = graph.op("Neg", &[&exponents], []);
    let both = graph.beside(&[exponents, opposite]);
    let powers = graph.op("Exp", &[&both], []);
    // Which powers count for which class.
    let mut whose = vec![0.0; 2 * twos.len() * k];
    for (place, &[a, b]) in twos.iter().enumerate() {
        whose[place * k + a] = 1.0;
        whose[(twos.len() + place) * k + b] = 1.0;
    }
    let whose = graph.constant(doubles(&[2 * twos.len(), k], &whose));
    let sums = graph.op("MatMul", &[&powers, &whose], []);
    let one = graph.double(1.0);
    let sums = graph.op("Add", &[&sums, &one], []);
    let shares = graph.op("Div", &[&one, &sums], []);
    let axis = graph.ints(&[1]);
    let total = graph.op("ReduceSum", &[&shares, &axis], [int("keepdims", 1)]);
    let value = graph.op("Div", &[&shares, &total], []);
    of_all_classes(graph, artifact, value)
}
