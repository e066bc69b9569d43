//! Rows put left and right; features drawn.

use crate::binning::BinnedMatrix;
use crate::tree::{Tree, TreeNode};
use automl_core::Seed;

/// Stable partition without branches: every row is written to both sides, and only one side moves on.
pub(crate) fn partition(
    rows: &mut [u32],
    scratch: &mut [u32],
    bytes: &[u8],
    lanes: usize,
    lane: usize,
    table: &[u8; 256],
) -> usize {
    let scratch = &mut scratch[..rows.len()];
    let (mut n_left, mut n_right) = (0, 0);
    for index in 0..rows.len() {
        let row = rows[index];
        let goes_left = usize::from(table[bytes[row as usize * lanes + lane] as usize]);
        rows[n_left] = row;
        scratch[n_right] = row;
        n_left += goes_left;
        n_right += 1 - goes_left;
    }
    rows[n_left..].copy_from_slice(&scratch[..n_right]);
    n_left
}

/// Calls `f(leaf, rows)` for every leaf with its share of `rows`, which are reordered. Cost: a partition a level, several
/// times faster than a walk for each row.
pub(crate) fn for_each_leaf(
    tree: &Tree,
    matrix: &BinnedMatrix,
    rows: &mut [u32],
    scratch: &mut [u32],
    mut f: impl FnMut(usize, &[u32]),
) {
    let mut open = vec![(0, 0..rows.len())];
    while let Some((node, range)) = open.pop() {
        let rows = &mut rows[range.clone()];
        match &tree.nodes[node] {
            TreeNode::Leaf(leaf) => f(*leaf as usize, rows),
            TreeNode::Inner {
                feature,
                rule,
                left,
                ..
            } if !rows.is_empty() => {
                let (bytes, lanes, lane) = matrix.strided(*feature as usize);
                let n_left = partition(rows, scratch, bytes, lanes, lane, &rule.table());
                let middle = range.start + n_left;
                let left = *left as usize;
                open.extend([(left + 1, middle..range.end), (left, range.start..middle)]);
            }
            TreeNode::Inner { .. } => {}
        }
    }
}

/// `count` of `all` in their order, drawn without replacement by ranking hashes of the seed.
pub(crate) fn sample(all: &[u32], count: usize, seed: Seed) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = all
        .iter()
        .map(|&item| (seed.indexed(u64::from(item)).0, item))
        .collect();
    keyed.sort_unstable();
    keyed.truncate(count);
    let mut chosen: Vec<u32> = keyed.into_iter().map(|(_, item)| item).collect();
    chosen.sort_unstable();
    chosen
}
