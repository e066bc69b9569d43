//! Gradients in fixed point, for rows that are dealt to ranks: sums of whole numbers are exact in any order, so a histogram
//! is the same bits however many ranks have added it up.
//!
//! Each tree scales its gradients by a power of two so that the greatest takes 30 bits of the 32: an error of at most
//! 2⁻³¹ of the greatest gradient a row, which for most rows is below that of their single precision. Sums of 2³² rows fit
//! into 64 bits.

use super::{Addend, CHUNK_ROWS, Cell, GradHess};
use automl_core::{Collective, CollectiveError, Threads};

/// Bits of the greatest gradient.
const BITS: i32 = 30;

/// A row's gradient and Hessian as whole numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FixedPair([i32; 2]);

impl Addend for FixedPair {
    type Cell = [i64; 2];
    type Term = [i64; 2];

    #[inline]
    fn term(self) -> [i64; 2] {
        self.0.map(i64::from)
    }

    #[inline]
    fn add(cell: &mut [i64; 2], term: [i64; 2]) {
        Self::add_cell(cell, &term);
    }

    #[inline]
    fn add_cell(cell: &mut [i64; 2], other: &[i64; 2]) {
        cell[0] = cell[0].wrapping_add(other[0]);
        cell[1] = cell[1].wrapping_add(other[1]);
    }

    #[inline]
    fn subtract_cell(cell: &mut [i64; 2], other: &[i64; 2]) {
        cell[0] = cell[0].wrapping_sub(other[0]);
        cell[1] = cell[1].wrapping_sub(other[1]);
    }
}

/// The pairs of a tree in fixed point, and what a unit is worth.
pub(super) struct Fixing {
    pairs: Vec<FixedPair>,
    units: Cell,
}

impl Fixing {
    pub(super) fn new(n_rows: usize) -> Self {
        Self {
            pairs: vec![FixedPair::default(); n_rows],
            units: [0.0; 2],
        }
    }

    pub(super) fn pairs(&self) -> &[FixedPair] {
        &self.pairs
    }

    /// The sums that a cell stands for.
    #[inline]
    pub(super) fn sums(&self, cell: [i64; 2]) -> Cell {
        [0, 1].map(|part| cell[part] as f64 * self.units[part])
    }

    /// Brings the pairs of a tree's rows, `None` for all, into fixed point; gives their sums over all ranks, which are no
    /// numbers where some pair is not finite. Cost: three passes over the rows.
    pub(super) fn fix(
        &mut self,
        rows: Option<&[u32]>,
        pairs: &[GradHess],
        ranks: &dyn Collective,
        threads: &Threads,
    ) -> Result<Cell, CollectiveError> {
        let mut most = greatest(rows, pairs, threads);
        ranks.all_reduce_max_f64(&mut most)?;
        if most.iter().any(|most| most.is_infinite()) {
            self.units = [f64::NAN; 2];
            return Ok(self.units);
        }
        let scales = most.map(scale);
        self.units = scales.map(f64::recip);
        threads.for_each_chunk(&mut self.pairs, CHUNK_ROWS, |chunk, fixed| {
            let pairs = &pairs[chunk * CHUNK_ROWS..];
            for (fixed, pair) in fixed.iter_mut().zip(pairs) {
                // Rows that are not drawn may be out of range; they are never looked at.
                let of =
                    |part: usize| (f64::from(pair[part]) * scales[part]).round_ties_even() as i32;
                *fixed = FixedPair([of(0), of(1)]);
            }
        });
        let mut sums = total(rows, &self.pairs);
        ranks.all_reduce_i64(&mut sums)?;
        Ok(self.sums(sums))
    }
}

/// The power of two by which the greatest number takes [`BITS`] bits; 1 for zero.
fn scale(most: f64) -> f64 {
    if most == 0.0 {
        return 1.0;
    }
    let exponent = (most.to_bits() >> 52) as i32 - 1023;
    f64::from_bits(((1023 + BITS - 1 - exponent) as u64) << 52)
}

/// The greatest sizes of gradients and Hessians; infinite where one is not finite.
fn greatest(rows: Option<&[u32]>, pairs: &[GradHess], threads: &Threads) -> Cell {
    let n_rows = rows.map_or(pairs.len(), <[u32]>::len);
    let found = threads.map(n_rows.div_ceil(CHUNK_ROWS), |chunk| {
        let part = chunk * CHUNK_ROWS..n_rows.min((chunk + 1) * CHUNK_ROWS);
        match rows {
            Some(rows) => greatest_of(rows[part].iter().map(|&row| pairs[row as usize])),
            None => greatest_of(pairs[part].iter().copied()),
        }
    });
    let larger = |a: GradHess, b: GradHess| [a[0].max(b[0]), a[1].max(b[1])];
    found.into_iter().fold([0.0; 2], larger).map(f64::from)
}

fn greatest_of(pairs: impl Iterator<Item = GradHess>) -> GradHess {
    pairs.fold([0.0; 2], |most, pair| {
        let of = |part: usize| {
            let size = pair[part].abs();
            if size.is_nan() {
                f32::INFINITY
            } else {
                most[part].max(size)
            }
        };
        [of(0), of(1)]
    })
}

fn total(rows: Option<&[u32]>, pairs: &[FixedPair]) -> [i64; 2] {
    let add = |mut sum: [i64; 2], pair: FixedPair| {
        FixedPair::add(&mut sum, pair.term());
        sum
    };
    match rows {
        Some(rows) => rows
            .iter()
            .fold([0; 2], |sum, &row| add(sum, pairs[row as usize])),
        None => pairs.iter().fold([0; 2], |sum, &pair| add(sum, pair)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Solo;

    #[test]
    fn the_greatest_takes_all_bits_and_a_unit_is_a_power_of_two() {
        for most in [1.0, 0.3, 1e-30, 3e38, f64::from(f32::from_bits(1))] {
            let fixed = most * scale(most);
            assert!(
                (f64::from(1 << 29)..f64::from(1 << 30)).contains(&fixed),
                "{most}: {fixed}"
            );
            assert_eq!(scale(most).log2().fract(), 0.0);
        }
    }

    #[test]
    fn sums_are_those_of_the_pairs_to_single_precision() {
        let pairs: Vec<GradHess> = (0..50_000)
            .map(|i| [(i % 97) as f32 * 0.013 - 0.5, 1.0])
            .collect();
        let mut fixing = Fixing::new(pairs.len());
        let sums = fixing.fix(None, &pairs, &Solo, &Threads::one()).unwrap();
        let expected: f64 = pairs.iter().map(|pair| f64::from(pair[0])).sum();
        assert!((sums[0] - expected).abs() < 1e-4, "{} {expected}", sums[0]);
        assert_eq!(sums[1], 50_000.0);
        let some = fixing
            .fix(Some(&[3, 5]), &pairs, &Solo, &Threads::one())
            .unwrap();
        assert_eq!(some[1], 2.0);
    }

    #[test]
    fn pairs_that_are_not_finite_are_not_lost() {
        for bad in [f32::NAN, f32::INFINITY] {
            let pairs = [[1.0, 1.0], [bad, 1.0]];
            let sums = Fixing::new(2)
                .fix(None, &pairs, &Solo, &Threads::one())
                .unwrap();
            assert!(sums[0].is_nan());
        }
    }
}
