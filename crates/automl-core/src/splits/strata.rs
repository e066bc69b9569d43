//! Strata: classes, or tenths of a numeric target; and how many rows to take of each.

use crate::{Dataset, Target};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Most quantile strata of a numeric target, and the rows that each should have at least.
const MAX_QUANTILES: usize = 10;
const ROWS_PER_QUANTILE: usize = 10;

/// `rows` by stratum, each in random order.
pub(super) fn shuffled(data: &Dataset, rows: &[u32], rng: &mut ChaCha8Rng) -> Vec<Vec<u32>> {
    let mut strata = match data.target() {
        Target::Classes(codes) => {
            let mut strata = vec![Vec::new(); data.task().n_classes()];
            for &row in rows {
                strata[codes[row as usize] as usize].push(row);
            }
            strata
        }
        Target::Numbers(values) => by_quantile(values, rows),
    };
    for stratum in &mut strata {
        stratum.shuffle(rng);
    }
    strata
}

/// `rows` in up to ten runs of rising target values and even length.
fn by_quantile(values: &[f64], rows: &[u32]) -> Vec<Vec<u32>> {
    let n_strata = (rows.len() / ROWS_PER_QUANTILE).clamp(1, MAX_QUANTILES);
    let mut sorted = rows.to_vec();
    sorted.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
    let bound = |i: usize| i * sorted.len() / n_strata;
    (0..n_strata)
        .map(|i| sorted[bound(i)..bound(i + 1)].to_vec())
        .collect()
}

/// How many to take of strata of these sizes, `total` together: in proportion to size, each between its bounds, the
/// fractions going to those furthest below their share. Less than `total` if the upper bounds do not allow it.
///
/// Cost: O(strata²) at worst.
pub(super) fn allocate(
    sizes: &[usize],
    total: usize,
    bounds: impl Fn(usize) -> (usize, usize),
) -> Vec<usize> {
    let n: usize = sizes.iter().sum();
    let quota = |i: usize| sizes[i] as f64 * total as f64 / n as f64;
    let bounds: Vec<(usize, usize)> = sizes.iter().map(|&size| bounds(size)).collect();
    let mut counts: Vec<usize> = (0..sizes.len())
        .map(|i| (quota(i).floor() as usize).clamp(bounds[i].0, bounds[i].1))
        .collect();
    let lack = |counts: &[usize], i: usize| quota(i) - counts[i] as f64;
    while counts.iter().sum::<usize>() < total {
        let open = (0..sizes.len()).filter(|&i| counts[i] < bounds[i].1);
        // Of equals the first: `max_by` would take the last.
        let Some(i) = open
            .rev()
            .max_by(|&a, &b| lack(&counts, a).total_cmp(&lack(&counts, b)))
        else {
            break;
        };
        counts[i] += 1;
    }
    while counts.iter().sum::<usize>() > total {
        let open = (0..sizes.len()).filter(|&i| counts[i] > bounds[i].0);
        let Some(i) = open.min_by(|&a, &b| lack(&counts, a).total_cmp(&lack(&counts, b))) else {
            break;
        };
        counts[i] -= 1;
    }
    counts
}
