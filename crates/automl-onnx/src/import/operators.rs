//! The operators that are run: those of models of rows. None branches, loops, draws numbers, reads files, or makes much of little.

use super::rows::{Attributes, KERNELS, is_kernel};
use tract_onnx::pb::NodeProto;

/// Operators of the standard domain.
const STANDARD: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Cos",
    "Div",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "Gather",
    "Gelu",
    "Gemm",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsInf",
    "IsNaN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Round",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "ThresholdedRelu",
    "Transpose",
    "Unsqueeze",
    "Where",
    "Xor",
];

/// Operators of `ai.onnx.ml` beside those that are kernels of ours.
const ML: &[&str] = &["ArrayFeatureExtractor", "ZipMap"];

/// The domain of models that are not networks.
pub(super) const ML_DOMAIN: &str = "ai.onnx.ml";

/// Whether an operator may be in a graph.
pub(super) fn is_known(domain: &str, operator: &str) -> bool {
    match domain {
        "" | "ai.onnx" => STANDARD.contains(&operator),
        ML_DOMAIN => ML.contains(&operator) || KERNELS.contains(&operator),
        _ => false,
    }
}

/// Operators whose result has as many elements as their first operand, however they lay them out.
const KEEPING: &[&str] = &[
    "Abs",
    "Cast",
    "Ceil",
    "Exp",
    "Flatten",
    "Floor",
    "Identity",
    "LabelEncoder",
    "Log",
    "Neg",
    "Not",
    "Reciprocal",
    "Reshape",
    "Round",
    "Sigmoid",
    "Sign",
    "Sqrt",
    "Squeeze",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];

/// Operators whose result has at most as many elements as the first operand has.
const SHRINKING: &[&str] = &[
    "ArgMax",
    "ArgMin",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Slice",
];

/// Operators whose result has the shape of their only operand.
const EACH: &[&str] = &[
    "Abs",
    "Cast",
    "Ceil",
    "Erf",
    "Exp",
    "Floor",
    "Identity",
    "IsInf",
    "IsNaN",
    "Log",
    "Neg",
    "Not",
    "Reciprocal",
    "Relu",
    "Round",
    "Sigmoid",
    "Sign",
    "Softmax",
    "Sqrt",
    "Tanh",
];

/// Whether what an operator makes of rows by columns has the same rows, and axes behind them. Its axes may be a constant operand.
pub(super) fn keeps_rows(node: &NodeProto, operand: Option<&[f64]>) -> bool {
    let attributes = Attributes(node);
    let is_across = |axis: &i64| [1, -1].contains(axis);
    match node.op_type.as_str() {
        "ArrayFeatureExtractor" => true,
        operator if is_kernel(node) || EACH.contains(&operator) => true,
        "Concat" => attributes.int("axis").as_ref().is_some_and(is_across),
        operator if operator.starts_with("Reduce") => {
            let listed = attributes.ints("axes");
            let are_given = operand
                .is_some_and(|axes| !axes.is_empty() && axes.iter().all(|axis| axis.abs() == 1.0));
            let are_across = are_given || (!listed.is_empty() && listed.iter().all(is_across));
            attributes.int("keepdims") != Some(0) && are_across
        }
        _ => false,
    }
}

/// Operators of two operands, element by element.
const PAIRWISE: &[&str] = &[
    "Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mod", "Mul", "Or", "Pow", "Sub",
];

/// Whether an operator computes with elements of several operands.
pub(super) fn is_pairwise(operator: &str) -> bool {
    operator == "Where" || PAIRWISE.contains(&operator)
}

/// The most elements that an operator makes of constants with so many; none if that cannot be told.
pub(super) fn elements_of_constants(operator: &str, operands: &[u64]) -> Option<u64> {
    let first = operands.first().copied()?;
    if KEEPING.contains(&operator) || SHRINKING.contains(&operator) {
        return Some(first);
    }
    match (operator, operands) {
        ("Concat", operands) => Some(
            operands
                .iter()
                .fold(0, |sum: u64, n| sum.saturating_add(*n)),
        ),
        // What is gathered is as much for each index at most.
        ("Gather", [data, indices]) => Some(data.saturating_mul(*indices)),
        ("Where", [which, a, b]) => Some(which.saturating_mul(*a).saturating_mul(*b)),
        (operator, [a, b]) if PAIRWISE.contains(&operator) => Some(a.saturating_mul(*b)),
        _ => None,
    }
}
