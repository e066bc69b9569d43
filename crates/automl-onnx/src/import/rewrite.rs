//! What of a graph is said otherwise before tract reads it: classifiers without their labels, places as a plain list, and what
//! is no number as what is not itself.

use super::error::GraphError;
use super::names::Element;
use super::operators::ML_DOMAIN;
use super::rows::{Kernel, TEXT, is_classifier, is_kernel};
use std::collections::BTreeSet;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// What the names of values of ours begin with.
pub(super) const OWN: &str = "automl::import::";

/// Looks at operators of rows, takes labels from classifiers, and makes places lists.
///
/// # Errors
/// An operator is damaged, or labels are computed with.
pub(super) fn rewrite(graph: &mut GraphProto) -> Result<(), GraphError> {
    let used: BTreeSet<String> = graph
        .node
        .iter()
        .flat_map(|node| node.input.clone())
        .collect();
    let mut lists: Vec<TensorProto> = Vec::new();
    for node in &mut graph.node {
        if is_kernel(node) {
            Kernel::read(node)?;
        }
        if is_classifier(node) {
            let [label, _scores] = node.output.as_slice() else {
                let what = format!("{} that has no label or no scores", node.op_type);
                return Err(GraphError::Unsupported { what });
            };
            if used.contains(label) {
                let what = "labels that are computed with".to_owned();
                return Err(GraphError::Unsupported { what });
            }
            node.output.remove(0);
        }
        // What reads it counts outputs without those that have no name.
        if node.output.iter().any(String::is_empty) {
            let what = format!("{} of which some results are left out", node.op_type);
            return Err(GraphError::Unsupported { what });
        }
        if node.domain == ML_DOMAIN && node.op_type == "ArrayFeatureExtractor" {
            let mut constants = graph.initializer.iter();
            let places = node.input.get(1);
            let places = places.and_then(|name| constants.find(|one| one.name == *name));
            let Some(places) = places else {
                let what = "ArrayFeatureExtractor at places that are computed".to_owned();
                return Err(GraphError::Unsupported { what });
            };
            let name = format!("{OWN}{}", lists.len());
            node.input[1].clone_from(&name);
            lists.push(TensorProto {
                name,
                dims: vec![places.dims.iter().product()],
                ..places.clone()
            });
        }
    }
    graph.initializer.extend(lists);
    compare_with_themselves(graph);
    for input in &mut graph.input {
        let kind = input.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let Some(Kind::TensorType(tensor)) = kind
            && tensor.elem_type == TEXT
        {
            tensor.elem_type = Element::Int64 as i32;
        }
    }
    Ok(())
}

/// Says `IsNaN` by comparisons, as tract has it for single precision alone.
fn compare_with_themselves(graph: &mut GraphProto) {
    let mut nodes = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node) {
        let ([value], [_is_nan]) = (node.input.as_slice(), node.output.as_slice()) else {
            nodes.push(node);
            continue;
        };
        if node.op_type != "IsNaN" || node.domain == ML_DOMAIN {
            nodes.push(node);
            continue;
        }
        let is_itself = format!("{OWN}itself::{}", nodes.len());
        nodes.push(NodeProto {
            input: vec![value.clone(), value.clone()],
            output: vec![is_itself.clone()],
            name: is_itself.clone(),
            op_type: "Equal".to_owned(),
            ..NodeProto::default()
        });
        nodes.push(NodeProto {
            input: vec![is_itself],
            op_type: "Not".to_owned(),
            ..node
        });
    }
    graph.node = nodes;
}
