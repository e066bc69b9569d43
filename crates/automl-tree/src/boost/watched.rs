//! Validation rows, and what is watched on them to stop in time.

use super::dealt::Dealt;
use super::leaves::add_leaves;
use super::linear;
use super::loss::ranking_of;
use super::rows::Rows;
use super::{Request, numeric};
use crate::binning::BinnedMatrix;
use crate::boosted_model::predictions;
use crate::gradient_boosting::GradientBoostingParams;
use crate::linear_leaves::RawColumns;
use crate::objective::ranking::Ranking;
use crate::objective::{CustomObjective, Goal, Link, Loss, checked_loss};
use crate::tree::Tree;
use automl_core::metrics::{Metric, MetricError};
use automl_core::{DatasetView, FitError, ParamError, ParamValue, TaskKind, Threads, nearest};
use std::sync::Arc;

/// What ranking watches, which is no metric of rows.
const NDCG: &str = "ndcg";

/// Validation rows, with bins of their own.
pub(super) struct Watched<'a> {
    rows: Rows,
    raw: RawColumns<'a>,
    matrix: Arc<BinnedMatrix>,
    order: Vec<u32>,
    scratch: Vec<u32>,
    yardstick: Yardstick<'a>,
    threads: Threads,
}

/// How validation rows are judged.
enum Yardstick<'a> {
    Loss(Loss),
    /// The same over the rows of all ranks.
    Dealt(Loss, Dealt<'a>),
    Ndcg(Ranking),
    Custom(Arc<dyn CustomObjective>),
    Metric {
        metric: Metric,
        link: Link,
    },
}

impl<'a> Watched<'a> {
    /// The rows of a view, which have their start.
    pub(super) fn new(
        request: &Request<'a>,
        goal: &Goal,
        view: &DatasetView<'a>,
        rows: Rows,
        matrix: Arc<BinnedMatrix>,
        threads: &Threads,
    ) -> Result<Self, FitError> {
        let metric = asked(&request.params.eval_metric)?;
        let yardstick = match (metric, goal) {
            (Some(Asked::Metric(metric)), _) => Yardstick::Metric {
                metric,
                link: goal.link(),
            },
            (_, Goal::Rows(loss)) => match request.dealt {
                Some(dealt) => Yardstick::Dealt(*loss, dealt),
                None => Yardstick::Loss(*loss),
            },
            (_, Goal::Queries(_)) => Yardstick::Ndcg(ranking_of(request.params, view, &rows)?),
            (_, Goal::Custom(custom)) => Yardstick::Custom(custom.clone()),
        };
        Ok(Self {
            raw: linear::raw(request.params, view, &matrix),
            matrix,
            order: (0..view.n_rows() as u32).collect(),
            scratch: vec![0; view.n_rows()],
            threads: threads.clone(),
            rows,
            yardstick,
        })
    }

    /// Adds what a tree says.
    pub(super) fn add(&mut self, tree: &Tree, output: usize) {
        let scores = self.rows.output(output);
        add_leaves(
            tree,
            (&self.matrix, &self.raw),
            &mut self.order,
            &mut self.scratch,
            scores,
        );
    }

    /// How bad the scores are: lower is better.
    ///
    /// # Errors
    /// A metric that has no value for these rows, a loss that is not finite: no later one would be found better or worse.
    pub(super) fn loss(&self) -> Result<f64, FitError> {
        let Rows {
            targets,
            weights,
            scores,
            ..
        } = &self.rows;
        let weights = weights.as_deref();
        let loss = match &self.yardstick {
            Yardstick::Loss(loss) => loss.mean(scores, targets, weights),
            Yardstick::Dealt(loss, dealt) => dealt.loss(*loss, &self.rows)?,
            Yardstick::Ndcg(ranking) => -ranking.ndcg(scores, &self.threads),
            Yardstick::Custom(custom) => {
                return checked_loss(custom.as_ref(), targets, scores, weights);
            }
            Yardstick::Metric { metric, link } => {
                let n_rows = targets.len();
                let n_outputs = scores.len() / n_rows;
                let by_row = (0..scores.len())
                    .map(|place| scores[place % n_outputs * n_rows + place / n_outputs]);
                let predicted = predictions(*link, n_outputs, by_row.collect());
                metric.loss(metric.score(targets, &predicted, weights)?)
            }
        };
        if loss.is_finite() {
            return Ok(loss);
        }
        Err(numeric(&format!(
            "the loss of the validation rows is {loss}, which tells no round from another; scale the target or its weights"
        )))
    }
}

/// What a user asks to watch.
enum Asked {
    Metric(Metric),
    Ndcg,
}

/// The value of `eval_metric`; none if it is empty.
fn asked(name: &str) -> Result<Option<Asked>, ParamError> {
    match name.trim() {
        "" => Ok(None),
        NDCG => Ok(Some(Asked::Ndcg)),
        name => match Metric::from_name(name) {
            Ok(metric) => Ok(Some(Asked::Metric(metric))),
            Err(error) => {
                let all = || Metric::all().map(Metric::name);
                let near = match error {
                    MetricError::Unknown { near, .. } if !near.is_empty() => near,
                    _ => nearest(name, all().chain([NDCG])),
                };
                Err(ParamError::UnknownName {
                    name: "eval_metric".into(),
                    value: name.into(),
                    near: if near.is_empty() {
                        all().map(str::to_owned).collect()
                    } else {
                        near
                    },
                })
            }
        },
    }
}

/// Refuses a name that no metric has.
pub(crate) fn check_name(params: &GradientBoostingParams) -> Result<(), ParamError> {
    asked(&params.eval_metric).map(|_| ())
}

/// Refuses a metric that is not for the task, or not for what is minimised.
pub(super) fn check_fit(
    params: &GradientBoostingParams,
    task: TaskKind,
    goal: &Goal,
) -> Result<(), ParamError> {
    let reason = match (asked(&params.eval_metric)?, goal) {
        (None, _) | (Some(Asked::Ndcg), Goal::Queries(_)) => return Ok(()),
        (Some(Asked::Ndcg), _) => "is for objective = lambda_rank alone".to_owned(),
        (Some(Asked::Metric(_)), Goal::Queries(_)) => format!(
            "asks how near predictions are to targets, and those of lambda_rank are only an order; it watches {NDCG}"
        ),
        (Some(Asked::Metric(metric)), _) if metric.tasks().contains(&task) => return Ok(()),
        (Some(Asked::Metric(_)), _) => {
            let fitting = Metric::all().filter(|metric| metric.tasks().contains(&task));
            let names: Vec<&str> = fitting.map(Metric::name).collect();
            format!(
                "is not for {} tasks; these are: {}",
                task.name(),
                names.join(", ")
            )
        }
    };
    Err(ParamError::Conflict {
        name: "eval_metric".into(),
        value: ParamValue::Text(params.eval_metric.clone().into()),
        reason,
    })
}
