//! A point that all clauses allow, and others that are drawn from there.
//!
//! First points at random, then, where the clauses leave little room, downhill: from the point of the defaults and from some at
//! random, one parameter after another goes where the clauses are broken least. The measure is convex in the numbers and smooth,
//! so that this ends at an allowed point of any space whose clauses are sums of numbers and leave a volume; it has a margin
//! first, since what only touches a bound would never quite be reached.
//!
//! # Reference
//! Neal (2003), *Slice sampling*, for the shrinking by which others are drawn.

use super::{Space, SpaceError};
use crate::uniform::{Draws, draws};
use automl_core::{ParamMap, Seed};
use rand::Rng;

/// Points at random.
const DRAWS: usize = 10_000;
/// Points at random from which it goes downhill.
const STARTS: usize = 16;
/// Points that are looked at on the way down, from all starts together.
const LOOKS: usize = 400_000;
/// Margins that are tried, as shares of how far a sum can go.
const MARGINS: [f64; 4] = [0.05, 1e-3, 1e-6, 0.0];
/// Rounds over all parameters for one margin.
const ROUNDS: usize = 100;
/// A parameter of at most so many values goes to the best of them, another one along the golden section.
const FEW: u64 = 32;
const SECTIONS: usize = 40;
/// Moves of each parameter, on average, by which a point gets away from the anchor.
const MOVES: usize = 8;
/// Values that are tried for a move.
const SHRINKS: usize = 24;
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Space {
    /// A point that all clauses allow.
    pub(super) fn find_anchor(&self) -> Result<Vec<f64>, SpaceError> {
        let mut draws = draws(Seed(0).named("anchor"));
        for _ in 0..DRAWS {
            let at = self.draw_any(&mut draws);
            if self.is_allowed(&at) {
                return Ok(at);
            }
        }
        let middle = self.placed(&ParamMap::new());
        let starts = middle
            .into_iter()
            .chain((0..STARTS).map(|_| self.draw_any(&mut draws)));
        let starts: Vec<Vec<f64>> = starts.collect();
        let n_starts = starts.len();
        let mut looks = LOOKS;
        let mut nearest: Option<(f64, Vec<f64>)> = None;
        for start in starts {
            let at = self.downhill(start, &mut looks, &mut draws);
            if self.is_allowed(&at) {
                return Ok(at);
            }
            let violation = self.clauses.violation(&self.axes, &at, 0.0);
            if nearest.as_ref().is_none_or(|(least, _)| violation < *least) {
                nearest = Some((violation, at));
            }
        }
        let broken = nearest.and_then(|(_, at)| self.clauses.broken(&self.spec, &self.axes, &at));
        Err(SpaceError::Empty {
            n_draws: DRAWS,
            n_starts,
            broken: broken.unwrap_or_default(),
        })
    }

    /// A point that all clauses allow: from the anchor on, one parameter at a time takes a value by chance among those that the
    /// others leave to it. The parameters come by chance, too: in order, the first would be left most.
    pub(super) fn about_anchor<R: Rng>(&self, draws: &mut Draws<R>) -> Vec<f64> {
        let mut at = self.anchor.clone();
        for _ in 0..MOVES * self.axes.len() {
            let j = draws.below(self.axes.len());
            if at[j].is_nan() {
                continue;
            }
            let axis = &self.axes[j];
            let (mut low, mut high) = (0.0, 1.0);
            // By the user's belief, if there is one.
            let mut x = axis.draw(draws);
            for _ in 0..SHRINKS {
                let mut next = at.clone();
                next[j] = x;
                self.settle(&mut next, draws);
                if self.is_allowed(&next) {
                    at = next;
                    break;
                }
                // What is refused is an end of what is tried next.
                if x < at[j] {
                    low = x;
                } else {
                    high = x;
                }
                x = match axis.n_codes() {
                    Some(_) => axis.draw(draws),
                    None => low + (high - low) * draws.unit(),
                };
            }
        }
        at
    }

    fn downhill<R: Rng>(
        &self,
        mut at: Vec<f64>,
        looks: &mut usize,
        draws: &mut Draws<R>,
    ) -> Vec<f64> {
        for margin in MARGINS {
            let mut value = self.clauses.violation(&self.axes, &at, margin);
            for _ in 0..ROUNDS {
                if *looks == 0 || self.is_allowed(&at) {
                    return at;
                }
                let before = value;
                for j in 0..self.axes.len() {
                    if !at[j].is_nan() {
                        value = self.lower(j, &mut at, (value, margin), looks, draws);
                    }
                }
                if value > before * (1.0 - 1e-4) {
                    break;
                }
            }
        }
        at
    }

    /// Moves one parameter to where the clauses are broken least, and gives by how much they are there.
    fn lower<R: Rng>(
        &self,
        j: usize,
        at: &mut Vec<f64>,
        (mut value, margin): (f64, f64),
        looks: &mut usize,
        draws: &mut Draws<R>,
    ) -> f64 {
        let axis = &self.axes[j];
        let start = at.clone();
        let mut look = |x: f64| {
            let mut next = start.clone();
            next[j] = x;
            self.settle(&mut next, draws);
            *looks = looks.saturating_sub(1);
            let own = self.clauses.violation(&self.axes, &next, margin);
            if own < value {
                (value, *at) = (own, next);
            }
            own
        };
        if let Some(n) = axis
            .n_values()
            .filter(|&n| n <= FEW || axis.n_codes().is_some())
        {
            for rank in 0..n.min(DRAWS as u64) {
                look(axis.nth(rank));
            }
            return value;
        }
        let (mut low, mut high) = (0.0, 1.0);
        look(low);
        look(high);
        for _ in 0..SECTIONS {
            let (left, right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
            if look(left) < look(right) {
                high = right;
            } else {
                low = left;
            }
        }
        value
    }
}
