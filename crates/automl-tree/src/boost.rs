//! The rounds of boosting: gradients, a tree for each output, new scores, a look at the validation rows.

use crate::binning::BinnedMatrix;
use crate::boosted_model::BoostedModel;
use crate::ensemble::Ensemble;
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::gradients::Gradients;
use crate::grow::{Grower, Grown, TreeShape, TreeTask, sample};
use crate::objective::{Loss, Objective, weighted_quantile};
use crate::split::SplitRules;
use crate::tree::Tree;
use automl_core::{
    DatasetView, FitContext, FitError, Fitted, ParamError, ParamMap, ParamValue, Params, Task,
    TrainingData,
};
use rand::Rng;

/// Rows with what is known of them; scores hold one column of rows an output.
struct Rows {
    targets: Vec<f64>,
    weights: Option<Vec<f64>>,
    scores: Vec<f64>,
}

impl Rows {
    fn new(view: &DatasetView<'_>) -> Self {
        Self {
            targets: view.target_numbers(),
            weights: view.weights(),
            scores: Vec::new(),
        }
    }

    fn start(&mut self, base: &[f64]) {
        let n = self.targets.len();
        self.scores = base
            .iter()
            .flat_map(|&s| std::iter::repeat_n(s, n))
            .collect();
    }

    /// The scores of one output.
    fn output(&mut self, output: usize) -> &mut [f64] {
        let n = self.targets.len();
        &mut self.scores[output * n..][..n]
    }
}

/// Watches a falling loss.
struct Patience {
    best: f64,
    best_round: usize,
    rounds: usize,
}

impl Patience {
    /// Takes the loss after `round` rounds; says whether to stop.
    fn is_over(&mut self, loss: f64, round: usize) -> bool {
        if loss < self.best {
            (self.best, self.best_round) = (loss, round);
        }
        self.rounds > 0 && round - self.best_round >= self.rounds
    }
}

pub(crate) fn fit(
    params: &GradientBoostingParams,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> Result<Fitted, FitError> {
    let train = &data.train;
    let mut rows = Rows::new(train);
    let loss = loss_of(params, train.task(), &rows)?;
    let shared = BinnedMatrix::of(train.data(), ID, params.max_bins, &ctx.threads)?;
    let base = loss.base(&rows.targets, rows.weights.as_deref());
    rows.start(&base);
    let mut valid = data.valid.filter(|view| view.n_rows() > 0).map(|view| {
        let mut rows = Rows::new(&view);
        rows.start(&base);
        (view, rows)
    });
    // A weight of zero on every validation row says nothing about when to stop.
    valid = valid.filter(|(_, rows)| {
        rows.weights
            .as_ref()
            .is_none_or(|w| w.iter().any(|&w| w > 0.0))
    });
    let matrix = shared.of_rows(train.rows(), &ctx.threads);
    let mut rounds = Rounds {
        params,
        ctx,
        loss,
        matrix: &matrix,
        shared: &shared,
        gradients: Gradients::new(loss, matrix.n_rows),
        grower: Grower::new(&matrix, rules(params), shape(params), ctx.threads.clone()),
        learns: learns(loss, &rows),
        trees: Vec::new(),
    };
    let outcome = rounds.run(&mut rows, valid.as_mut())?;
    let trees = rounds.trees;
    let mut learned = ParamMap::new();
    if let Some(n_rounds) = outcome.best_round {
        learned.insert("n_trees".into(), ParamValue::Int(n_rounds.max(1) as i64));
    }
    let ensemble = Ensemble::new(train.data().table(), &shared, &trees, 1);
    Ok(Fitted {
        model: Box::new(BoostedModel {
            base,
            link: loss.link(),
            ensemble,
        }),
        learned,
        is_partial: outcome.is_partial,
    })
}

struct Outcome {
    /// The best number of rounds, if validation rows were watched.
    best_round: Option<usize>,
    is_partial: bool,
}

struct Rounds<'a> {
    params: &'a GradientBoostingParams,
    ctx: &'a FitContext<'a>,
    loss: Loss,
    /// Training rows only.
    matrix: &'a BinnedMatrix,
    /// All rows of the dataset.
    shared: &'a BinnedMatrix,
    gradients: Gradients,
    grower: Grower<'a>,
    /// The outputs that have something to learn.
    learns: Vec<bool>,
    trees: Vec<Tree>,
}

impl Rounds<'_> {
    fn run(
        &mut self,
        rows: &mut Rows,
        mut valid: Option<&mut (DatasetView<'_>, Rows)>,
    ) -> Result<Outcome, FitError> {
        let n_outputs = self.loss.n_outputs();
        let mut patience = valid.as_ref().map(|(_, valid)| Patience {
            best: self
                .loss
                .mean(&valid.scores, &valid.targets, valid.weights.as_deref()),
            best_round: 0,
            rounds: self.params.early_stopping_rounds,
        });
        let mut is_partial = false;
        let mut round = 0;
        while round < self.params.n_trees && self.learns.contains(&true) {
            if self.ctx.budget.is_over() {
                is_partial = true;
                break;
            }
            let Some(has_split) = self.round(round, rows, valid.as_deref_mut()) else {
                is_partial = true;
                self.trees.truncate(round * n_outputs);
                break;
            };
            if !has_split {
                self.trees.truncate(round * n_outputs);
                break;
            }
            round += 1;
            if let (Some(patience), Some((_, valid))) = (&mut patience, valid.as_deref()) {
                let loss = self
                    .loss
                    .mean(&valid.scores, &valid.targets, valid.weights.as_deref());
                if patience.is_over(loss, round) {
                    break;
                }
            }
        }
        if is_partial && round == 0 {
            return Err(FitError::Cancelled);
        }
        let is_watched = self.params.early_stopping_rounds > 0;
        let best_round = patience
            .filter(|_| is_watched)
            .map(|patience| patience.best_round);
        if let Some(best_round) = best_round {
            self.trees.truncate(best_round * n_outputs);
        }
        Ok(Outcome {
            best_round,
            is_partial,
        })
    }

    /// One tree an output. Says whether any of them has a split; `None` if the budget ended between two trees.
    fn round(
        &mut self,
        round: usize,
        rows: &mut Rows,
        mut valid: Option<&mut (DatasetView<'_>, Rows)>,
    ) -> Option<bool> {
        let seed = self.ctx.seed.named("tree").indexed(round as u64);
        let sampled = self.sampled_rows(round);
        let n_features = self.matrix.features.len();
        let all: Vec<u32> = (0..n_features as u32).collect();
        let count = (n_features as f64 * self.params.column_fraction).ceil() as usize;
        self.gradients.start_round(&rows.scores, rows.targets.len());
        let mut has_split = false;
        for output in 0..self.loss.n_outputs() {
            if output > 0 && self.ctx.budget.is_over() {
                return None;
            }
            if !self.learns[output] {
                self.trees.push(stump());
                continue;
            }
            let seed = seed.indexed(output as u64);
            let features = if count < n_features {
                sample(&all, count.max(1), seed.named("columns"))
            } else {
                all.clone()
            };
            let weights = rows.weights.as_deref();
            self.gradients.fill(
                output,
                &rows.scores,
                &rows.targets,
                weights,
                &self.ctx.threads,
            );
            let task = TreeTask {
                rows: sampled.as_deref(),
                pairs: self.gradients.pairs(),
                features: &features,
                seed: seed.named("nodes"),
            };
            let mut grown = self.grower.grow(&task);
            has_split |= grown.tree.n_leaves() > 1;
            self.set_leaves(&mut grown, output, rows);
            self.add(&grown, output, rows, sampled.as_deref());
            if let Some((view, valid)) = valid.as_deref_mut() {
                for (score, &row) in valid.output(output).iter_mut().zip(view.rows()) {
                    *score += grown.tree.values[grown.tree.leaf(self.shared, row as usize)];
                }
            }
            self.trees.push(grown.tree);
        }
        Some(has_split)
    }

    /// The rows of a round, rising; `None` for all.
    fn sampled_rows(&self, round: usize) -> Option<Vec<u32>> {
        let fraction = self.params.row_fraction;
        if fraction >= 1.0 {
            return None;
        }
        let mut rng = self.ctx.seed.named("rows").indexed(round as u64).rng();
        let limit = (fraction * f64::from(u32::MAX)) as u32;
        let n_rows = self.matrix.n_rows as u32;
        let rows: Vec<u32> = (0..n_rows).filter(|_| rng.next_u32() <= limit).collect();
        (!rows.is_empty()).then_some(rows)
    }

    /// Leaf values: refitted where the loss asks for a quantile, then shrunk. Covers: by weight where rows have one.
    fn set_leaves(&self, grown: &mut Grown, output: usize, rows: &Rows) {
        if let Some(alpha) = self.loss.leaf_quantile() {
            let order = self.grower.rows();
            let n = rows.targets.len();
            let scores = &rows.scores[output * n..][..n];
            for (value, range) in grown.tree.values.iter_mut().zip(&grown.leaf_rows) {
                let leaf = &order[range.clone()];
                let residuals = leaf
                    .iter()
                    .map(|&row| rows.targets[row as usize] - scores[row as usize]);
                let weights: Option<Vec<f64>> = rows
                    .weights
                    .as_ref()
                    .map(|weights| leaf.iter().map(|&row| weights[row as usize]).collect());
                *value = weighted_quantile(residuals, weights.as_deref(), alpha);
            }
        }
        for value in &mut grown.tree.values {
            *value *= self.params.learning_rate;
        }
        if let Some(weights) = &rows.weights {
            for (cover, range) in grown.tree.covers.iter_mut().zip(&grown.leaf_rows) {
                let leaf = &self.grower.rows()[range.clone()];
                *cover = leaf.iter().map(|&row| weights[row as usize]).sum();
            }
        }
    }

    /// New scores: by leaf for the rows that the tree learned from, by a walk for the others.
    fn add(&self, grown: &Grown, output: usize, rows: &mut Rows, sampled: Option<&[u32]>) {
        let scores = rows.output(output);
        let order = self.grower.rows();
        for (value, range) in grown.tree.values.iter().zip(&grown.leaf_rows) {
            for &row in &order[range.clone()] {
                scores[row as usize] += value;
            }
        }
        if let Some(sampled) = sampled {
            let mut sampled = sampled.iter().copied().peekable();
            for (row, score) in scores.iter_mut().enumerate() {
                if sampled.next_if_eq(&(row as u32)).is_none() {
                    *score += grown.tree.values[grown.tree.leaf(self.matrix, row)];
                }
            }
        }
    }
}

fn stump() -> Tree {
    Tree {
        nodes: vec![crate::tree::TreeNode::Leaf(0)],
        values: vec![0.0],
        covers: vec![0.0],
        width: 1,
    }
}

/// Whether each output has both rows of its class and others; for regression, whether targets differ.
fn learns(loss: Loss, rows: &Rows) -> Vec<bool> {
    let counts = |row: usize| {
        rows.weights
            .as_ref()
            .is_none_or(|weights| weights[row] > 0.0)
    };
    let targets = || {
        (0..rows.targets.len())
            .filter(|&row| counts(row))
            .map(|row| rows.targets[row])
    };
    let first = targets().next();
    let differs = first.is_some_and(|first| targets().any(|target| target != first));
    match loss {
        Loss::Softmax { n_classes } => (0..n_classes)
            .map(|class| differs && targets().any(|target| target == class as f64))
            .collect(),
        _ => vec![differs],
    }
}

fn rules(params: &GradientBoostingParams) -> SplitRules {
    SplitRules {
        l1: params.l1,
        l2: params.l2,
        min_gain: params.min_gain,
        min_rows: params.min_rows_per_leaf,
        min_hessian: params.min_hessian,
        cat_smooth: params.cat_smooth,
        cat_l2: params.cat_l2,
        max_cat_bins: params.max_cat_set,
        min_rows_per_category: params.min_rows_per_category,
        max_onehot_levels: params.max_onehot_levels,
        random_threshold: params.extra_random,
    }
}

fn shape(params: &GradientBoostingParams) -> TreeShape {
    TreeShape {
        growth: params.growth,
        max_leaves: params.max_leaves,
        max_depth: params.max_depth,
        node_fraction: params.column_fraction_by_node,
    }
}

/// The loss of the task, with targets checked against its domain.
fn loss_of(params: &GradientBoostingParams, task: &Task, rows: &Rows) -> Result<Loss, FitError> {
    match task {
        Task::Binary { .. } => return Ok(Loss::Logistic),
        Task::Multiclass { classes } => {
            return Ok(Loss::Softmax {
                n_classes: classes.len(),
            });
        }
        Task::Regression => {}
        _ => {
            return Err(FitError::Task {
                learner: ID,
                task: task.kind().name(),
            });
        }
    }
    let least = rows.targets.iter().copied().fold(f64::INFINITY, f64::min);
    let (is_in_domain, reason) = match params.objective {
        Objective::Poisson | Objective::Tweedie => (least >= 0.0, "needs targets of at least 0"),
        Objective::Gamma => (least > 0.0, "needs targets above 0"),
        _ => (true, ""),
    };
    if !is_in_domain {
        return Err(FitError::Param(ParamError::Conflict {
            name: "objective".into(),
            value: params.get("objective").expect("it is a parameter"),
            reason: reason.into(),
        }));
    }
    Ok(match params.objective {
        Objective::Squared => Loss::Squared,
        Objective::Absolute => Loss::Absolute,
        Objective::Huber => Loss::Huber {
            delta: huber_delta(params.alpha, rows),
        },
        Objective::Quantile => Loss::Quantile {
            alpha: params.alpha,
        },
        Objective::Poisson => Loss::Poisson,
        Objective::Gamma => Loss::Gamma,
        Objective::Tweedie => Loss::Tweedie {
            power: params.tweedie_power,
        },
    })
}

/// The `alpha` quantile of the distances from the median, so that the loss scales with the target.
fn huber_delta(alpha: f64, rows: &Rows) -> f64 {
    let weights = rows.weights.as_deref();
    let median = weighted_quantile(rows.targets.iter().copied(), weights, 0.5);
    let distances = rows.targets.iter().map(|target| (target - median).abs());
    let delta = weighted_quantile(distances, weights, alpha);
    if delta > 0.0 { delta } else { 1.0 }
}
