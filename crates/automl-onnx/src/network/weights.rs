//! The weights of a network by the names of its layers, and the layers that are made of them.

use super::Flow;
use super::layers::Layer;
use crate::error::OnnxError;
use crate::graph::{Graph, Value, floats, ints};
use automl_core::{Artifact, ArtifactError};

/// Arrays of an artifact.
pub(super) struct Weights<'a> {
    artifact: &'a Artifact,
    /// What the names of all begin with.
    prefix: String,
}

/// One array.
pub(super) struct Weight<'a> {
    pub(super) shape: &'a [usize],
    pub(super) values: &'a [f32],
}

impl<'a> Weights<'a> {
    pub(super) fn new(artifact: &'a Artifact, module: &str) -> Self {
        Self {
            artifact,
            prefix: format!("weights.{module}."),
        }
    }

    /// Whether a layer has any.
    pub(super) fn has(&self, layer: &str) -> bool {
        let start = format!("{}{layer}.", self.prefix);
        let mut names = self.artifact.arrays.keys();
        names.any(|name| name.starts_with(&start))
    }

    /// The layers of a list.
    pub(super) fn numbered(&self, list: &str) -> impl Iterator<Item = Layer> {
        let layer = move |index| Layer {
            index,
            name: format!("{list}.{index}"),
        };
        (0..).map(layer).take_while(|layer| self.has(&layer.name))
    }

    pub(super) fn get(&self, name: &str) -> Result<Weight<'a>, ArtifactError> {
        let name = format!("{}{name}", self.prefix);
        let values = self.artifact.f32s(&name)?;
        let shape = &self.artifact.arrays[&name].shape;
        if shape.iter().product::<usize>() != values.len() {
            return Err(self.artifact.invalid(&name, "its shape is not its length"));
        }
        Ok(Weight { shape, values })
    }

    /// An array that must have a shape.
    pub(super) fn shaped(&self, name: &str, shape: &[usize]) -> Result<Weight<'a>, ArtifactError> {
        let weight = self.get(name)?;
        if weight.shape == shape {
            return Ok(weight);
        }
        Err(self.wrong(name))
    }

    /// That an array does not fit the layers beside it.
    pub(super) fn wrong(&self, name: &str) -> ArtifactError {
        let name = format!("{}{name}", self.prefix);
        self.artifact
            .invalid(&name, "its shape is not that of the layers beside it")
    }

    /// A constant of the graph, which must have a shape.
    pub(super) fn constant(
        &self,
        graph: &mut Graph,
        name: &str,
        shape: &[usize],
    ) -> Result<Value, ArtifactError> {
        let weight = self.shaped(name, shape)?;
        Ok(graph.constant(floats(shape, weight.values)))
    }

    /// How long the last dimension of an array of so many is.
    fn width(&self, name: &str, n_dims: usize) -> Result<usize, ArtifactError> {
        match *self.get(name)?.shape {
            [.., last] if self.get(name)?.shape.len() == n_dims => Ok(last),
            _ => Err(self.wrong(name)),
        }
    }

    /// `x W + b`.
    pub(super) fn linear(
        &self,
        graph: &mut Graph,
        layer: &str,
        x: &Flow,
    ) -> Result<Flow, OnnxError> {
        let name = format!("{layer}.weight");
        let width = self.width(&name, 2)?;
        let weight = self.constant(graph, &name, &[x.width, width])?;
        let bias = self.constant(graph, &format!("{layer}.bias"), &[width])?;
        let value = graph.op("MatMul", &[&x.value, &weight], []);
        let value = graph.op("Add", &[&value, &bias], []);
        Ok(Flow { value, width })
    }

    /// A layer norm; what is added to the variance is the operator's own, as it is the network's.
    pub(super) fn norm(&self, graph: &mut Graph, layer: &str, x: &Flow) -> Result<Flow, OnnxError> {
        let scale = self.constant(graph, &format!("{layer}.scale"), &[x.width])?;
        let shift = self.constant(graph, &format!("{layer}.shift"), &[x.width])?;
        let value = graph.op("LayerNormalization", &[&x.value, &scale, &shift], []);
        Ok(Flow {
            value,
            width: x.width,
        })
    }

    /// `((x ∘ r) W) ∘ s + b`, of rows by members; scales and bias are those of each member, or of all.
    pub(super) fn shared_linear(
        &self,
        graph: &mut Graph,
        layer: &str,
        x: Flow,
    ) -> Result<Flow, OnnxError> {
        let name = |part: &str| format!("{layer}.{part}");
        let width = self.width(&name("weight"), 2)?;
        let weight = self.constant(graph, &name("weight"), &[x.width, width])?;
        let mut value = x.value;
        if let Some(scale) = self.of_members(graph, &name("input_scale"), x.width)? {
            value = graph.op("Mul", &[&value, &scale], []);
        }
        value = graph.op("MatMul", &[&value, &weight], []);
        if let Some(scale) = self.of_members(graph, &name("output_scale"), width)? {
            value = graph.op("Mul", &[&value, &scale], []);
        }
        let bias = self.of_members(graph, &name("bias"), width)?;
        let bias = bias.ok_or_else(|| self.wrong(&name("bias")))?;
        value = graph.op("Add", &[&value, &bias], []);
        Ok(Flow { value, width })
    }

    /// A constant of one row a member, if there is one: one by members by `width`.
    fn of_members(
        &self,
        graph: &mut Graph,
        name: &str,
        width: usize,
    ) -> Result<Option<Value>, ArtifactError> {
        if !self
            .artifact
            .arrays
            .contains_key(&format!("{}{name}", self.prefix))
        {
            return Ok(None);
        }
        let weight = self.get(name)?;
        match *weight.shape {
            [n_members, own] if own == width => Ok(Some(
                graph.constant(floats(&[1, n_members, width], weight.values)),
            )),
            _ => Err(self.wrong(name)),
        }
    }

    /// A head for each member: rows by members by outputs.
    pub(super) fn heads(&self, graph: &mut Graph, x: &Flow) -> Result<Flow, OnnxError> {
        let &[n_members, _, width] = self.get("head")?.shape else {
            return Err(self.wrong("head").into());
        };
        let weight = self.constant(graph, "head", &[n_members, x.width, width])?;
        let bias = self.constant(graph, "head_bias", &[1, n_members, width])?;
        let swapped = || [ints("perm", vec![1, 0, 2])];
        let value = graph.op("Transpose", &[&x.value], swapped());
        let value = graph.op("MatMul", &[&value, &weight], []);
        let value = graph.op("Transpose", &[&value], swapped());
        let value = graph.op("Add", &[&value, &bias], []);
        Ok(Flow { value, width })
    }
}
