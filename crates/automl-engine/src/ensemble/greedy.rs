//! The greedy choice of members, with replacement.
//!
//! Few rows are easily pleased by an odd member, the more so the more candidates there are. There the choice is made several times,
//! on all rows and on random parts of them, and the shares are the means of all choices. The paper draws parts of the candidates
//! instead, of thousands of models; of a few dozen, each part would lack the best.

use super::{Bench, Candidate, mean_of};
use crate::fit::FitRun;
use crate::latency::Speed;
use crate::search::Found;
use crate::{calibrate, conformal};
use automl_core::{Predictions, Seed, Threads};
use rand::RngExt;

/// Fewer rows are not chosen on.
const ROWS_MIN: usize = 20;
/// Shares below this are not worth the time to predict them.
const WEIGHT_MIN: f64 = 0.015;

/// Choices that are averaged where rows are few, that on all rows among them.
const N_CHOICES: u64 = 8;
/// Share of the rows of each of the others.
const DRAWN_SHARE: f64 = 2.0 / 3.0;

/// What is tuned once members are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuned {
    /// The power of the probabilities.
    pub(super) power: bool,
    /// How classes are told from them.
    pub(super) decision: bool,
}

/// What a greedy selection reads.
pub(super) struct Greedy<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) candidates: &'a [Candidate],
    pub(super) speed: Option<&'a Speed>,
    pub(super) n_steps: usize,
    /// Whether members are chosen on parts of the rows, too: with many rows one choice is sure enough, and what may be added to keep a
    /// limit on speed depends on all that is there.
    pub(super) is_repeated: bool,
    /// Draws the parts.
    pub(super) seed: Seed,
}

impl Greedy<'_> {
    /// The share of each candidate; they sum to 1. Choices after the first take no more than this share of the time left.
    pub(super) fn run(
        &self,
        threads: &Threads,
        found: &Found,
        run: &FitRun<'_>,
        share_of_time: f64,
    ) -> Vec<f64> {
        let now = || run.clock.seconds();
        let begun = now();
        let until = found
            .ensemble_end()
            .map(|end| begun + share_of_time * (end - begun));
        let is_late = || until.is_some_and(|until| now() > until);
        let mut shares = self.once(threads, found, run);
        if !self.is_repeated {
            return shares;
        }
        let mut n_made = 1.0;
        for choice in 1..N_CHOICES {
            let rows = self.drawn(choice);
            if rows.len() < ROWS_MIN || is_late() {
                break;
            }
            let candidates: Vec<Candidate> =
                self.candidates.iter().map(|one| one.at(&rows)).collect();
            let bench = self.bench.at(&rows);
            // A part may lack a class, or anything else that a score needs.
            if bench.loss(&candidates[0].predictions).is_infinite() {
                continue;
            }
            let greedy = Greedy {
                bench: &bench,
                candidates: &candidates,
                ..*self
            };
            for (sum, share) in shares.iter_mut().zip(greedy.once(threads, found, run)) {
                *sum += share;
            }
            n_made += 1.0;
        }
        for share in &mut shares {
            *share /= n_made;
        }
        shares
    }

    /// The rows of a choice: two thirds of them, where those that are one another's kin stay together.
    fn drawn(&self, choice: u64) -> Vec<usize> {
        let seed = self.seed.indexed(choice);
        let units = self.bench.units.iter().enumerate();
        let is_drawn =
            |unit: u32| seed.indexed(u64::from(unit)).rng().random::<f64>() < DRAWN_SHARE;
        units
            .filter(|&(_, &unit)| is_drawn(unit))
            .map(|(row, _)| row)
            .collect()
    }

    /// The share of each candidate by one choice: how often it was added. Stops when no addition helps or time is up.
    pub(super) fn once(&self, threads: &Threads, found: &Found, run: &FitRun<'_>) -> Vec<f64> {
        let candidates = self.candidates;
        let mut counts = vec![0_u32; candidates.len()];
        let mut sum = candidates[0]
            .predictions
            .zeros_like(self.bench.target.len());
        let mut best_counts = counts.clone();
        let mut best_loss = f64::INFINITY;
        for step in 0..self.n_steps {
            if step > 0 && found.ensemble_is_late(run) {
                break;
            }
            let losses = threads.map(candidates.len(), |index| {
                if !self.is_quick_enough(&counts, index) {
                    return f64::INFINITY;
                }
                let mut mean = sum.clone();
                mean.add_scaled(1.0, &candidates[index].predictions);
                let factor = 1.0 / (step + 1) as f64;
                let values = mean.values_mut().iter_mut();
                values.for_each(|value| *value *= factor);
                self.bench.loss(&mean)
            });
            let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]));
            let chosen = best.expect("candidates exist");
            let loss = losses[chosen];
            if loss.is_infinite() && self.speed.is_some() {
                break;
            }
            counts[chosen] += 1;
            sum.add_scaled(1.0, &candidates[chosen].predictions);
            if loss < best_loss {
                best_loss = loss;
                best_counts.clone_from(&counts);
            }
        }
        if best_loss.is_infinite() {
            // The sample cannot be scored, and the best single trial, which could be on all rows, stands alone; or nothing
            // is as quick as was asked for.
            let alone = self.speed.map_or(0, Speed::last_resort);
            best_counts[alone] = 1;
        }
        let total = f64::from(best_counts.iter().sum::<u32>());
        best_counts
            .into_iter()
            .map(|count| f64::from(count) / total)
            .collect()
    }

    /// What members that were chosen on the other half of the rows say of each row; `None` if there is no time or a half is too
    /// small to choose on.
    pub(super) fn nested(
        &self,
        halves: &[Vec<usize>; 2],
        tuned: Tuned,
        threads: &Threads,
        found: &Found,
        run: &FitRun<'_>,
    ) -> Option<Predictions> {
        let mut all = self.candidates[0]
            .predictions
            .zeros_like(self.bench.target.len());
        let width = all.width();
        for ([learn, judge], share_of_time) in [([0, 1], 0.4), ([1, 0], 0.8)] {
            if halves[learn].len() < ROWS_MIN || found.ensemble_is_late(run) {
                return None;
            }
            let at = |half: usize| -> Vec<Candidate> {
                let candidates = self.candidates.iter();
                candidates.map(|one| one.at(&halves[half])).collect()
            };
            let (bench, candidates) = (self.bench.at(&halves[learn]), at(learn));
            let greedy = Greedy {
                bench: &bench,
                candidates: &candidates,
                ..*self
            };
            let members = shares(&candidates, &greedy.run(threads, found, run, share_of_time));
            let mut judged = mean_of(&at(judge), &members);
            let learned = mean_of(&candidates, &members);
            let metric = bench.plan.calibrated_by.filter(|_| tuned.power);
            let power = metric.map(|by| calibrate::best_power(by, bench.judged(&learned)));
            if let Some(power) = power.flatten() {
                calibrate::sharpen(&mut judged, power);
            }
            if let Some(shifts) = bench.shifts(&learned) {
                conformal::shift(&mut judged, &shifts);
            }
            if tuned.decision {
                let decision = bench.decision(&learned).unwrap_or_default();
                judged = judged.decided_by(&decision);
            }
            let judged = judged.values().chunks_exact(width);
            for (values, &row) in judged.zip(&halves[judge]) {
                all.values_mut()[row * width..(row + 1) * width].copy_from_slice(values);
            }
        }
        Some(all)
    }

    fn is_quick_enough(&self, counts: &[u32], index: usize) -> bool {
        self.speed.is_none_or(|speed| speed.allows(counts, index))
    }
}

/// Shares of candidates as those of trials, tiny ones left out, greatest first.
pub(super) fn shares(candidates: &[Candidate], of_each: &[f64]) -> Vec<(usize, f64)> {
    let mut members: Vec<(usize, f64)> = candidates
        .iter()
        .zip(of_each)
        .map(|(candidate, &share)| (candidate.position, share))
        .filter(|&(_, share)| share > WEIGHT_MIN)
        .collect();
    let kept: f64 = members.iter().map(|(_, share)| share).sum();
    for (_, share) in &mut members {
        *share /= kept;
    }
    members.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    members
}
