//! `DLinear`: what is left of a moving average, and that average, each by one linear map (Zeng et al., "Are Transformers
//! Effective for Time Series Forecasting?", 2023). All series share the two maps.

use super::Init;
use super::mixed::linear;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn::tensor::module::avg_pool1d;
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
        let trend = averaged(x.clone(), self.kernel);
        linear(&self.seasonal, x - trend.clone()) + linear(&self.trend, trend)
    }
}

/// The mean over `kernel` values, an odd number of them, about each; what lies before the first or behind the last counts
/// as that one.
fn averaged<B: Backend>(x: Tensor<B, 2>, kernel: usize) -> Tensor<B, 2> {
    let [n_rows, length] = x.dims();
    let end = |place: usize| {
        let value = x.clone().slice([0..n_rows, place..place + 1]);
        value.repeat_dim(1, kernel / 2)
    };
    let padded = match kernel {
        1 => return x,
        _ => Tensor::cat(vec![end(0), x.clone(), end(length - 1)], 1),
    };
    avg_pool1d(padded.unsqueeze_dim(1), kernel, 1, 0, true, false).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parameters::floats;
    use burn_flex::{Flex, FlexDevice};

    fn averages(x: &[f32], kernel: usize) -> Vec<f32> {
        let x = Tensor::<Flex, 1>::from_floats(x, &FlexDevice).reshape([1, x.len()]);
        floats(averaged(x, kernel))
    }

    #[test]
    fn a_moving_average_repeats_the_ends() {
        let found = averages(&[1.0, 4.0, 7.0, 0.0], 3);
        let wanted = [2.0, 4.0, 11.0 / 3.0, 7.0 / 3.0];
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        }
        assert_eq!(averages(&[1.0, 4.0, 7.0], 1), [1.0, 4.0, 7.0]);
    }

    #[test]
    fn a_moving_average_may_be_longer_than_the_window() {
        // Each end counts three times and once more for itself.
        let found = averages(&[1.0, 3.0], 7);
        let wanted = [(4.0 + 9.0) / 7.0, (3.0 + 12.0) / 7.0];
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        }
    }

    #[test]
    fn a_long_window_takes_no_square_of_its_length() {
        // A matrix of such a length would take 40 GB.
        let x: Vec<f32> = (0..100_000).map(|place| (place % 5) as f32).collect();
        let found = averages(&x, 5);
        assert!(
            found[2..99_998]
                .iter()
                .all(|mean| (mean - 2.0).abs() < 1e-6)
        );
    }
}
