//! The table as small integers: every number or category becomes a bin of at most 255, bin 0 is "missing".
//!
//! Built once for a dataset, over all its rows, and shared by every trial, fold and class. Features of a like number of
//! bins stand together in groups of up to eight, row-major inside a group: a histogram pass then reads eight bins with
//! one load, and a row drawn at random costs one cache line for eight features instead of eight. Sparse features that
//! exclude each other share one of the eight bytes.

mod bundle;
mod dealt;
mod edges;
mod stream;

pub(crate) use dealt::bin_dealt;
pub(crate) use edges::{bin_numbers, number_edges};
pub(crate) use stream::columns_of;
pub use stream::{BinnedTable, BinningBuilder, BinningError, BinningSketch};

use crate::level_means::LevelMeans;
use automl_core::{Budget, Column, Dataset, FitError, Threads};
use bundle::{Bundle, Share, bundles};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How a column's values become bins 1, 2, …; bin 0 is for missing values and unseen categories.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bins {
    /// Upper edges, rising, the last infinite: bin `i + 1` holds values up to `edges[i]`.
    Number { edges: Vec<f64> },
    /// The bin of each category code; rare levels may share one.
    Category { bin_of_code: Vec<u8> },
    /// A category as the mean target of its level, which is a number with such edges.
    Means {
        edges: Vec<f64>,
        means: Arc<LevelMeans>,
        /// Which of the means.
        output: usize,
    },
}

/// One usable (not constant) column.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    /// Its position in the table.
    pub(crate) column: usize,
    /// How its values become bins.
    pub(crate) bins: Bins,
    /// Number of bins with the missing bin.
    pub(crate) n_bins: usize,
    /// The group that holds it.
    pub(crate) group: usize,
    /// Its lane in the group.
    pub(crate) lane: usize,
    /// Where the cells of its lane start in a histogram buffer.
    pub(crate) hist_start: usize,
    /// What it has of the lane, if others share it.
    pub(crate) share: Option<Share>,
}

impl Feature {
    /// A feature that has no lane yet.
    fn unplaced(column: BinnedColumn) -> Self {
        Self {
            column: column.column,
            bins: column.bins,
            n_bins: column.n_bins,
            group: 0,
            lane: 0,
            hist_start: 0,
            share: None,
        }
    }

    pub(crate) fn is_category(&self) -> bool {
        matches!(self.bins, Bins::Category { .. })
    }
}

/// How a table becomes bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BinningRules {
    /// Bins of a feature, beside the one for missing values.
    pub(crate) max_bins: usize,
    /// Whether sparse features that exclude each other share lanes.
    pub(crate) has_bundles: bool,
    /// Categories of more levels are left out.
    pub(crate) levels_max: usize,
}

/// Up to eight lanes, one byte a row each.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// 1, 2, 4 or 8.
    pub(crate) lanes: usize,
    /// Histogram cells of one lane: 16, 64 or 256.
    pub(crate) stride: usize,
    /// Where its cells start in a histogram buffer.
    pub(crate) hist_start: usize,
    /// `n_rows × lanes` bins.
    pub(crate) bytes: Vec<u8>,
}

/// A table's bins.
#[derive(Debug, Clone)]
pub(crate) struct BinnedMatrix {
    pub(crate) features: Arc<[Feature]>,
    pub(crate) groups: Vec<Group>,
    pub(crate) n_rows: usize,
    /// Cells of a histogram over all features.
    pub(crate) n_cells: usize,
}

/// A column of a table, or what is made of it, as bins.
#[derive(Debug)]
pub(crate) struct BinnedColumn {
    /// Its position in the table.
    pub(crate) column: usize,
    pub(crate) bins: Bins,
    /// Number of bins with the missing bin.
    pub(crate) n_bins: usize,
    /// The bin of each row.
    pub(crate) codes: Vec<u8>,
}

impl BinnedColumn {
    /// Whether all rows are in one bin.
    pub(crate) fn is_constant(&self) -> bool {
        let mut codes = self.codes.iter();
        let first = codes.next();
        codes.all(|code| Some(code) == first)
    }
}

/// One byte a row: the bins of a feature, or the codes of several that share it.
struct Lane {
    codes: Vec<u8>,
    n_codes: usize,
    /// Features by number.
    features: Vec<(usize, Option<Share>)>,
}

/// The columns that a build had binned when its budget ended, by position; `None` for one that cannot be binned. The
/// next build goes on from there, so that a table whose bins take longer than one trial may is not begun anew by each.
#[derive(Default)]
struct Begun(Mutex<BTreeMap<usize, Option<BinnedColumn>>>);

impl BinnedMatrix {
    /// The dataset's bins, built on first use. Fails on a column that is neither number nor category, without any, and
    /// with [`FitError::Cancelled`] when the budget, which is polled once a column, ends first.
    pub(crate) fn of(
        data: &Dataset,
        learner: &'static str,
        rules: BinningRules,
        threads: &Threads,
        budget: &Budget,
    ) -> Result<Arc<Self>, FitError> {
        for (name, column) in data.table().iter() {
            if !matches!(column, Column::Number(_) | Column::Category { .. }) {
                return Err(FitError::Column {
                    learner,
                    column: name.to_owned(),
                    kind: column.kind_name(),
                });
            }
        }
        if data.table().n_columns() == 0 {
            return Err(FitError::NoFeatures { learner });
        }
        let key = format!("{rules:?}");
        let begun = data.derived().get_or_build(&key, Begun::default);
        data.derived()
            .get_or_try_build(&key, || Self::build(data, rules, &begun, threads, budget))
    }

    /// Cost: a sort of up to 200,000 values a column, eight compares a value, one byte a value of memory.
    fn build(
        data: &Dataset,
        rules: BinningRules,
        begun: &Begun,
        threads: &Threads,
        budget: &Budget,
    ) -> Result<Self, FitError> {
        let table = data.table();
        let mut done = begun.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open: Vec<usize> = (0..table.n_columns())
            .filter(|position| !done.contains_key(position))
            .collect();
        let columns = threads.map(open.len(), |index| {
            let position = open[index];
            (!budget.is_over()).then(|| bin_column(position, table.column_at(position), rules))
        });
        let binned = open.into_iter().zip(columns);
        done.extend(binned.filter_map(|(position, column)| Some((position, column?))));
        if done.len() < table.n_columns() {
            return Err(FitError::Cancelled);
        }
        let columns = std::mem::take(&mut *done).into_values().flatten().collect();
        let n_rows = table.n_rows();
        Ok(Self::grouped(columns, n_rows, rules.has_bundles, threads))
    }

    /// The columns that are not constant, each a feature. Features stand in the order of their columns among those of a
    /// like number of bins, whatever lanes they share.
    fn grouped(
        mut columns: Vec<BinnedColumn>,
        n_rows: usize,
        has_bundles: bool,
        threads: &Threads,
    ) -> Self {
        columns.retain(|column| column.n_bins > 1 && !column.is_constant());
        Self::placed(columns, n_rows, has_bundles, threads)
    }

    /// The same for columns that are known not to be constant.
    fn placed(
        mut columns: Vec<BinnedColumn>,
        n_rows: usize,
        has_bundles: bool,
        threads: &Threads,
    ) -> Self {
        columns.sort_by_key(|column| stride_of(column.n_bins));
        let bundles = if has_bundles {
            bundles(&columns, n_rows, threads)
        } else {
            Vec::new()
        };
        let lanes = lanes_of(&mut columns, &bundles, n_rows);
        let empty = Self {
            features: [].into(),
            groups: Vec::new(),
            n_rows,
            n_cells: 0,
        };
        empty.extended(columns, lanes)
    }

    /// The same rows with more features, which stand behind the others whatever their number of bins.
    pub(crate) fn with(self: Arc<Self>, mut columns: Vec<BinnedColumn>) -> Arc<Self> {
        if columns.is_empty() {
            return self;
        }
        let lanes = lanes_of(&mut columns, &[], self.n_rows);
        Arc::new(Arc::unwrap_or_clone(self).extended(columns, lanes))
    }

    /// With a feature for each column, in these lanes.
    fn extended(self, columns: Vec<BinnedColumn>, lanes: Vec<Lane>) -> Self {
        let Self {
            features,
            mut groups,
            n_rows,
            mut n_cells,
        } = self;
        let first = features.len();
        let mut features = features.to_vec();
        features.extend(columns.into_iter().map(Feature::unplaced));
        let mut by_stride: [Vec<Lane>; 3] = Default::default();
        for lane in lanes {
            let class = STRIDES.iter().position(|&s| s == stride_of(lane.n_codes));
            by_stride[class.expect("a lane has one of the strides")].push(lane);
        }
        for (mut rest, stride) in by_stride.into_iter().zip(STRIDES) {
            while !rest.is_empty() {
                let lanes = match rest.len() {
                    1 => 1,
                    2..4 => 2,
                    4..8 => 4,
                    _ => 8,
                };
                let members: Vec<_> = rest.drain(..lanes).collect();
                let group = Group {
                    lanes,
                    stride,
                    hist_start: n_cells,
                    bytes: interleaved(&members, n_rows),
                };
                for (lane, member) in members.into_iter().enumerate() {
                    for (feature, share) in member.features {
                        let feature = &mut features[first + feature];
                        (feature.group, feature.lane) = (groups.len(), lane);
                        feature.hist_start = n_cells + lane * stride;
                        feature.share = share;
                    }
                }
                n_cells += lanes * stride;
                groups.push(group);
            }
        }
        Self {
            features: features.into(),
            groups,
            n_rows,
            n_cells,
        }
    }

    /// The rows given, as a matrix of their own: a copy of `rows × features` bytes, so that a fit reads them in order.
    fn gather(&self, rows: &[u32], threads: &Threads) -> Self {
        let groups = threads.map(self.groups.len(), |index| {
            let group = &self.groups[index];
            let bytes = match group.lanes {
                1 => gather_lanes::<1>(&group.bytes, rows),
                2 => gather_lanes::<2>(&group.bytes, rows),
                4 => gather_lanes::<4>(&group.bytes, rows),
                _ => gather_lanes::<8>(&group.bytes, rows),
            };
            Group {
                bytes,
                ..group.without_bytes()
            }
        });
        Self {
            features: self.features.clone(),
            groups,
            n_rows: rows.len(),
            n_cells: self.n_cells,
        }
    }

    /// The rows given: this matrix itself if they are all of it in order, else a gathered copy.
    pub(crate) fn of_rows(self: &Arc<Self>, rows: &[u32], threads: &Threads) -> Arc<Self> {
        if rows.iter().copied().eq(0..self.n_rows as u32) {
            self.clone()
        } else {
            Arc::new(self.gather(rows, threads))
        }
    }

    /// The bin of a feature in a row.
    #[inline]
    pub(crate) fn bin(&self, feature: usize, row: usize) -> u8 {
        let place = &self.features[feature];
        let group = &self.groups[place.group];
        place.bin_of_code(group.bytes[row * group.lanes + place.lane])
    }

    /// The bytes of a feature's group, and how to step through them: `bytes[row * lanes + lane]` is the row's code in the
    /// feature's lane, which is its bin unless the lane is shared.
    #[inline]
    pub(crate) fn strided(&self, feature: usize) -> (&[u8], usize, usize) {
        let place = &self.features[feature];
        let group = &self.groups[place.group];
        (&group.bytes, group.lanes, place.lane)
    }
}

impl Group {
    fn without_bytes(&self) -> Self {
        Self {
            bytes: Vec::new(),
            lanes: self.lanes,
            stride: self.stride,
            hist_start: self.hist_start,
        }
    }
}

fn gather_lanes<const L: usize>(bytes: &[u8], rows: &[u32]) -> Vec<u8> {
    let (all, _) = bytes.as_chunks::<L>();
    rows.iter().flat_map(|&row| all[row as usize]).collect()
}

/// Histogram cells of a lane.
const STRIDES: [usize; 3] = [16, 64, 256];

/// The cells that a lane of so many codes has.
fn stride_of(n_codes: usize) -> usize {
    match n_codes {
        ..=16 => 16,
        17..=64 => 64,
        _ => 256,
    }
}

/// A lane for each bundle, after one for each column that is in none; the columns' codes are taken.
fn lanes_of(columns: &mut [BinnedColumn], bundles: &[Bundle], n_rows: usize) -> Vec<Lane> {
    let mut shares: Vec<Option<Share>> = columns.iter().map(|_| None).collect();
    let of_bundle = |bundle: &Bundle| {
        let members = bundle.members().map(|(place, share)| {
            shares[place] = Some(share.clone());
            (place, Some(share.clone()))
        });
        Lane {
            features: members.collect(),
            n_codes: bundle.n_codes(),
            codes: bundle.codes(columns, n_rows),
        }
    };
    let shared: Vec<Lane> = bundles.iter().map(of_bundle).collect();
    let single = |(place, column): (usize, &mut BinnedColumn)| Lane {
        codes: std::mem::take(&mut column.codes),
        n_codes: column.n_bins,
        features: vec![(place, None)],
    };
    let alone = columns.iter_mut().enumerate();
    let alone = alone.filter(|(place, _)| shares[*place].is_none());
    alone.map(single).chain(shared).collect()
}

fn interleaved(members: &[Lane], n_rows: usize) -> Vec<u8> {
    let lanes = members.len();
    let mut bytes = vec![0; n_rows * lanes];
    for (lane, member) in members.iter().enumerate() {
        for (row, &code) in bytes.chunks_exact_mut(lanes).zip(&member.codes) {
            row[lane] = code;
        }
    }
    bytes
}

fn bin_column(position: usize, column: &Column, rules: BinningRules) -> Option<BinnedColumn> {
    let max_bins = rules.max_bins;
    let (bins, codes, n_bins) = match column {
        Column::Number(values) => {
            let edges = number_edges(values, max_bins);
            let codes = bin_numbers(values, &edges);
            let n_bins = edges.len() + 1;
            (Bins::Number { edges }, codes, n_bins)
        }
        Column::Category { codes, levels } if levels.len() <= rules.levels_max => {
            let counts = level_counts(codes, levels.len());
            let (bin_of_code, n_bins) = level_bins(&counts, max_bins);
            let bins = codes
                .iter()
                .map(|&code| bin_of_category(&bin_of_code, code))
                .collect();
            (Bins::Category { bin_of_code }, bins, n_bins)
        }
        _ => return None,
    };
    Some(BinnedColumn {
        column: position,
        bins,
        n_bins,
        codes,
    })
}

/// The bin of a category code; missing, unseen and unknown codes are in bin 0.
#[inline]
pub(crate) fn bin_of_category(bin_of_code: &[u8], code: u32) -> u8 {
    bin_of_code.get(code as usize).copied().unwrap_or(0)
}

/// The rows of each level.
fn level_counts(codes: &[u32], n_levels: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; n_levels];
    add_counts(&mut counts, codes);
    counts
}

/// Adds the rows of each level.
fn add_counts(counts: &mut [usize], codes: &[u32]) {
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
}

/// A bin for each level, the most frequent first; when there are too many, the rare ones share the last bin. A level
/// without rows has bin 0, as an unseen one. Gives the bins and their number, bin 0 included.
fn level_bins(counts: &[usize], max_bins: usize) -> (Vec<u8>, usize) {
    let mut present: Vec<usize> = (0..counts.len()).filter(|&code| counts[code] > 0).collect();
    present.sort_by_key(|&code| (std::cmp::Reverse(counts[code]), code));
    let mut bin_of_code = vec![0; counts.len()];
    for (rank, &code) in present.iter().enumerate() {
        bin_of_code[code] = (rank + 1).min(max_bins) as u8;
    }
    (bin_of_code, present.len().min(max_bins) + 1)
}

#[cfg(test)]
mod tests;
