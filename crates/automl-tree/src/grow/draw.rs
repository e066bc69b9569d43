//! Rows put left and right; features drawn.

use crate::binning::BinnedMatrix;
use crate::tree::{Tree, TreeNode};
use automl_core::{Seed, Threads};

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

/// Rows from which a partition is worth a second thread, and how many a thread takes at once.
const PARALLEL_ROWS: usize = 32_768;
const PARTITION_ROWS: usize = 16_384;

/// The same as [`partition`] by all threads: chunks are parted by themselves and then moved together.
pub(crate) fn partition_shared(
    rows: &mut [u32],
    scratch: &mut [u32],
    (bytes, lanes, lane): (&[u8], usize, usize),
    table: &[u8; 256],
    threads: &Threads,
) -> usize {
    let scratch = &mut scratch[..rows.len()];
    if rows.len() < PARALLEL_ROWS || threads.count() == 1 {
        return partition(rows, scratch, bytes, lanes, lane, table);
    }
    let chunks = rows.chunks_mut(PARTITION_ROWS);
    let scratches = scratch.chunks_mut(PARTITION_ROWS);
    let mut parts: Vec<_> = chunks.zip(scratches).map(|pair| (pair, 0)).collect();
    threads.for_each_chunk(&mut parts, 1, |_, part| {
        for ((rows, scratch), n_left) in part {
            *n_left = partition(rows, scratch, bytes, lanes, lane, table);
            scratch[*n_left..].copy_from_slice(&rows[*n_left..]);
        }
    });
    let counts: Vec<usize> = parts.into_iter().map(|(_, n_left)| n_left).collect();
    let mut n_left = 0;
    for (chunk, count) in counts.iter().enumerate() {
        let start = chunk * PARTITION_ROWS;
        rows.copy_within(start..start + count, n_left);
        n_left += count;
    }
    let mut end = n_left;
    for (chunk, count) in counts.iter().enumerate() {
        let start = chunk * PARTITION_ROWS;
        let right = &scratch[start + count..(start + PARTITION_ROWS).min(rows.len())];
        rows[end..end + right.len()].copy_from_slice(right);
        end += right.len();
    }
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
                let table = matrix.features[*feature as usize].by_code(rule.table());
                let n_left = partition(rows, scratch, bytes, lanes, lane, &table);
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
