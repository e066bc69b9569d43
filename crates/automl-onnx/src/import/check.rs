//! What of a graph is looked at before anything of it runs.

use super::constants;
use super::error::GraphError;
use super::names::Input;
use super::operators::{ML_DOMAIN, is_known};
use super::rewrite::OWN;
use std::collections::BTreeSet;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// Nodes that a graph may have.
const NODES_MAX: usize = 200_000;

/// That each value is made once, and before it is used: what else is looked at goes by that order.
///
/// # Errors
/// The name that is used too early or made twice.
pub(super) fn check_order(graph: &GraphProto) -> Result<(), GraphError> {
    let damaged = |name: &str, what: &str| GraphError::Damaged {
        reason: format!("value '{name}' is {what}"),
    };
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for value in &graph.input {
        if !made.insert(&value.name) {
            return Err(damaged(&value.name, "made twice"));
        }
    }
    // Old files list constants as inputs, too.
    let mut constants: BTreeSet<&str> = BTreeSet::new();
    for tensor in &graph.initializer {
        if !constants.insert(&tensor.name) {
            return Err(damaged(&tensor.name, "made twice"));
        }
    }
    made.extend(constants);
    for node in &graph.node {
        let mut used = node.input.iter().filter(|name| !name.is_empty());
        if let Some(early) = used.find(|name| !made.contains(name.as_str())) {
            return Err(damaged(early, "used before it is made"));
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !made.insert(output) {
                return Err(damaged(output, "made twice"));
            }
        }
    }
    match made.iter().find(|name| name.starts_with(OWN)) {
        Some(own) => Err(damaged(own, "called as only values of ours are")),
        None => Ok(()),
    }
}

/// Looks at all nodes and constants that the graph has.
///
/// # Errors
/// One that is not run, or that would grow without bounds.
pub(super) fn check(
    model: &ModelProto,
    graph: &GraphProto,
    inputs: &[Input],
) -> Result<(), GraphError> {
    let unsupported = |what: &str| GraphError::Unsupported { what: what.into() };
    if !model.functions.is_empty() {
        return Err(unsupported("functions of their own"));
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(unsupported("sparse constants"));
    }
    if graph.node.len() > NODES_MAX {
        return Err(unsupported("more than 200,000 operators"));
    }
    for node in &graph.node {
        if !is_known(&node.domain, &node.op_type) {
            return Err(operator(node));
        }
        let inner =
            |attribute: &AttributeProto| attribute.g.is_some() || !attribute.graphs.is_empty();
        if node.attribute.iter().any(inner) {
            return Err(unsupported("graphs within them"));
        }
    }
    let tensors = graph.node.iter().flat_map(|node| &node.attribute);
    let tensors = tensors.flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
    for tensor in graph.initializer.iter().chain(tensors) {
        check_tensor(tensor)?;
    }
    constants::check(graph, inputs)
}

pub(super) fn operator(node: &NodeProto) -> GraphError {
    let domain = match node.domain.as_str() {
        "" => "ai.onnx",
        domain => domain,
    };
    GraphError::Operator {
        operator: node.op_type.clone(),
        domain: domain.to_owned(),
    }
}

/// That a constant has the elements that its shape says, in the file itself.
fn check_tensor(tensor: &TensorProto) -> Result<(), GraphError> {
    if tensor.data_location.is_some_and(|place| place != 0) || !tensor.external_data.is_empty() {
        let what = "constants in other files".to_owned();
        return Err(GraphError::Unsupported { what });
    }
    if tensor.segment.is_some() {
        let what = "constants in segments".to_owned();
        return Err(GraphError::Unsupported { what });
    }
    let n_elements = n_elements(tensor)?;
    let given = [
        tensor.raw_data.len(),
        tensor.float_data.len(),
        tensor.double_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    let n_given: u64 = given.iter().map(|n| *n as u64).sum();
    if n_elements > n_given {
        return Err(GraphError::Damaged {
            reason: format!(
                "constant '{}' has fewer elements than its shape says",
                tensor.name
            ),
        });
    }
    Ok(())
}

pub(super) fn n_elements(tensor: &TensorProto) -> Result<u64, GraphError> {
    let product = tensor.dims.iter().try_fold(1_u64, |product, length| {
        product.checked_mul(u64::try_from(*length).ok()?)
    });
    product.ok_or_else(|| GraphError::Damaged {
        reason: format!("the shape of constant '{}' is none", tensor.name),
    })
}

/// Leaves of a graph what its outputs need.
pub(super) fn prune(graph: &mut GraphProto) {
    let mut needed: BTreeSet<String> = graph.output.iter().map(|one| one.name.clone()).collect();
    let mut keeps = vec![false; graph.node.len()];
    // A graph is in the order in which it runs, which was looked at.
    for (place, node) in graph.node.iter().enumerate().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            keeps[place] = true;
            needed.extend(node.input.iter().cloned());
        }
    }
    let mut keeps = keeps.into_iter();
    graph.node.retain(|_| keeps.next().unwrap_or_default());
    graph
        .initializer
        .retain(|tensor| needed.contains(&tensor.name));
    graph.value_info.clear();
}

/// Puts what a map from classes to probabilities is made of in its place: a table of them is what is wanted.
pub(super) fn without_maps(graph: &mut GraphProto) {
    let is_map = |node: &NodeProto| node.domain == ML_DOMAIN && node.op_type == "ZipMap";
    let maps: Vec<(String, String)> = (graph.node.iter())
        .filter(|node| is_map(node) && node.input.len() == 1 && node.output.len() == 1)
        .map(|node| (node.output[0].clone(), node.input[0].clone()))
        .collect();
    graph.node.retain(|node| !is_map(node));
    for (map, table) in maps {
        let mut outputs = graph.output.iter_mut();
        if let Some(output) = outputs.find(|output| output.name == map) {
            let node = NodeProto {
                op_type: "Identity".into(),
                name: map.clone(),
                input: vec![table],
                output: vec![map],
                ..NodeProto::default()
            };
            output.r#type = None;
            graph.node.push(node);
        }
    }
}
