//! Gradient histograms: for every bin of every feature the sums of gradients and Hessians of a leaf's rows.
//!
//! Sums are of three kinds: pairs of double-precision numbers; with quantised gradients, two whole numbers in 64 bits
//! (see [`packed`]); over the rows of several ranks, two whole numbers of 64 bits each (see [`fixed`]). All go through the
//! same code.

mod fill;
mod fixed;
mod packed;

use crate::binning::{BinnedMatrix, Feature};
use automl_core::{Collective, CollectiveError, Seed, Threads};
use fixed::{FixedPair, Fixing};
pub(crate) use packed::MAX_PACKED_ROWS;
use packed::{PackedPair, Packing};

/// Sums of gradients and of Hessians.
pub(crate) type Cell = [f64; 2];
/// The gradient and the Hessian of a row.
pub(crate) type GradHess = [f32; 2];

/// Histograms kept at once take at most so many bytes; beyond it a leaf's is built again when it splits.
const POOL_BYTES: usize = 256 << 20;
/// Rows whose gradients are gathered or added up at once; sums do not depend on the number of threads.
const CHUNK_ROWS: usize = 16_384;

/// Rows from which gradients are gathered without their Hessians where those are all 1. It saves the memory of half a
/// gathered row (46.4 for 48.7 MiB on 1,000,000 × 28) and no time: 3.06 s for 3.00 s there, 234 ms for 230 ms on 20,000 × 20
/// (means of 5 alternating runs on two threads, 50 and 200 trees), for both sums are one 128-bit addition in any case.
const UNIT_ROWS: usize = 100_000;

/// What a row adds to the cells of its bins.
pub(crate) trait Addend: Copy + Default + Send + Sync {
    /// Sums of it.
    type Cell: Copy + Default + Send + Sync;
    /// What is added to each of a row's cells, made once a row.
    type Term: Copy;

    fn term(self) -> Self::Term;
    fn add(cell: &mut Self::Cell, term: Self::Term);
    fn add_cell(cell: &mut Self::Cell, other: &Self::Cell);
    fn subtract_cell(cell: &mut Self::Cell, other: &Self::Cell);
}

impl Addend for GradHess {
    type Cell = Cell;
    type Term = Cell;

    #[inline]
    fn term(self) -> Cell {
        self.map(f64::from)
    }

    #[inline]
    fn add(cell: &mut Cell, term: Cell) {
        Self::add_cell(cell, &term);
    }

    #[inline]
    fn add_cell(cell: &mut Cell, other: &Cell) {
        cell[0] += other[0];
        cell[1] += other[1];
    }

    #[inline]
    fn subtract_cell(cell: &mut Cell, other: &Cell) {
        cell[0] -= other[0];
        cell[1] -= other[1];
    }
}

/// The gradient of a row whose Hessian is 1, as with squared error and no weights: half the bytes to gather and to read,
/// and the same sums.
#[derive(Debug, Clone, Copy, Default)]
struct Unit(f32);

impl Addend for Unit {
    type Cell = Cell;
    type Term = Cell;

    #[inline]
    fn term(self) -> Cell {
        [f64::from(self.0), 1.0]
    }

    #[inline]
    fn add(cell: &mut Cell, term: Cell) {
        GradHess::add_cell(cell, &term);
    }

    #[inline]
    fn add_cell(cell: &mut Cell, other: &Cell) {
        GradHess::add_cell(cell, other);
    }

    #[inline]
    fn subtract_cell(cell: &mut Cell, other: &Cell) {
        GradHess::subtract_cell(cell, other);
    }
}

/// The histogram of a leaf.
#[derive(Debug)]
pub(crate) enum Histogram {
    Plain(Vec<Cell>),
    Packed(Vec<u64>),
    Fixed(Vec<[i64; 2]>),
}

impl Histogram {
    /// Takes a child's rows out: what is left is the histogram of its sibling.
    pub(crate) fn subtract(&mut self, child: &Self) {
        match (self, child) {
            (Self::Plain(parent), Self::Plain(child)) => subtract::<GradHess>(parent, child),
            (Self::Packed(parent), Self::Packed(child)) => subtract::<PackedPair>(parent, child),
            (Self::Fixed(parent), Self::Fixed(child)) => subtract::<FixedPair>(parent, child),
            _ => unreachable!("histograms of one tree are of one kind"),
        }
    }
}

fn subtract<A: Addend>(parent: &mut [A::Cell], child: &[A::Cell]) {
    for (cell, part) in parent.iter_mut().zip(child) {
        A::subtract_cell(cell, part);
    }
}

/// Builds histograms on one matrix, tree after tree; keeps its buffers.
pub(crate) struct Histograms<'a> {
    matrix: &'a BinnedMatrix,
    threads: Threads,
    active: Vec<bool>,
    store: Store<'a>,
    n_buffers: usize,
}

enum Store<'a> {
    /// With room for the gradients alone of a leaf, while every Hessian of the tree is 1.
    Plain(Buffers<GradHess>, Option<Vec<Unit>>),
    Packed(Buffers<PackedPair>, Packing),
    Fixed(Buffers<FixedPair>, Fixing, Dealt<'a>),
}

/// Rows that are dealt to ranks.
struct Dealt<'a> {
    ranks: &'a dyn Collective,
    /// Why the ranks are parted; sums since then are those of this rank alone, and of no use.
    failure: Option<CollectiveError>,
}

impl Dealt<'_> {
    /// Adds up over the ranks, unless they are parted.
    fn add_up(&mut self, sums: &mut [i64]) {
        if self.failure.is_none() {
            self.failure = self.ranks.all_reduce_i64(sums).err();
        }
    }
}

/// Buffers: a leaf's rows in order, sums of chunks, and histograms that are free.
struct Buffers<A: Addend> {
    ordered: Vec<A>,
    spare: Vec<A::Cell>,
    pool: Vec<Vec<A::Cell>>,
}

impl<A: Addend> Buffers<A> {
    fn new(n_rows: usize) -> Self {
        Self {
            ordered: vec![A::default(); n_rows],
            spare: Vec::new(),
            pool: Vec::new(),
        }
    }

    /// The histogram of these rows, `None` for all; `pairs` are of all rows.
    fn build(
        &mut self,
        matrix: &BinnedMatrix,
        (rows, pairs): (Option<&[u32]>, &[A]),
        active: &[bool],
        threads: &Threads,
        n_buffers: &mut usize,
    ) -> Vec<A::Cell> {
        let mut histogram = self.take(matrix, n_buffers);
        let ordered = match rows {
            None => pairs,
            Some(rows) => gather(rows, &mut self.ordered, threads, |row| pairs[row]),
        };
        let (input, spare) = ((rows, ordered), &mut self.spare);
        fill::fill(matrix, input, active, &mut histogram, spare, threads);
        histogram
    }

    /// A histogram of anything.
    fn take(&mut self, matrix: &BinnedMatrix, n_buffers: &mut usize) -> Vec<A::Cell> {
        self.pool.pop().unwrap_or_else(|| {
            *n_buffers += 1;
            vec![A::Cell::default(); matrix.n_cells]
        })
    }
}

/// What these rows add, in their order.
fn gather<'b, A: Addend>(
    rows: &[u32],
    buffer: &'b mut [A],
    threads: &Threads,
    of: impl Fn(usize) -> A + Sync,
) -> &'b [A] {
    let ordered = &mut buffer[..rows.len()];
    threads.for_each_chunk(ordered, CHUNK_ROWS, |chunk, ordered| {
        let rows = &rows[chunk * CHUNK_ROWS..];
        for (addend, &row) in ordered.iter_mut().zip(rows) {
            *addend = of(row as usize);
        }
    });
    ordered
}

impl<'a> Histograms<'a> {
    /// `is_packed` asks for quantised gradients, for at most [`MAX_PACKED_ROWS`] rows.
    pub(crate) fn new(matrix: &'a BinnedMatrix, threads: Threads, is_packed: bool) -> Self {
        let n_rows = matrix.n_rows;
        let store = if is_packed {
            Store::Packed(Buffers::new(n_rows), Packing::new(n_rows))
        } else {
            Store::Plain(Buffers::new(n_rows), None)
        };
        Self {
            matrix,
            threads,
            active: vec![false; matrix.groups.len()],
            store,
            n_buffers: 0,
        }
    }

    /// For rows that are dealt to ranks: the matrix holds those of this one, and all sums are over those of all.
    pub(crate) fn over(
        matrix: &'a BinnedMatrix,
        threads: Threads,
        ranks: &'a dyn Collective,
    ) -> Self {
        let (n_rows, failure) = (matrix.n_rows, None);
        let dealt = Dealt { ranks, failure };
        Self {
            store: Store::Fixed(Buffers::new(n_rows), Fixing::new(n_rows), dealt),
            ..Self::new(matrix, threads, false)
        }
    }

    /// So many rows here, and those of the other ranks.
    pub(crate) fn count(&mut self, n_rows: usize) -> usize {
        let Store::Fixed(_, _, dealt) = &mut self.store else {
            return n_rows;
        };
        let mut sum = [n_rows as i64];
        dealt.add_up(&mut sum);
        sum[0] as usize
    }

    /// # Errors
    /// The ranks are parted: the tree that was grown last is of no use.
    pub(crate) fn check(&self) -> Result<(), CollectiveError> {
        match &self.store {
            Store::Fixed(_, _, dealt) => dealt.failure.clone().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// Begins a tree over these rows, `None` for all, that looks at these features. Gives the sums over its rows.
    pub(crate) fn start(
        &mut self,
        rows: Option<&[u32]>,
        pairs: &[GradHess],
        features: &[u32],
        seed: Seed,
    ) -> Cell {
        self.active.fill(false);
        for &feature in features {
            self.active[self.matrix.features[feature as usize].group] = true;
        }
        match &mut self.store {
            Store::Plain(_, units) => {
                let (sums, is_unit) = total(rows, pairs, &self.threads);
                let n_rows = self.matrix.n_rows;
                match (is_unit && n_rows >= UNIT_ROWS, &units) {
                    (false, _) => *units = None,
                    (true, None) => *units = Some(vec![Unit::default(); n_rows]),
                    (true, Some(_)) => {}
                }
                sums
            }
            Store::Packed(_, packing) => packing.pack(rows, pairs, seed, &self.threads),
            Store::Fixed(_, fixing, dealt) => {
                let fixed = fixing.fix(rows, pairs, dealt.ranks, &self.threads);
                fixed.unwrap_or_else(|error| {
                    dealt.failure.get_or_insert(error);
                    [0.0; 2]
                })
            }
        }
    }

    /// The histogram of a leaf's rows, rising, `None` for all. Cells of features that the tree does not look at are
    /// whatever they were.
    pub(crate) fn build(&mut self, rows: Option<&[u32]>, pairs: &[GradHess]) -> Histogram {
        let Self {
            matrix,
            threads,
            active,
            store,
            n_buffers,
        } = self;
        match store {
            Store::Plain(buffers, units) => Histogram::Plain(match (rows, units) {
                (Some(rows), Some(units)) => {
                    let mut histogram = buffers.take(matrix, n_buffers);
                    let gradients = gather(rows, units, threads, |row| Unit(pairs[row][0]));
                    let (input, spare) = ((Some(rows), gradients), &mut buffers.spare);
                    fill::fill(matrix, input, active, &mut histogram, spare, threads);
                    histogram
                }
                _ => buffers.build(matrix, (rows, pairs), active, threads, n_buffers),
            }),
            Store::Packed(buffers, packing) => Histogram::Packed(buffers.build(
                matrix,
                (rows, packing.pairs()),
                active,
                threads,
                n_buffers,
            )),
            Store::Fixed(buffers, fixing, dealt) => {
                let input = (rows, fixing.pairs());
                let mut cells = buffers.build(matrix, input, active, threads, n_buffers);
                dealt.add_up(cells.as_flattened_mut());
                Histogram::Fixed(cells)
            }
        }
    }

    /// Takes a histogram back.
    pub(crate) fn free(&mut self, histogram: Option<Histogram>) {
        match (histogram, &mut self.store) {
            (Some(Histogram::Plain(cells)), Store::Plain(buffers, _)) => buffers.pool.push(cells),
            (Some(Histogram::Packed(cells)), Store::Packed(buffers, _)) => buffers.pool.push(cells),
            (Some(Histogram::Fixed(cells)), Store::Fixed(buffers, ..)) => buffers.pool.push(cells),
            _ => {}
        }
    }

    /// Whether histograms may be kept.
    pub(crate) fn has_room(&self) -> bool {
        let cell = match self.store {
            Store::Plain(..) | Store::Fixed(..) => size_of::<Cell>(),
            Store::Packed(..) => size_of::<u64>(),
        };
        self.n_buffers * self.matrix.n_cells * cell <= POOL_BYTES
    }

    /// The cells of a feature, one for each bin, in a histogram over rows with these sums. `scratch` may hold them.
    pub(crate) fn cells<'h>(
        &self,
        feature: &Feature,
        histogram: &'h Histogram,
        sums: Cell,
        scratch: &'h mut Vec<Cell>,
    ) -> &'h [Cell] {
        match (histogram, &self.store) {
            (Histogram::Plain(cells), _) => feature.cells_of(cells, sums, scratch),
            (Histogram::Packed(cells), Store::Packed(_, packing)) => {
                feature.cells_by(sums, scratch, |place| packing.unpacked(cells[place]))
            }
            (Histogram::Fixed(cells), Store::Fixed(_, fixing, _)) => {
                feature.cells_by(sums, scratch, |place| fixing.sums(cells[place]))
            }
            _ => unreachable!("histograms of one tree are of one kind"),
        }
    }
}

/// The sums of gradients and Hessians over rows, in chunks of fixed size, and whether every Hessian is 1.
fn total(rows: Option<&[u32]>, pairs: &[GradHess], threads: &Threads) -> (Cell, bool) {
    let n_rows = rows.map_or(pairs.len(), <[u32]>::len);
    let parts = threads.map(n_rows.div_ceil(CHUNK_ROWS), |chunk| {
        let part = chunk * CHUNK_ROWS..n_rows.min((chunk + 1) * CHUNK_ROWS);
        match rows {
            Some(rows) => sum_of(rows[part].iter().map(|&row| pairs[row as usize])),
            None => sum_of(pairs[part].iter().copied()),
        }
    });
    let is_unit = parts.iter().all(|(_, is_unit)| *is_unit);
    (sum(parts.into_iter().map(|(sums, _)| sums)), is_unit)
}

fn sum_of(pairs: impl Iterator<Item = GradHess>) -> (Cell, bool) {
    let mut is_unit = true;
    let terms = pairs.map(|pair| {
        is_unit &= pair[1] == 1.0;
        pair.term()
    });
    (sum(terms), is_unit)
}

fn sum(cells: impl Iterator<Item = Cell>) -> Cell {
    cells.fold([0.0; 2], |mut sum, cell| {
        GradHess::add_cell(&mut sum, &cell);
        sum
    })
}

#[cfg(test)]
mod tests;
