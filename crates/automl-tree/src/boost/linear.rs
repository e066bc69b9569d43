//! Linear models in the leaves of a grown tree (Shi et al. 2019, Gradient boosting with piece-wise linear regression trees).
//!
//! The tree's shape is found as ever. Then each leaf takes the Newton step of a model that is linear in the numbers `x` on
//! its path: with gradients `g`, Hessians `h` and the mean `m = Σ h·x / Σ h` it adds `c + w·(x − m)` where
//! `(Σ h·(x − m)(x − m)ᵀ + λI)·w = −Σ g·(x − m)` and `c` is the value that a constant leaf would have. Because `x − m`
//! is balanced, `w` is the ridge regression with a free constant, whatever `l1` and `l2` do to `c`.
//!
//! Rules, in this order:
//! - Rows with a missing or infinite number among those columns are left out, and are given the constant of the leaf.
//! - A leaf keeps its constant if fewer than `min_rows_per_leaf` rows of a Hessian above zero are left, or not two more
//!   than there are columns.
//! - A column that does not vary in the leaf, or that the columns before it tell all but a millionth of, has no coefficient.
//! - A leaf keeps its constant if a number of the model is not finite, or if some row would be moved beyond `max_step`.
//! - The model is kept within what it says of the rows of the leaf. Without this, rows beyond them, or a slope that rests on
//!   one odd row, can cost more than all linear leaves gain: LightGBM, which has no such rule, shows it.
//!
//! Cost of a tree: rows × (columns on the path)² / 2 multiplications, each number of the path read twice from the table.

use super::Request;
use crate::binning::{BinnedMatrix, Bins};
use crate::gradient_boosting::GradientBoostingParams;
use crate::grow::Grown;
use crate::histogram::GradHess;
use crate::linear_leaves::{LinearLeaves, RawColumns, Term};
use crate::objective::Goal;
use crate::split::{Bounds, SplitRules};
use crate::tree::{Tree, TreeNode};
use automl_core::{DatasetView, FitError, ParamError, ParamValue, Threads};

/// The share of a column's squares that must be left around its mean: below it, the column is taken to be constant.
const FLAT: f64 = 1e-14;
/// The share of a column's variance that the columns before it must leave.
const DEPENDENT: f64 = 1e-6;

/// How leaves are fitted, if they are.
pub(super) struct LinearFit<'a> {
    /// The numbers of the training rows.
    pub(super) raw: RawColumns<'a>,
    is_on: bool,
    rules: SplitRules,
    /// `λ`.
    l2: f64,
}

/// The numbers that leaves read, if they do.
pub(super) fn raw<'a>(
    params: &GradientBoostingParams,
    view: &DatasetView<'a>,
    matrix: &BinnedMatrix,
) -> RawColumns<'a> {
    if params.linear_leaves {
        RawColumns::new(view, matrix)
    } else {
        RawColumns::default()
    }
}

/// Refuses what linear leaves do not go with.
pub(super) fn check(request: &Request<'_>, goal: &Goal) -> Result<(), FitError> {
    let params = request.params;
    let reason = if request.binned.is_some() {
        "does not go with a table of bins alone: leaves read its numbers"
    } else if goal.leaf_quantile().is_some() {
        "does not go with an objective whose leaves are quantiles: use squared or huber"
    } else if !params.monotone_constraints.is_empty() {
        "does not go with monotone_constraints, which a slope in a leaf would break"
    } else {
        return Ok(());
    };
    if !params.linear_leaves {
        return Ok(());
    }
    Err(FitError::Param(ParamError::Conflict {
        name: "linear_leaves".into(),
        value: ParamValue::Bool(true),
        reason: reason.into(),
    }))
}

/// Rows of a leaf, and what they are fitted to.
struct LeafRows<'a> {
    rows: &'a [u32],
    pairs: &'a [GradHess],
    columns: &'a [u32],
}

impl<'a> LinearFit<'a> {
    pub(super) fn new(
        params: &GradientBoostingParams,
        rules: SplitRules,
        train: &DatasetView<'a>,
        matrix: &BinnedMatrix,
    ) -> Self {
        Self {
            raw: raw(params, train, matrix),
            is_on: params.linear_leaves,
            rules,
            l2: params.linear_l2,
        }
    }

    /// Gives the leaves of a tree their models, not yet shrunk. `order` are the rows of the tree, leaf by leaf.
    pub(super) fn fit(
        &self,
        grown: &mut Grown,
        matrix: &BinnedMatrix,
        order: &[u32],
        pairs: &[GradHess],
        threads: &Threads,
    ) {
        if !self.is_on {
            return;
        }
        let columns = columns_of_leaves(&grown.tree, matrix);
        let models = threads.map(columns.len(), |leaf| {
            let rows = &order[grown.leaf_rows[leaf].clone()];
            let columns = &columns[leaf];
            self.leaf(&LeafRows {
                rows,
                pairs,
                columns,
            })
        });
        if models.iter().all(Option::is_none) {
            return;
        }
        let mut linear = LinearLeaves::default();
        for (model, &value) in models.into_iter().zip(&grown.tree.values) {
            let (constant, bounds, terms) = model.unwrap_or((value, [value; 2], Vec::new()));
            linear.push(constant, bounds, terms);
        }
        grown.tree.linear = Some(linear);
    }

    /// The constant and the terms of a leaf; `None` if it stays as it is.
    fn leaf(&self, leaf: &LeafRows<'_>) -> Option<(f64, [f64; 2], Vec<Term>)> {
        let moments = Moments::of(leaf, &self.raw)?;
        if moments.n_rows < self.rules.min_rows.max(leaf.columns.len() + 2) {
            return None;
        }
        let slopes = moments.slopes(self.l2);
        let free = Bounds::default();
        let at_mean = self.rules.leaf_value(free, moments.sums, 0.0);
        let centred = slopes.iter().zip(&moments.means);
        let constant = centred.fold(at_mean, |sum, (slope, mean)| sum - slope * mean);
        let columns = leaf.columns.iter().zip(&slopes);
        let terms: Vec<Term> = columns
            .filter(|(_, slope)| **slope != 0.0)
            .map(|(&input, &coefficient)| Term { input, coefficient })
            .collect();
        let is_finite =
            constant.is_finite() && terms.iter().all(|term| term.coefficient.is_finite());
        if terms.is_empty() || !is_finite {
            return None;
        }
        let bounds = self.range(leaf, constant, &terms);
        let most = self.rules.max_step;
        let is_within_step = -most <= bounds[0] && bounds[1] <= most;
        is_within_step.then_some((constant, bounds, terms))
    }

    /// The least and the greatest value of a model over the rows of the leaf.
    fn range(&self, leaf: &LeafRows<'_>, constant: f64, terms: &[Term]) -> [f64; 2] {
        let mut range = [f64::INFINITY, f64::NEG_INFINITY];
        for &row in leaf.rows {
            let add =
                |sum: f64, term: &Term| sum + term.coefficient * self.raw.number(term.input, row);
            let value = terms.iter().fold(constant, add);
            if value.is_finite() {
                range = [range[0].min(value), range[1].max(value)];
            }
        }
        range
    }
}

/// Weighted moments of the usable rows of a leaf.
struct Moments {
    n_rows: usize,
    /// Sums of gradients and Hessians.
    sums: [f64; 2],
    means: Vec<f64>,
    /// Whether each column varies.
    varies: Vec<bool>,
    /// `Σ h·(x − m)(x − m)ᵀ`, row-major.
    products: Vec<f64>,
    /// `Σ g·(x − m)`.
    gradients: Vec<f64>,
}

impl Moments {
    /// `None` if no column is on the path or no row is usable.
    fn of(leaf: &LeafRows<'_>, raw: &RawColumns<'_>) -> Option<Self> {
        let n = leaf.columns.len();
        let (mut n_rows, mut sums) = (0, [0.0; 2]);
        let (mut means, mut squares) = (vec![0.0; n], vec![0.0; n]);
        for_each_usable(leaf, raw, |[gradient, hessian], numbers| {
            n_rows += 1;
            sums = [sums[0] + gradient, sums[1] + hessian];
            for ((mean, square), x) in means.iter_mut().zip(&mut squares).zip(numbers) {
                *mean += hessian * x;
                *square += hessian * x * x;
            }
        });
        if n == 0 || n_rows == 0 {
            return None;
        }
        for mean in &mut means {
            *mean /= sums[1];
        }
        let (mut products, mut gradients) = (vec![0.0; n * n], vec![0.0; n]);
        let mut centred = vec![0.0; n];
        for_each_usable(leaf, raw, |[gradient, hessian], numbers| {
            for ((centred, x), mean) in centred.iter_mut().zip(numbers).zip(&means) {
                *centred = x - mean;
            }
            for (row, x) in centred.iter().enumerate() {
                gradients[row] += gradient * x;
                let products = &mut products[row * n..][..=row];
                for (product, y) in products.iter_mut().zip(&centred) {
                    *product += hessian * x * y;
                }
            }
        });
        let varies = |column: usize| products[column * n + column] > FLAT * squares[column];
        Some(Self {
            n_rows,
            sums,
            varies: (0..n).map(varies).collect(),
            means,
            products,
            gradients,
        })
    }

    /// `w`, with zeros for columns that say nothing new. Cholesky's factors, columns scaled to a variance of one.
    fn slopes(&self, l2: f64) -> Vec<f64> {
        let n = self.means.len();
        let scales: Vec<f64> = (0..n)
            .map(|column| (self.products[column * n + column] + l2).sqrt())
            .collect();
        let mut factors = vec![0.0; n * n];
        let mut slopes = vec![0.0; n];
        for row in 0..n {
            if !self.varies[row] {
                continue;
            }
            let (above, rest) = factors.split_at_mut(row * n);
            let own = &mut rest[..n];
            for column in 0..row {
                let diagonal = above[column * n + column];
                if diagonal > 0.0 {
                    let product = self.products[row * n + column] / (scales[row] * scales[column]);
                    let done = dot(&above[column * n..][..column], &own[..column]);
                    own[column] = (product - done) / diagonal;
                }
            }
            let pivot = 1.0 - dot(&own[..row], &own[..row]);
            if pivot > DEPENDENT {
                own[row] = pivot.sqrt();
                let done = dot(&own[..row], &slopes[..row]);
                slopes[row] = (-self.gradients[row] / scales[row] - done) / own[row];
            } else {
                own.fill(0.0);
            }
        }
        for row in (0..n).rev() {
            let diagonal = factors[row * n + row];
            if diagonal > 0.0 {
                let done: f64 = (row + 1..n)
                    .map(|below| factors[below * n + row] * slopes[below])
                    .sum();
                slopes[row] = (slopes[row] - done) / diagonal;
            }
        }
        for (slope, scale) in slopes.iter_mut().zip(&scales) {
            if *slope != 0.0 {
                *slope /= scale;
            }
        }
        slopes
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Calls `visit(pair, numbers)` for every row that counts and has all its numbers.
fn for_each_usable(
    leaf: &LeafRows<'_>,
    raw: &RawColumns<'_>,
    mut visit: impl FnMut([f64; 2], &[f64]),
) {
    let mut numbers = vec![0.0; leaf.columns.len()];
    for &row in leaf.rows {
        let pair = leaf.pairs[row as usize].map(f64::from);
        for (number, &column) in numbers.iter_mut().zip(leaf.columns) {
            *number = raw.number(column, row);
        }
        if pair[1] > 0.0 && numbers.iter().all(|number| number.is_finite()) {
            visit(pair, &numbers);
        }
    }
}

/// For each leaf, the features that are numbers on its path, rising.
fn columns_of_leaves(tree: &Tree, matrix: &BinnedMatrix) -> Vec<Vec<u32>> {
    let mut of_leaves = vec![Vec::new(); tree.n_leaves()];
    let mut open = vec![(0, Vec::new())];
    while let Some((node, mut path)) = open.pop() {
        match &tree.nodes[node] {
            TreeNode::Leaf(leaf) => of_leaves[*leaf as usize] = path,
            TreeNode::Inner { feature, left, .. } => {
                let bins = &matrix.features[*feature as usize].bins;
                if let Err(place) = path.binary_search(feature)
                    && matches!(bins, Bins::Number { .. })
                {
                    path.insert(place, *feature);
                }
                let left = *left as usize;
                open.extend([(left, path.clone()), (left + 1, path)]);
            }
        }
    }
    of_leaves
}
