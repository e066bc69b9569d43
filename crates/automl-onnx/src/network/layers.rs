//! Layers without weights of their own, and attention.

use super::Flow;
use super::weights::Weights;
use crate::error::OnnxError;
use crate::graph::{Graph, Value, floats, int, ints};
use serde::Deserialize;

/// A layer of a list.
pub(super) struct Layer {
    pub(super) index: usize,
    /// As weights have it.
    pub(super) name: String,
}

/// What stands between two linear layers.
#[derive(Deserialize, Debug, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    #[default]
    Relu,
    Gelu,
    Silu,
}

impl Activation {
    pub(super) fn applied(self, graph: &mut Graph, x: &Value) -> Value {
        match self {
            Self::Relu => graph.op("Relu", &[x], []),
            Self::Gelu => {
                let root = float(graph, std::f32::consts::SQRT_2);
                let (half, one) = (float(graph, 0.5), float(graph, 1.0));
                let value = graph.op("Div", &[x, &root], []);
                let value = graph.op("Erf", &[&value], []);
                let value = graph.op("Add", &[&one, &value], []);
                let start = graph.op("Mul", &[&half, x], []);
                graph.op("Mul", &[&start, &value], [])
            }
            Self::Silu => {
                let share = graph.op("Sigmoid", &[x], []);
                graph.op("Mul", &[x, &share], [])
            }
        }
    }
}

fn float(graph: &mut Graph, value: f32) -> Value {
    graph.constant(floats(&[1], &[value]))
}

pub(super) fn relu(graph: &mut Graph, x: &Flow) -> Flow {
    Flow {
        value: Activation::Relu.applied(graph, &x.value),
        width: x.width,
    }
}

pub(super) fn sum(graph: &mut Graph, x: &Flow, other: &Flow) -> Flow {
    Flow {
        value: graph.op("Add", &[&x.value, &other.value], []),
        width: x.width,
    }
}

/// The first half of the numbers of each token lets the second through where it is above zero.
pub(super) fn gated(graph: &mut Graph, x: &Flow) -> Flow {
    let half = (x.width / 2) as i64;
    let axis = graph.int(-1);
    let part = |graph: &mut Graph, from: i64, to: i64| {
        let (from, to) = (graph.int(from), graph.int(to));
        graph.op("Slice", &[&x.value, &from, &to, &axis], [])
    };
    let gate = part(graph, 0, half);
    let value = part(graph, half, 2 * half);
    let gate = Activation::Relu.applied(graph, &gate);
    Flow {
        value: graph.op("Mul", &[&gate, &value], []),
        width: x.width / 2,
    }
}

/// Attention of each token to all, by so many tokens and heads.
pub(super) fn attention(
    graph: &mut Graph,
    weights: &Weights<'_>,
    block: &str,
    (x, [n_tokens, n_heads]): (&Flow, [usize; 2]),
) -> Result<Flow, OnnxError> {
    let size = x.width;
    if n_heads == 0 || size % n_heads != 0 {
        return Err(weights.wrong(&format!("{block}.query.weight")).into());
    }
    let head_size = size / n_heads;
    let shape = [-1, n_tokens as i64, n_heads as i64, head_size as i64];
    // Rows by heads by tokens by numbers; for keys the last two the other way round.
    let part = |graph: &mut Graph, name: &str, order: [i64; 4]| {
        let own = weights.linear(graph, &format!("{block}.{name}"), x)?;
        if own.width != size {
            return Err(OnnxError::from(
                weights.wrong(&format!("{block}.{name}.weight")),
            ));
        }
        let own = graph.reshaped(&own.value, &shape);
        Ok(graph.op("Transpose", &[&own], [ints("perm", order.to_vec())]))
    };
    let query = part(graph, "query", [0, 2, 1, 3])?;
    let key = part(graph, "key", [0, 2, 3, 1])?;
    let value = part(graph, "value", [0, 2, 1, 3])?;
    let scores = graph.op("MatMul", &[&query, &key], []);
    let root = float(graph, (head_size as f64).sqrt() as f32);
    let scores = graph.op("Div", &[&scores, &root], []);
    let shares = graph.op("Softmax", &[&scores], [int("axis", 3)]);
    let mixed = graph.op("MatMul", &[&shares, &value], []);
    let mixed = graph.op("Transpose", &[&mixed], [ints("perm", vec![0, 2, 1, 3])]);
    let mixed = Flow {
        value: graph.reshaped(&mixed, &[-1, n_tokens as i64, size as i64]),
        width: size,
    };
    weights.linear(graph, &format!("{block}.output"), &mixed)
}
