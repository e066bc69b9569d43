//! The hot loops, compiled for the vectors that the machine has: every function here is inlined into the two jobs.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the vectors of the machine"
)]

use super::planes::{ABOVE, BELOW, Plane, ROWS, mask};
use super::{Bins, BitTree, BitTrees, Block, MAX_LEAVES, Membership, Reading, Request, Strike};
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Bytes of a tree at most.
const MAX_BYTES: usize = MAX_LEAVES / 8;

/// Makes the planes of a block.
pub(super) struct Encode<'a> {
    pub(super) trees: &'a BitTrees,
    pub(super) request: &'a Request<'a>,
    pub(super) block: &'a mut Block,
}

impl WithSimd for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (block, request) = (self.block, self.request);
        let mut ids = [0; ROWS];
        let ids = &mut ids[..block.n_rows];
        for (place, id) in ids.iter_mut().enumerate() {
            *id = request.rows.row(block.first_row + place);
        }
        let coder = &self.trees.coder;
        coder.encode(ids, request.columns, &mut block.planes);
    }
}

/// Adds trees to the sums of a block.
pub(super) struct Score<'a> {
    pub(super) trees: &'a BitTrees,
    pub(super) range: Range<usize>,
    pub(super) block: &'a mut Block,
}

impl WithSimd for Score<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let all = self.trees;
        let (planes, sums) = (&mut self.block.planes, &mut self.block.sums);
        let mut bytes = [[0; ROWS]; MAX_BYTES];
        let mut leaves = [0; ROWS];
        for number in self.range {
            let tree = &all.trees[number];
            let before = number.checked_sub(1).map(|number| all.trees[number]);
            let first_byte = before.map_or(0, |tree| tree.end_byte) as usize;
            let first_membership = before.map_or(0, |tree| tree.end_membership) as usize;
            let memberships = first_membership..tree.end_membership as usize;
            answer(all, memberships, planes);
            let n_bytes = tree.end_byte as usize - first_byte;
            let bytes = &mut bytes[..n_bytes];
            for (byte, index) in bytes.iter_mut().zip(first_byte..) {
                let first = index.checked_sub(1).map_or(0, |index| all.ends[index]) as usize;
                strike(planes, &all.strikes[first..all.ends[index] as usize], byte);
            }
            if all.width > 1 {
                add_wide(all, tree, bytes, sums);
                continue;
            }
            let output = number % sums.len();
            let sums = &mut sums[output];
            let values = &all.values[tree.first_leaf as usize..];
            match (tree.reading, &*bytes) {
                (Reading::Index, [low, high]) => add_long(values, low, high, sums),
                (Reading::Index, [index]) => add(values, index, sums),
                (_, bytes) => {
                    first_left(bytes, &mut leaves);
                    add(values, &leaves, sums);
                }
            }
        }
    }
}

/// Makes the planes of the categories' answers.
#[inline(always)]
fn answer(all: &BitTrees, memberships: Range<usize>, planes: &mut [Plane]) {
    let (planes, answers) = planes.split_at_mut(all.n_planes);
    for (index, answer) in memberships.zip(answers) {
        let before = index.checked_sub(1).map(|index| all.memberships[index]);
        let Membership { end, inverted } = all.memberships[index];
        let first = before.map_or(0, |membership| membership.end);
        let mut is_in = [0; ROWS];
        for &Bins { plane, bits } in &all.bins[first as usize..end as usize] {
            for (is_in, &cell) in is_in.iter_mut().zip(&planes[plane as usize].0) {
                *is_in |= cell as u8 & bits;
            }
        }
        let flip = mask(inverted);
        for (answer, is_in) in answer.0.iter_mut().zip(is_in) {
            let is_above = mask(is_in == 0) ^ flip;
            *answer = (ABOVE as u8 & is_above | BELOW as u8 & !is_above) as i8;
        }
    }
}

/// Strikes out bits of a byte, rows side by side.
#[inline(always)]
fn strike(planes: &[Plane], strikes: &[Strike], byte: &mut [u8; ROWS]) {
    let mut struck = [0; ROWS];
    for strike in strikes {
        let cells = &planes[strike.plane as usize].0;
        for row in 0..ROWS {
            struck[row] |= mask(cells[row] > strike.rank) & strike.bits;
        }
    }
    *byte = struck;
}

/// The first bit of each row that is 0; there is one.
#[inline(always)]
fn first_left(bytes: &[[u8; ROWS]], leaves: &mut [u8; ROWS]) {
    let Some((last, rest)) = bytes.split_last() else {
        return leaves.fill(0);
    };
    let mut byte = *last;
    let mut base = [(rest.len() * 8) as u8; ROWS];
    for (place, earlier) in rest.iter().enumerate().rev() {
        let first = (place * 8) as u8;
        for row in 0..ROWS {
            let is_full = mask(earlier[row] == u8::MAX);
            byte[row] = (byte[row] & is_full) | (earlier[row] & !is_full);
            base[row] = (base[row] & is_full) | (first & !is_full);
        }
    }
    for row in 0..ROWS {
        let bit = !byte[row] & byte[row].wrapping_add(1);
        let place =
            (mask(bit & 0xaa != 0) & 1) | (mask(bit & 0xcc != 0) & 2) | (mask(bit & 0xf0 != 0) & 4);
        leaves[row] = base[row] | place;
    }
}

/// Adds a value of 256 to each row.
#[inline(always)]
fn add(values: &[f64], leaves: &[u8; ROWS], sums: &mut [f64; ROWS]) {
    let Some(values) = values.first_chunk::<MAX_LEAVES>() else {
        unreachable!("256 numbers follow the first of every tree");
    };
    for row in 0..ROWS {
        sums[row] += values[leaves[row] as usize];
    }
}

/// Adds the values of a table of more than 256.
#[inline(always)]
fn add_long(values: &[f64], low: &[u8; ROWS], high: &[u8; ROWS], sums: &mut [f64; ROWS]) {
    for row in 0..ROWS {
        sums[row] += values[usize::from(u16::from_le_bytes([low[row], high[row]]))];
    }
}

/// Adds a leaf's numbers to all outputs.
#[inline(always)]
fn add_wide(all: &BitTrees, tree: &BitTree, bytes: &[[u8; ROWS]], sums: &mut [[f64; ROWS]]) {
    let mut low = [0; ROWS];
    let mut high = [0; ROWS];
    match (tree.reading, bytes) {
        (Reading::Index, [first, second]) => (low, high) = (*first, *second),
        (Reading::Index, [first]) => low = *first,
        (_, bytes) => first_left(bytes, &mut low),
    }
    let first = tree.first_leaf as usize;
    for row in 0..ROWS {
        let leaf = usize::from(u16::from_le_bytes([low[row], high[row]]));
        let values = &all.values[(first + leaf) * all.width..][..all.width];
        for (sums, value) in sums.iter_mut().zip(values) {
            sums[row] += value;
        }
    }
}
