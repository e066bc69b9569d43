//! Convolutions as products of matrices, for GPUs.
//!
//! What a kernel sees at each place becomes a row of a matrix, `places × side² channels`, which one product maps to the
//! outputs (Chellapilla et al., 2006). The gradient of the input is the same with the places turned round, that of the
//! kernels a product of the same matrix; it is made anew for that, not kept. A backend's own convolutions try out dozens
//! of kernels for each shape, each compiled before, and take minutes for a network; products are of few kinds, and quick
//! at once.
//!
//! # Cost
//! `2 × places × side² × inputs × outputs` operations a pass, thrice while learning, and `side²` times the memory of the
//! input for the time of one layer.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData, TensorPrimitive};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, binary};

/// Shapes of a convolution with square kernels of an odd side, padded by half of it.
#[derive(Debug, Clone, Copy)]
struct Shapes {
    n: usize,
    /// Height and width of the input.
    input: [usize; 2],
    n_inputs: usize,
    /// Height and width of the output.
    output: [usize; 2],
    n_outputs: usize,
    side: usize,
    stride: usize,
}

impl Shapes {
    fn of<B: Backend>(x: &Tensor<B, 4>, weight: &Tensor<B, 4>, stride: usize) -> Self {
        let [n, n_inputs, height, width] = x.dims();
        let [n_outputs, _, side, _] = weight.dims();
        let after = |length: usize| (length + side / 2 * 2 - side) / stride + 1;
        Self {
            n,
            input: [height, width],
            n_inputs,
            output: [after(height), after(width)],
            n_outputs,
            side,
            stride,
        }
    }

    /// For each place of the output and each part of the kernel the place of the input that it sees, row-major; the one
    /// behind the last where it is outside.
    fn seen(&self) -> Vec<i32> {
        let half = self.side / 2;
        let at = |place: usize, part: usize, length: usize| {
            (place * self.stride + part)
                .checked_sub(half)
                .filter(|&at| at < length)
        };
        table(self.output, self.input, self.side, &at)
    }

    /// For each place of the input and each part of the kernel the place of the output that saw it there.
    fn seen_by(&self) -> Vec<i32> {
        let half = self.side / 2;
        let at = |place: usize, part: usize, length: usize| {
            let moved = (place + half).checked_sub(part)?;
            let at = moved / self.stride;
            (moved % self.stride == 0 && at < length).then_some(at)
        };
        table(self.input, self.output, self.side, &at)
    }
}

/// `at(place, part, length)` for rows and columns of places, each with rows and columns of parts.
fn table(
    places: [usize; 2],
    other: [usize; 2],
    side: usize,
    at: &dyn Fn(usize, usize, usize) -> Option<usize>,
) -> Vec<i32> {
    let outside = other[0] * other[1];
    let mut found = Vec::with_capacity(places[0] * places[1] * side * side);
    for row in 0..places[0] {
        for column in 0..places[1] {
            for part in 0..side * side {
                let row = at(row, part / side, other[0]);
                let column = at(column, part % side, other[1]);
                let place = row.zip(column).map(|(row, column)| row * other[1] + column);
                found.push(place.unwrap_or(outside) as i32);
            }
        }
    }
    found
}

/// What each place sees, `rows places × parts channels`, of `rows × channels × height × width`.
fn columns<B: Backend>(x: Tensor<B, 4>, seen: Vec<i32>, n_parts: usize) -> Tensor<B, 2> {
    let [n, channels, height, width] = x.dims();
    let (device, dtype) = (x.device(), x.dtype());
    let area = height * width;
    let x = x.permute([0, 2, 3, 1]).reshape([n, area, channels]);
    let is_itself = seen.len() == area && seen.iter().zip(0..).all(|(&place, at)| place == at);
    if is_itself {
        return x.reshape([n * area, channels]);
    }
    let outside = Tensor::<B, 3>::zeros([n, 1, channels], &device).cast(dtype);
    let n_seen = seen.len();
    let seen = Tensor::<B, 1, Int>::from_data(TensorData::new(seen, [n_seen]), &device);
    let found = Tensor::cat(vec![x, outside], 1).select(1, seen);
    found.reshape([n * n_seen / n_parts, n_parts * channels])
}

/// Rows of a matrix, one a place, as `rows × channels × height × width`.
fn images<B: Backend>(x: Tensor<B, 2>, n: usize, [height, width]: [usize; 2]) -> Tensor<B, 4> {
    let channels = x.dims()[1];
    x.reshape([n, height, width, channels])
        .permute([0, 3, 1, 2])
}

/// The convolution of `rows × inputs × height × width` with `outputs × inputs × side × side`, of the same type.
pub(super) fn convolve<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    stride: usize,
) -> Tensor<B, 4> {
    let shapes = Shapes::of(&x, &weight, stride);
    let n_parts = shapes.side * shapes.side;
    let weight = weight.permute([2, 3, 1, 0]);
    let weight = weight.reshape([n_parts * shapes.n_inputs, shapes.n_outputs]);
    let seen = columns(x, shapes.seen(), n_parts);
    images(seen.matmul(weight), shapes.n, shapes.output)
}

/// The gradient of the input.
fn input_gradient<B: Backend>(
    gradient: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    shapes: &Shapes,
) -> Tensor<B, 4> {
    let n_parts = shapes.side * shapes.side;
    let weight = weight.permute([2, 3, 0, 1]);
    let weight = weight.reshape([n_parts * shapes.n_outputs, shapes.n_inputs]);
    let seen = columns(gradient, shapes.seen_by(), n_parts);
    images(seen.matmul(weight), shapes.n, shapes.input)
}

/// The gradient of the kernels.
fn weight_gradient<B: Backend>(
    gradient: Tensor<B, 4>,
    x: Tensor<B, 4>,
    shapes: &Shapes,
) -> Tensor<B, 4> {
    let side = shapes.side;
    let seen = columns(x, shapes.seen(), side * side);
    let n_places = shapes.n * shapes.output[0] * shapes.output[1];
    let gradient = gradient.permute([0, 2, 3, 1]);
    let gradient = gradient.reshape([n_places, shapes.n_outputs]);
    let found = seen.transpose().matmul(gradient);
    let found = found.reshape([side, side, shapes.n_inputs, shapes.n_outputs]);
    found.permute([3, 2, 0, 1])
}

/// [`convolve`] with these gradients.
pub(super) fn convolve_learning<B: Backend>(
    x: Tensor<Autodiff<B>, 4>,
    weight: Tensor<Autodiff<B>, 4>,
    stride: usize,
) -> Tensor<Autodiff<B>, 4> {
    let x = x.into_primitive().tensor();
    let weight = weight.into_primitive().tensor();
    let found = convolve::<B>(
        plain(x.primitive.clone()),
        plain(weight.primitive.clone()),
        stride,
    );
    let found = found.into_primitive().tensor();
    let nodes = [x.node.clone(), weight.node.clone()];
    let prepared = Convolve.prepare::<NoCheckpointing>(nodes);
    let found = match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            prepared.finish((x.primitive, weight.primitive, stride), found)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(found),
    };
    Tensor::from_primitive(TensorPrimitive::Float(found))
}

fn plain<B: Backend>(primitive: B::FloatTensorPrimitive) -> Tensor<B, 4> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// The operation, as the graph knows it.
#[derive(Debug)]
struct Convolve;

impl<B: Backend> Backward<B, 2> for Convolve {
    /// Input, kernels and stride.
    type State = (B::FloatTensorPrimitive, B::FloatTensorPrimitive, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (x, weight, stride) = ops.state;
        let (x, weight) = (plain::<B>(x), plain::<B>(weight));
        let shapes = Shapes::of(&x, &weight, stride);
        let of_input = |gradient| input_gradient(plain::<B>(gradient), weight, &shapes);
        let of_weight = |gradient| weight_gradient(plain::<B>(gradient), x, &shapes);
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            gradients,
            |gradient| of_input(gradient).into_primitive().tensor(),
            |gradient| of_weight(gradient).into_primitive().tensor(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parameters::floats;
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    use burn_flex::{Flex, FlexDevice};

    type Learning = Autodiff<Flex>;

    fn numbers(shape: [usize; 4], seed: u32) -> Tensor<Learning, 4> {
        let n: usize = shape.iter().product();
        let value = |place: usize| {
            let mixed = (place as u32 + seed).wrapping_mul(2_654_435_761) >> 8;
            (mixed % 2000) as f32 / 1000.0 - 1.0
        };
        let values: Vec<f32> = (0..n).map(value).collect();
        Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
    }

    fn near(found: Tensor<Flex, 4>, wanted: Tensor<Flex, 4>) {
        assert_eq!(found.dims(), wanted.dims());
        for (found, wanted) in floats(found).into_iter().zip(floats(wanted)) {
            assert!((found - wanted).abs() < 1e-4, "{found} {wanted}");
        }
    }

    #[test]
    fn products_are_the_convolution_and_so_are_their_gradients() {
        for (side, stride, [height, width]) in [
            (3, 1, [5, 4]),
            (3, 2, [5, 6]),
            (3, 2, [1, 2]),
            (1, 1, [3, 3]),
            (1, 2, [4, 5]),
            (7, 2, [9, 8]),
        ] {
            let x = numbers([2, 3, height, width], 1).require_grad();
            let weight = numbers([4, 3, side, side], 77).require_grad();
            let options = ConvOptions::new([stride; 2], [side / 2; 2], [1; 2], 1);
            let wanted = conv2d(x.clone(), weight.clone(), None, options);
            let found = convolve_learning(x.clone(), weight.clone(), stride);
            near(found.clone().inner(), wanted.clone().inner());
            let factors = numbers(wanted.dims(), 5);
            let of = |y: Tensor<Learning, 4>| {
                let gradients = (y * factors.clone()).sum().backward();
                let of = |tensor: &Tensor<Learning, 4>| {
                    tensor.grad(&gradients).expect("it had a part in the sum")
                };
                (of(&x), of(&weight))
            };
            let (found, wanted) = (of(found), of(wanted));
            near(found.0, wanted.0);
            near(found.1, wanted.1);
        }
    }
}
