//! A smaller set of rows that stands for a larger one.

use super::strata;
use crate::{Dataset, Seed};

/// `n` of `rows`, drawn without replacement and sorted: in the classes' proportions with every class kept while `n`
/// allows, or evenly over the quantiles of a numeric target. All of them, sorted, if there are no more than `n`.
pub fn subsample(rows: &[u32], data: &Dataset, n: usize, seed: Seed) -> Vec<u32> {
    let mut sample = rows.to_vec();
    if n < rows.len() {
        let mut rng = seed.named("subsample").rng();
        let strata = strata::shuffled(data, rows, &mut rng);
        let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
        let n_present = sizes.iter().filter(|&&size| size > 0).count();
        let keeps_all = data.task().is_classification() && n >= n_present;
        let least = usize::from(keeps_all);
        let counts = strata::allocate(&sizes, n, |size| (least.min(size), size));
        sample = strata
            .iter()
            .zip(counts)
            .flat_map(|(stratum, count)| stratum[..count].iter().copied())
            .collect();
    }
    sample.sort_unstable();
    sample
}
