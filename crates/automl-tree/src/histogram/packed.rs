//! Quantised gradients: a row's gradient and Hessian as two small whole numbers, a cell's sums as two in 64 bits.
//!
//! Each tree scales its gradients to as many levels as cannot overflow 32 bits when all rows are added up: at least
//! 2,000 for a million rows, 32,767 for a small table, where the published method has 4. Rounding is stochastic, so that
//! sums stay unbiased (Shi et al. 2022, Quantized training of gradient boosting decision trees). One 64-bit addition takes
//! both sums, a histogram has half the bytes, and sums of whole numbers are exact in any order. Weights and drawn rows
//! only change the pairs, so they go together with it.

#![expect(
    clippy::inline_always,
    reason = "what a kernel calls is compiled for its vectors only if it is inlined"
)]

use super::{Addend, CHUNK_ROWS, Cell, GradHess};
use crate::simd::{self, Kernel};
use automl_core::{Seed, Threads};

/// Rows with which at least 16 levels are left.
pub(crate) const MAX_PACKED_ROWS: usize = 1 << 27;

/// The gradient in the upper 16 bits, signed; the Hessian in the lower ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PackedPair(u32);

impl PackedPair {
    fn new(gradient: i32, hessian: i32) -> Self {
        Self((gradient as u32) << 16 | hessian as u32 & 0xffff)
    }
}

impl Addend for PackedPair {
    type Cell = u64;
    type Term = u64;

    #[inline]
    fn term(self) -> u64 {
        let gradient = i64::from(self.0 as i32 >> 16);
        (gradient << 32) as u64 + u64::from(self.0 & 0xffff)
    }

    #[inline]
    fn add(cell: &mut u64, term: u64) {
        *cell = cell.wrapping_add(term);
    }

    #[inline]
    fn add_cell(cell: &mut u64, other: &u64) {
        *cell = cell.wrapping_add(*other);
    }

    #[inline]
    fn subtract_cell(cell: &mut u64, other: &u64) {
        *cell = cell.wrapping_sub(*other);
    }
}

/// The packed pairs of a tree and what a level of them is worth.
pub(super) struct Packing {
    pairs: Vec<PackedPair>,
    units: Cell,
}

impl Packing {
    pub(super) fn new(n_rows: usize) -> Self {
        Self {
            pairs: vec![PackedPair::default(); n_rows],
            units: [0.0; 2],
        }
    }

    pub(super) fn pairs(&self) -> &[PackedPair] {
        &self.pairs
    }

    /// The sums that a cell stands for.
    #[inline]
    pub(super) fn unpacked(&self, cell: u64) -> Cell {
        let (gradient, hessian) = ((cell >> 32) as i32, cell as u32);
        [
            f64::from(gradient) * self.units[0],
            f64::from(hessian) * self.units[1],
        ]
    }

    /// Packs the pairs of a tree's rows, `None` for all; gives their sums. Cost: three passes over the rows.
    pub(super) fn pack(
        &mut self,
        rows: Option<&[u32]>,
        pairs: &[GradHess],
        seed: Seed,
        threads: &Threads,
    ) -> Cell {
        let n_rows = rows.map_or(pairs.len(), <[u32]>::len).max(1);
        let levels = [
            i32::from(i16::MAX).min(i32::MAX / n_rows as i32) as f32,
            (i32::from(u16::MAX)).min((u32::MAX / n_rows as u32) as i32) as f32,
        ];
        let most = greatest(rows, pairs, threads);
        let scale = |part: usize| {
            if most[part] > 0.0 {
                levels[part] / most[part]
            } else {
                0.0
            }
        };
        let scales = [scale(0), scale(1)];
        self.units = [0, 1].map(|part| f64::from(most[part]) / f64::from(levels[part]));
        let key = seed.named("quantize").0 as u32;
        threads.for_each_chunk(&mut self.pairs, CHUNK_ROWS, |chunk, packed| {
            let start = chunk * CHUNK_ROWS;
            simd::widest(Round {
                pairs: &pairs[start..][..packed.len()],
                packed,
                first_row: start as u32,
                key,
                scales,
                levels,
            });
        });
        let packed = &self.pairs;
        let sums = threads.map(n_rows.div_ceil(CHUNK_ROWS), |chunk| {
            let part = chunk * CHUNK_ROWS..n_rows.min((chunk + 1) * CHUNK_ROWS);
            let terms = |sum: u64, pair: PackedPair| sum.wrapping_add(pair.term());
            match rows {
                Some(rows) => rows[part]
                    .iter()
                    .fold(0, |sum, &row| terms(sum, packed[row as usize])),
                None => packed[part].iter().fold(0, |sum, &pair| terms(sum, pair)),
            }
        });
        self.unpacked(sums.into_iter().fold(0, u64::wrapping_add))
    }
}

/// Rounds the pairs of consecutive rows.
struct Round<'a> {
    pairs: &'a [GradHess],
    packed: &'a mut [PackedPair],
    first_row: u32,
    key: u32,
    scales: GradHess,
    levels: GradHess,
}

impl Kernel for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, (packed, pair)) in (self.first_row..).zip(self.packed.iter_mut().zip(self.pairs))
        {
            let up = uniform(row, self.key);
            // Rows that are not drawn may be out of range; they are never looked at.
            let level = |part: usize, least: f32| {
                let number = (pair[part] * self.scales[part])
                    .max(least)
                    .min(self.levels[part]);
                (f64::from(number) + f64::from(up[part]) + OFFSET) as u32
            };
            let (gradient, hessian) = (level(0, -self.levels[0]), level(1, 0.0));
            let most = self.levels.map(|levels| (levels + OFFSET as f32) as u32);
            let gradient = gradient.min(most[0]) as i32 - OFFSET as i32;
            *packed = PackedPair::new(gradient, hessian.min(most[1]) as i32 - OFFSET as i32);
        }
    }
}

/// Added before numbers are cut to whole ones, so that cutting rounds all of them down.
const OFFSET: f64 = 65_536.0;

/// The greatest sizes of gradients and Hessians.
fn greatest(rows: Option<&[u32]>, pairs: &[GradHess], threads: &Threads) -> GradHess {
    let n_rows = rows.map_or(pairs.len(), <[u32]>::len);
    let found = threads.map(n_rows.div_ceil(CHUNK_ROWS), |chunk| {
        let part = chunk * CHUNK_ROWS..n_rows.min((chunk + 1) * CHUNK_ROWS);
        match rows {
            Some(rows) => {
                let drawn = rows[part].iter().map(|&row| pairs[row as usize]);
                drawn.fold([0.0; 2], larger)
            }
            None => simd::widest(Greatest(&pairs[part])),
        }
    });
    found.into_iter().fold([0.0; 2], larger)
}

#[inline]
fn larger(most: GradHess, pair: GradHess) -> GradHess {
    let of = |part: usize| {
        let size = pair[part].abs();
        if size > most[part] { size } else { most[part] }
    };
    [of(0), of(1)]
}

struct Greatest<'a>(&'a [GradHess]);

impl Kernel for Greatest<'_> {
    type Output = GradHess;

    #[inline(always)]
    fn call(self) -> GradHess {
        let (blocks, rest) = self.0.as_chunks::<8>();
        let mut most = [[0.0; 2]; 8];
        for block in blocks {
            for (most, pair) in most.iter_mut().zip(block) {
                *most = larger(*most, *pair);
            }
        }
        most.into_iter()
            .chain(rest.iter().copied())
            .fold([0.0; 2], larger)
    }
}

/// Two numbers from 0 to 1, without 1, of a row: the mixing steps are those of `MurmurHash3` (Appleby).
#[inline]
fn uniform(row: u32, key: u32) -> [f32; 2] {
    let mut x = row.wrapping_mul(0x9e37_79b9) ^ key;
    x = (x ^ x >> 16).wrapping_mul(0x85eb_ca6b);
    x = (x ^ x >> 13).wrapping_mul(0xc2b2_ae35);
    x ^= x >> 16;
    [x & 0xffff, x >> 16].map(|bits| bits as f32 / 65_536.0)
}

#[cfg(test)]
mod tests;
