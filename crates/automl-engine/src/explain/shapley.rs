//! What each column did to predictions of single rows: Shapley values of the whole ensemble, by sampling.
//!
//! Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with feature contributions" (2014). A row is
//! compared with some others, its backgrounds: its values are put into a background's place one column after the other, in a
//! random order, and each column is booked what the prediction changed by. The parts of a row sum to its prediction less the mean
//! prediction of its backgrounds. All rows have the same backgrounds, so that parts of different rows can be compared. Every
//! second order is the one before it backwards, which makes the parts surer. Unlike attributions of trees it
//! holds for members of every kind, and in the units of the prediction.

use super::{Asked, Limit};
use automl_core::{Column, MISSING_TIME, PredictError, Predictions, Seed, Table, Threads};
use rand::seq::SliceRandom as _;
use serde::Serialize;
use std::ops::Range;

/// Rows that are worked on at once.
const ROWS_AT_ONCE: usize = 8;
/// Fewer rows than this are no summary.
const ROWS_MIN: usize = 10;

/// What columns did to the predictions of some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapleySummary {
    /// One a column, greatest first; those that were taken together last.
    pub columns: Vec<ShapleyColumn>,
    /// Rows.
    pub n_rows: usize,
    /// Rows that each was compared with.
    pub n_backgrounds: usize,
    /// Columns that were taken together.
    pub n_others: usize,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapleyColumn {
    /// Its name; none for all others together.
    pub column: Option<String>,
    /// The mean size of what it did, one an output: the number, the quantile in the middle, the probability of the
    /// second of two classes, or of each of more.
    pub mean_size: Vec<f64>,
    /// What it did to each row; empty where there are more classes than two.
    pub points: Vec<ShapleyPoint>,
}

/// What one column did to the prediction of one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShapleyPoint {
    /// What it added.
    pub part: f64,
    /// Of the rows that have a number or time there, the share whose value is not greater; none for what has no order.
    pub rank: Option<f64>,
}

/// Rows whose predictions are shared out, and who is asked of them.
pub(super) struct Game<'a> {
    pub(super) asked: &'a dyn Asked,
    pub(super) rows: &'a Table,
    pub(super) n_backgrounds: usize,
    pub(super) seed: Seed,
}

/// Parts of the predictions of consecutive rows: a value for each row, player and output.
struct Parts {
    width: usize,
    values: Vec<f64>,
}

impl Game<'_> {
    /// The summary over all rows, or over those that were done in time; `None` where they are too few.
    ///
    /// Cost: rows × backgrounds × (players + 1) predictions.
    pub(super) fn summary(
        &self,
        names: &[&str],
        limit: &Limit,
        threads: &Threads,
    ) -> Result<Option<ShapleySummary>, PredictError> {
        let n_others = self.rows.n_columns() - names.len();
        let n_players = names.len() + usize::from(n_others > 0);
        let player_of = self.rows.names().map(|column| {
            let own = names.iter().position(|name| *name == column);
            own.unwrap_or(names.len())
        });
        let player_of: Vec<usize> = player_of.collect();
        let backgrounds = self.backgrounds();
        // In random order, so that rows that were done in time are of all kinds.
        let mut order: Vec<u32> = (0..self.rows.n_rows() as u32).collect();
        order.shuffle(&mut self.seed.named("order").rng());
        let chunks: Vec<&[u32]> = order.chunks(ROWS_AT_ONCE).collect();
        let mut all: Option<Parts> = None;
        for wave in chunks.chunks(threads.count()) {
            if limit.is_over() {
                break;
            }
            let parts = threads.map(wave.len(), |index| {
                self.parts(wave[index], (&player_of, n_players), &backgrounds)
            });
            for part in parts {
                let part = part?;
                match &mut all {
                    Some(all) => all.values.extend(part.values),
                    None => all = Some(part),
                }
            }
        }
        let Some(parts) = all else { return Ok(None) };
        let n_done = parts.values.len() / (n_players * parts.width);
        if n_done < ROWS_MIN.min(order.len()) {
            return Ok(None);
        }
        let rows = &order[..n_done];
        let mut columns: Vec<ShapleyColumn> = (0..n_players)
            .map(|player| self.column(names.get(player).copied(), player, (&parts, rows)))
            .collect();
        let size = |column: &ShapleyColumn| column.mean_size.iter().sum::<f64>();
        columns[..names.len()].sort_by(|a, b| size(b).total_cmp(&size(a)));
        Ok(Some(ShapleySummary {
            columns,
            n_rows: n_done,
            n_backgrounds: backgrounds.len(),
            n_others,
        }))
    }

    /// Rows that all others are compared with.
    fn backgrounds(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..self.rows.n_rows() as u32).collect();
        rows.shuffle(&mut self.seed.named("backgrounds").rng());
        rows.truncate(self.n_backgrounds);
        rows
    }

    /// What each player did to the predictions of these rows, the mean over backgrounds.
    fn parts(
        &self,
        rows: &[u32],
        (player_of, n_players): (&[usize], usize),
        backgrounds: &[u32],
    ) -> Result<Parts, PredictError> {
        let orders: Vec<Vec<usize>> = rows
            .iter()
            .flat_map(|&row| self.orders(row, n_players, backgrounds.len()))
            .collect();
        let steps = 0..=n_players;
        let pairs = rows
            .iter()
            .flat_map(|&row| backgrounds.iter().map(move |&other| (row, other)));
        let pairs: Vec<(u32, u32)> = pairs.collect();
        let columns = self
            .rows
            .shared()
            .zip(player_of)
            .map(|((name, column), &player)| {
                let cells = pairs
                    .iter()
                    .zip(&orders)
                    .flat_map(|(&(row, other), order)| {
                        let place = order.iter().position(|&one| one == player);
                        let place = place.expect("an order holds all players");
                        let from = move |step| if step > place { row } else { other };
                        steps.clone().map(from)
                    });
                let cells: Vec<u32> = cells.collect();
                (name, column.gather(&cells).into())
            });
        let table = Table::from_shared(columns.collect()).expect("all columns are as long");
        let variant_of = pairs
            .iter()
            .flat_map(|&(row, _)| std::iter::repeat_n(row, n_players + 1));
        let said = self.asked.ask(&table, &variant_of.collect::<Vec<u32>>())?;
        let outputs = shown(&said);
        let width = outputs.len();
        let mut values = vec![0.0; rows.len() * n_players * width];
        let said = said.values().chunks_exact(said.width()).collect::<Vec<_>>();
        for (pair, (walk, order)) in said.chunks_exact(n_players + 1).zip(&orders).enumerate() {
            let row = pair / backgrounds.len();
            for (step, &player) in order.iter().enumerate() {
                let to = &mut values[(row * n_players + player) * width..][..width];
                for (to, output) in to.iter_mut().zip(outputs.clone()) {
                    let change = walk[step + 1][output] - walk[step][output];
                    *to += change / backgrounds.len() as f64;
                }
            }
        }
        Ok(Parts { width, values })
    }

    /// The orders in which the players of a row come, one a background.
    fn orders(&self, row: u32, n_players: usize, n: usize) -> Vec<Vec<usize>> {
        let mut rng = self.seed.named("orders").indexed(u64::from(row)).rng();
        let mut orders: Vec<Vec<usize>> = Vec::with_capacity(n);
        for index in 0..n {
            let order = match orders.last() {
                Some(last) if index % 2 == 1 => last.iter().rev().copied().collect(),
                _ => {
                    let mut order: Vec<usize> = (0..n_players).collect();
                    order.shuffle(&mut rng);
                    order
                }
            };
            orders.push(order);
        }
        orders
    }

    fn column(
        &self,
        name: Option<&str>,
        player: usize,
        (parts, rows): (&Parts, &[u32]),
    ) -> ShapleyColumn {
        let width = parts.width;
        let n_players = parts.values.len() / (rows.len() * width);
        let of_row = |row: usize| &parts.values[(row * n_players + player) * width..][..width];
        let mean_size = |output: usize| {
            let sum: f64 = (0..rows.len()).map(|row| of_row(row)[output].abs()).sum();
            sum / rows.len() as f64
        };
        let ranks = match name.and_then(|name| self.rows.column(name)) {
            Some(column) => ranks(column, rows),
            None => vec![None; rows.len()],
        };
        let point = |(row, rank): (usize, Option<f64>)| ShapleyPoint {
            part: of_row(row)[0],
            rank,
        };
        ShapleyColumn {
            column: name.map(str::to_owned),
            mean_size: (0..width).map(mean_size).collect(),
            points: if width == 1 {
                ranks.into_iter().enumerate().map(point).collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// The outputs whose parts are told: the number, the probability of the second of two classes or of each of more, or the quantile
/// in the middle.
fn shown(predictions: &Predictions) -> Range<usize> {
    match predictions {
        Predictions::Numbers(_) => 0..1,
        Predictions::Probabilities { n_classes: 2, .. } => 1..2,
        Predictions::Probabilities { n_classes, .. } => 0..*n_classes,
        Predictions::Several { .. } => 0..predictions.width(),
        Predictions::Quantiles { levels, .. } => {
            let middle = levels.len() / 2;
            middle..middle + 1
        }
    }
}

/// The share of the known values of these rows that are not greater, of each of them.
fn ranks(column: &Column, rows: &[u32]) -> Vec<Option<f64>> {
    let value = |&row: &u32| match column {
        Column::Number(values) => {
            let value = values[row as usize];
            (!value.is_nan()).then_some(value)
        }
        Column::Timestamp(times) => {
            let time = times[row as usize];
            (time != MISSING_TIME).then_some(time as f64)
        }
        _ => None,
    };
    let values: Vec<Option<f64>> = rows.iter().map(value).collect();
    let mut known: Vec<f64> = values.iter().copied().flatten().collect();
    known.sort_unstable_by(f64::total_cmp);
    let rank =
        |value: f64| known.partition_point(|other| *other <= value) as f64 / known.len() as f64;
    values.into_iter().map(|value| value.map(rank)).collect()
}
