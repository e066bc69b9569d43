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
//! Formula and quadrature follow Owen 1972, Multilinear extensions of games; Yu et al. 2022, Linear TreeShap. Sharing by
//! patterns is near to Yang 2021, Fast TreeSHAP.

mod paths;
mod quadrature;

use super::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::contains;
use automl_core::{ExplainError, TableView, Threads};
use paths::{Cutter, Edge, Group, Leaf, MAX_BITS, Rules};

/// Rows that share what is found for a pattern, and that one thread takes at a time.
const BLOCK_ROWS: usize = 1024;

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
        let columns = self.inputs.bind(rows.table(), &self.slots)?;
        let covers = self.node_covers().ok_or(ExplainError::NoCover)?;
        let n_values = n_outputs * detail.width(self.n_columns());
        let mut out = vec![0.0; rows.n_rows() * n_values];
        threads.for_each_chunk(&mut out, BLOCK_ROWS * n_values, |block, sums| {
            let n_rows = sums.len() / n_values;
            Block {
                ensemble: self,
                n_outputs,
                detail,
                n_rows,
                cells: cells(rows, block * BLOCK_ROWS, n_rows, &columns),
                outcomes: Vec::new(),
                bits: Vec::new(),
                patterns: vec![0; n_rows],
                memo: Memo::default(),
            }
            .add_trees(&covers, sums);
        });
        Ok(out)
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
            let groups = cutter.groups(tree);
            self.find_outcomes(tree);
            // Trees with one number a leaf take turns; others add to all outputs.
            let first_output = match ensemble.width {
                1 => tree % self.n_outputs,
                _ => 0,
            };
            for group in &groups {
                for leaf in &group.leaves {
                    let values = ensemble.leaf_values(leaf);
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
                self.add_group(group, &cutter.rules, sums);
            }
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

    fn add_group(&mut self, group: &Group, rules: &Rules, sums: Sums<'_>) {
        if group.inputs.is_empty() {
            return;
        }
        let entries = Entries {
            ensemble: self.ensemble,
            detail: self.detail,
            group,
            rules,
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
        for (bit, edges) in group.bits.iter().enumerate() {
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
        self.bits.resize(group.bits.len() * n_rows, 0);
        for (edges, bits) in group.bits.iter().zip(self.bits.chunks_exact_mut(n_rows)) {
            all_pass(edges, &self.outcomes, bits);
        }
        let mut entry = vec![0.0; entries.len()];
        for row in 0..n_rows {
            entry.fill(0.0);
            let passes = |bit: usize| self.bits[bit * n_rows + row] == 1;
            entries.add(&group.leaves[0], passes, &mut self.memo.scratch, &mut entry);
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
    fn leaf_values(&self, leaf: &Leaf) -> &[f64] {
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
    rules: &'a Rules,
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

    /// Adds what a leaf gives to a row that passes some of its parts.
    fn add(
        &self,
        leaf: &Leaf,
        passes: impl Fn(usize) -> bool,
        scratch: &mut Scratch,
        entry: &mut [f64],
    ) {
        let n_parts = leaf.parts.len();
        scratch.is_on.clear();
        scratch.is_on.extend((0..n_parts).map(passes));
        let rule = self.rules.of(leaf);
        let outputs = || {
            let values = self.ensemble.leaf_values(leaf).iter();
            values
                .enumerate()
                .map(|(k, value)| (k * self.stride(), *value))
        };
        match self.detail {
            Detail::Columns => {
                scratch.sums.resize(n_parts, 0.0);
                leaf.attribute(rule, &scratch.is_on, &mut scratch.sums);
                for (first, value) in outputs() {
                    for (part, sum) in leaf.parts.iter().zip(&scratch.sums) {
                        entry[first + part.place] += value * sum;
                    }
                }
            }
            Detail::Pairs => {
                scratch.sums.resize(n_parts * n_parts, 0.0);
                leaf.interact(rule, &scratch.is_on, &mut scratch.sums);
                let n_inputs = self.group.inputs.len();
                for (first, value) in outputs() {
                    let pairs = leaf.parts.iter().zip(scratch.sums.chunks_exact(n_parts));
                    for (a, sums) in pairs {
                        let row = first + a.place * n_inputs;
                        for (b, sum) in leaf.parts.iter().zip(sums) {
                            entry[row + b.place] += value * sum;
                        }
                    }
                }
            }
        }
    }
}

/// Buffers for a leaf.
#[derive(Default)]
struct Scratch {
    is_on: Vec<bool>,
    sums: Vec<f64>,
}

/// The entries of the patterns that were met in a group.
#[derive(Default)]
struct Memo {
    /// For each pattern, where its entry may be; it is there if `patterns` says so.
    places: Vec<u16>,
    patterns: Vec<u16>,
    entries: Vec<f64>,
    scratch: Scratch,
}

impl Memo {
    /// Puts the place of its entry instead of each pattern, having made those entries that were not there.
    fn resolve(&mut self, entries: &Entries<'_>, patterns: &mut [u16]) {
        self.places.resize(1 << MAX_BITS, 0);
        self.patterns.clear();
        self.entries.clear();
        for pattern in patterns {
            let place = self.places[usize::from(*pattern)];
            if self.patterns.get(usize::from(place)) == Some(pattern) {
                *pattern = place;
                continue;
            }
            let place = self.patterns.len() as u16;
            self.places[usize::from(*pattern)] = place;
            self.patterns.push(*pattern);
            let start = self.entries.len();
            self.entries.resize(start + entries.len(), 0.0);
            let bits = u64::from(*pattern);
            for leaf in &entries.group.leaves {
                let passes = |part: usize| leaf.parts[part].is_on(bits);
                let entry = &mut self.entries[start..];
                entries.add(leaf, passes, &mut self.scratch, entry);
            }
            *pattern = place;
        }
    }
}

#[cfg(test)]
mod tests;
