//! The graph of a network: what is computed of what.

use crate::message::{
    AttrValue, AttrValueKind, Dim, GraphDef, ListValue, NodeDef, TensorShapeProto, VersionDef,
};
use prost::Message as _;
use std::collections::BTreeMap;

/// The attribute in which TensorBoard looks for the shapes of edges.
const OUTPUT_SHAPES: &str = "_output_shapes";
/// Shapes, as [`OUTPUT_SHAPES`] has them, of a parameter.
const SHAPE: &str = "shape";
/// The version of graphs that TensorFlow has written since 2016.
const PRODUCER: i32 = 22;

/// One node of a graph. TensorBoard folds nodes whose names have the part before a `/` in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphNode {
    /// Its name, unlike all others.
    pub name: String,
    /// What it does: `MatMul`, `Relu`, ….
    pub operation: String,
    /// The names of the nodes that it reads.
    pub inputs: Vec<String>,
    /// The length of each dimension of what it gives, if that is known.
    pub shape: Option<Vec<u64>>,
}

/// The nodes as TensorFlow's `GraphDef`.
pub(crate) fn encode(nodes: &[GraphNode]) -> Vec<u8> {
    let node = |node: &GraphNode| NodeDef {
        name: node.name.clone(),
        op: node.operation.clone(),
        input: node.inputs.clone(),
        attr: node
            .shape
            .iter()
            .flat_map(|shape| attributes(shape))
            .collect(),
    };
    let graph = GraphDef {
        node: nodes.iter().map(node).collect(),
        versions: Some(VersionDef { producer: PRODUCER }),
    };
    graph.encode_to_vec()
}

fn attributes(shape: &[u64]) -> BTreeMap<String, AttrValue> {
    let dim = shape.iter().map(|&size| Dim { size: size as i64 });
    let shape = TensorShapeProto { dim: dim.collect() };
    let list = ListValue {
        shape: vec![shape.clone()],
    };
    let value = |kind| AttrValue { value: Some(kind) };
    BTreeMap::from([
        (SHAPE.to_owned(), value(AttrValueKind::Shape(shape))),
        (OUTPUT_SHAPES.to_owned(), value(AttrValueKind::List(list))),
    ])
}

/// The nodes of a `GraphDef`; none if it is not one.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<GraphNode>> {
    let graph = GraphDef::decode(bytes).ok()?;
    let node = |node: NodeDef| {
        let shape = match node.attr.get(SHAPE).and_then(|value| value.value.as_ref()) {
            Some(AttrValueKind::Shape(shape)) => {
                let sizes = shape.dim.iter().map(|dim| u64::try_from(dim.size).ok());
                sizes.collect()
            }
            _ => None,
        };
        GraphNode {
            name: node.name,
            operation: node.op,
            inputs: node.input,
            shape,
        }
    };
    Some(graph.node.into_iter().map(node).collect())
}
