//! A block's cells as bytes: a column of them, a plane, for each 255 thresholds of a column, so that all tests compare bytes.
//!
//! The rank of a number is how many of the model's thresholds for its column are below it, and `x <= threshold` asks
//! whether the rank is no more than the threshold's. Ranks are exact for every double: infinities, both zeros and numbers
//! that are thresholds. Missing numbers have the least or the greatest byte, as the node wants; a column of which nodes
//! want both has two planes. A category is one bit in one of the planes that hold eight of its bins each.
//!
//! Cost: two or three nanoseconds a cell to count thresholds, and a few vector operations a plane.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the vectors of the machine"
)]

use crate::inputs::BoundColumn;

/// Rows of a block.
pub(super) const ROWS: usize = 128;
/// Ranks that a byte tells apart, less one.
const PAGE: usize = 255;
/// What is above every rank of a test, and what is above none.
pub(super) const ABOVE: i8 = i8::MAX;
pub(super) const BELOW: i8 = i8::MIN;

/// A byte for each row of a block.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Plane(pub(super) [i8; ROWS]);

impl Plane {
    pub(super) const EMPTY: Self = Self([0; ROWS]);
}

/// A test of a node: rows go right whose byte in the plane is above `rank`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneTest {
    pub(super) plane: u16,
    pub(super) rank: i8,
}

/// A plane of ranks from `first` on. `inverted` planes hold what the others do, in the opposite order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RankPlane {
    slot: u32,
    first: u32,
    missing_left: bool,
    inverted: bool,
}

/// A plane of the eight bins from `8 × octet` on, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OctetPlane {
    slot: u32,
    octet: u8,
}

/// How the planes are made of cells.
#[derive(Debug)]
pub(super) struct Coder {
    thresholds: Vec<Thresholds>,
    /// By slot, with the number of each plane; so are the others.
    ranks: Vec<(RankPlane, u16)>,
    octets: Vec<(OctetPlane, u16)>,
}

/// The thresholds of a slot, to be counted 16 at a time.
///
/// The last level holds them all, rising, without repetition; each level above holds the last number of every 16 of the
/// level below, up to one of 16 numbers. NaN, which is below nothing, fills the rest, and 16 of it end each level.
#[derive(Debug)]
struct Thresholds {
    levels: Vec<Vec<[f64; FAN]>>,
}

/// Numbers that are counted at once.
const FAN: usize = 16;

impl Thresholds {
    fn new(mut all: Vec<f64>) -> Self {
        all.sort_unstable_by(f64::total_cmp);
        all.dedup_by(|a, b| a == b);
        let mut levels = Vec::new();
        loop {
            let mut level = vec![[f64::NAN; FAN]; all.len() / FAN + 1];
            for (place, number) in all.iter().enumerate() {
                level[place / FAN][place % FAN] = *number;
            }
            let is_top = level.len() == 1;
            levels.push(level);
            if is_top {
                break;
            }
            let (whole, _) = all.as_chunks::<FAN>();
            all = whole.iter().map(|numbers| numbers[FAN - 1]).collect();
        }
        levels.reverse();
        Self { levels }
    }

    /// How many thresholds are below a number: none are below a missing one.
    fn rank(&self, x: f64) -> usize {
        let levels = self.levels.iter();
        levels.fold(0, |rank, level| rank * FAN + below(&level[rank], x))
    }

    /// The ranks of numbers, side by side.
    #[inline(always)]
    fn ranks(&self, numbers: &[f64; ROWS]) -> [u32; ROWS] {
        let mut ranks = [0; ROWS];
        for level in &self.levels {
            for (rank, &x) in ranks.iter_mut().zip(numbers) {
                let n_below = below(&level[*rank as usize], x);
                *rank = *rank * FAN as u32 + n_below as u32;
            }
        }
        ranks
    }
}

/// How many of some numbers are below `x`.
#[inline(always)]
fn below(numbers: &[f64; FAN], x: f64) -> usize {
    let counts = numbers.iter().map(|&number| usize::from(number < x));
    counts.sum()
}

/// Collects the planes that a model's tests need.
#[derive(Debug)]
pub(super) struct CoderBuilder {
    thresholds: Vec<Thresholds>,
    /// For each slot its planes, with their numbers: few, so that they are found by looking at each.
    ranks: Vec<Vec<(RankPlane, u16)>>,
    octets: Vec<Vec<(OctetPlane, u16)>>,
    n_planes: usize,
}

impl CoderBuilder {
    /// For slots with these thresholds, in any order; none for a slot of categories.
    pub(super) fn new(thresholds: Vec<Vec<f64>>) -> Self {
        Self {
            ranks: vec![Vec::new(); thresholds.len()],
            octets: vec![Vec::new(); thresholds.len()],
            thresholds: thresholds.into_iter().map(Thresholds::new).collect(),
            n_planes: 0,
        }
    }

    /// The test that `x <= threshold` fails, or, `inverted`, that it passes. The threshold is one of the slot's.
    pub(super) fn number(
        &mut self,
        slot: u32,
        threshold: f64,
        missing_left: bool,
        inverted: bool,
    ) -> PlaneTest {
        let rank = self.thresholds[slot as usize].rank(threshold);
        let content = RankPlane {
            slot,
            first: (rank / PAGE * PAGE) as u32,
            missing_left,
            inverted,
        };
        let plane = plane_of(&mut self.ranks[slot as usize], content, &mut self.n_planes);
        let rank = (rank % PAGE) as u8 as i8 ^ i8::MIN;
        // A byte `b` of a plane is `-1 - b` in the inverted one, so `b <= rank` is `-1 - b > -2 - rank`.
        let rank = if inverted { -2 - rank } else { rank };
        PlaneTest { plane, rank }
    }

    /// The plane of eight bins of a category.
    pub(super) fn octet(&mut self, slot: u32, octet: u8) -> u16 {
        let content = OctetPlane { slot, octet };
        plane_of(&mut self.octets[slot as usize], content, &mut self.n_planes)
    }

    /// The planes so far; their numbers are right if there are no more than 65,536.
    pub(super) fn n_planes(&self) -> usize {
        self.n_planes
    }

    pub(super) fn build(self) -> Coder {
        Coder {
            thresholds: self.thresholds,
            ranks: self.ranks.concat(),
            octets: self.octets.concat(),
        }
    }
}

/// The number of a plane, which is the next one if it is new.
fn plane_of<T: Copy + PartialEq>(known: &mut Vec<(T, u16)>, content: T, next: &mut usize) -> u16 {
    if let Some(&(_, plane)) = known.iter().find(|(known, _)| *known == content) {
        return plane;
    }
    let plane = *next as u16;
    known.push((content, plane));
    *next += 1;
    plane
}

impl Coder {
    /// Fills the planes by rows of a view, `ROWS` or fewer; the bytes behind them are of any kind.
    #[inline(always)]
    pub(super) fn encode(&self, ids: &[usize], columns: &[BoundColumn<'_>], planes: &mut [Plane]) {
        for group in self.ranks.chunk_by(|a, b| a.0.slot == b.0.slot) {
            let slot = group[0].0.slot as usize;
            let ranks = Ranks::of(&self.thresholds[slot], &numbers(&columns[slot], ids));
            for (content, plane) in group {
                ranks.write(*content, &mut planes[*plane as usize]);
            }
        }
        for group in self.octets.chunk_by(|a, b| a.0.slot == b.0.slot) {
            let column = &columns[group[0].0.slot as usize];
            let mut bins = [0; ROWS];
            for (bin, &row) in bins.iter_mut().zip(ids) {
                *bin = column.bits(row) as u8;
            }
            for (content, plane) in group {
                write_octet(content.octet, &bins, &mut planes[*plane as usize]);
            }
        }
    }
}

/// The numbers of a slot in a block.
struct Ranks {
    ranks: [u32; ROWS],
    /// All bits of the rows whose number is missing.
    missing: [u8; ROWS],
}

impl Ranks {
    #[inline(always)]
    fn of(thresholds: &Thresholds, numbers: &[f64; ROWS]) -> Self {
        Self {
            ranks: thresholds.ranks(numbers),
            missing: numbers.map(|number| mask(number.is_nan())),
        }
    }

    #[inline(always)]
    fn write(&self, content: RankPlane, plane: &mut Plane) {
        let first = content.first;
        let flip = mask(content.inverted);
        let keep_missing = mask(content.missing_left);
        for ((byte, &rank), &missing) in plane.0.iter_mut().zip(&self.ranks).zip(&self.missing) {
            let local = rank.saturating_sub(first).min(PAGE as u32) as u8;
            let local = local | (missing & !keep_missing);
            *byte = (local ^ 0x80 ^ flip) as i8;
        }
    }
}

/// The numbers of a column in the rows of a block.
#[inline(always)]
fn numbers(column: &BoundColumn<'_>, ids: &[usize]) -> [f64; ROWS] {
    let mut numbers = [0.0; ROWS];
    if let BoundColumn::Numbers(values) = column {
        for (number, &row) in numbers.iter_mut().zip(ids) {
            *number = values[row];
        }
    } else {
        for (number, &row) in numbers.iter_mut().zip(ids) {
            *number = f64::from_bits(column.bits(row));
        }
    }
    numbers
}

#[inline(always)]
fn write_octet(octet: u8, bins: &[u8; ROWS], plane: &mut Plane) {
    for (byte, &bin) in plane.0.iter_mut().zip(bins) {
        *byte = ((1 << (bin & 7)) & mask(bin >> 3 == octet)) as i8;
    }
}

/// All bits if it is so.
#[inline(always)]
pub(super) fn mask(is_so: bool) -> u8 {
    u8::from(is_so).wrapping_neg()
}
