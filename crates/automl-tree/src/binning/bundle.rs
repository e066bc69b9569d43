//! Features that are never away from their usual bin in the same row share one lane of bytes.
//!
//! Exclusive feature bundling (Ke et al., 2017) without conflicts: the columns of a one-hot coding become one lane, whose
//! code says which of them is on. Trees, splits and models speak of the features as if each had a lane of its own; only the
//! cells of the usual bin are not summed but left over from the sums of the leaf, so that they differ in the rounding.

use super::{BinnedColumn, Feature};
use crate::histogram::Cell;
use automl_core::Threads;

/// The share of rows in one bin from which a column may share a lane.
const USUAL_SHARE: f64 = 0.8;
/// Codes of a lane beside 0, which is for rows that are usual in every feature.
const CODES_MAX: usize = 255;
/// Lanes that a column is tried in before it begins one of its own.
const TRIES_MAX: usize = 100;
/// Lanes must become fewer by at least one in so many: for less a pass over the rows is hardly quicker.
const WORTH_ONE_IN: usize = 4;

/// What a feature has of a lane that it shares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    /// The bin of rows whose code is another feature's, or 0.
    usual_bin: u8,
    /// The first of its codes.
    first_code: u8,
    /// The bin of each of its codes: those that some row has, rising, without the usual one.
    bins: Vec<u8>,
}

impl Share {
    /// The bin of a row with this code.
    #[inline]
    pub(crate) fn bin(&self, code: u8) -> u8 {
        // Codes below the first wrap around to beyond the last.
        let place = code.wrapping_sub(self.first_code) as usize;
        self.bins.get(place).copied().unwrap_or(self.usual_bin)
    }
}

impl Feature {
    /// Its cells in the histogram of a leaf, one for each bin. `sums` are those of all rows of the histogram; `scratch` holds
    /// the cells of a feature that shares its lane. Cost: none, or a subtraction a code.
    pub(crate) fn cells_of<'a>(
        &self,
        histogram: &'a [Cell],
        sums: Cell,
        scratch: &'a mut Vec<Cell>,
    ) -> &'a [Cell] {
        if self.share.is_none() {
            return &histogram[self.hist_start..][..self.n_bins];
        }
        self.cells_by(sums, scratch, |place| histogram[place])
    }

    /// The same from a histogram of any kind: `cell` gives the sums at a place in it.
    pub(crate) fn cells_by<'a>(
        &self,
        sums: Cell,
        scratch: &'a mut Vec<Cell>,
        cell: impl Fn(usize) -> Cell,
    ) -> &'a [Cell] {
        scratch.clear();
        let Some(share) = &self.share else {
            scratch.extend((self.hist_start..self.hist_start + self.n_bins).map(cell));
            return scratch;
        };
        scratch.resize(self.n_bins, [0.0; 2]);
        let mut rest = sums;
        for (&bin, place) in share
            .bins
            .iter()
            .zip(self.hist_start + share.first_code as usize..)
        {
            let cell = cell(place);
            scratch[bin as usize] = cell;
            rest = [rest[0] - cell[0], rest[1] - cell[1]];
        }
        scratch[share.usual_bin as usize] = rest;
        scratch
    }

    /// What is true of each code of its lane, from what is true of each bin.
    pub(crate) fn by_code(&self, by_bin: [u8; 256]) -> [u8; 256] {
        match &self.share {
            None => by_bin,
            Some(share) => std::array::from_fn(|code| by_bin[share.bin(code as u8) as usize]),
        }
    }

    /// The bin of a row with this code in its lane.
    #[inline]
    pub(crate) fn bin_of_code(&self, code: u8) -> u8 {
        self.share.as_ref().map_or(code, |share| share.bin(code))
    }
}

/// A column that is nearly always in one bin.
struct Sparse {
    /// Its place among the columns.
    place: usize,
    usual_bin: u8,
    bins: Vec<u8>,
    /// Rows in other bins.
    rows: Vec<u32>,
}

/// Columns that share a lane, in the order of their codes, by their place.
pub(super) struct Bundle(Vec<(usize, Share)>);

/// A bundle in the making.
struct Open {
    members: Vec<Sparse>,
    n_codes: usize,
    n_rows: usize,
    /// One bit a row: whether some member is not usual there.
    taken: Vec<u64>,
}

/// The bundles that are worth it; a column is in one at most. Every two columns of a bundle have no row in common where
/// neither is usual. Cost: a pass over the columns, then a look at the unusual rows of each candidate until the first
/// conflict with each of at most 100 bundles.
pub(super) fn bundles(columns: &[BinnedColumn], n_rows: usize, threads: &Threads) -> Vec<Bundle> {
    let candidates = threads.map(columns.len(), |place| sparse(place, &columns[place].codes));
    let mut candidates: Vec<Sparse> = candidates.into_iter().flatten().collect();
    // Rare columns go last: they fit anywhere, and would keep away frequent ones.
    candidates.sort_by_key(|column| (std::cmp::Reverse(column.rows.len()), column.place));
    let mut open: Vec<Open> = Vec::new();
    for column in candidates {
        let fits = open
            .iter()
            .take(TRIES_MAX)
            .position(|bundle| bundle.fits(&column, n_rows));
        let place = fits.unwrap_or_else(|| {
            open.push(Open::new(n_rows));
            open.len() - 1
        });
        open[place].take(column);
    }
    open.retain(|bundle| bundle.members.len() > 1);
    let n_saved: usize = open.iter().map(|bundle| bundle.members.len() - 1).sum();
    if n_saved * WORTH_ONE_IN < columns.len() {
        return Vec::new();
    }
    open.into_iter().map(Open::close).collect()
}

/// The column as one to be bundled, if it is nearly always in one bin.
fn sparse(place: usize, codes: &[u8]) -> Option<Sparse> {
    let mut counts = [0_usize; 256];
    for &code in codes {
        counts[code as usize] += 1;
    }
    let usual_bin =
        (0..=255_u8).max_by_key(|&bin| (counts[bin as usize], std::cmp::Reverse(bin)))?;
    let n_usual = counts[usual_bin as usize];
    let bins: Vec<u8> = (0..=255_u8)
        .filter(|&bin| bin != usual_bin && counts[bin as usize] > 0)
        .collect();
    if (n_usual as f64) < USUAL_SHARE * codes.len() as f64 || bins.len() == CODES_MAX {
        return None;
    }
    let rows = codes.iter().zip(0_u32..);
    let rows = rows.filter(|&(&code, _)| code != usual_bin);
    Some(Sparse {
        place,
        usual_bin,
        bins,
        rows: rows.map(|(_, row)| row).collect(),
    })
}

impl Open {
    fn new(n_rows: usize) -> Self {
        Self {
            members: Vec::new(),
            n_codes: 0,
            n_rows: 0,
            taken: vec![0; n_rows.div_ceil(64)],
        }
    }

    fn fits(&self, column: &Sparse, n_rows: usize) -> bool {
        let is_free = |&row: &u32| self.taken[row as usize / 64] >> (row % 64) & 1 == 0;
        self.n_codes + column.bins.len() <= CODES_MAX
            && self.n_rows + column.rows.len() <= n_rows
            && column.rows.iter().all(is_free)
    }

    fn take(&mut self, column: Sparse) {
        for &row in &column.rows {
            self.taken[row as usize / 64] |= 1 << (row % 64);
        }
        self.n_codes += column.bins.len();
        self.n_rows += column.rows.len();
        self.members.push(column);
    }

    fn close(self) -> Bundle {
        let mut members = self.members;
        members.sort_by_key(|member| member.place);
        let mut next_code = 1;
        let share = |member: Sparse| {
            let first_code = next_code as u8;
            next_code += member.bins.len();
            let share = Share {
                usual_bin: member.usual_bin,
                first_code,
                bins: member.bins,
            };
            (member.place, share)
        };
        Bundle(members.into_iter().map(share).collect())
    }
}

impl Bundle {
    /// Its members, by their place among the columns.
    pub(super) fn members(&self) -> impl Iterator<Item = (usize, &Share)> {
        self.0.iter().map(|(place, share)| (*place, share))
    }

    /// Codes of the lane, with 0.
    pub(super) fn n_codes(&self) -> usize {
        1 + self
            .0
            .iter()
            .map(|(_, share)| share.bins.len())
            .sum::<usize>()
    }

    /// The code of every row; the columns' own codes are taken.
    pub(super) fn codes(&self, columns: &mut [BinnedColumn], n_rows: usize) -> Vec<u8> {
        let mut codes = vec![0; n_rows];
        for (place, share) in self.members() {
            let mut code_of_bin = [0; 256];
            for (&bin, code) in share.bins.iter().zip(share.first_code..=255) {
                code_of_bin[bin as usize] = code;
            }
            let bins = std::mem::take(&mut columns[place].codes);
            for (code, bin) in codes.iter_mut().zip(bins) {
                // All members but one say 0.
                *code |= code_of_bin[bin as usize];
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests;
