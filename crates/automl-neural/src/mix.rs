//! Rows blended with other rows of their shard (Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018).

use crate::Draw;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

/// Sums below this are of numbers that have lost digits.
const LEAST_SUM: f64 = 1e-290;

/// What rows are blended with, and how much of themselves they keep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mix {
    /// Share that a row keeps of itself.
    pub(crate) share: f64,
    /// The place of each row's partner.
    places: Vec<i64>,
}

impl Mix {
    /// A share from the Beta distribution of `alpha` twice, and a partner for each of `n` rows; none for an alpha of 0, and
    /// while nothing is random.
    pub(crate) fn draw(alpha: f64, n: usize, draw: &mut Draw) -> Option<Self> {
        if alpha <= 0.0 {
            return None;
        }
        let mut rng = draw.next_seed()?.rng();
        let mut places: Vec<i64> = (0..n as i64).collect();
        places.shuffle(&mut rng);
        // Jöhnk (1964): quick for the alphas that are usual, all below 2.
        let share = loop {
            let [u, v] = [0; 2].map(|_| rng.random::<f64>());
            let [x, y] = [u, v].map(|z| z.powf(1.0 / alpha));
            let sum = x + y;
            if sum > LEAST_SUM && sum <= 1.0 {
                break x / sum;
            }
            // Of small alphas both are too small for numbers, and their logarithms are not.
            if sum <= LEAST_SUM && u > 0.0 && v > 0.0 {
                break 1.0 / (1.0 + ((v.ln() - u.ln()) / alpha).exp());
            }
        };
        Some(Self { share, places })
    }

    /// The partners of rows.
    pub(crate) fn partners(&self, rows: &[u32]) -> Vec<u32> {
        self.places
            .iter()
            .map(|&place| rows[place as usize])
            .collect()
    }

    /// Rows blended with their partners.
    pub(crate) fn blend<B: Backend, const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        let places = TensorData::new(self.places.clone(), [self.places.len()]);
        let places = Tensor::<B, 1, Int>::from_data(places, &x.device());
        let partners = x.clone().select(0, places);
        x * self.share + partners * (1.0 - self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parameters::floats;
    use automl_core::Seed;
    use burn_flex::{Flex, FlexDevice};

    #[test]
    fn rows_keep_their_share_and_take_the_rest_from_their_partners() {
        let mut draw = Draw::training(Seed(5));
        let mix = Mix::draw(0.4, 4, &mut draw).expect("it is a training pass");
        let x = [1.0_f32, 10.0, 100.0, 1000.0];
        let tensor = Tensor::<Flex, 1>::from_data(TensorData::new(x.to_vec(), [4]), &FlexDevice);
        let partners = mix.partners(&[0, 1, 2, 3]);
        let share = mix.share as f32;
        for (row, blended) in floats(mix.blend(tensor)).into_iter().enumerate() {
            let wanted = share * x[row] + (1.0 - share) * x[partners[row] as usize];
            assert!(
                (blended - wanted).abs() <= 1e-4 * wanted,
                "{blended} {wanted}"
            );
        }
        assert_eq!(Mix::draw(0.0, 4, &mut draw), None);
        assert_eq!(Mix::draw(0.4, 4, &mut Draw::evaluating()), None);
    }

    #[test]
    fn at_tiny_values_a_row_is_itself_or_its_partner() {
        for alpha in [1e-3, 1e-9, f64::MIN_POSITIVE, 5e-324] {
            let mut draw = Draw::training(Seed(5));
            let shares: Vec<f64> = (0..200)
                .map(|_| Mix::draw(alpha, 2, &mut draw).expect("it is a training pass"))
                .map(|mix| mix.share)
                .collect();
            let near = |end: f64| {
                let is_near = |share: &&f64| (*share - end).abs() < 1e-6;
                shares.iter().filter(is_near).count()
            };
            assert!(near(0.0) > 70 && near(1.0) > 70, "{alpha}: {shares:?}");
            assert!(near(0.0) + near(1.0) >= 190, "{alpha}: {shares:?}");
        }
    }

    #[test]
    fn shares_have_the_mean_and_spread_of_their_distribution() {
        let mut draw = Draw::training(Seed(5));
        let share = |_| {
            Mix::draw(0.4, 2, &mut draw)
                .expect("it is a training pass")
                .share
        };
        let shares: Vec<f64> = (0..20_000).map(share).collect();
        let mean = |of: &dyn Fn(f64) -> f64| shares.iter().map(|&x| of(x)).sum::<f64>() / 20_000.0;
        assert!((mean(&|x| x) - 0.5).abs() < 0.01);
        // The variance of Beta(a, a) is 1 / (8 a + 4).
        let variance = mean(&|x| (x - 0.5).powi(2));
        assert!((variance - 1.0 / 7.2).abs() < 0.005, "{variance}");
    }
}
