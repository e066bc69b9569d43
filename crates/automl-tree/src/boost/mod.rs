//! The rounds of boosting: gradients, a tree for each output, new scores, a look at the validation rows.

mod class_weight;
pub(crate) mod constraints;
pub(crate) mod continued;
mod dart;
pub(crate) mod dealt;
mod draws;
mod encoding;
pub(crate) mod generalize;
mod ignored;
mod leaves;
mod linear;
mod loss;
mod offset;
mod patience;
mod rows;
mod rules;
mod sampling;
mod setup;
pub(crate) mod watched;

pub use class_weight::ClassWeight;
pub use dart::Boosting;
pub use encoding::CatEncoding;
pub use sampling::RowSampling;

use crate::binning::{BinnedMatrix, BinnedTable};
use crate::boosted_model::BoostedModel;
use crate::ensemble::Ensemble;
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::gradients::Gradients;
use crate::grow::{Grower, TreeTask};
use crate::objective::{CustomObjective, Goal};
use crate::tree::Tree;
use automl_core::{
    DatasetView, FitContext, FitError, Fitted, ParamMap, ParamValue, TrainingData, Warning,
    WarningKind,
};
use constraints::limits;
use continued::Start;
use dart::{Dart, add_trees};
use dealt::Dealt;
use draws::Draw;
use generalize::Generalization;
use linear::LinearFit;
use loss::learns;
use patience::Patience;
use rows::Rows;
use rules::{rules, shape};
use setup::Setup;
use std::sync::Arc;
use watched::Watched;

/// What a fit is asked for, beside the data.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) params: &'a GradientBoostingParams,
    /// A user's own objective, instead of that of the parameters.
    pub(crate) custom: Option<&'a Arc<dyn CustomObjective>>,
    /// The model to continue.
    pub(crate) start: Option<&'a Start>,
    /// Bins that were made before, to which the dataset adds targets and weights.
    pub(crate) binned: Option<&'a BinnedTable>,
    /// The ranks that have the other rows, if they are dealt.
    pub(crate) dealt: Option<Dealt<'a>>,
}

pub(crate) fn fit(
    request: &Request<'_>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> Result<Fitted, FitError> {
    let boosted = boost(request, ctx, data)?;
    Ok(Fitted {
        model: Box::new(boosted.model),
        learned: boosted.learned,
        is_partial: boosted.is_partial,
    })
}

/// What boosting gives; of a model that was continued, the new trees alone.
struct Boosted {
    model: BoostedModel,
    learned: ParamMap,
    is_partial: bool,
}

fn boost(
    request: &Request<'_>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> Result<Boosted, FitError> {
    let params = request.params;
    let Setup {
        table,
        goal,
        base,
        matrix,
        mut rows,
        mut watched,
    } = setup::prepare(request, ctx, data)?;
    ignored::warn(request, data.train.task().kind(), &goal, ctx.warnings);
    let limits = limits(params, &goal, table, &matrix)?;
    let grower = Grower::new(
        &matrix,
        rules(params, goal.link()),
        shape(params),
        ctx.threads.clone(),
    );
    let offset = offset::column(params, table)?;
    let is_dart = params.boosting == Boosting::Dart;
    let (learning_rate, n_rounds_max) = generalize::pace(params);
    let mut rounds = Rounds {
        params,
        ctx,
        goal: &goal,
        matrix: &matrix,
        features: offset::features_beside(offset, table, &matrix),
        first_round: request.start.map_or(0, |start| start.n_rounds),
        gradients: Gradients::new(goal.clone(), matrix.n_rows),
        grower: grower
            .within(limits)
            .over(request.dealt.map(|dealt| dealt.ranks)),
        learns: match request.dealt {
            Some(dealt) => dealt.learns(&goal, &rows)?,
            None => learns(&goal, &rows),
        },
        dealt: request.dealt,
        row_numbers: row_numbers(request, &data.train),
        dart: is_dart.then(Dart::default),
        linear: LinearFit::new(params, rules(params, goal.link()), &data.train, &matrix),
        generalization: Generalization::new(params, matrix.n_rows, ctx.seed),
        learning_rate,
        n_rounds_max,
        trees: Vec::new(),
    };
    let outcome = ctx
        .threads
        .run(|| rounds.run(&mut rows, watched.as_mut()))?;
    let trees = rounds.trees;
    let mut learned = ParamMap::new();
    if let Some(n_rounds) = outcome.best_round {
        learned.insert("n_trees".into(), ParamValue::Int(n_rounds.max(1) as i64));
    }
    let model = BoostedModel {
        base,
        link: goal.link(),
        ensemble: Ensemble::new(table, &matrix, &trees, 1),
        offset: offset.map(str::to_owned),
    };
    Ok(Boosted {
        model,
        learned,
        is_partial: outcome.is_partial,
    })
}

struct Outcome {
    /// The best number of rounds, if validation rows were watched.
    best_round: Option<usize>,
    is_partial: bool,
}

/// How a round of boosting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RoundEnd {
    /// Some tree has a split.
    Grown,
    /// No tree has, however often rows and columns were drawn.
    Barren,
    /// The budget ended between two trees.
    OutOfTime,
    /// Sums of gradients are no longer finite.
    Overflow,
}

struct Rounds<'a> {
    params: &'a GradientBoostingParams,
    ctx: &'a FitContext<'a>,
    goal: &'a Goal,
    /// Training rows only.
    matrix: &'a BinnedMatrix,
    /// The features that trees may use, rising.
    features: Vec<u32>,
    /// Rounds that a model to continue has made: draws go on where its own ended.
    first_round: usize,
    gradients: Gradients,
    grower: Grower<'a>,
    /// The outputs that have something to learn.
    learns: Vec<bool>,
    /// The ranks that have the other rows, if they are dealt.
    dealt: Option<Dealt<'a>>,
    /// The number of each row among those of all ranks, if they are dealt.
    row_numbers: Vec<u64>,
    /// What DART keeps of the rounds, if it is asked for.
    dart: Option<Dart>,
    /// How leaves become linear, if they do.
    linear: LinearFit<'a>,
    /// What takes back splits that do not generalise, if it is asked for.
    generalization: Option<Generalization>,
    /// The shrinkage of this round's trees.
    learning_rate: f64,
    n_rounds_max: usize,
    trees: Vec<Tree>,
}

impl Rounds<'_> {
    fn run(
        &mut self,
        rows: &mut Rows,
        mut valid: Option<&mut Watched<'_>>,
    ) -> Result<Outcome, FitError> {
        let n_outputs = self.goal.n_outputs();
        let is_watched = self.params.early_stopping_rounds > 0;
        let mut patience = match &valid {
            Some(valid) if is_watched => Some(Patience {
                best: valid.loss()?,
                best_round: 0,
                rounds: self.params.early_stopping_rounds,
                min_delta: self.params.early_stopping_min_delta,
            }),
            _ => None,
        };
        let mut is_partial = false;
        let mut round = 0;
        while round < self.n_rounds_max && self.learns.contains(&true) {
            if self.is_over()? {
                is_partial = true;
                break;
            }
            let dropped = self.drop_rounds(round, rows);
            let end = self.round(round, rows, valid.as_deref_mut())?;
            if end == RoundEnd::Overflow {
                self.tell_overflow(round)?;
            }
            let is_over = match &mut self.generalization {
                Some(generalization) => generalization.is_over(end),
                None => end != RoundEnd::Grown,
            };
            if is_over {
                is_partial = end == RoundEnd::OutOfTime;
                self.trees.truncate(round * n_outputs);
                break;
            }
            self.bring_back(&dropped, rows);
            round += 1;
            if let (Some(patience), Some(valid)) = (&mut patience, valid.as_deref())
                && patience.is_over(valid.loss()?, round)
            {
                break;
            }
        }
        if self.generalization.is_some() {
            generalize::drop_last_barren(&mut self.trees, n_outputs);
        }
        // A model that is continued is a valid one without any new round.
        if is_partial && round == 0 && self.first_round == 0 {
            return Err(FitError::Cancelled);
        }
        let best_round = patience.map(|patience| patience.best_round);
        if let Some(best_round) = best_round {
            self.trees.truncate(best_round * n_outputs);
        }
        Ok(Outcome {
            best_round,
            is_partial,
        })
    }

    /// Takes the trees of some earlier rounds out of the scores; none without DART.
    fn drop_rounds(&mut self, round: usize, rows: &mut Rows) -> Vec<usize> {
        let Some(dart) = &self.dart else {
            return Vec::new();
        };
        let seed = self.ctx.seed.named("drop").indexed(round as u64);
        let dropped = dart.choose(self.params, seed);
        let n_outputs = self.goal.n_outputs();
        for &round in &dropped {
            let trees = &self.trees[round * n_outputs..][..n_outputs];
            add_trees(
                trees,
                -1.0,
                rows,
                (self.matrix, &self.linear.raw),
                &self.ctx.threads,
            );
        }
        self.learning_rate = self.params.learning_rate / (dropped.len() + 1) as f64;
        dropped
    }

    /// Puts dropped rounds back, shrunk to make room for the new one.
    fn bring_back(&mut self, dropped: &[usize], rows: &mut Rows) {
        let Some(dart) = &mut self.dart else {
            return;
        };
        let factor = dart.take_in(dropped, self.params.learning_rate);
        let n_outputs = self.goal.n_outputs();
        for &round in dropped {
            let trees = &mut self.trees[round * n_outputs..][..n_outputs];
            for tree in &mut *trees {
                tree.scale(factor);
            }
            add_trees(
                trees,
                1.0,
                rows,
                (self.matrix, &self.linear.raw),
                &self.ctx.threads,
            );
        }
    }

    /// An error before the first tree, a warning after it: the rounds so far are a valid model.
    fn tell_overflow(&self, round: usize) -> Result<(), FitError> {
        let reason = "gradients overflow single precision; scale target or weights";
        if round == 0 {
            return Err(numeric(reason));
        }
        let rounds = if round == 1 { "round" } else { "rounds" };
        let message =
            format!("boosting ended after {round} {rounds}, which the model keeps: {reason}");
        let warning = Warning::new(WarningKind::NotConverged, [""; 0], message);
        self.ctx.warnings.push(warning);
        Ok(())
    }

    /// One tree an output, drawn again where only the draw may be why none has a split.
    fn round(
        &mut self,
        round: usize,
        rows: &mut Rows,
        mut valid: Option<&mut Watched<'_>>,
    ) -> Result<RoundEnd, FitError> {
        let round = self.first_round + round;
        self.gradients
            .start_round(&rows.scores, &rows.targets, &self.ctx.threads)?;
        for attempt in 0..self.n_draws() {
            let draw = self.draw(round, attempt, rows);
            let end = self.grow(round, &draw, rows, valid.as_deref_mut())?;
            if end != RoundEnd::Barren {
                return Ok(end);
            }
        }
        Ok(RoundEnd::Barren)
    }

    /// One tree an output, from what was drawn; none if no tree has a split, unless rounds without one count too.
    fn grow(
        &mut self,
        round: usize,
        draw: &Draw,
        rows: &mut Rows,
        mut valid: Option<&mut Watched<'_>>,
    ) -> Result<RoundEnd, FitError> {
        let sampled = draw.rows.as_ref();
        let first_tree = self.trees.len();
        let mut has_split = self.generalization.is_some();
        let mut is_barren = true;
        // Outputs whose trees have no split wait for one that has.
        let mut waiting = Vec::new();
        for output in 0..self.goal.n_outputs() {
            if (output > 0 || draw.is_again) && self.is_over()? {
                return Ok(RoundEnd::OutOfTime);
            }
            if !self.learns[output] {
                self.trees.push(stump());
                continue;
            }
            let seed = draw.seed.indexed(output as u64);
            let features = self.draw_features(draw, seed);
            self.fill(output, rows);
            if let Some(sample) = sampled {
                self.gradients.weigh(&sample.rows, &sample.factors);
            }
            let task = TreeTask {
                rows: sampled.map(|sample| sample.rows.as_slice()),
                pairs: self.gradients.pairs(),
                features: &features,
                seed: seed.named("nodes"),
            };
            let mut grown = self.grower.grow(&task);
            self.grower.check()?;
            if grown.tree.values.iter().any(|value| !value.is_finite()) {
                return Ok(RoundEnd::Overflow);
            }
            if let Some(generalization) = &self.generalization {
                let judged_by = (task.pairs, self.learning_rate);
                let order = self.grower.rows();
                generalization.prune(round, &mut grown, self.matrix, order, judged_by);
            }
            is_barren &= grown.tree.n_leaves() == 1;
            has_split |= !is_barren;
            self.set_leaves(&mut grown, output, rows, sampled)?;
            if has_split {
                for output in waiting.drain(..) {
                    self.add_constant(first_tree + output, output, rows, valid.as_deref_mut());
                }
                self.add(&grown, output, rows, sampled);
                if let Some(valid) = valid.as_deref_mut() {
                    valid.add(&grown.tree, output);
                }
            } else {
                waiting.push(output);
            }
            self.trees.push(grown.tree);
        }
        if !has_split {
            self.trees.truncate(first_tree);
        }
        Ok(if is_barren {
            RoundEnd::Barren
        } else {
            RoundEnd::Grown
        })
    }

    /// Whether the budget is used up, on any rank where rows are dealt: then all stop at the same tree.
    fn is_over(&self) -> Result<bool, FitError> {
        let is_over = self.ctx.budget.is_over();
        Ok(match self.dealt {
            Some(dealt) => dealt.any(is_over)?,
            None => is_over,
        })
    }

    /// Fills the gradients of one output.
    fn fill(&mut self, output: usize, rows: &Rows) {
        let weights = rows.weights.as_deref();
        let threads = &self.ctx.threads;
        self.gradients
            .fill(output, &rows.scores, &rows.targets, weights, threads);
    }
}

/// The number of each training row among those of all ranks; none where they are not dealt.
fn row_numbers(request: &Request<'_>, train: &DatasetView<'_>) -> Vec<u64> {
    let number = |dealt: Dealt<'_>| {
        let rows = train.rows().iter();
        rows.map(|&row| dealt.first_row + u64::from(row)).collect()
    };
    request.dealt.map(number).unwrap_or_default()
}

fn numeric(reason: &str) -> FitError {
    FitError::Numeric {
        learner: ID,
        reason: reason.to_owned(),
    }
}

fn stump() -> Tree {
    Tree {
        nodes: vec![crate::tree::TreeNode::Leaf(0)],
        values: vec![0.0],
        covers: vec![0.0],
        width: 1,
        linear: None,
    }
}
