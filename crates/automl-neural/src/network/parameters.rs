//! A network's parameters as one row of numbers: what optimisers, averages, checkpoints and all-reduce work on.
//!
//! One place and one order for every parameter makes clipping, decay groups, averages and exact checkpoints plain loops
//! over slices, and gives data parallel training its buckets.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, Tensor, TensorData};
use std::ops::Range;

/// One parameter of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Names of the modules that hold it, joined by dots: `layers.0.weight`.
    pub name: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Where its numbers stand in the row.
    pub range: Range<usize>,
    /// Whether weight decay shrinks it: matrices called `weight` do, biases, norms and scales do not.
    pub decays: bool,
    /// What the learning rate is multiplied by for it.
    pub rate: f64,
}

/// All parameters in the order in which the network names them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    /// One slot a parameter.
    pub slots: Vec<Slot>,
}

impl Layout {
    /// The parameters of a network.
    pub fn of<B: Backend, M: Module<B>>(network: &M) -> Self {
        let mut visitor = Describe::default();
        network.visit(&mut visitor);
        Self {
            slots: visitor.slots,
        }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.range.end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of a network.
    pub fn read<B: Backend, M: Module<B>>(&self, network: &M) -> Vec<f32> {
        let mut visitor = Read {
            values: Vec::with_capacity(self.len()),
        };
        network.visit(&mut visitor);
        visitor.values
    }

    /// The network with other numbers; as many as [`Layout::len`].
    pub fn write<B: Backend, M: Module<B>>(&self, network: M, values: &[f32]) -> M {
        assert_eq!(values.len(), self.len(), "a number for each parameter");
        network.map(&mut Write { values, at: 0 })
    }

    /// The network with its matrices and kernels in another type, for a pass in mixed precision ([`super::linear`]). They
    /// stay what they are made of: gradients of the pass are those of this network's parameters.
    pub(crate) fn cast<B: AutodiffBackend, M: AutodiffModule<B>>(
        &self,
        network: M,
        dtype: DType,
    ) -> M {
        network.map(&mut Cast {
            slots: &self.slots,
            dtype,
        })
    }

    /// The gradients of a pass as a row where the network is; 0 for a parameter that had no part in it.
    pub(crate) fn gradient_row<B: AutodiffBackend, M: AutodiffModule<B>>(
        &self,
        network: &M,
        gradients: &B::Gradients,
    ) -> Tensor<B::InnerBackend, 1> {
        let mut visitor = GradientRow::<B> {
            gradients,
            parts: Vec::with_capacity(self.slots.len()),
        };
        network.visit(&mut visitor);
        Tensor::cat(visitor.parts, 0)
    }

    /// Adds the gradients of a pass to `sums`, in this order; a parameter that had no part in it adds nothing.
    pub fn add_gradients<B: AutodiffBackend, M: AutodiffModule<B>>(
        &self,
        network: &M,
        gradients: &B::Gradients,
        sums: &mut [f32],
    ) {
        assert_eq!(sums.len(), self.len(), "a sum for each parameter");
        network.visit(&mut AddGradients::<B> {
            gradients,
            sums,
            at: 0,
        });
    }
}

/// As [`Layout::write`], from a row of numbers where the network is.
pub(crate) fn write_row<B: AutodiffBackend, M: AutodiffModule<B>>(
    network: M,
    row: &Tensor<B::InnerBackend, 1>,
) -> M {
    network.map(&mut WriteRow::<B> { row, at: 0 })
}

/// A network of its own for one thread: the same numbers, but no shared graph, so that passes do not wait for each other.
pub(crate) fn replica<B: AutodiffBackend, M: AutodiffModule<B>>(network: &M) -> M {
    network.clone().map(&mut Detach)
}

#[derive(Default)]
struct Describe {
    path: Vec<String>,
    slots: Vec<Slot>,
}

impl<B: Backend> ModuleVisitor<B> for Describe {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let shape = param.val().dims().to_vec();
        let start = self.slots.last().map_or(0, |slot| slot.range.end);
        let is_weight = self.path.last().is_some_and(|name| name == "weight");
        self.slots.push(Slot {
            name: self.path.join("."),
            range: start..start + shape.iter().product::<usize>(),
            decays: is_weight && shape.len() >= 2,
            rate: 1.0,
            shape,
        });
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
}

struct Read {
    values: Vec<f32>,
}

impl<B: Backend> ModuleVisitor<B> for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.values.extend(floats(param.val()));
    }
}

struct Write<'a> {
    values: &'a [f32],
    at: usize,
}

impl<B: Backend> ModuleMapper<B> for Write<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let (shape, device) = (tensor.shape(), tensor.device());
        let end = self.at + shape.num_elements();
        let data = TensorData::new(self.values[self.at..end].to_vec(), shape);
        self.at = end;
        let tensor = Tensor::from_data(data, &device).set_require_grad(tensor.is_require_grad());
        Param::from_mapped_value(id, tensor, mapper)
    }
}

struct WriteRow<'a, B: AutodiffBackend> {
    row: &'a Tensor<B::InnerBackend, 1>,
    at: usize,
}

impl<B: AutodiffBackend> ModuleMapper<B> for WriteRow<'_, B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let shape = tensor.shape();
        let start = self.at;
        self.at += shape.num_elements();
        let part = self.row.clone().slice(start..self.at).reshape(shape);
        Param::from_mapped_value(id, Tensor::from_inner(part).require_grad(), mapper)
    }
}

struct Cast<'a> {
    /// Parameters that were not come to yet.
    slots: &'a [Slot],
    dtype: DType,
}

impl<B: AutodiffBackend> ModuleMapper<B> for Cast<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (slot, rest) = self.slots.split_first().expect("a slot for each parameter");
        self.slots = rest;
        if !slot.decays {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.cast(self.dtype), mapper)
    }
}

struct GradientRow<'a, B: AutodiffBackend> {
    gradients: &'a B::Gradients,
    parts: Vec<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for GradientRow<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let tensor = param.val();
        let n = tensor.shape().num_elements();
        let gradient = match tensor.grad(self.gradients) {
            Some(gradient) => gradient.reshape([n]),
            None => Tensor::zeros([n], &tensor.device()),
        };
        self.parts.push(gradient);
    }
}

struct Detach;

impl<B: AutodiffBackend> ModuleMapper<B> for Detach {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let fresh = Tensor::from_inner(tensor.inner()).require_grad();
        Param::from_mapped_value(id, fresh, mapper)
    }
}

struct AddGradients<'a, B: AutodiffBackend> {
    gradients: &'a B::Gradients,
    sums: &'a mut [f32],
    at: usize,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for AddGradients<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let tensor = param.val();
        let end = self.at + tensor.shape().num_elements();
        let sums = &mut self.sums[self.at..end];
        self.at = end;
        if let Some(gradient) = tensor.grad(self.gradients) {
            for (sum, value) in sums.iter_mut().zip(floats(gradient)) {
                *sum += value;
            }
        }
    }
}

/// The numbers of a tensor, row-major.
pub(crate) fn floats<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.into_vec().expect("the data was just made f32")
}
