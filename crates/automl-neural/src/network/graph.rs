//! What a network computes of what, for whoever draws it.
//!
//! Nodes are inputs, parameters and operations, in an order in which each reads earlier ones. Names of parameters are those
//! of the network with `/` for dots, so that what draws them can fold a layer.

use super::Layout;

/// One input, parameter or operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name, unlike all others.
    pub name: String,
    /// What it does.
    pub operation: &'static str,
    /// The names of what it reads.
    pub inputs: Vec<String>,
    /// The length of each dimension, of parameters.
    pub shape: Option<Vec<usize>>,
}

/// A graph that is being drawn.
pub(super) struct Drawing<'a> {
    layout: &'a Layout,
    nodes: Vec<GraphNode>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            nodes: Vec::new(),
        }
    }

    pub(super) fn into_nodes(self) -> Vec<GraphNode> {
        self.nodes
    }

    /// Whether the network has a layer of this name, or layers below it.
    pub(super) fn has(&self, layer: &str) -> bool {
        self.layout.slots.iter().any(|slot| {
            let rest = slot.name.strip_prefix(layer);
            rest.is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// How many layers there are in a list of them.
    pub(super) fn count(&self, list: &str) -> usize {
        (0..)
            .take_while(|index| self.has(&format!("{list}.{index}")))
            .count()
    }

    /// An operation on earlier nodes, by the name that a parameter would have; gives that of its node.
    pub(super) fn put(&mut self, name: &str, operation: &'static str, inputs: &[&str]) -> String {
        let name = name.replace('.', "/");
        self.nodes.push(GraphNode {
            name: name.clone(),
            operation,
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            shape: None,
        });
        name
    }

    /// What a batch brings.
    pub(super) fn input(&mut self, name: &str) -> String {
        self.put(&format!("input.{name}"), "Placeholder", &[])
    }

    /// A parameter.
    pub(super) fn parameter(&mut self, name: &str) -> String {
        let slot = self.layout.slots.iter().find(|slot| slot.name == name);
        let shape = slot.map(|slot| slot.shape.clone());
        let name = self.put(name, "Parameter", &[]);
        if let Some(node) = self.nodes.last_mut() {
            node.shape = shape;
        }
        name
    }

    /// An operation of a layer on an input and all parameters that stand directly in it.
    pub(super) fn layer(
        &mut self,
        layer: &str,
        operation: &'static str,
        inputs: &[&str],
    ) -> String {
        let own = self.layout.slots.iter().filter(|slot| {
            let holder = slot.name.rsplit_once('.');
            holder.is_some_and(|(holder, _)| holder == layer)
        });
        let own: Vec<String> = own.map(|slot| slot.name.clone()).collect();
        let own: Vec<String> = own.iter().map(|name| self.parameter(name)).collect();
        let inputs: Vec<&str> = inputs
            .iter()
            .copied()
            .chain(own.iter().map(String::as_str))
            .collect();
        self.put(
            &format!("{layer}.{}", operation.to_lowercase()),
            operation,
            &inputs,
        )
    }

    /// A block of a transformer with norms before its parts.
    pub(super) fn encoder_block(
        &mut self,
        block: &str,
        x: &str,
        activation: &'static str,
    ) -> String {
        let part = |name: &str| format!("{block}.{name}");
        let normed = self.layer(&part("attention_norm"), "LayerNorm", &[x]);
        let query = self.layer(&part("query"), "Linear", &[&normed]);
        let key = self.layer(&part("key"), "Linear", &[&normed]);
        let value = self.layer(&part("value"), "Linear", &[&normed]);
        let mixed = self.put(&part("attention"), "Attention", &[&query, &key, &value]);
        let mixed = self.layer(&part("output"), "Linear", &[&mixed]);
        let x = self.put(&part("attended"), "Add", &[x, &mixed]);
        let normed = self.layer(&part("feed_norm"), "LayerNorm", &[&x]);
        let inner = self.layer(&part("first"), "Linear", &[&normed]);
        let bent = self.put(&part("activation"), activation, &[&inner]);
        let inner = self.layer(&part("second"), "Linear", &[&bent]);
        self.put(&part("fed"), "Add", &[&x, &inner])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Whether every node reads nodes before it, every parameter is a node and every node but the last is read.
    pub(crate) fn check(layout: &Layout, nodes: &[GraphNode]) {
        let mut seen = BTreeSet::new();
        let mut read = BTreeSet::new();
        for node in nodes {
            for input in &node.inputs {
                assert!(seen.contains(input.as_str()), "{input} of {}", node.name);
                read.insert(input.as_str());
            }
            assert!(
                seen.insert(node.name.as_str()),
                "{} is there twice",
                node.name
            );
        }
        for slot in &layout.slots {
            let name = slot.name.replace('.', "/");
            let node = nodes.iter().find(|node| node.name == name);
            let node = node.unwrap_or_else(|| panic!("{name} is not drawn"));
            assert_eq!(node.shape.as_ref(), Some(&slot.shape), "{name}");
        }
        let (_last, others) = nodes.split_last().expect("there are nodes");
        let unread: Vec<_> = others
            .iter()
            .filter(|node| !read.contains(node.name.as_str()))
            .collect();
        assert!(unread.is_empty(), "{unread:?}");
    }
}
