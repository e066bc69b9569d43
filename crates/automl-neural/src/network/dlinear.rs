//! `DLinear`: what is left of a moving average, and that average, each by one linear map (Zeng et al., "Are Transformers
//! Effective for Time Series Forecasting?", 2023). All series share the two maps.

use super::Init;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of a `DLinear`.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct DLinearParams {
    /// Values of the moving average that is taken as the trend; odd, else one more.
    #[param(default = 25, range = 1..=1001)]
    pub kernel: u32,
    /// Whether each window is scaled to mean 0 and deviation 1, and what is forecast back.
    #[param(default = false)]
    pub instance_norm: bool,
}

super::param_serde!(DLinearParams);

/// Two linear maps.
#[derive(Module, Debug)]
pub struct DLinear<B: Backend> {
    seasonal: Linear<B>,
    trend: Linear<B>,
    kernel: usize,
}

impl<B: Backend> DLinear<B> {
    /// Maps of `lookback` values to the `horizon` values that follow. Both begin as the mean of a window.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &DLinearParams,
        [lookback, horizon]: [usize; 2],
    ) -> Self {
        let mean = |init: &mut Init<'_, B>| Linear {
            weight: init.constant([lookback, horizon], 1.0 / lookback as f32),
            ..init.linear(lookback, horizon)
        };
        Self {
            seasonal: mean(init),
            trend: mean(init),
            kernel: params.kernel as usize | 1,
        }
    }

    /// `samples × horizon` of `samples × lookback`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let lookback = x.dims()[1];
        let average = averaging(lookback, self.kernel);
        let average = TensorData::new(average, [lookback, lookback]);
        let trend = x.clone().matmul(Tensor::from_data(average, &x.device()));
        self.seasonal.forward(x - trend.clone()) + self.trend.forward(trend)
    }
}

/// The matrix, `from × to`, that takes the mean over `kernel` values about each; what lies before the first or behind the
/// last counts as that one.
fn averaging(length: usize, kernel: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; length * length];
    let half = kernel / 2;
    for to in 0..length {
        for place in to..to + kernel {
            let from = place.saturating_sub(half).min(length - 1);
            matrix[from * length + to] += 1.0 / kernel as f32;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::averaging;

    #[test]
    fn a_moving_average_repeats_the_ends() {
        let x = [1.0, 4.0, 7.0, 0.0];
        let matrix = averaging(4, 3);
        let mean = |to: usize| {
            (0..4)
                .map(|from| x[from] * matrix[from * 4 + to])
                .sum::<f32>()
        };
        let wanted = [2.0, 4.0, 11.0 / 3.0, 7.0 / 3.0];
        for (to, wanted) in wanted.into_iter().enumerate() {
            assert!((mean(to) - wanted).abs() < 1e-6, "{to}");
        }
    }
}
