//! What each column of the table did to each prediction of an ensemble, whatever its recipes make of the columns.
//!
//! A member that explains itself gives Shapley values of its features, on the scale of its scores. Those of features go to the
//! columns that they are made from, evenly where there are several. One member alone is told on its own scale, exactly. Several
//! are told on the scale of the prediction: what features do to a score is carried through the link along the straight line from
//! the expected score to that of the row (Aumann and Shapley, 1974), so that contributions of columns still sum to what is
//! predicted; and members are averaged by their weights.

#[cfg(test)]
mod tests;

use crate::calibrate::LEAST;
use crate::model::EnsembleModel;
use automl_core::{ExplainError, Explanation, Predictions, Scale, TableView, Threads};
use std::collections::BTreeMap;

/// Steps of the line along which a link of several scores is followed; an even number.
const N_STEPS: usize = 64;
/// Scores that are nearer than this are one.
const NEAR: f64 = 1e-9;
/// What lies beyond the last nodes of the line of a power counts for less than `exp` of minus this.
const TAIL: f64 = 20.0;

/// Contributions of columns, of several rows and outputs; the last of each is what is expected.
#[derive(Debug, Clone)]
struct Parts {
    n_outputs: usize,
    n_columns: usize,
    values: Vec<f64>,
}

impl Parts {
    fn zeros(n_rows: usize, n_outputs: usize, n_columns: usize) -> Self {
        Self {
            n_outputs,
            n_columns,
            values: vec![0.0; n_rows * n_outputs * (n_columns + 1)],
        }
    }

    /// Contributions to an output of a row, then what is expected.
    fn of(&self, row: usize, output: usize) -> &[f64] {
        let width = self.n_columns + 1;
        &self.values[(row * self.n_outputs + output) * width..][..width]
    }

    fn of_mut(&mut self, row: usize, output: usize) -> &mut [f64] {
        let width = self.n_columns + 1;
        &mut self.values[(row * self.n_outputs + output) * width..][..width]
    }

    /// What is expected of a row, and what it has: an output each.
    fn ends(&self, row: usize) -> [Vec<f64>; 2] {
        let outputs = || (0..self.n_outputs).map(|output| self.of(row, output));
        [
            outputs().map(|values| values[self.n_columns]).collect(),
            outputs().map(|values| values.iter().sum()).collect(),
        ]
    }

    /// The share of each column in what all do to a row, if they do anything.
    fn shares(&self, row: usize) -> Option<Vec<f64>> {
        let size = |column: usize| -> f64 {
            let outputs = 0..self.n_outputs;
            outputs
                .map(|output| self.of(row, output)[column].abs())
                .sum()
        };
        let sizes: Vec<f64> = (0..self.n_columns).map(size).collect();
        let total: f64 = sizes.iter().sum();
        (total > 0.0).then(|| sizes.iter().map(|size| size / total).collect())
    }

    /// The same of what a map makes of the outputs of each row.
    fn through(&self, n_rows: usize, n_outputs: usize, map: &impl Map) -> Self {
        let mut told = Self::zeros(n_rows, n_outputs, self.n_columns);
        for row in 0..n_rows {
            let [from, to] = self.ends(row);
            let slopes = map.slopes(&from, &to);
            let [start, reached] = [map.at(&from), map.at(&to)];
            for output in 0..n_outputs {
                for column in 0..self.n_columns {
                    let parts = (0..self.n_outputs).map(|source| {
                        slopes[output * self.n_outputs + source] * self.of(row, source)[column]
                    });
                    told.of_mut(row, output)[column] = parts.sum();
                }
                told.of_mut(row, output)[self.n_columns] = start[output];
            }
            // What steps lose goes to columns by what they do, so that what one output gains of it others still lose.
            let shares = told.shares(row).or_else(|| self.shares(row));
            for (output, reached) in reached.iter().enumerate() {
                let told = told.of_mut(row, output);
                let lost = reached - told.iter().sum::<f64>();
                for (value, share) in told.iter_mut().zip(shares.iter().flatten()) {
                    *value += share * lost;
                }
            }
        }
        told
    }

    fn scaled(mut self, factor: f64) -> Self {
        for value in &mut self.values {
            *value *= factor;
        }
        self
    }
}

/// From scores to other numbers.
trait Map {
    fn at(&self, scores: &[f64]) -> Vec<f64>;

    /// How much each result grows with each score, on average over the line between two places: results by scores, row-major.
    fn slopes(&self, from: &[f64], to: &[f64]) -> Vec<f64>;
}

/// One number to one.
struct Single<F: Fn(f64) -> f64>(F);

impl<F: Fn(f64) -> f64> Map for Single<F> {
    fn at(&self, scores: &[f64]) -> Vec<f64> {
        vec![(self.0)(scores[0])]
    }

    fn slopes(&self, from: &[f64], to: &[f64]) -> Vec<f64> {
        let (mut from, mut to) = (from[0], to[0]);
        if (to - from).abs() < NEAR {
            let step = 1e-6 * to.abs().max(1.0);
            (from, to) = (to - step, to + step);
        }
        vec![((self.0)(to) - (self.0)(from)) / (to - from)]
    }
}

/// Scores of classes to probabilities.
struct Classes {
    link: ClassLink,
}

#[derive(Clone, Copy)]
enum ClassLink {
    Softmax,
    OneVsRest,
    /// Of probabilities: raised to a power, and scaled to sum to 1.
    Power(f64),
}

impl Classes {
    /// What a score counts for before all are scaled to sum to 1, and how that grows with the score.
    fn weights(&self, scores: &[f64]) -> Vec<(f64, f64)> {
        let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weight = |score: f64| match self.link {
            ClassLink::Softmax => {
                let weight = (score - greatest).exp();
                (weight, weight)
            }
            ClassLink::OneVsRest => {
                let weight = logistic(score);
                (weight, weight * (1.0 - weight))
            }
            ClassLink::Power(power) => {
                let score = score.max(LEAST);
                let weight = (score / greatest.max(LEAST)).powf(power);
                (weight, power * weight / score)
            }
        };
        scores.iter().map(|score| weight(*score)).collect()
    }

    /// Nodes of the line from 0 to 1: how much each counts for, how far it is from the start and how far from the end.
    fn nodes(&self) -> Vec<[f64; 3]> {
        if let ClassLink::Power(power) = self.link {
            // A power below 1 is steep where a probability comes from nothing or goes there, so nodes are even in the log-odds
            // of the place: as dense at both ends as probabilities are small. They are denser for a power above 1, whose
            // integrand's poles are nearer.
            let step = 1.0 / power.max(1.0);
            let end = TAIL - LEAST.ln() * (1.0 - power).max(0.0);
            let last = (end / step).ceil() as i32;
            let node = |index: i32| {
                let place = f64::from(index) * step;
                let [passed, left] = [logistic(place), logistic(-place)];
                [step * passed * left, passed, left]
            };
            return (-last..=last).map(node).collect();
        }
        // Simpson's rule.
        let node = |step: usize| {
            let share = match step {
                0 | N_STEPS => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            } / (3 * N_STEPS) as f64;
            let t = step as f64 / N_STEPS as f64;
            [share, t, 1.0 - t]
        };
        (0..=N_STEPS).map(node).collect()
    }

    /// A place that the link can tell from others.
    fn place(&self, score: f64) -> f64 {
        match self.link {
            ClassLink::Power(_) => score.max(LEAST),
            ClassLink::Softmax | ClassLink::OneVsRest => score,
        }
    }

    /// Whether a score that changes thus changes nothing.
    fn is_still(&self, from: f64, to: f64) -> bool {
        matches!(self.link, ClassLink::Power(_)) && from.max(to) <= LEAST
    }
}

impl Map for Classes {
    fn at(&self, scores: &[f64]) -> Vec<f64> {
        let weights = self.weights(scores);
        let sum: f64 = weights.iter().map(|(weight, _)| weight).sum();
        weights.iter().map(|(weight, _)| weight / sum).collect()
    }

    fn slopes(&self, from: &[f64], to: &[f64]) -> Vec<f64> {
        let n = from.len();
        let mut slopes = vec![0.0; n * n];
        let still: Vec<bool> = (from.iter().zip(to))
            .map(|(from, to)| self.is_still(*from, *to))
            .collect();
        for [share, passed, left] in self.nodes() {
            let scores: Vec<f64> = (from.iter().zip(to))
                .map(|(from, to)| left * self.place(*from) + passed * self.place(*to))
                .collect();
            let weights = self.weights(&scores);
            let sum: f64 = weights.iter().map(|(weight, _)| weight).sum();
            for (output, (weight, _)) in weights.iter().enumerate() {
                for (source, (_, growth)) in weights.iter().enumerate() {
                    if still[source] {
                        continue;
                    }
                    let own = if output == source { 1.0 } else { 0.0 };
                    slopes[output * n + source] += share * growth * (own - weight / sum) / sum;
                }
            }
        }
        slopes
    }
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// A probability of two raised to a power with the other, and scaled to sum to 1 with it.
struct Sharpened {
    power: f64,
}

impl Map for Sharpened {
    fn at(&self, scores: &[f64]) -> Vec<f64> {
        let [no, yes] = [1.0 - scores[0], scores[0]].map(|p| p.max(LEAST).powf(self.power));
        vec![yes / (no + yes)]
    }

    fn slopes(&self, from: &[f64], to: &[f64]) -> Vec<f64> {
        let [from, to] = [from[0], to[0]].map(|p| p.clamp(LEAST, 1.0 - LEAST));
        let variance = to * (1.0 - to);
        if (to - from).abs() > NEAR * variance {
            return vec![(self.at(&[to])[0] - self.at(&[from])[0]) / (to - from)];
        }
        let is_still = to <= LEAST || to >= 1.0 - LEAST;
        if is_still {
            return vec![0.0];
        }
        let reached = self.at(&[to])[0];
        vec![self.power * reached * (1.0 - reached) / variance]
    }
}

impl EnsembleModel {
    /// What each column did to each row: exact on the scale of the one member, else on that of the prediction.
    pub(crate) fn explained(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        let members = self.members_explained(rows, threads)?;
        let columns = columns_of(rows, &members);
        let n_rows = rows.n_rows();
        let exposure = self.exposures(rows)?;
        if let [member] = members.as_slice()
            && let Some(factor) = self.factor_alone(member.scale, exposure.is_some())
        {
            let parts = member.by_columns(n_rows, &columns).scaled(factor);
            let parts = self.of_the_second(n_rows, parts);
            return Ok(Explanation {
                columns,
                n_outputs: parts.n_outputs,
                scale: member.scale,
                values: parts.values,
            });
        }
        let n_outputs = match self.task().n_classes() {
            0 | 2 => 1,
            n_classes => n_classes,
        };
        let mut sum = Parts::zeros(n_rows, n_outputs, columns.len());
        for (place, member) in members.iter().enumerate() {
            let parts = member.by_columns(n_rows, &columns);
            let parts = self.of_the_second(n_rows, parts);
            let parts = self.predicted_by(place, member.scale, n_rows, &parts);
            let weight = self.weight(place);
            for (sum, part) in sum.values.iter_mut().zip(&parts.values) {
                *sum += weight * part;
            }
        }
        if let Some(power) = self.power() {
            sum = if n_outputs == 1 {
                sum.through(n_rows, 1, &Sharpened { power })
            } else {
                let link = ClassLink::Power(power);
                sum.through(n_rows, n_outputs, &Classes { link })
            };
        }
        for (row, exposure) in exposure.iter().flatten().enumerate() {
            for value in sum.of_mut(row, 0) {
                *value *= exposure;
            }
        }
        Ok(Explanation {
            columns,
            n_outputs,
            scale: Scale::Prediction,
            values: sum.values,
        })
    }

    /// By what the contributions of the one member are to be multiplied, if that is all that follows.
    fn factor_alone(&self, scale: Scale, is_exposed: bool) -> Option<f64> {
        if is_exposed || self.maps_target(0) || self.is_cut(scale) {
            return None;
        }
        match self.power() {
            None => Some(1.0),
            // A power of probabilities is a factor of these scores.
            Some(power) if matches!(scale, Scale::LogOdds | Scale::Softmax) => Some(power),
            Some(_) => None,
        }
    }

    /// Whether predictions on such a scale may be raised to the least that is predicted.
    fn is_cut(&self, scale: Scale) -> bool {
        // On the other scales all is above zero anyway.
        let least = if scale == Scale::Prediction {
            f64::NEG_INFINITY
        } else {
            0.0
        };
        let mut raised = Predictions::Numbers(vec![least]);
        self.undo_target(0, &mut raised);
        raised.values()[0] > least
    }

    /// Of two classes that each have an output, the second.
    fn of_the_second(&self, n_rows: usize, parts: Parts) -> Parts {
        if self.task().n_classes() != 2 || parts.n_outputs != 2 {
            return parts;
        }
        let mut second = Parts::zeros(n_rows, 1, parts.n_columns);
        for row in 0..n_rows {
            second.of_mut(row, 0).copy_from_slice(parts.of(row, 1));
        }
        second
    }

    /// Contributions to what a member predicts, of those to its scores.
    fn predicted_by(&self, place: usize, scale: Scale, n_rows: usize, parts: &Parts) -> Parts {
        let undone = |value: f64| {
            let mut one = Predictions::Numbers(vec![value]);
            self.undo_target(place, &mut one);
            one.values()[0]
        };
        let classes = |link| parts.through(n_rows, parts.n_outputs, &Classes { link });
        match scale {
            Scale::Prediction if self.task().n_classes() > 0 => parts.clone(),
            Scale::Prediction => parts.through(n_rows, 1, &Single(undone)),
            Scale::Log => {
                let predicted = |score: f64| undone(score.exp().min(f64::MAX));
                parts.through(n_rows, 1, &Single(predicted))
            }
            Scale::LogOdds => parts.through(n_rows, 1, &Single(logistic)),
            Scale::Softmax => classes(ClassLink::Softmax),
            Scale::OneVsRest => classes(ClassLink::OneVsRest),
        }
    }

    /// What each member says of its features, with the columns that those are made from.
    fn members_explained(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Vec<MemberParts>, ExplainError> {
        let mut found = Vec::new();
        for (position, recipe) in self.recipes().iter().enumerate() {
            let origins: BTreeMap<String, Vec<String>> = recipe
                .origins()
                .map_err(ExplainError::Predict)?
                .into_iter()
                .collect();
            let table = automl_core::Transformer::transform(&**recipe, rows)?;
            for model in self.models_of(position) {
                let explanation = model.explain(&table.view(), threads)?;
                let sources = explanation.columns.iter();
                let sources = sources.map(|name| origins.get(name).cloned().unwrap_or_default());
                found.push(MemberParts {
                    scale: explanation.scale,
                    sources: sources.collect(),
                    explanation,
                });
            }
        }
        Ok(found)
    }
}

/// What a member says of its features.
struct MemberParts {
    scale: Scale,
    explanation: Explanation,
    /// The columns that each feature is made from.
    sources: Vec<Vec<String>>,
}

impl MemberParts {
    fn by_columns(&self, n_rows: usize, columns: &[String]) -> Parts {
        let n_outputs = self.explanation.n_outputs;
        let mut parts = Parts::zeros(n_rows, n_outputs, columns.len());
        let place = |name: &String| columns.iter().position(|column| column == name);
        let places: Vec<Vec<usize>> = (self.sources.iter())
            .map(|sources| sources.iter().filter_map(place).collect())
            .collect();
        for row in 0..n_rows {
            for output in 0..n_outputs {
                let features = self.explanation.row(row, output);
                let told = parts.of_mut(row, output);
                for (value, places) in features.iter().zip(&places) {
                    for place in places {
                        told[*place] += value / places.len() as f64;
                    }
                    if places.is_empty() {
                        // What is made from no column is the same for all rows.
                        told[columns.len()] += value;
                    }
                }
                told[columns.len()] += features[features.len() - 1];
            }
        }
        parts
    }
}

/// The columns that any feature is made from, in the order of the table.
fn columns_of(rows: &TableView<'_>, members: &[MemberParts]) -> Vec<String> {
    let is_used = |name: &str| {
        let mut sources = members
            .iter()
            .flat_map(|member| member.sources.iter().flatten());
        sources.any(|source| source == name)
    };
    let names = rows.table().names().filter(|name| is_used(name));
    names.map(str::to_owned).collect()
}
