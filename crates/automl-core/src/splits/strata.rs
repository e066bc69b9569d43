//! Strata: classes, or tenths of a numeric target; and how many rows to take of each.

use crate::{Dataset, Target};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Most quantile strata of a numeric target, and the rows that each should have at least.
const MAX_QUANTILES: usize = 10;
const ROWS_PER_QUANTILE: usize = 10;

/// The stratum of each of `rows`, and how many strata there are.
pub(super) fn labels(data: &Dataset, rows: &[u32]) -> (Vec<u32>, usize) {
    match data.target() {
        Target::Classes(codes) => {
            let labels = rows.iter().map(|&row| codes[row as usize]).collect();
            (labels, data.task().n_classes())
        }
        Target::Numbers(values) => {
            let n_strata = (rows.len() / ROWS_PER_QUANTILE).clamp(1, MAX_QUANTILES);
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| values[rows[a] as usize].total_cmp(&values[rows[b] as usize]));
            let mut labels = vec![0; rows.len()];
            for (rank, position) in order.into_iter().enumerate() {
                labels[position] = (rank * n_strata / rows.len()) as u32;
            }
            (labels, n_strata)
        }
    }
}

/// `rows` by stratum, each in random order.
pub(super) fn shuffled(data: &Dataset, rows: &[u32], rng: &mut ChaCha8Rng) -> Vec<Vec<u32>> {
    let (labels, n_strata) = labels(data, rows);
    let mut strata = vec![Vec::new(); n_strata];
    for (&row, label) in rows.iter().zip(labels) {
        strata[label as usize].push(row);
    }
    for stratum in &mut strata {
        stratum.shuffle(rng);
    }
    strata
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
