//! Networks of time series: from the last values of a series to those that follow.

use super::{
    DLinear, DLinearParams, Init, LayerSummary, Layout, NBeats, NBeatsParams, PatchTst,
    PatchTstParams, nbeats::Stacks, summary::summary_of,
};
use crate::Draw;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// What is added to the variance of a window, so that a constant one is not divided by nothing.
const LEAST_VARIANCE: f64 = 1e-5;

/// Which network of time series, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is named for its network")]
pub enum SeriesNetworkParams {
    DLinear(DLinearParams),
    NBeats(NBeatsParams),
    PatchTst(PatchTstParams),
}

impl SeriesNetworkParams {
    /// The name of the network.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DLinear(_) => "dlinear",
            Self::NBeats(_) => "nbeats",
            Self::PatchTst(_) => "patchtst",
        }
    }

    pub(super) fn instance_norm(&self) -> bool {
        match self {
            Self::DLinear(params) => params.instance_norm,
            Self::NBeats(params) => params.instance_norm,
            Self::PatchTst(params) => params.instance_norm,
        }
    }

    /// Numbers that are in work at once for a window, about.
    pub(crate) fn n_numbers(&self, [lookback, horizon]: [usize; 2]) -> usize {
        match self {
            Self::DLinear(_) => 3 * lookback + horizon,
            Self::NBeats(params) => 2 * lookback + horizon + params.width as usize,
            Self::PatchTst(params) => {
                let n_patches = params.n_patches(lookback);
                let inner = (params.size() as f64 * params.expansion) as usize;
                n_patches * (n_patches * params.heads as usize + inner + 4 * params.size())
            }
        }
    }

    /// The layers of a network of these parameters, with the work of one window of one series.
    pub fn summary(&self, layout: &Layout, lookback: usize) -> Vec<LayerSummary> {
        let times = |name: &str| match self {
            Self::NBeats(params) if params.stacks == Stacks::Interpretable => {
                params.blocks as usize
            }
            Self::DLinear(_) | Self::NBeats(_) => 1,
            Self::PatchTst(_) if name.ends_with("head") => 1,
            Self::PatchTst(params) => params.n_patches(lookback),
        };
        let mut layers = summary_of(layout, &|name, _| times(name) as u64);
        if let Self::PatchTst(params) = self {
            let n_patches = params.n_patches(lookback) as u64;
            for layer in layers
                .iter_mut()
                .filter(|layer| layer.name.ends_with("query"))
            {
                // Each patch is compared with each, and their values are mixed.
                layer.flops += 4 * n_patches * n_patches * params.size() as u64;
            }
        }
        layers
    }
}

/// Any of the networks of time series.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a module cannot be boxed, and there is one at a time"
)]
pub enum SeriesKind<B: Backend> {
    DLinear(DLinear<B>),
    NBeats(NBeats<B>),
    PatchTst(PatchTst<B>),
}

/// A network of time series.
#[derive(Module, Debug)]
pub struct SeriesNetwork<B: Backend> {
    network: SeriesKind<B>,
    has_instance_norm: bool,
}

impl<B: Backend> SeriesNetwork<B> {
    /// A network of `lookback` values and the `horizon` values that follow.
    pub fn new(init: &mut Init<'_, B>, params: &SeriesNetworkParams, lengths: [usize; 2]) -> Self {
        let network = match params {
            SeriesNetworkParams::DLinear(params) => {
                SeriesKind::DLinear(DLinear::new(init, params, lengths))
            }
            SeriesNetworkParams::NBeats(params) => {
                SeriesKind::NBeats(NBeats::new(init, params, lengths))
            }
            SeriesNetworkParams::PatchTst(params) => {
                SeriesKind::PatchTst(PatchTst::new(init, params, lengths))
            }
        };
        Self {
            network,
            has_instance_norm: params.instance_norm(),
        }
    }

    /// `samples × horizon` of `samples × lookback`.
    pub fn forward(&self, x: Tensor<B, 2>, draw: &mut Draw) -> Tensor<B, 2> {
        if !self.has_instance_norm {
            return self.of(x, draw);
        }
        // Reversible instance normalisation (Kim et al., 2022), without learned scales.
        let centre = x.clone().mean_dim(1);
        let centred = x - centre.clone();
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let spread = (variance + LEAST_VARIANCE).sqrt();
        self.of(centred / spread.clone(), draw) * spread + centre
    }

    fn of(&self, x: Tensor<B, 2>, draw: &mut Draw) -> Tensor<B, 2> {
        match &self.network {
            SeriesKind::DLinear(network) => network.forward(x),
            SeriesKind::NBeats(network) => network.forward(x, draw),
            SeriesKind::PatchTst(network) => network.forward(x, draw),
        }
    }
}
