//! What of a graph is looked at before anything of it runs.

use super::error::GraphError;
use super::operators::{ML_DOMAIN, elements_of_constants, is_known};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// Elements that all constants may have together, also those that are computed from others.
const CONSTANTS_MAX: u64 = 1 << 28;
/// Nodes that a graph may have.
const NODES_MAX: usize = 200_000;

/// Looks at all nodes and constants that the graph has.
///
/// # Errors
/// One that is not run, or that would grow without bounds.
pub(super) fn check(model: &ModelProto, graph: &GraphProto) -> Result<(), GraphError> {
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
        if node.op_type.starts_with("TreeEnsemble") {
            check_trees(node)?;
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
    check_constants(graph)
}

/// That trees end: whoever runs them follows their nodes as they are told.
fn check_trees(node: &NodeProto) -> Result<(), GraphError> {
    let damaged = |reason: &str| GraphError::Damaged {
        reason: format!("the trees of '{}' {reason}", node.name),
    };
    let attribute = |name: &str| node.attribute.iter().find(|one| one.name == name);
    let ints = |name: &str| attribute(name).map_or(&[][..], |one| one.ints.as_slice());
    let (ids, trees) = (ints("nodes_nodeids"), ints("nodes_treeids"));
    let (yes, no) = (ints("nodes_truenodeids"), ints("nodes_falsenodeids"));
    let modes = attribute("nodes_modes").map_or(&[][..], |one| one.strings.as_slice());
    if [trees.len(), yes.len(), no.len(), modes.len()] != [ids.len(); 4] {
        return Err(damaged("have lists of several lengths"));
    }
    let known: BTreeSet<(i64, i64)> = trees.iter().copied().zip(ids.iter().copied()).collect();
    if known.len() != ids.len() {
        return Err(damaged("have a node twice"));
    }
    for place in 0..ids.len() {
        if modes[place] == b"LEAF" {
            continue;
        }
        for child in [yes[place], no[place]] {
            if child <= ids[place] || !known.contains(&(trees[place], child)) {
                return Err(damaged("lead to no node behind"));
            }
        }
    }
    Ok(())
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

fn n_elements(tensor: &TensorProto) -> Result<u64, GraphError> {
    let product = tensor.dims.iter().try_fold(1_u64, |product, length| {
        product.checked_mul(u64::try_from(*length).ok()?)
    });
    product.ok_or_else(|| GraphError::Damaged {
        reason: format!("the shape of constant '{}' is none", tensor.name),
    })
}

/// That what is computed from constants alone, which happens when a graph is read, stays small.
fn check_constants(graph: &GraphProto) -> Result<(), GraphError> {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    let mut total = 0_u64;
    for tensor in &graph.initializer {
        let n = n_elements(tensor)?;
        total = total.saturating_add(n);
        known.insert(&tensor.name, n);
    }
    for node in &graph.node {
        let inputs = || node.input.iter().filter(|name| !name.is_empty());
        let n = if node.op_type == "Constant" {
            let tensors = node
                .attribute
                .iter()
                .filter_map(|attribute| attribute.t.as_ref());
            let n: Result<Vec<u64>, GraphError> = tensors.map(n_elements).collect();
            let lists = node.attribute.iter();
            let lists = lists.map(|one| one.floats.len() + one.ints.len() + one.strings.len());
            n?.iter().sum::<u64>() + lists.sum::<usize>() as u64 + 1
        } else {
            let operands: Option<Vec<u64>> = inputs()
                .map(|name| known.get(name.as_str()).copied())
                .collect();
            match operands {
                Some(operands) if !operands.is_empty() => {
                    elements_of_constants(&node.op_type, &operands).ok_or_else(|| {
                        let what = format!("{} of nothing but constants", node.op_type);
                        GraphError::Unsupported { what }
                    })?
                }
                // It depends on an input: how large it is is told when its shape is known.
                Some(_) | None => continue,
            }
        };
        for output in &node.output {
            total = total.saturating_add(n);
            known.insert(output, n);
        }
        if total > CONSTANTS_MAX {
            let what = "constants that grow beyond all bounds".to_owned();
            return Err(GraphError::Unsupported { what });
        }
    }
    Ok(())
}

/// Leaves of a graph what its outputs need.
pub(super) fn prune(graph: &mut GraphProto) {
    let mut needed: BTreeSet<String> = graph.output.iter().map(|one| one.name.clone()).collect();
    let mut keeps = vec![false; graph.node.len()];
    // A graph is in the order in which it runs.
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
