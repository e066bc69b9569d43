//! The pass over a leaf's rows.
//!
//! Cost: rows × features additions of one cell. The bytes read are features + 8 a row; the cells of one group (at most
//! 8 × 256 × 16 = 32 KiB) stay in the first-level cache. Groups and chunks of rows are filled independently, each in row
//! order, so the bits are the same at any number of threads.

#![expect(
    clippy::inline_always,
    reason = "what a kernel calls is compiled for its vectors only if it is inlined"
)]

use super::Addend;
use crate::binning::{BinnedMatrix, Group};
use automl_core::Threads;

/// Work below this many additions is not worth a second thread.
const PARALLEL_ADDITIONS: usize = 150_000;

/// Rows whose bins are fetched before they are added.
const BLOCK_ROWS: usize = 128;

/// Rows from which a leaf is cut into two chunks, each summed on its own; more rows make more chunks.
const CHUNK_ROWS: usize = 12_288;
/// Chunks of a leaf at most.
const MAX_CHUNKS: usize = 8;

/// Fills `hist` from the rows of a leaf. `rows` are row numbers of the matrix, `None` for all in order; `ordered[i]`
/// belongs to the `i`-th of them. Only groups with `active` true are filled. `spare` is a buffer to work in.
///
/// Many rows are cut into chunks, by their number alone, and the sums of the chunks are added in their order.
pub(super) fn fill<A: Addend>(
    matrix: &BinnedMatrix,
    (rows, ordered): (Option<&[u32]>, &[A]),
    active: &[bool],
    hist: &mut [A::Cell],
    spare: &mut Vec<A::Cell>,
    threads: &Threads,
) {
    let n_rows = ordered.len();
    let n_chunks = (n_rows / CHUNK_ROWS).clamp(1, MAX_CHUNKS);
    let chunk = |index: usize| index * n_rows / n_chunks..(index + 1) * n_rows / n_chunks;
    spare.resize(
        (MAX_CHUNKS - 1).min(n_chunks - 1) * matrix.n_cells,
        A::Cell::default(),
    );
    let mut parts = Vec::with_capacity(matrix.groups.len() * n_chunks);
    let buffers = std::iter::once(&mut *hist).chain(spare.chunks_mut(matrix.n_cells.max(1)));
    for (index, buffer) in buffers.take(n_chunks).enumerate() {
        let groups = of_groups(matrix, active, buffer);
        parts.extend(groups.map(|(group, cells)| (group, cells, chunk(index))));
    }
    let one = Threads::one();
    let is_big = n_rows * matrix.features.len() >= PARALLEL_ADDITIONS;
    let threads = if is_big { threads } else { &one };
    threads.for_each_chunk(&mut parts, 1, |_, part| {
        for (group, cells, chunk) in part {
            let rows = rows.map(|rows| &rows[chunk.clone()]);
            fill_group(group, rows, chunk.start, &ordered[chunk.clone()], cells);
        }
    });
    if n_chunks > 1 {
        let mut sums: Vec<_> = of_groups(matrix, active, hist).collect();
        let spare = &*spare;
        threads.for_each_chunk(&mut sums, 1, |_, part| {
            for (group, cells) in part {
                for chunk in spare.chunks(matrix.n_cells) {
                    add_all::<A>(cells, &chunk[group.hist_start..][..cells.len()]);
                }
            }
        });
    }
}

/// The active groups, each with its cells of a histogram.
fn of_groups<'a, C>(
    matrix: &'a BinnedMatrix,
    active: &'a [bool],
    hist: &'a mut [C],
) -> impl Iterator<Item = (&'a Group, &'a mut [C])> {
    let mut rest = hist;
    let groups = matrix.groups.iter().zip(active);
    groups.filter_map(move |(group, &is_active)| {
        let (cells, tail) = std::mem::take(&mut rest).split_at_mut(group.lanes * group.stride);
        rest = tail;
        is_active.then_some((group, cells))
    })
}

fn add_all<A: Addend>(sums: &mut [A::Cell], parts: &[A::Cell]) {
    for (sum, part) in sums.iter_mut().zip(parts) {
        A::add_cell(sum, part);
    }
}

/// Fills a group's cells from rows, or from all rows from `first` on.
fn fill_group<A: Addend>(
    group: &Group,
    rows: Option<&[u32]>,
    first: usize,
    ordered: &[A],
    cells: &mut [A::Cell],
) {
    cells.fill(A::Cell::default());
    let bytes = match rows {
        None => &group.bytes[first * group.lanes..],
        Some(_) => &group.bytes,
    };
    match (group.lanes, group.stride) {
        (8, 256) => accumulate::<A, 8, 256>(bytes, rows, ordered, cells),
        (8, 64) => accumulate::<A, 8, 64>(bytes, rows, ordered, cells),
        (8, _) => accumulate::<A, 8, 16>(bytes, rows, ordered, cells),
        (4, 256) => accumulate::<A, 4, 256>(bytes, rows, ordered, cells),
        (4, 64) => accumulate::<A, 4, 64>(bytes, rows, ordered, cells),
        (4, _) => accumulate::<A, 4, 16>(bytes, rows, ordered, cells),
        (2, 256) => accumulate::<A, 2, 256>(bytes, rows, ordered, cells),
        (2, 64) => accumulate::<A, 2, 64>(bytes, rows, ordered, cells),
        (2, _) => accumulate::<A, 2, 16>(bytes, rows, ordered, cells),
        (_, 256) => accumulate::<A, 1, 256>(bytes, rows, ordered, cells),
        (_, 64) => accumulate::<A, 1, 64>(bytes, rows, ordered, cells),
        _ => accumulate::<A, 1, 16>(bytes, rows, ordered, cells),
    }
}

fn accumulate<A: Addend, const L: usize, const S: usize>(
    bytes: &[u8],
    rows: Option<&[u32]>,
    ordered: &[A],
    cells: &mut [A::Cell],
) {
    let (bins, _) = bytes.as_chunks::<L>();
    let (lanes, _) = cells.as_chunks_mut::<S>();
    let lanes: &mut [[A::Cell; S]; L] = lanes
        .first_chunk_mut()
        .expect("a group has S cells in each of its L lanes");
    match rows {
        None => {
            for (codes, pair) in bins.iter().zip(ordered) {
                add::<A, L, S>(lanes, codes, *pair);
            }
        }
        Some(rows) => {
            // Bins are fetched a block at a time: nothing but loads, so that many cache misses are under way at once.
            let mut fetched = [[0_u8; L]; BLOCK_ROWS];
            for (rows, pairs) in rows.chunks(BLOCK_ROWS).zip(ordered.chunks(BLOCK_ROWS)) {
                for (codes, &row) in fetched.iter_mut().zip(rows) {
                    *codes = bins[row as usize];
                }
                for (codes, pair) in fetched.iter().zip(pairs) {
                    add::<A, L, S>(lanes, codes, *pair);
                }
            }
        }
    }
}

#[inline(always)]
fn add<A: Addend, const L: usize, const S: usize>(
    lanes: &mut [[A::Cell; S]; L],
    codes: &[u8; L],
    pair: A,
) {
    let term = pair.term();
    for lane in 0..L {
        // The mask changes nothing (bins are below the stride) but proves the index in range.
        A::add(&mut lanes[lane][codes[lane] as usize & (S - 1)], term);
    }
}
