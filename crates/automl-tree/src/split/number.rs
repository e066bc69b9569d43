//! Thresholds of a number feature, with missing values tried on both sides.

#![expect(
    clippy::inline_always,
    reason = "what a kernel calls is compiled for its vectors only if it is inlined"
)]

use super::{Found, SplitRules, Sums};
use crate::histogram::Cell;
use crate::tree::Rule;
use pulp::{Arch, Simd, WithSimd};

/// A feature of numbers in a leaf.
struct Scan<'a> {
    rules: &'a SplitRules,
    sums: &'a Sums,
    cells: &'a [Cell],
    draw: u32,
    direction: i8,
    candidates: &'a mut Candidates,
}

/// What candidates are judged by: the rules, the leaf, the direction.
type Judge<'a> = (&'a SplitRules, &'a Sums, i8);

/// The best threshold, if any is allowed.
pub(super) fn best(
    rules: &SplitRules,
    sums: &Sums,
    cells: &[Cell],
    draw: u32,
    direction: i8,
    candidates: &mut Candidates,
) -> Option<Found> {
    let arch = candidates.arch;
    arch.dispatch(Scan {
        rules,
        sums,
        cells,
        draw,
        direction,
        candidates,
    })
}

impl WithSimd for Scan<'_> {
    type Output = Option<Found>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<Found> {
        best_threshold(simd, self)
    }
}

/// The best threshold. Cost: one pass over the bins for prefix sums, then a division for each threshold that has rows at
/// it and leaves enough on both sides; twice with missing values.
#[inline(always)]
fn best_threshold<S: Simd>(simd: S, scan: Scan<'_>) -> Option<Found> {
    let Scan {
        rules,
        sums,
        cells,
        candidates,
        ..
    } = scan;
    let judge = (rules, sums, scan.direction);
    let n_values = cells.len() - 1;
    let missing = cells[0];
    let has_missing = missing[1] * sums.rows_per_hessian() >= 0.5;
    // With no missing rows the last threshold would send all rows left.
    let n_thresholds = if has_missing { n_values } else { n_values - 1 };
    if n_thresholds == 0 {
        return None;
    }
    if rules.random_threshold {
        candidates.take_one(cells, scan.draw as usize % n_thresholds);
    } else {
        let offset = if has_missing { missing[1] } else { 0.0 };
        let hessian_min = sums.hessian_min(rules);
        let range = [hessian_min - offset, sums.hessian - hessian_min];
        candidates.take_all(&cells[1..=n_thresholds], range);
    }
    candidates.pad();
    let (mut score, mut place) = best_with(simd, judge, candidates, [0.0; 2]);
    let mut missing_left = false;
    if has_missing {
        let (other, other_place) = best_with(simd, judge, candidates, missing);
        if other > score {
            (score, place, missing_left) = (other, other_place, true);
        }
    }
    if score == f64::NEG_INFINITY {
        return None;
    }
    let offset = if missing_left { missing } else { [0.0; 2] };
    let left = [
        candidates.gradients[place] + offset[0],
        candidates.hessians[place] + offset[1],
    ];
    if !has_missing {
        missing_left = left[1] >= sums.hessian * 0.5;
    }
    Some(Found {
        score,
        rule: Rule::UpTo {
            bin: candidates.bins[place],
            missing_left,
        },
        left,
        extra_l2: 0.0,
    })
}

#[inline(always)]
fn sum(a: Cell, b: Cell) -> Cell {
    [a[0] + b[0], a[1] + b[1]]
}

/// Lanes of the widest vectors.
const LANES_MAX: usize = 8;

/// Thresholds worth a look, rising: the last bin that goes left, and the sums of the bins up to it.
pub(crate) struct Candidates {
    /// The vectors to judge them by, which change nothing but the time.
    pub(super) arch: Arch,
    len: usize,
    bins: [u8; 256],
    gradients: [f64; 256],
    hessians: [f64; 256],
}

impl Candidates {
    pub(crate) fn new() -> Self {
        Self {
            arch: Arch::new(),
            len: 0,
            bins: [0; 256],
            gradients: [0.0; 256],
            hessians: [0.0; 256],
        }
    }

    /// The thresholds after bins that hold something, where the Hessian up to them lies within the range, and perhaps a few
    /// more: an empty bin would only repeat the one before. Sums are taken four bins at a time, so that few additions wait
    /// for each other.
    #[inline(always)]
    fn take_all(&mut self, cells: &[Cell], [least, most]: [f64; 2]) {
        let (blocks, rest) = cells.as_chunks::<4>();
        let (mut before, mut bin, mut len) = ([0.0; 2], 0, 0);
        for [a, b, c, d] in blocks {
            let ab = sum(*a, *b);
            let sums = [*a, ab, sum(ab, *c), sum(ab, sum(*c, *d))];
            for (cell, sums) in [a, b, c, d].into_iter().zip(sums) {
                bin += 1;
                len += self.put(len, bin, cell, sum(before, sums));
            }
            before = sum(before, sums[3]);
            if before[1] > most {
                break;
            }
            // Hessians are not negative: nothing so far is in the range.
            len = if before[1] < least { 0 } else { len };
        }
        if before[1] <= most {
            for cell in rest {
                bin += 1;
                before = sum(before, *cell);
                len += self.put(len, bin, cell, before);
            }
        }
        self.len = len;
    }

    /// Puts a threshold at a place; 1 if its bin holds something, else 0: the next one takes its place.
    #[inline(always)]
    fn put(&mut self, place: usize, bin: u8, cell: &Cell, sums: Cell) -> usize {
        let place = place & 255;
        self.bins[place] = bin;
        [self.gradients[place], self.hessians[place]] = sums;
        // All bits but the signs: neither is zero.
        usize::from((cell[0].to_bits() | cell[1].to_bits()) << 1 != 0)
    }

    /// Fills the last lanes with what is never allowed.
    fn pad(&mut self) {
        let end = self.len.next_multiple_of(LANES_MAX);
        self.hessians[self.len..end].fill(f64::NAN);
    }

    /// One threshold alone.
    fn take_one(&mut self, cells: &[Cell], threshold: usize) {
        let left = cells[1..=threshold + 1].iter().copied();
        self.bins[0] = threshold as u8 + 1;
        [self.gradients[0], self.hessians[0]] = left.fold([0.0; 2], sum);
        self.len = 1;
    }

    fn sums(&self) -> impl Iterator<Item = (&f64, &f64)> {
        self.gradients[..self.len]
            .iter()
            .zip(&self.hessians[..self.len])
    }
}

/// The best score and its place, the first among equals, with these sums on the left beside the candidate's; minus infinity
/// if no candidate is allowed.
#[inline(always)]
fn best_with<S: Simd>(
    simd: S,
    judge: Judge<'_>,
    candidates: &Candidates,
    offset: Cell,
) -> (f64, usize) {
    if judge.2 == 0 && judge.1.bounds.is_free() {
        best_free(simd, judge, candidates, offset)
    } else {
        best_bounded(judge, candidates, offset)
    }
}

/// `T(G)² / (H + l2)` of both sides over one denominator: one division instead of two. Each lane keeps its best.
#[inline(always)]
fn best_free<S: Simd>(
    simd: S,
    judge: Judge<'_>,
    candidates: &Candidates,
    offset: Cell,
) -> (f64, usize) {
    let (rules, sums, _) = judge;
    let splat = |number: f64| simd.splat_f64s(number);
    let square = |g: S::f64s| {
        let shrunk = simd.sub_f64s(simd.abs_f64s(g), splat(rules.l1));
        let shrunk = simd.max_f64s(shrunk, splat(0.0));
        simd.mul_f64s(shrunk, shrunk)
    };
    let [offset_g, offset_h] = offset.map(splat);
    let (total_g, total_h) = (splat(sums.gradient), splat(sums.hessian));
    let (l2, hessian_min) = (splat(rules.l2), splat(sums.hessian_min(rules)));
    let (gradients, _) = S::as_simd_f64s(&candidates.gradients);
    let (hessians, _) = S::as_simd_f64s(&candidates.hessians);
    let n_vectors = candidates.len.div_ceil(S::F64_LANES);
    let (mut scores, mut vectors) = (splat(f64::NEG_INFINITY), splat(0.0));
    let pairs = gradients.iter().zip(hessians).take(n_vectors);
    for (vector, (&g, &h)) in pairs.enumerate() {
        let (gl, hl) = (simd.add_f64s(g, offset_g), simd.add_f64s(h, offset_h));
        let (gr, hr) = (simd.sub_f64s(total_g, gl), simd.sub_f64s(total_h, hl));
        let (dl, dr) = (simd.add_f64s(hl, l2), simd.add_f64s(hr, l2));
        let top = simd.add_f64s(simd.mul_f64s(square(gl), dr), simd.mul_f64s(square(gr), dl));
        let score = simd.div_f64s(top, simd.mul_f64s(dl, dr));
        let is_allowed = simd.and_m64s(
            simd.greater_than_or_equal_f64s(hl, hessian_min),
            simd.greater_than_or_equal_f64s(hr, hessian_min),
        );
        let is_better = simd.and_m64s(is_allowed, simd.greater_than_f64s(score, scores));
        scores = simd.select_f64s(is_better, score, scores);
        vectors = simd.select_f64s(is_better, splat(vector as f64), vectors);
    }
    let (mut score_of, mut vector_of) = ([f64::NEG_INFINITY; 16], [0.0; 16]);
    S::as_mut_simd_f64s(&mut score_of).0[0] = scores;
    S::as_mut_simd_f64s(&mut vector_of).0[0] = vectors;
    let mut best = (f64::NEG_INFINITY, usize::MAX);
    for lane in 0..S::F64_LANES {
        let place = vector_of[lane] as usize * S::F64_LANES + lane;
        if score_of[lane] > best.0 || (score_of[lane] == best.0 && place < best.1) {
            best = (score_of[lane], place);
        }
    }
    best
}

/// The same for a leaf whose values are bounded or must follow a direction.
fn best_bounded(judge: Judge<'_>, candidates: &Candidates, offset: Cell) -> (f64, usize) {
    let (rules, sums, direction) = judge;
    let hessian_min = sums.hessian_min(rules);
    let mut best = (f64::NEG_INFINITY, 0);
    for (place, (gradient, hessian)) in candidates.sums().enumerate() {
        let left = [gradient + offset[0], hessian + offset[1]];
        let right = [sums.gradient - left[0], sums.hessian - left[1]];
        let is_allowed = left[1] >= hessian_min && right[1] >= hessian_min;
        let score = is_allowed
            .then(|| rules.score_of_pair(sums.bounds, direction, [left, right]))
            .flatten();
        if let Some(score) = score
            && score > best.0
        {
            best = (score, place);
        }
    }
    best
}
