//! Operators that tract does not have, said by others: scaling and imputing, as scikit-learn's pipelines begin, and trees that
//! give a number.

use super::check;
use super::error::GraphError;
use super::names::Element;
use super::operators::ML_DOMAIN;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// What the names of values in between begin with.
const OWN: &str = "automl::import::";

/// Puts other operators in the place of some.
///
/// # Errors
/// One has attributes that cannot be said otherwise.
pub(super) fn rewrite(graph: &mut GraphProto) -> Result<(), GraphError> {
    let mut made = Made::default();
    for node in std::mem::take(&mut graph.node) {
        match (node.domain.as_str(), node.op_type.as_str()) {
            (ML_DOMAIN, "Scaler") => made.scaler(&node)?,
            (ML_DOMAIN, "Imputer") => made.imputer(&node)?,
            (ML_DOMAIN, "TreeEnsembleRegressor") => made.regressor(node)?,
            (ML_DOMAIN, "TreeEnsembleClassifier") => made.classifier(node),
            _ => made.nodes.push(node),
        }
    }
    graph.node = made.nodes;
    graph.initializer.extend(made.constants);
    Ok(())
}

#[derive(Default)]
struct Made {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    n_values: usize,
}

fn floats<'n>(node: &'n NodeProto, name: &str) -> &'n [f32] {
    let mut attributes = node.attribute.iter();
    let found = attributes.find(|attribute| attribute.name == name);
    found.map_or(&[], |attribute| attribute.floats.as_slice())
}

fn float(node: &NodeProto, name: &str) -> Option<f32> {
    let mut attributes = node.attribute.iter();
    let found = attributes.find(|attribute| attribute.name == name);
    found.map(|attribute| attribute.f)
}

/// The one input and the one output of an operator.
fn ends(node: &NodeProto) -> Result<(String, String), GraphError> {
    match (node.input.as_slice(), node.output.as_slice()) {
        ([input], [output]) => Ok((input.clone(), output.clone())),
        _ => Err(check::operator(node)),
    }
}

/// Makes trees of one number trees of three classes, of which the first has all scores.
fn as_classes(node: &mut NodeProto, averages: bool) {
    let trees = node
        .attribute
        .iter()
        .find(|one| one.name == "nodes_treeids");
    let mut trees = trees.map_or_else(Vec::new, |one| one.ints.clone());
    trees.sort_unstable();
    trees.dedup();
    let factor = if averages {
        1.0 / trees.len().max(1) as f32
    } else {
        1.0
    };
    let own = [
        "aggregate_function",
        "post_transform",
        "n_targets",
        "base_values",
    ];
    node.attribute
        .retain(|one| !own.contains(&one.name.as_str()));
    for attribute in &mut node.attribute {
        if let Some(rest) = attribute.name.strip_prefix("target_") {
            attribute.name = format!("class_{rest}");
        }
        if attribute.name == "class_weights" {
            for weight in &mut attribute.floats {
                *weight *= factor;
            }
        }
    }
    node.attribute.push(AttributeProto {
        name: "classlabels_int64s".into(),
        ints: vec![0, 1, 2],
        r#type: AttributeType::Ints as i32,
        ..AttributeProto::default()
    });
    node.op_type = "TreeEnsembleClassifier".into();
}

impl Made {
    fn name(&mut self) -> String {
        self.n_values += 1;
        format!("{OWN}{}", self.n_values)
    }

    fn op(&mut self, operator: &str, inputs: &[&str], output: String) -> String {
        self.nodes.push(NodeProto {
            name: format!("{OWN}{operator}_{}", self.nodes.len()),
            op_type: operator.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.clone()],
            ..NodeProto::default()
        });
        output
    }

    fn floats(&mut self, values: &[f32]) -> String {
        let name = self.name();
        self.constants.push(TensorProto {
            name: name.clone(),
            dims: vec![1, values.len() as i64],
            data_type: Element::Float as i32,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        name
    }

    /// `(x − offset) · scale`, in single precision.
    fn scaler(&mut self, node: &NodeProto) -> Result<(), GraphError> {
        let (input, output) = ends(node)?;
        let (offset, scale) = (floats(node, "offset"), floats(node, "scale"));
        if offset.is_empty() || scale.is_empty() {
            return Err(check::operator(node));
        }
        let single = self.name();
        let single = self.op("Cast", &[&input], single);
        self.set_int("to", Element::Float as i64);
        let (offset, scale) = (self.floats(offset), self.floats(scale));
        let moved = self.name();
        let moved = self.op("Sub", &[&single, &offset], moved);
        self.op("Mul", &[&moved, &scale], output);
        Ok(())
    }

    /// A value of its column where a number is missing.
    fn imputer(&mut self, node: &NodeProto) -> Result<(), GraphError> {
        let (input, output) = ends(node)?;
        let values = floats(node, "imputed_value_floats");
        if values.is_empty() {
            return Err(check::operator(node));
        }
        let replaced = float(node, "replaced_value_float").unwrap_or(0.0);
        let filler = self.floats(values);
        let is_missing = self.name();
        let is_missing = if replaced.is_nan() {
            self.op("IsNaN", &[&input], is_missing)
        } else {
            let replaced = self.floats(&[replaced]);
            self.op("Equal", &[&input, &replaced], is_missing)
        };
        self.op("Where", &[&is_missing, &filler, &input], output);
        Ok(())
    }

    /// Gives the last operator an attribute.
    fn set_int(&mut self, name: &str, value: i64) {
        if let Some(node) = self.nodes.last_mut() {
            node.attribute.push(AttributeProto {
                name: name.to_owned(),
                i: value,
                r#type: AttributeType::Int as i32,
                ..AttributeProto::default()
            });
        }
    }

    /// Trees of one number, as the scores of the first of three classes.
    fn regressor(&mut self, mut node: NodeProto) -> Result<(), GraphError> {
        let (input, output) = ends(&node)?;
        let text = |name: &str, usual: &str| {
            let mut attributes = node.attribute.iter();
            let found = attributes.find(|attribute| attribute.name == name);
            found.map_or_else(
                || usual.to_owned(),
                |one| String::from_utf8_lossy(&one.s).into_owned(),
            )
        };
        let aggregate = text("aggregate_function", "SUM");
        let post = text("post_transform", "NONE");
        let targets = node.attribute.iter().find(|one| one.name == "n_targets");
        let is_one = targets.is_none_or(|targets| targets.i == 1);
        let is_known = ["SUM", "AVERAGE"].contains(&aggregate.as_str())
            && ["NONE", "LOGISTIC"].contains(&post.as_str());
        if !is_one || !is_known {
            return Err(check::operator(&node));
        }
        let base = floats(&node, "base_values").to_vec();
        as_classes(&mut node, aggregate == "AVERAGE");
        let (label, scores) = (self.name(), self.name());
        node.input = vec![input];
        node.output = vec![label, scores.clone()];
        self.nodes.push(node);
        let first = self.name();
        self.constants.push(TensorProto {
            name: first.clone(),
            dims: vec![1],
            data_type: Element::Int64 as i32,
            int64_data: vec![0],
            ..TensorProto::default()
        });
        let score = self.name();
        let score = self.op("Gather", &[&scores, &first], score);
        self.set_int("axis", 1);
        let base = self.floats(if base.is_empty() { &[0.0] } else { &base });
        let sum = if post == "LOGISTIC" {
            self.name()
        } else {
            output.clone()
        };
        let sum = self.op("Add", &[&score, &base], sum);
        if post == "LOGISTIC" {
            self.op("Sigmoid", &[&sum], output);
        }
        Ok(())
    }

    /// Of two classes that trees tell apart by one score, tract looks for it at the first.
    fn classifier(&mut self, mut node: NodeProto) {
        let labels = node
            .attribute
            .iter()
            .filter(|one| one.name.starts_with("classlabels_"));
        let n_labels = labels.map(|one| one.ints.len() + one.strings.len()).max();
        for attribute in &mut node.attribute {
            let ids = &mut attribute.ints;
            if attribute.name == "class_ids" && n_labels == Some(2) && ids.iter().all(|id| *id == 1)
            {
                ids.fill(0);
            }
        }
        self.nodes.push(node);
    }
}
