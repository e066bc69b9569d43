//! The operators of `ai.onnx.ml`, which say something of each row by itself: numbers in, numbers out.
//!
//! Cells are held in double precision and rounded to single where the operator computes in single, so that what is compared and
//! what is summed is what other programs compare and sum.

mod attributes;
mod columns;
mod linear;
mod operator;
mod post;
mod trees;

pub(super) use attributes::{Attributes, TEXT, numbers};
pub(super) use operator::register;

use super::error::GraphError;
use super::operators::ML_DOMAIN;
use columns::{Imputer, Lookup, Norm, OneHot, Scaler};
use linear::{LinearClassifier, LinearRegressor, SupportVectors};
use tract_onnx::pb::NodeProto;
use trees::Trees;

/// What is at the root of an error about a category that an operator does not take.
pub(super) const UNKNOWN_CATEGORY: &str = "a category that the graph does not know";

/// An operator of rows.
#[derive(Debug)]
pub(super) enum Kernel {
    Trees(Trees),
    LinearClassifier(LinearClassifier),
    LinearRegressor(LinearRegressor),
    SupportVectors(SupportVectors),
    Scaler(Scaler),
    Imputer(Imputer),
    Norm(Norm),
    Binarizer(f64),
    OneHot(OneHot),
    Lookup(Lookup),
}

/// What a kernel makes of the last axis of its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// It has so many elements.
    Last(usize),
    /// It stays, and there is another one of so many elements behind it.
    Appended(usize),
}

/// The type of what a kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Single,
    Double,
    Whole,
    /// That of its operand.
    Same,
}

/// The operators that are kernels.
pub(super) const KERNELS: &[&str] = &[
    "Binarizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
];

/// Whether an operator is run by a kernel.
pub(super) fn is_kernel(node: &NodeProto) -> bool {
    node.domain == ML_DOMAIN && KERNELS.contains(&node.op_type.as_str())
}

/// Whether an operator says a label, and scores after it.
pub(super) fn is_classifier(node: &NodeProto) -> bool {
    is_kernel(node) && node.op_type.ends_with("Classifier")
}

impl Kernel {
    /// The kernel of an operator.
    ///
    /// # Errors
    /// It is damaged, or does what no kernel does.
    pub(super) fn read(node: &NodeProto) -> Result<Self, GraphError> {
        let attributes = Attributes(node);
        Ok(match node.op_type.as_str() {
            "TreeEnsembleClassifier" => Self::Trees(trees::classifier(attributes)?),
            "TreeEnsembleRegressor" => Self::Trees(trees::regressor(attributes)?),
            "TreeEnsemble" => Self::Trees(trees::ensemble(attributes)?),
            "LinearClassifier" => Self::LinearClassifier(LinearClassifier::read(attributes)?),
            "LinearRegressor" => Self::LinearRegressor(LinearRegressor::read(attributes)?),
            "SVMRegressor" => Self::SupportVectors(SupportVectors::read(attributes)?),
            "Scaler" => Self::Scaler(Scaler::read(attributes)?),
            "Imputer" => Self::Imputer(Imputer::read(attributes)?),
            "Normalizer" => Self::Norm(Norm::read(attributes)?),
            "Binarizer" => Self::Binarizer(f64::from(attributes.float("threshold").unwrap_or(0.0))),
            "OneHotEncoder" => Self::OneHot(OneHot::read(attributes)?),
            "LabelEncoder" => Self::Lookup(Lookup::read(attributes)?),
            _ => return Err(super::check::operator(node)),
        })
    }

    /// What becomes of an axis of so many elements.
    fn shape(&self, width: usize) -> Result<Shape, String> {
        match self {
            Self::Trees(trees) => trees.n_outputs(width).map(Shape::Last),
            Self::LinearClassifier(linear) => linear.n_outputs(width).map(Shape::Last),
            Self::LinearRegressor(linear) => linear.n_outputs(width).map(Shape::Last),
            Self::SupportVectors(vectors) => vectors.n_outputs(width).map(Shape::Last),
            Self::Scaler(scaler) => scaler.check(width).map(|()| Shape::Last(width)),
            Self::Imputer(imputer) => imputer.check(width).map(|()| Shape::Last(width)),
            Self::Norm(_) | Self::Binarizer(_) | Self::Lookup(_) => Ok(Shape::Last(width)),
            Self::OneHot(encoder) => Ok(Shape::Appended(encoder.n_categories())),
        }
    }

    fn said(&self) -> Said {
        match self {
            Self::Trees(trees) => trees.said(),
            Self::Imputer(_) | Self::Binarizer(_) => Said::Same,
            Self::Lookup(lookup) => lookup.said(),
            _ => Said::Single,
        }
    }

    /// What it says of one row.
    fn run(&self, row: &[f64], said: &mut [f64], is_double: bool) -> Result<(), String> {
        match self {
            Self::Trees(trees) => trees.run(row, said, is_double),
            Self::LinearClassifier(linear) => linear.run(row, said),
            Self::LinearRegressor(linear) => linear.run(row, said),
            Self::SupportVectors(vectors) => vectors.run(row, said),
            Self::Scaler(scaler) => scaler.run(row, said),
            Self::Imputer(imputer) => imputer.run(row, said),
            Self::Norm(norm) => norm.run(row, said),
            Self::Binarizer(threshold) => {
                for (said, cell) in said.iter_mut().zip(row) {
                    *said = f64::from(u8::from(cell > threshold));
                }
            }
            Self::OneHot(encoder) => return encoder.run(row, said),
            Self::Lookup(lookup) => lookup.run(row, said),
        }
        Ok(())
    }
}

/// To single precision and back.
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}
