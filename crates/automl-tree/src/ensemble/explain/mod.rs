//! Exact Shapley values of the trees' scores, and of pairs of columns, where a column that is not known sends a row each
//! way as often as the rows that the tree was grown on went (Lundberg et al., 2020: path-dependent tree SHAP).
//!
//! Instead of a walk through each tree for each row, leaves are grouped so that what a row gets of a group depends on a few
//! bits (see the module `paths`). The bits of all rows are found column by column, what follows from a pattern of bits is
//! found once, by quadrature over the polynomials of the paths, and added for every row that has it. What is shared between
//! rows is the very same sum that a row alone would get, so no row's result depends on the others.
//!
//! Cost: rows × (inner nodes + groups × their bits) small steps a tree, and patterns × path length × points of about half
//! the path length; nothing grows with the square of the depth.
//!
//! Formula and quadrature follow Owen 1972, Multilinear extensions of games, and Yu et al. 2022, Linear tree SHAP; sharing
//! by patterns is near to Yang 2021, Fast tree SHAP.

mod paths;
mod quadrature;

use super::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::contains;
use automl_core::{ExplainError, TableView, Threads};
use paths::{Cutter, Edge, Group, Leaf, MAX_BITS};

/// Rows that share what is found for a pattern, and that one thread takes at a time, at most: the more, the more is shared.
const BLOCK_ROWS: usize = 8192;
/// Rows that are worth a thread of their own: fewer would share too little.
const SHARED_ROWS: usize = 512;
/// Bytes that the sums of a block may take, so that they stay in the second-level cache, as long as rows share enough.
const SUM_BYTES: usize = 3 << 19;
/// Bytes that the outcomes of a block may take, so that large trees take fewer rows at a time.
const OUTCOME_BYTES: usize = 16 << 20;

/// What is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Each column: `columns + 1` values an output.
    Columns,
    /// Each pair of columns: a matrix of `columns + 1` rows and columns an output.
    Pairs,
}

impl Detail {
    /// Values an output.
    pub(crate) fn width(self, n_columns: usize) -> usize {
        match self {
            Self::Columns => n_columns + 1,
            Self::Pairs => (n_columns + 1) * (n_columns + 1),
        }
    }

    /// Where an entry about some inputs goes to, in the values of an output.
    fn offsets(self, inputs: &[u32], n_columns: usize) -> Vec<usize> {
        let inputs = || inputs.iter().map(|&input| input as usize);
        match self {
            Self::Columns => inputs().collect(),
            Self::Pairs => inputs()
                .flat_map(|i| inputs().map(move |j| i * (n_columns + 1) + j))
                .collect(),
        }
    }
}

impl Ensemble {
    /// Number of columns that the trees were grown on.
    pub(crate) fn n_columns(&self) -> usize {
        self.inputs.0.len()
    }

    /// Names of the columns that the trees were grown on.
    pub(crate) fn column_names(&self) -> Vec<String> {
        let inputs = self.inputs.0.iter();
        inputs.map(|input| input.name.clone()).collect()
    }

    /// Attributions of the sum of all trees, row-major; the last value of an output is its expectation.
    pub(crate) fn attributions(
        &self,
        rows: &TableView<'_>,
        n_outputs: usize,
        detail: Detail,
        threads: &Threads,
    ) -> Result<Vec<f64>, ExplainError> {
        if self.linear.is_some() {
            // What a row's own numbers add within a leaf is not a matter of the paths alone.
            return Err(ExplainError::Unsupported);
        }
        let columns = self.bind(rows.table())?;
        let covers = self.node_covers().ok_or(ExplainError::NoCover)?;
        let n_values = n_outputs * detail.width(self.n_columns());
        let mut out = vec![0.0; rows.n_rows() * n_values];
        let block_rows = self.block_rows(rows.n_rows(), n_values, threads);
        threads.for_each_chunk(&mut out, block_rows * n_values, |block, sums| {
            let n_rows = sums.len() / n_values;
            Block {
                ensemble: self,
                n_outputs,
                detail,
                n_rows,
                cells: cells(rows, block * block_rows, n_rows, &columns),
                outcomes: Vec::new(),
                bits: Vec::new(),
                patterns: vec![0; n_rows],
                memo: Memo::default(),
            }
            .add_trees(&covers, sums);
        });
        Ok(out)
    }

    /// Rows of a block: as many as caches bear, but each thread has some. What a row gets does not depend on it.
    fn block_rows(&self, n_rows: usize, n_values: usize, threads: &Threads) -> usize {
        let n_nodes = (0..self.n_trees()).map(|tree| self.tree_nodes(tree).len());
        let of_outcomes = OUTCOME_BYTES / n_nodes.max().unwrap_or(1);
        let of_sums = SUM_BYTES / (n_values * size_of::<f64>()).max(1);
        let most = of_sums
            .max(4 * SHARED_ROWS)
            .min(of_outcomes)
            .clamp(32, BLOCK_ROWS);
        let n_threads = threads.count().min(n_rows / SHARED_ROWS).max(1);
        let n_blocks = n_rows.div_ceil(most).next_multiple_of(n_threads);
        n_rows.div_ceil(n_blocks.max(1)).max(1)
    }
}

/// The cells of some rows, column by column.
fn cells(
    rows: &TableView<'_>,
    first_row: usize,
    n_rows: usize,
    columns: &[BoundColumn<'_>],
) -> Vec<u64> {
    let of_column = |column| {
        let bits = move |place| BoundColumn::bits(column, rows.row(first_row + place));
        (0..n_rows).map(bits)
    };
    columns.iter().flat_map(of_column).collect()
}

/// Rows that are explained together.
struct Block<'a> {
    ensemble: &'a Ensemble,
    n_outputs: usize,
    detail: Detail,
    n_rows: usize,
    /// `n_rows` a slot.
    cells: Vec<u64>,
    /// For each node of the tree, `n_rows` bytes: 1 for left.
    outcomes: Vec<u8>,
    /// For each bit of a leaf without patterns, `n_rows` bytes; otherwise a scratch for one.
    bits: Vec<u8>,
    /// The pattern of each row, then the place of its entry.
    patterns: Vec<u16>,
    memo: Memo,
}

impl Block<'_> {
    fn add_trees(&mut self, covers: &[f64], sums: &mut [f64]) {
        let ensemble = self.ensemble;
        let n_columns = ensemble.n_columns();
        let width = self.detail.width(n_columns);
        let mut expected = vec![0.0; self.n_outputs];
        let mut cutter = Cutter::new(ensemble, covers);
        for tree in 0..ensemble.n_trees() {
            self.find_outcomes(tree);
            // Trees with one number a leaf take turns; others add to all outputs.
            let first_output = match ensemble.width {
                1 => tree % self.n_outputs,
                _ => 0,
            };
            cutter.cut(tree, |group| {
                for leaf in group.leaves() {
                    let values = ensemble.leaf_values(&leaf);
                    for (expected, value) in expected[first_output..].iter_mut().zip(values) {
                        *expected += leaf.share() * value;
                    }
                }
                let offsets = self.detail.offsets(&group.inputs, n_columns);
                let sums = Sums {
                    values: &mut *sums,
                    n_values: self.n_outputs * width,
                    first: first_output * width,
                    width,
                    offsets: &offsets,
                };
                self.add_group(group, sums);
            });
        }
        for row in sums.chunks_exact_mut(self.n_outputs * width) {
            for (values, expected) in row.chunks_exact_mut(width).zip(&expected) {
                values[width - 1] = *expected;
            }
        }
    }

    /// Where every node of a tree sends every row.
    fn find_outcomes(&mut self, tree: usize) {
        let (ensemble, n_rows) = (self.ensemble, self.n_rows);
        let nodes = ensemble.tree_nodes(tree);
        self.outcomes.resize(nodes.len() * n_rows, 0);
        for (node, outcomes) in nodes.iter().zip(self.outcomes.chunks_exact_mut(n_rows)) {
            if !node.is_leaf() {
                let slot = (node.slot & SLOT) as usize;
                let cells = &self.cells[slot * n_rows..][..n_rows];
                ensemble.outcomes(node, cells, outcomes);
            }
        }
    }

    fn add_group(&mut self, group: &Group, sums: Sums<'_>) {
        if group.inputs.is_empty() {
            return;
        }
        let entries = Entries {
            ensemble: self.ensemble,
            detail: self.detail,
            group,
        };
        if group.has_patterns() {
            self.find_patterns(group);
            self.memo.resolve(&entries, &mut self.patterns);
            let len = entries.len();
            sums.add(|row| &self.memo.entries[usize::from(self.patterns[row]) * len..][..len]);
        } else {
            self.add_leaf(&entries, sums);
        }
    }

    fn find_patterns(&mut self, group: &Group) {
        self.patterns.fill(0);
        for (bit, edges) in group.bits().enumerate() {
            self.bits.resize(self.n_rows, 0);
            let passes = all_pass(edges, &self.outcomes, &mut self.bits);
            for (pattern, &passes) in self.patterns.iter_mut().zip(passes) {
                *pattern |= u16::from(passes) << bit;
            }
        }
    }

    /// Adds a leaf that too many features lead to: rows that agree in all of them are rare.
    fn add_leaf(&mut self, entries: &Entries<'_>, mut sums: Sums<'_>) {
        let n_rows = self.n_rows;
        let group = entries.group;
        self.bits.resize(group.n_bits() * n_rows, 0);
        for (edges, bits) in group.bits().zip(self.bits.chunks_exact_mut(n_rows)) {
            all_pass(edges, &self.outcomes, bits);
        }
        let Some(leaf) = group.leaves().next() else {
            return;
        };
        let (mut entry, mut of_parts) = (vec![0.0; entries.len()], Vec::new());
        let mut is_on = vec![false; leaf.parts.len()];
        for row in 0..n_rows {
            for (bit, is_on) in is_on.iter_mut().enumerate() {
                *is_on = self.bits[bit * n_rows + row] == 1;
            }
            of_parts.clear();
            entries.of_parts(&leaf, &is_on, &mut of_parts);
            entry.fill(0.0);
            entries.add(&leaf, &of_parts, &mut entry);
            sums.add_row(row, &entry);
        }
    }
}

/// For each row, 1 if it takes all edges.
fn all_pass<'a>(edges: &[Edge], outcomes: &[u8], passes: &'a mut [u8]) -> &'a [u8] {
    let n_rows = passes.len();
    for (index, edge) in edges.iter().enumerate() {
        let outcomes = &outcomes[edge.node * n_rows..][..n_rows];
        let wrong = u8::from(!edge.is_left);
        let keep = u8::from(index == 0);
        for (passes, outcome) in passes.iter_mut().zip(outcomes) {
            *passes = (*passes | keep) & (outcome ^ wrong);
        }
    }
    passes
}

impl Ensemble {
    /// 1 for each cell that a node sends to the left.
    fn outcomes(&self, node: &Node, cells: &[u64], outcomes: &mut [u8]) {
        let threshold = f64::from_bits(node.test);
        let pairs = outcomes.iter_mut().zip(cells);
        if node.slot & WIDE != 0 {
            let set = &self.sets[node.test as usize];
            pairs.for_each(|(out, &cell)| *out = u8::from(contains(set, cell as u8)));
        } else if node.slot & CATEGORY != 0 {
            pairs.for_each(|(out, &cell)| *out = (node.test >> (cell & 63) & 1) as u8);
        } else if node.slot & MISSING_LEFT != 0 {
            pairs.for_each(|(out, &cell)| *out = u8::from(f64::from_bits(cell) > threshold) ^ 1);
        } else {
            pairs.for_each(|(out, &cell)| *out = u8::from(f64::from_bits(cell) <= threshold));
        }
    }

    /// The numbers that a leaf holds.
    fn leaf_values(&self, leaf: &Leaf<'_>) -> &[f64] {
        &self.values[leaf.value * self.width..][..self.width]
    }
}

/// Where the entries of a group are added.
struct Sums<'a> {
    values: &'a mut [f64],
    /// Values a row.
    n_values: usize,
    /// The first value of the first output that is added to.
    first: usize,
    /// Values an output.
    width: usize,
    /// Where each number of an entry belongs, within an output.
    offsets: &'a [usize],
}

impl Sums<'_> {
    /// Adds one entry a row.
    fn add<'e>(mut self, entry: impl Fn(usize) -> &'e [f64]) {
        let n_rows = self.values.len() / self.n_values;
        for row in 0..n_rows {
            self.add_row(row, entry(row));
        }
    }

    #[inline]
    fn add_row(&mut self, row: usize, entry: &[f64]) {
        let values = &mut self.values[row * self.n_values..][..self.n_values];
        let outputs = values[self.first..].chunks_exact_mut(self.width);
        for (values, entry) in outputs.zip(entry.chunks_exact(self.offsets.len())) {
            for (&offset, number) in self.offsets.iter().zip(entry) {
                values[offset] += number;
            }
        }
    }
}

/// What a group gives to rows.
struct Entries<'a> {
    ensemble: &'a Ensemble,
    detail: Detail,
    group: &'a Group,
}

impl Entries<'_> {
    /// Numbers of an entry, for one output.
    fn stride(&self) -> usize {
        let n_inputs = self.group.inputs.len();
        match self.detail {
            Detail::Columns => n_inputs,
            Detail::Pairs => n_inputs * n_inputs,
        }
    }

    /// Numbers of an entry.
    fn len(&self) -> usize {
        self.stride() * self.ensemble.width
    }

    /// What a leaf of value 1 gives to its parts, or to their pairs, where a row passes some of them.
    fn of_parts(&self, leaf: &Leaf<'_>, is_on: &[bool], sums: &mut Vec<f64>) {
        let start = sums.len();
        let n_parts = leaf.parts.len();
        match self.detail {
            Detail::Columns => {
                sums.resize(start + n_parts, 0.0);
                leaf.attribute(is_on, &mut sums[start..]);
            }
            Detail::Pairs => {
                sums.resize(start + n_parts * n_parts, 0.0);
                leaf.interact(is_on, &mut sums[start..]);
            }
        }
    }

    /// Adds what a leaf gives to its parts, or to their pairs, to an entry.
    fn add(&self, leaf: &Leaf<'_>, sums: &[f64], entry: &mut [f64]) {
        let values = self.ensemble.leaf_values(leaf);
        for (entry, value) in entry.chunks_exact_mut(self.stride()).zip(values) {
            match self.detail {
                Detail::Columns => {
                    for (part, sum) in leaf.parts.iter().zip(sums) {
                        entry[part.place] += value * sum;
                    }
                }
                Detail::Pairs => {
                    let rows = sums.chunks_exact(leaf.parts.len());
                    for (a, sums) in leaf.parts.iter().zip(rows) {
                        let row = &mut entry[a.place * self.group.inputs.len()..];
                        for (b, sum) in leaf.parts.iter().zip(sums) {
                            row[b.place] += value * sum;
                        }
                    }
                }
            }
        }
    }
}

/// The entries of the patterns that were met in a group.
#[derive(Default)]
struct Memo {
    patterns: Patterns,
    entries: Vec<f64>,
    /// The same for a leaf, which depends on few of the group's bits.
    leaf_patterns: Patterns,
    leaf_sums: Vec<f64>,
    is_on: Vec<bool>,
}

impl Memo {
    /// Makes the entries of all patterns, and puts the place of its entry instead of each pattern.
    fn resolve(&mut self, entries: &Entries<'_>, patterns: &mut [u16]) {
        self.patterns.clear();
        for pattern in patterns {
            (*pattern, _) = self.patterns.place(*pattern);
        }
        let n_entries = self.patterns.met.len();
        self.entries.clear();
        self.entries.resize(n_entries * entries.len(), 0.0);
        for leaf in entries.group.leaves() {
            self.add_leaf(&leaf, entries);
        }
    }

    /// Adds a leaf to the entries of all patterns.
    fn add_leaf(&mut self, leaf: &Leaf<'_>, entries: &Entries<'_>) {
        self.leaf_patterns.clear();
        self.leaf_sums.clear();
        let n_sums = match entries.detail {
            Detail::Columns => leaf.parts.len(),
            Detail::Pairs => leaf.parts.len().pow(2),
        };
        let slots = self.entries.chunks_exact_mut(entries.len());
        for (&pattern, entry) in self.patterns.met.iter().zip(slots) {
            let parts = leaf.parts.iter().enumerate();
            let own = parts.fold(0, |own, (bit, part)| {
                own | u16::from(part.is_on(u64::from(pattern))) << bit
            });
            let (place, is_new) = self.leaf_patterns.place(own);
            if is_new {
                self.is_on.clear();
                let bits = 0..leaf.parts.len();
                self.is_on.extend(bits.map(|bit| own >> bit & 1 == 1));
                entries.of_parts(leaf, &self.is_on, &mut self.leaf_sums);
            }
            let sums = &self.leaf_sums[usize::from(place) * n_sums..][..n_sums];
            entries.add(leaf, sums, entry);
        }
    }
}

/// Patterns that were met, in the order in which they were.
struct Patterns {
    met: Vec<u16>,
    /// For each pattern, where it may stand in `met`; it does if it is found there, so clearing costs nothing.
    places: Vec<u16>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self {
            met: Vec::new(),
            places: vec![0; 1 << MAX_BITS],
        }
    }
}

impl Patterns {
    fn clear(&mut self) {
        self.met.clear();
    }

    /// Where a pattern stands, and whether it is new.
    #[inline]
    fn place(&mut self, pattern: u16) -> (u16, bool) {
        let place = self.places[usize::from(pattern)];
        if self.met.get(usize::from(place)) == Some(&pattern) {
            return (place, false);
        }
        let place = self.met.len() as u16;
        self.places[usize::from(pattern)] = place;
        self.met.push(pattern);
        (place, true)
    }
}

#[cfg(test)]
mod tests;
