//! Networks of images.

use super::{
    Cnn, CnnParams, Init, LayerSummary, Layout, ResNet18, ResNet18Params, summary::summary_of,
};
use crate::Draw;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// What a network must know of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// 1 for grey, 3 for colours.
    pub channels: usize,
}

/// Which network of images, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named for its network")]
pub enum ImageNetworkParams {
    Cnn(CnnParams),
    Resnet18(ResNet18Params),
}

impl ImageNetworkParams {
    /// The name of the network.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cnn(_) => "cnn",
            Self::Resnet18(_) => "resnet18",
        }
    }

    /// The layers of a network of these parameters.
    pub fn summary(&self, layout: &Layout, shape: &ImageShape) -> Vec<LayerSummary> {
        let area = |name: &str, is_convolution: bool| {
            if name.contains("head") {
                return 1;
            }
            // A norm scales each pixel, a convolution is taken at each.
            let index = name.split('.').find_map(|part| part.parse::<usize>().ok());
            let area = match self {
                Self::Cnn(_) => CnnParams::area(index.unwrap_or(0), shape),
                Self::Resnet18(_) => ResNet18Params::area(index, shape),
            };
            if is_convolution { area } else { 2 * area }
        };
        summary_of(layout, &|name, part| area(name, part == "weight") as u64)
    }
}

/// Any of the networks of images.
#[derive(Module, Debug)]
#[expect(missing_docs, reason = "each variant is named for its network")]
#[expect(
    clippy::large_enum_variant,
    reason = "a module cannot be boxed, and there is one at a time"
)]
pub enum ImageNetwork<B: Backend> {
    Cnn(Cnn<B>),
    Resnet18(ResNet18<B>),
}

impl<B: Backend> ImageNetwork<B> {
    /// A network of these parameters with `n_outputs` values an image.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &ImageNetworkParams,
        shape: &ImageShape,
        n_outputs: usize,
    ) -> Self {
        match params {
            ImageNetworkParams::Cnn(params) => Self::Cnn(Cnn::new(init, params, shape, n_outputs)),
            ImageNetworkParams::Resnet18(params) => {
                Self::Resnet18(ResNet18::new(init, params, shape, n_outputs))
            }
        }
    }

    /// `rows × outputs` of `rows × channels × height × width`.
    pub fn forward(&self, images: Tensor<B, 4>, draw: &mut Draw) -> Tensor<B, 2> {
        match self {
            Self::Cnn(network) => network.forward(images, draw),
            Self::Resnet18(network) => network.forward(images, draw),
        }
    }
}
