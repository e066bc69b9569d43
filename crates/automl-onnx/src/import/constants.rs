//! What is computed from constants alone, which happens when a graph is read, stays small.

use super::check::n_elements;
use super::error::GraphError;
use super::names::Input;
use super::operators::{elements_of_constants, is_pairwise, keeps_rows};
use super::rows::{Attributes, is_classifier, is_kernel, numbers};
use std::collections::{BTreeMap, BTreeSet};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Elements that all constants which are computed may have together. Those in the file are as large as the file.
const COMPUTED_MAX: u64 = 1 << 24;
/// Elements that values of lengths may have together, where each operator on them that computes counts double: what is computed is
/// formulas in the number of rows, which grow where elements do not.
const LENGTHS_MAX: u64 = 1 << 12;
/// Axes that a value may have.
const AXES_MAX: u64 = 32;

/// That constants that are computed stay small. The graph is in the order in which it runs.
///
/// # Errors
/// They do not, or it cannot be told.
pub(super) fn check(graph: &GraphProto, inputs: &[Input]) -> Result<(), GraphError> {
    let mut walk = Walk::default();
    for input in inputs {
        let name = input.name.as_str();
        walk.inputs.insert(name);
        if !input.is_flat {
            walk.tables.insert(name);
        }
        walk.axes.insert(name, if input.is_flat { 1 } else { 2 });
    }
    for tensor in &graph.initializer {
        walk.constants.insert(&tensor.name, tensor);
        walk.known.insert(&tensor.name, n_elements(tensor)?);
        walk.axes.insert(&tensor.name, tensor.dims.len() as u64);
    }
    for node in &graph.node {
        walk.follow(node)?;
    }
    Ok(())
}

/// What is known of the values up to an operator.
#[derive(Default)]
struct Walk<'g> {
    constants: BTreeMap<&'g str, &'g TensorProto>,
    inputs: BTreeSet<&'g str>,
    /// Values that have a row for each row on their first axis, and other axes.
    tables: BTreeSet<&'g str>,
    /// The most elements of values that depend on no cell.
    known: BTreeMap<&'g str, u64>,
    /// The most axes of values.
    axes: BTreeMap<&'g str, u64>,
    /// Of which values others are the shape.
    shapes: BTreeMap<&'g str, &'g str>,
    /// Values that are computed from lengths.
    lengths: BTreeSet<&'g str>,
    /// Elements of the constants that are computed.
    n_computed: u64,
}

impl<'g> Walk<'g> {
    fn follow(&mut self, node: &'g NodeProto) -> Result<(), GraphError> {
        let n_axes = self.n_axes(node)?;
        for output in &node.output {
            self.axes.insert(output, n_axes);
        }
        let operands = || node.input.iter().filter(|name| !name.is_empty());
        let are_tables = operands().all(|name| {
            self.tables.contains(name.as_str()) || self.known.contains_key(name.as_str())
        });
        let first = node.input.first().map_or("", String::as_str);
        let second = node.input.get(1);
        let second = second.and_then(|name| numbers(self.constants.get(name.as_str())?).ok());
        if are_tables && self.tables.contains(first) && keeps_rows(node, second.as_deref()) {
            // Labels have no other axis.
            let n_labels = usize::from(is_classifier(node));
            let tables = node.output.iter().skip(n_labels);
            self.tables.extend(tables.map(String::as_str));
        }
        let n = match node.op_type.as_str() {
            "Constant" => return self.constant(node),
            // The lengths of a value are known before it is, however many rows there are.
            "Shape" => {
                let is_whole = ["start", "end"].map(|name| Attributes(node).find(name).is_none());
                if is_whole == [true; 2] {
                    let outputs = node.output.iter();
                    self.shapes
                        .extend(outputs.map(|output| (output.as_str(), first)));
                }
                self.lengths.extend(node.output.iter().map(String::as_str));
                self.axes.get(first).copied().unwrap_or(AXES_MAX)
            }
            "ConstantOfShape" => match self.filled(node)? {
                Some(n) => n,
                None => return Ok(()),
            },
            _ => match self.computed(node)? {
                Some(n) => n,
                // It depends on a cell: how large it is is told when its shape is known.
                None => return Ok(()),
            },
        };
        for output in &node.output {
            self.n_computed = self.n_computed.saturating_add(n);
            self.known.insert(output, n);
        }
        if self.n_computed > COMPUTED_MAX {
            let what = "constants that grow beyond all bounds";
            return Err(unsupported(what.into()));
        }
        Ok(())
    }

    /// Elements of what is computed from nothing but constants; none if it depends on a cell.
    fn computed(&mut self, node: &'g NodeProto) -> Result<Option<u64>, GraphError> {
        let operator = node.op_type.as_str();
        let operands = || node.input.iter().filter(|name| !name.is_empty());
        let n_each = operands().map(|name| self.known.get(name.as_str()).copied());
        let n_each = n_each.collect::<Option<Vec<u64>>>();
        let Some(n_each) = n_each.filter(|n_each| !n_each.is_empty()) else {
            return Ok(None);
        };
        let n = elements_of_constants(operator, &n_each);
        let mut n = n.ok_or_else(|| unsupported(format!("{operator} of nothing but constants")))?;
        if operands().any(|name| self.lengths.contains(name.as_str())) {
            if is_pairwise(operator) {
                n = n.saturating_mul(2);
            }
            if n > LENGTHS_MAX {
                let what = "lengths that are computed with beyond all bounds";
                return Err(unsupported(what.into()));
            }
            let outputs = node.output.iter();
            self.lengths.extend(outputs.map(String::as_str));
        }
        Ok(Some(n))
    }

    /// A constant that stands in the graph.
    fn constant(&mut self, node: &'g NodeProto) -> Result<(), GraphError> {
        let mut n = 1;
        for attribute in &node.attribute {
            n += attribute.t.as_ref().map_or(Ok(0), n_elements)?;
            n += (attribute.floats.len() + attribute.ints.len() + attribute.strings.len()) as u64;
        }
        let outputs = node.output.iter();
        self.known
            .extend(outputs.map(|output| (output.as_str(), n)));
        Ok(())
    }

    /// Elements of a constant that is as large as another value; none if it has as many rows as there are.
    fn filled(&mut self, node: &'g NodeProto) -> Result<Option<u64>, GraphError> {
        let shape = node.input.first().map_or("", String::as_str);
        let of = self.shapes.get(shape).copied();
        let n = of.and_then(|of| self.known.get(of).copied());
        if n.is_some() {
            return Ok(n);
        }
        let by_row = of.filter(|of| self.tables.contains(of) || self.inputs.contains(of));
        let Some(of) = by_row else {
            let what = "constants of a shape that is computed";
            return Err(unsupported(what.into()));
        };
        if self.tables.contains(of) {
            let outputs = node.output.iter();
            self.tables.extend(outputs.map(String::as_str));
        }
        Ok(None)
    }

    /// The most axes of what an operator makes.
    fn n_axes(&self, node: &NodeProto) -> Result<u64, GraphError> {
        let axes = |place: usize| {
            let name = node.input.get(place).map_or("", String::as_str);
            self.axes.get(name).copied().unwrap_or(0)
        };
        let length = |place: usize| {
            let name = node.input.get(place).map_or("", String::as_str);
            self.known.get(name).copied()
        };
        let most = (0..node.input.len()).map(axes).max().unwrap_or(0);
        let n_axes = match node.op_type.as_str() {
            "Constant" => {
                let tensors = node.attribute.iter().filter_map(|one| one.t.as_ref());
                tensors.map(|one| one.dims.len()).max().unwrap_or(1) as u64
            }
            "Shape" => 1,
            "Reshape" => length(1)
                .ok_or_else(|| unsupported("values of a shape that depends on cells".into()))?,
            "ConstantOfShape" => length(0).unwrap_or(most),
            "Unsqueeze" => {
                let listed = Attributes(node).ints("axes").len() as u64;
                most + length(1).unwrap_or(0).max(listed)
            }
            "Gather" => axes(0) + axes(1),
            "OneHotEncoder" => most + 1,
            "Flatten" => 2,
            _ if is_kernel(node) => most.max(2),
            _ => most,
        };
        if n_axes > AXES_MAX {
            return Err(unsupported("values of more than 32 axes".into()));
        }
        Ok(n_axes)
    }
}

fn unsupported(what: String) -> GraphError {
    GraphError::Unsupported { what }
}
