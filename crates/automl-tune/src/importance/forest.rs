//! A small forest of regression trees over coordinates, and the exact mean of a tree over any of its inputs.

use crate::uniform::{Draws, draws};
use automl_core::Seed;
use rand::Rng;

/// Trials below which a node is not split.
const SPLIT_MIN: usize = 4;
const DEPTH_MAX: usize = 24;

/// How an input is split.
#[derive(Debug, Clone)]
enum Split {
    /// Numbers below go left.
    Below(f64),
    /// These codes go left.
    Among(Vec<bool>),
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(f64),
    Inner {
        input: usize,
        split: Split,
        left: usize,
        right: usize,
    },
}

/// One tree. Inputs are numbers in `[0, 1]` or codes; the number of codes is `None` for numbers.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// A leaf as a box: its value, and for each input the share of the domain that leads to it and where.
pub(super) struct Cell {
    pub(super) value: f64,
    /// Bounds of a number.
    pub(super) bounds: Vec<(f64, f64)>,
    /// Codes that lead here; empty for numbers.
    pub(super) codes: Vec<Vec<bool>>,
}

impl Cell {
    /// The share of input `j`'s domain.
    pub(super) fn share(&self, j: usize) -> f64 {
        if self.codes[j].is_empty() {
            self.bounds[j].1 - self.bounds[j].0
        } else {
            let n = self.codes[j].iter().filter(|is_in| **is_in).count();
            n as f64 / self.codes[j].len() as f64
        }
    }
}

pub(super) struct Sample<'a> {
    pub(super) inputs: &'a [Vec<f64>],
    pub(super) values: &'a [f64],
    pub(super) n_codes: &'a [Option<usize>],
}

/// Trees on resampled trials, each seeing a random five sixths of the inputs at every split.
pub(super) fn grow(sample: &Sample<'_>, n_trees: usize, seed: Seed) -> Vec<Tree> {
    (0..n_trees)
        .map(|tree| {
            let mut draws = draws(seed.indexed(tree as u64));
            let n = sample.values.len();
            let rows: Vec<usize> = (0..n).map(|_| draws.below(n)).collect();
            let mut tree = Tree { nodes: Vec::new() };
            tree.grow(sample, rows, 0, &mut draws);
            tree
        })
        .collect()
}

impl Tree {
    fn grow<R: Rng>(
        &mut self,
        sample: &Sample<'_>,
        rows: Vec<usize>,
        depth: usize,
        draws: &mut Draws<R>,
    ) -> usize {
        let at = self.nodes.len();
        let mean = rows.iter().map(|&row| sample.values[row]).sum::<f64>() / rows.len() as f64;
        self.nodes.push(Node::Leaf(mean));
        if rows.len() < SPLIT_MIN || depth >= DEPTH_MAX {
            return at;
        }
        let Some((input, split)) = best_split(sample, &rows, draws) else {
            return at;
        };
        let (left, right): (Vec<usize>, Vec<usize>) = rows
            .into_iter()
            .partition(|&row| goes_left(&split, sample.inputs[row][input]));
        let left = self.grow(sample, left, depth + 1, draws);
        let right = self.grow(sample, right, depth + 1, draws);
        self.nodes[at] = Node::Inner {
            input,
            split,
            left,
            right,
        };
        at
    }

    /// All leaves as boxes.
    pub(super) fn cells(&self, n_codes: &[Option<usize>]) -> Vec<Cell> {
        let whole = Cell {
            value: 0.0,
            bounds: vec![(0.0, 1.0); n_codes.len()],
            codes: n_codes.iter().map(|n| vec![true; n.unwrap_or(0)]).collect(),
        };
        let mut cells = Vec::new();
        self.collect(0, whole, &mut cells);
        cells
    }

    fn collect(&self, at: usize, mut cell: Cell, out: &mut Vec<Cell>) {
        match &self.nodes[at] {
            Node::Leaf(value) => {
                cell.value = *value;
                out.push(cell);
            }
            Node::Inner {
                input,
                split,
                left,
                right,
            } => {
                let mut other = Cell {
                    value: 0.0,
                    bounds: cell.bounds.clone(),
                    codes: cell.codes.clone(),
                };
                match split {
                    Split::Below(limit) => {
                        cell.bounds[*input].1 = *limit;
                        other.bounds[*input].0 = *limit;
                    }
                    Split::Among(is_left) => {
                        for (code, &is_left) in is_left.iter().enumerate() {
                            cell.codes[*input][code] &= is_left;
                            other.codes[*input][code] &= !is_left;
                        }
                    }
                }
                self.collect(*left, cell, out);
                self.collect(*right, other, out);
            }
        }
    }
}

fn goes_left(split: &Split, x: f64) -> bool {
    match split {
        Split::Below(limit) => x < *limit,
        Split::Among(is_left) => is_left[x as usize],
    }
}

/// The split that lowers the squared error most.
fn best_split<R: Rng>(
    sample: &Sample<'_>,
    rows: &[usize],
    draws: &mut Draws<R>,
) -> Option<(usize, Split)> {
    let d = sample.n_codes.len();
    let mut best: Option<(f64, usize, Split)> = None;
    for input in 0..d {
        if d > 1 && draws.unit() > 5.0 / 6.0 {
            continue;
        }
        // Categories stand in the order of their mean loss, in which the best division lies (Fisher, 1958).
        let rank: Vec<f64> = match sample.n_codes[input] {
            None => Vec::new(),
            Some(n) => code_means(sample, rows, input, n),
        };
        let key = |row: usize| {
            let x = sample.inputs[row][input];
            if rank.is_empty() { x } else { rank[x as usize] }
        };
        let mut order: Vec<(f64, f64)> = rows
            .iter()
            .map(|&row| (key(row), sample.values[row]))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let total: f64 = order.iter().map(|(_, value)| value).sum();
        let mut left = 0.0;
        for at in 1..order.len() {
            left += order[at - 1].1;
            if order[at].0 <= order[at - 1].0 {
                continue;
            }
            let (n_left, n_right) = (at as f64, (order.len() - at) as f64);
            let gain = left * left / n_left + (total - left).powi(2) / n_right
                - total * total / order.len() as f64;
            if gain > 1e-12 && best.as_ref().is_none_or(|(highest, _, _)| gain > *highest) {
                let limit = f64::midpoint(order[at - 1].0, order[at].0);
                let split = if rank.is_empty() {
                    Split::Below(limit)
                } else {
                    Split::Among(rank.iter().map(|mean| *mean < limit).collect())
                };
                best = Some((gain, input, split));
            }
        }
    }
    best.map(|(_, input, split)| (input, split))
}

/// Mean of each code among the rows; of codes without rows the mean of all.
fn code_means(sample: &Sample<'_>, rows: &[usize], input: usize, n_codes: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); n_codes];
    let mut all = 0.0;
    for &row in rows {
        let own = &mut sums[sample.inputs[row][input] as usize];
        own.0 += sample.values[row];
        own.1 += 1.0;
        all += sample.values[row];
    }
    let mean = all / rows.len() as f64;
    sums.into_iter()
        .map(|(sum, n)| if n > 0.0 { sum / n } else { mean })
        .collect()
}
