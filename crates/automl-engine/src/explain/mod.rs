//! What a fitted ensemble does, told to people: which columns its score needs, how predictions change with them, and what each
//! did to predictions of single rows.
//!
//! All of it is asked of rows that the models have not seen: of each row those members of the search answer that were not
//! fitted on it. Where members are bags that is one model a member instead of one a fold, so it is quicker, too. What it costs
//! is foretold from the time of a first prediction, and sizes are chosen so that all of it ends in the time that was kept. Where
//! only trials are limited, sizes depend on nothing but the data, and so does what is told.

mod dependence;
mod permutation;
mod shapley;
mod sizes;
mod unseen;

pub use dependence::{DependencePoint, DependenceValue, PartialDependence, PartialDependences};
pub use permutation::{LabelledRows, PermutationError, PermutationImportance, PermutedColumn};
pub use shapley::{ShapleyColumn, ShapleyPoint, ShapleySummary};
pub(crate) use unseen::Unseen;

use crate::EnsembleModel;
use automl_core::{
    CancelToken, Clock, Column, Decision, Model as _, PredictError, Predictions, Seed, Table,
};
use automl_core::{Threads, metrics::Metric};
use serde::Serialize;
use sizes::{CELLS_MAX, Costs, Sizes};
use std::num::NonZeroUsize;

/// Columns whose values are shuffled, at most.
const SHUFFLED_MAX: usize = 15;
/// Columns that have a partial dependence, at most.
const DRAWN_MAX: usize = 6;
/// Columns that have a part in single predictions of their own, at most; the others have one together.
const PLAYERS_MAX: usize = 10;
/// Share of the time for each of the three, the last of which has what is left.
const SHARES: [f64; 3] = [0.45, 0.55, 1.0];

/// Who is asked for predictions of rows.
pub(crate) trait Asked: Sync {
    /// Predictions of the rows of a table, each of which is a variant of one row of a sample; the second argument says of which.
    fn ask(&self, table: &Table, variant_of: &[u32]) -> Result<Predictions, PredictError>;
}

/// Of every row the same model; of what is counted by exposure, for one unit of it.
impl Asked for EnsembleModel {
    fn ask(&self, table: &Table, _: &[u32]) -> Result<Predictions, PredictError> {
        let mut predictions = self.predict(&table.view())?;
        let exposure = self.exposure().and_then(|name| table.column(name));
        if let Some(exposure) = exposure.and_then(Column::as_number) {
            for (value, exposure) in predictions.values_mut().iter_mut().zip(exposure) {
                *value /= exposure;
            }
        }
        Ok(predictions)
    }
}

/// When to stop.
pub(crate) struct Limit {
    clock: Clock,
    until: Option<f64>,
    cancel: CancelToken,
}

impl Limit {
    fn none() -> Self {
        Self {
            clock: Clock::start(),
            until: None,
            cancel: CancelToken::default(),
        }
    }

    fn is_over(&self) -> bool {
        let is_late = self.until.is_some_and(|end| self.clock.seconds() >= end);
        is_late || self.cancel.is_cancelled()
    }

    /// What an answer may cost: the seconds until the end, or cells where there is none.
    fn left(&self) -> f64 {
        let left = |end: f64| (end - self.clock.seconds()).max(0.0);
        self.until.map_or(CELLS_MAX, left)
    }

    /// A limit after this share of what is left.
    fn share(&self, share: f64) -> Self {
        let now = self.clock.seconds();
        Self {
            until: self.until.map(|end| now + share * (end - now)),
            cancel: self.cancel.clone(),
            clock: self.clock,
        }
    }
}

/// Why something is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Nobody asked for it.
    NotAsked,
    /// It would not have ended in the time that was kept.
    NoTime,
    /// The user stopped the fit.
    Stopped,
    /// No column can be asked about.
    NoColumn,
    /// The rows could not be predicted or scored; in words.
    Failed(String),
}

/// What is told of an ensemble.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanations {
    /// By how much the score gets worse where a column is shuffled.
    pub permutation: Result<PermutationImportance, LeftOut>,
    /// How the mean prediction changes with one column.
    pub dependence: Result<PartialDependences, LeftOut>,
    /// What each column did to predictions of single rows.
    pub shapley: Result<ShapleySummary, LeftOut>,
}

impl Explanations {
    /// Nothing is told.
    pub fn none(why: &LeftOut) -> Self {
        Self {
            permutation: Err(why.clone()),
            dependence: Err(why.clone()),
            shapley: Err(why.clone()),
        }
    }
}

/// What is asked about, and within which limits.
pub(crate) struct Questions<'a> {
    /// Who answers.
    pub(crate) unseen: &'a Unseen<'a>,
    /// Columns, those that matter most by what the members say first.
    pub(crate) columns: Vec<String>,
    pub(crate) metric: Metric,
    pub(crate) decision: Decision,
    pub(crate) seed: Seed,
    pub(crate) threads: Threads,
    pub(crate) clock: Clock,
    /// When it must end, in seconds on that clock, if time is limited.
    pub(crate) until: Option<f64>,
    pub(crate) cancel: CancelToken,
}

impl Questions<'_> {
    /// The answers, as many as there is time for.
    pub(crate) fn answers(&self) -> Explanations {
        if self.cancel.is_cancelled() {
            return Explanations::none(&LeftOut::Stopped);
        }
        if self.columns.is_empty() {
            return Explanations::none(&LeftOut::NoColumn);
        }
        let whole = Limit {
            clock: self.clock,
            until: self.until,
            cancel: self.cancel.clone(),
        };
        if whole.is_over() {
            return Explanations::none(&LeftOut::NoTime);
        }
        let costs = match self.until.map(|_| Costs::measure(self)) {
            None => Costs::counted(self),
            Some(Ok(costs)) => costs,
            Some(Err(error)) => return Explanations::none(&LeftOut::Failed(error.to_string())),
        };
        let permutation = self.permutation(&costs, &whole.share(SHARES[0]));
        // From here on those come first that the score needs most.
        let ranked = match &permutation {
            Ok(found) => self.ranked(found),
            Err(_) => self.columns.clone(),
        };
        let names: Vec<&str> = ranked.iter().map(String::as_str).collect();
        let dependence = self.dependence(&names, &costs, &whole.share(SHARES[1]));
        let shapley = self.shapley(&names, &costs, &whole.share(SHARES[2]));
        Explanations {
            permutation,
            dependence,
            shapley,
        }
    }

    /// Why there is nothing where time ended it.
    fn ended(&self) -> LeftOut {
        if self.cancel.is_cancelled() {
            LeftOut::Stopped
        } else {
            LeftOut::NoTime
        }
    }

    fn permutation(&self, costs: &Costs, limit: &Limit) -> Result<PermutationImportance, LeftOut> {
        let n_columns = self.columns.len().min(SHUFFLED_MAX);
        let sizes = costs.of_shuffles(n_columns, limit.left());
        let sizes = sizes.ok_or_else(|| self.ended())?;
        let sample = self.unseen.sample(sizes.n_rows);
        let names: Vec<&str> = self.columns[..sizes.n_columns]
            .iter()
            .map(String::as_str)
            .collect();
        let shuffles = permutation::Shuffles {
            asked: &sample,
            rows: &sample.labelled(self.metric, &self.decision),
            times: NonZeroUsize::new(sizes.times).expect("sizes are above zero"),
            seed: self.seed.named("permutation"),
        };
        let found = shuffles.of(&names, limit, &self.threads);
        let found = found.map_err(|error| LeftOut::Failed(error.to_string()))?;
        let is_empty = found.columns.is_empty();
        if is_empty {
            Err(self.ended())
        } else {
            Ok(found)
        }
    }

    /// The columns by how much the score needs them; those that were not measured behind.
    fn ranked(&self, found: &PermutationImportance) -> Vec<String> {
        let mut ranked: Vec<String> = Vec::with_capacity(self.columns.len());
        ranked.extend(found.columns.iter().map(|one| one.column.clone()));
        let others = self.columns.iter().filter(|name| !ranked.contains(name));
        let others: Vec<String> = others.cloned().collect();
        ranked.extend(others);
        ranked
    }

    fn dependence(
        &self,
        names: &[&str],
        costs: &Costs,
        limit: &Limit,
    ) -> Result<PartialDependences, LeftOut> {
        let table = self.unseen.table();
        let is_drawn = |name: &&&str| {
            let column = table.column(name);
            !column.is_none_or(|column| matches!(column, Column::Text(_) | Column::Sparse(_)))
        };
        let names: Vec<&str> = names.iter().filter(is_drawn).copied().collect();
        if names.is_empty() {
            return Err(LeftOut::NoColumn);
        }
        let sizes = costs.of_dependence(names.len().min(DRAWN_MAX), limit.left());
        let Sizes {
            n_rows, n_columns, ..
        } = sizes.ok_or_else(|| self.ended())?;
        let sample = self.unseen.sample(n_rows);
        let found = dependence::partial_dependence(
            &sample,
            &sample.table,
            &names[..n_columns],
            (limit, &self.threads),
        );
        let found = found.map_err(|error| LeftOut::Failed(error.to_string()))?;
        if found.columns.is_empty() {
            Err(if limit.is_over() {
                self.ended()
            } else {
                LeftOut::NoColumn
            })
        } else {
            Ok(found)
        }
    }

    fn shapley(
        &self,
        names: &[&str],
        costs: &Costs,
        limit: &Limit,
    ) -> Result<ShapleySummary, LeftOut> {
        let names = &names[..names.len().min(PLAYERS_MAX)];
        let n_players = names.len() + 1;
        let sizes = costs.of_shapley(n_players, limit.left());
        let sizes = sizes.ok_or_else(|| self.ended())?;
        let sample = self.unseen.sample(sizes.n_rows);
        let game = shapley::Game {
            asked: &sample,
            rows: &sample.table,
            n_backgrounds: sizes.times,
            seed: self.seed.named("shapley"),
        };
        let found = game.summary(names, limit, &self.threads);
        let found = found.map_err(|error| LeftOut::Failed(error.to_string()))?;
        found.ok_or_else(|| self.ended())
    }
}
