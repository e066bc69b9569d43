//! The operators that are run: those of models of rows. None branches, loops, draws numbers, reads files, or makes much of little.

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

/// Operators of `ai.onnx.ml`.
const ML: &[&str] = &[
    "Imputer",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "Scaler",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
];

/// The domain of models that are not networks.
pub(super) const ML_DOMAIN: &str = "ai.onnx.ml";

/// Whether an operator may be in a graph.
pub(super) fn is_known(domain: &str, operator: &str) -> bool {
    match domain {
        "" | "ai.onnx" => STANDARD.contains(&operator),
        ML_DOMAIN => ML.contains(&operator),
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
    "ReduceSum",
    "Shape",
    "Slice",
];

/// Operators of two operands, element by element.
const PAIRWISE: &[&str] = &[
    "Add", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Pow", "Sub",
];

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
        (operator, [a, b]) if PAIRWISE.contains(&operator) => Some(a.saturating_mul(*b)),
        _ => None,
    }
}
