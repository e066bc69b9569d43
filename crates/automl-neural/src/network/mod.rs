//! Networks over encoded tables, and what all networks are made of.
//!
//! Each tabular network maps a batch of `n` rows to `n × members × outputs`: networks that are ensembles in themselves
//! have several members, the others one. No layer looks at other rows of its batch, so how a batch is cut for threads or
//! ranks changes nothing but the order of sums.

/// Parameters written as the map that they are checked by, so that a file with an unknown or bad one is refused.
macro_rules! param_serde {
    ($params:ty) => {
        impl Serialize for $params {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                automl_core::Params::to_map(self).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $params {
            fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                let map = automl_core::ParamMap::deserialize(reader)?;
                automl_core::Params::from_map(&map).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use param_serde;

mod attention;
mod cnn;
#[cfg(any(test, feature = "cuda"))]
mod columns;
mod convolution;
mod dlinear;
mod ft_transformer;
mod graph;
mod graphs;
mod image;
mod input;
mod layers;
mod linear;
mod mixed;
mod mlp;
mod nbeats;
pub(crate) mod parameters;
mod patchtst;
mod realmlp;
#[cfg(test)]
mod reference;
mod resnet;
mod resnet18;
mod series;
mod summary;
mod tabm;
mod text_transformer;
mod waves;

pub use cnn::{Cnn, CnnParams};
pub use dlinear::{DLinear, DLinearParams};
pub use ft_transformer::{FtTransformer, FtTransformerParams};
pub use graph::GraphNode;
pub use image::{ImageNetwork, ImageNetworkParams, ImageShape};
pub use input::{FlatInput, InputBatch, InputShape, NumberEmbedding, TokenInput};
pub use layers::{Activation, Init, Norm};
pub use linear::LinearNet;
pub use mixed::{linear, product};
pub use mlp::{Mlp, MlpParams};
pub use nbeats::{NBeats, NBeatsParams, Stacks};
pub use parameters::{Layout, Slot};
pub use patchtst::{PatchTst, PatchTstParams};
pub use realmlp::{RealActivation, RealMlp, RealMlpParams};
pub use resnet::{ResNet, ResNetParams};
pub use resnet18::{ResNet18, ResNet18Params};
pub use series::{SeriesNetwork, SeriesNetworkParams};
pub use summary::{LayerSummary, summary};
pub use tabm::{Ensembling, TabM, TabMParams};
pub use text_transformer::{TextBatch, TextTransformer, TextTransformerParams};

use crate::Draw;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// Which network, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named for its network")]
pub enum NetworkParams {
    Linear,
    Mlp(MlpParams),
    Resnet(ResNetParams),
    Tabm(TabMParams),
    FtTransformer(FtTransformerParams),
    Realmlp(RealMlpParams),
}

impl NetworkParams {
    /// The same with what depends on the kind of target settled.
    #[must_use]
    pub fn for_task(&self, kind: automl_core::TaskKind) -> Self {
        match self {
            Self::Realmlp(params) => Self::Realmlp(params.for_task(kind)),
            other => other.clone(),
        }
    }

    /// The name of the network.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Mlp(_) => "mlp",
            Self::Resnet(_) => "resnet",
            Self::Tabm(_) => "tabm",
            Self::FtTransformer(_) => "ft_transformer",
            Self::Realmlp(_) => "realmlp",
        }
    }
}

/// Any of the tabular networks.
#[derive(Module, Debug)]
#[expect(missing_docs, reason = "each variant is named for its network")]
pub enum Network<B: Backend> {
    Linear(LinearNet<B>),
    Mlp(Mlp<B>),
    Resnet(ResNet<B>),
    Tabm(TabM<B>),
    FtTransformer(FtTransformer<B>),
    Realmlp(RealMlp<B>),
}

impl<B: Backend> Network<B> {
    /// A network of these parameters over columns of this shape, with `n_outputs` values a row and member.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &NetworkParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        match params {
            NetworkParams::Linear => Self::Linear(LinearNet::new(init, shape, n_outputs)),
            NetworkParams::Mlp(params) => Self::Mlp(Mlp::new(init, params, shape, n_outputs)),
            NetworkParams::Resnet(params) => {
                Self::Resnet(ResNet::new(init, params, shape, n_outputs))
            }
            NetworkParams::Tabm(params) => Self::Tabm(TabM::new(init, params, shape, n_outputs)),
            NetworkParams::FtTransformer(params) => {
                Self::FtTransformer(FtTransformer::new(init, params, shape, n_outputs))
            }
            NetworkParams::Realmlp(params) => {
                Self::Realmlp(RealMlp::new(init, params, shape, n_outputs))
            }
        }
    }

    /// `rows × members × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        match self {
            Self::Linear(network) => network.forward(batch),
            Self::Mlp(network) => network.forward(batch, draw),
            Self::Resnet(network) => network.forward(batch, draw),
            Self::Tabm(network) => network.forward(batch, draw),
            Self::FtTransformer(network) => network.forward(batch, draw),
            Self::Realmlp(network) => network.forward(batch, draw),
        }
    }
}
