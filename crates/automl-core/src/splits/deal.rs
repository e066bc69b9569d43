//! Dealing single rows, class by class or along the target.

use super::{SplitError, strata};
use crate::{Dataset, Seed, Target};
use rand::seq::SliceRandom;

/// Whether each row is in the held-out share. Every class of two rows or more keeps one to learn from; a class of one
/// row is held out only where nothing else is left.
pub(super) fn holdout(data: &Dataset, fraction: f64, seed: Seed) -> Result<Vec<bool>, SplitError> {
    let n_rows = data.n_rows();
    need_rows(n_rows, 2)?;
    let total = ((n_rows as f64 * fraction).round() as usize).clamp(1, n_rows - 1);
    let mut rng = seed.named("holdout").rng();
    let strata = strata::shuffled(data, &data.all_rows(), &mut rng);
    let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
    let mut counts = strata::allocate(&sizes, total, |size| (0, size.saturating_sub(1)));
    let lacking = total - counts.iter().sum::<usize>();
    let singles = (0..sizes.len()).filter(|&i| sizes[i] == 1);
    for i in singles.take(lacking) {
        counts[i] = 1;
    }
    let mut is_valid = vec![false; n_rows];
    for (stratum, count) in strata.iter().zip(counts) {
        for &row in &stratum[..count] {
            is_valid[row as usize] = true;
        }
    }
    Ok(is_valid)
}

/// The fold of each row. Folds differ by at most one row, and by at most one row of any class.
pub(super) fn folds(data: &Dataset, k: usize, seed: Seed) -> Result<Vec<u32>, SplitError> {
    need_rows(data.n_rows(), k)?;
    let mut rng = seed.named("folds").rng();
    let mut rows = data.all_rows();
    rows.shuffle(&mut rng);
    match data.target() {
        // Consecutive rows go to different folds, so two rows of a class never share one alone.
        Target::Classes(codes) => rows.sort_by_key(|&row| codes[row as usize]),
        // Neighbours in the target are spread over all folds, in random order.
        Target::Numbers(values) => {
            rows.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
            for block in rows.chunks_mut(k) {
                block.shuffle(&mut rng);
            }
        }
    }
    let mut fold_of_row = vec![0; rows.len()];
    for (position, row) in rows.into_iter().enumerate() {
        fold_of_row[row as usize] = (position % k) as u32;
    }
    Ok(fold_of_row)
}

fn need_rows(found: usize, needed: usize) -> Result<(), SplitError> {
    if found < needed {
        Err(SplitError::TooFewRows { found, needed })
    } else {
        Ok(())
    }
}
