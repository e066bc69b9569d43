//! The rows that a round learns from.

use crate::gradient_boosting::GradientBoostingParams;
use automl_core::Seed;
use rand::Rng;

/// The rows of a round, rising; `None` for all.
pub(super) fn sampled_rows(
    params: &GradientBoostingParams,
    n_rows: usize,
    seed: Seed,
) -> Option<Vec<u32>> {
    let fraction = params.row_fraction;
    if fraction >= 1.0 {
        return None;
    }
    let mut rng = seed.rng();
    let limit = (fraction * f64::from(u32::MAX)) as u32;
    let rows: Vec<u32> = (0..n_rows as u32)
        .filter(|_| rng.next_u32() <= limit)
        .collect();
    (!rows.is_empty()).then_some(rows)
}
