//! The most promising point of a mixed, conditional space.
//!
//! Many points are looked at: an even sequence, draws from the user's belief, and steps about the best trials. The best of
//! them climb: numbers together along the gradient, then every parameter with few values, or whose values switch others on,
//! by trying its values, until neither gains.

use super::acquisition::Acquisition;
use super::ascent::{Effort, climb};
use crate::sobol::share;
use crate::space::Space;
use crate::uniform::Draws;
use rand::Rng;

/// How hard to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Breadth {
    /// Points of the even sequence.
    pub(crate) even: usize,
    /// Steps about the best trials.
    pub(crate) near: usize,
    /// Points that climb.
    pub(crate) climbs: usize,
}

/// A number with more values than this is climbed as if it were a continuum.
const FEW_VALUES: u64 = 24;
/// Turns between climbing and trying values.
const ROUNDS: usize = 4;
/// Halvings of the way to a top that a clause refuses.
const HALVINGS: usize = 12;
/// Where clauses refuse most points, so many are drawn from what they leave.
const DRAWN_MIN: usize = 64;

/// The bounds of the search: a sub-box of the numbers, all of it where nothing is said.
pub(crate) type Region = Vec<(f64, f64)>;

/// The most promising points found, best first; each settled and allowed.
pub(crate) fn best_points<R: Rng>(
    acquisition: &Acquisition<'_>,
    centres: &[Vec<f64>],
    region: &Region,
    breadth: Breadth,
    draws: &mut Draws<R>,
) -> Vec<(f64, Vec<f64>)> {
    let space = acquisition.space;
    let mut candidates = even_points(space, region, breadth.even, draws);
    for at in 0..breadth.near {
        if let Some(centre) = centres.get(at % centres.len().max(1)) {
            candidates.push(near_point(space, centre, region, draws));
        }
    }
    candidates.retain(|at| space.is_allowed(at));
    let is_all = region.iter().all(|side| *side == (0.0, 1.0));
    while is_all && space.has_clauses() && candidates.len() < DRAWN_MIN {
        candidates.push(space.draw(draws));
    }
    let mut scored: Vec<(f64, Vec<f64>)> = candidates
        .into_iter()
        .map(|at| (acquisition.value(&at), at))
        .filter(|(value, _)| !value.is_nan())
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let n_climbs = breadth.climbs.min(scored.len());
    // Starts far from one another find more peaks than the very best ones.
    let starts = spread_starts(&scored, n_climbs);
    for start in starts {
        let at = scored[start].1.clone();
        let climbed = improve(acquisition, at, region, draws);
        scored.push(climbed);
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// Positions of the best, skipping those that lie close to a better one already taken.
fn spread_starts(scored: &[(f64, Vec<f64>)], n: usize) -> Vec<usize> {
    let distance = |a: &[f64], b: &[f64]| {
        let each = a
            .iter()
            .zip(b)
            .map(|(a, b)| match (a.is_nan(), b.is_nan()) {
                (true, true) => 0.0,
                (false, false) => (a - b).abs().min(1.0),
                _ => 1.0,
            });
        each.fold(0.0, f64::max)
    };
    let mut taken: Vec<usize> = Vec::new();
    for (at, (_, point)) in scored.iter().enumerate().take(200) {
        if taken.len() == n {
            break;
        }
        if taken
            .iter()
            .all(|&other| distance(&scored[other].1, point) > 0.05)
        {
            taken.push(at);
        }
    }
    taken
}

fn even_points<R: Rng>(
    space: &Space,
    region: &Region,
    n: usize,
    draws: &mut Draws<R>,
) -> Vec<Vec<f64>> {
    let scramble = (draws.unit() * f64::from(u32::MAX)) as u32;
    let mut points = Vec::with_capacity(n);
    for index in 0..n {
        let shares: Vec<f64> = (0..space.n_dimensions())
            .map(|j| share(index as u32, j, scramble))
            .collect();
        if let Some(mut at) = space.at_shares(&shares) {
            for ((x, axis), (low, high)) in at.iter_mut().zip(space.axes()).zip(region) {
                if axis.n_codes().is_none() && !x.is_nan() {
                    *x = axis.snap(low + *x * (high - low));
                }
            }
            points.push(at);
        }
    }
    points
}

/// A step from a trial: some parameters move, numbers by a normal step of random length.
pub(crate) fn near_point<R: Rng>(
    space: &Space,
    centre: &[f64],
    region: &Region,
    draws: &mut Draws<R>,
) -> Vec<f64> {
    let d = space.n_dimensions();
    let width = 10_f64.powf(-0.7 - 2.0 * draws.unit());
    let chance = if draws.unit() < 0.5 {
        1.0
    } else {
        2.0 / d as f64
    };
    let mut at = centre.to_vec();
    for (j, axis) in space.axes().iter().enumerate() {
        if at[j].is_nan() || draws.unit() > chance {
            continue;
        }
        let (low, high) = region[j];
        at[j] = match axis.n_codes() {
            Some(n) if draws.unit() < (2.0 / d as f64).min(0.3) => draws.below(n) as f64,
            Some(_) => at[j],
            None => {
                let step = 0.7 * axis.spacing(at[j]);
                (at[j] + width.max(step) * draws.normal()).clamp(low, high)
            }
        };
    }
    space.settle(&mut at, draws);
    at
}

/// Climbs and tries values in turn from `at`.
fn improve<R: Rng>(
    acquisition: &Acquisition<'_>,
    mut at: Vec<f64>,
    region: &Region,
    draws: &mut Draws<R>,
) -> (f64, Vec<f64>) {
    let space = acquisition.space;
    let mut value = acquisition.value(&at);
    for _ in 0..ROUNDS {
        let before = value;
        let (climbed, climbed_value) = climb_numbers(acquisition, &at, region, draws);
        if climbed_value > value {
            (at, value) = (climbed, climbed_value);
        }
        for j in 0..space.n_dimensions() {
            for option in options(space, j, &at, region) {
                let mut next = at.clone();
                next[j] = option;
                space.settle(&mut next, draws);
                if space.is_allowed(&next) {
                    let own = acquisition.value(&next);
                    if own > value {
                        (at, value) = (next, own);
                    }
                }
            }
        }
        if value <= before + 1e-6 {
            break;
        }
    }
    (value, at)
}

/// The values of parameter `j` worth trying beside its own: all of few, neighbours of many.
pub(super) fn options(space: &Space, j: usize, at: &[f64], region: &Region) -> Vec<f64> {
    let axis = &space.axes()[j];
    let Some(n) = axis.n_values().filter(|_| !at[j].is_nan()) else {
        return Vec::new();
    };
    let (low, high) = region[j];
    if let Some(n) = axis.n_codes() {
        let codes = (0..n).map(|code| code as f64);
        return codes.filter(|code| *code != at[j]).collect();
    }
    let own = axis.rank(at[j]);
    let ranks = if n <= FEW_VALUES {
        0..n
    } else {
        own.saturating_sub(2)..own.saturating_add(3).min(n)
    };
    let all = ranks.map(|rank| axis.nth(rank));
    let is_new = |x: &f64| *x != at[j] && *x >= low && *x <= high;
    all.filter(is_new).collect()
}

/// Climbs along the numbers that are active and have many values.
fn climb_numbers<R: Rng>(
    acquisition: &Acquisition<'_>,
    at: &[f64],
    region: &Region,
    draws: &mut Draws<R>,
) -> (Vec<f64>, f64) {
    let space = acquisition.space;
    let is_many = |j: &usize| {
        let axis = &space.axes()[*j];
        let has_many = axis.n_values().is_none_or(|n| n > FEW_VALUES);
        axis.n_codes().is_none() && has_many && !at[*j].is_nan()
    };
    let moving: Vec<usize> = (0..at.len()).filter(is_many).collect();
    if moving.is_empty() {
        return (at.to_vec(), f64::NEG_INFINITY);
    }
    let whole = |part: &[f64]| {
        let mut point = at.to_vec();
        for (&j, &x) in moving.iter().zip(part) {
            point[j] = x;
        }
        point
    };
    let start: Vec<f64> = moving.iter().map(|&j| at[j]).collect();
    let bounds: Vec<(f64, f64)> = moving.iter().map(|&j| region[j]).collect();
    let effort = Effort {
        n_steps: 30,
        gain_min: 1e-4,
    };
    let (part, _) = climb(&start, &bounds, effort, |part| {
        let point = whole(part);
        let (value, slope) = acquisition.value_with_gradient(&point);
        (value, moving.iter().map(|&j| slope[j]).collect())
    });
    let mut settled = |part: &[f64]| {
        let mut point = whole(part);
        space.settle(&mut point, draws);
        space.is_allowed(&point).then_some(point)
    };
    let mut found = settled(&part);
    if found.is_none() {
        // As far toward the top as the clauses allow, on the straight line.
        let (mut allowed, mut refused) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let share = f64::midpoint(allowed, refused);
            let steps = start.iter().zip(&part);
            let between: Vec<f64> = steps.map(|(a, b)| a + share * (b - a)).collect();
            match settled(&between) {
                Some(point) => (allowed, found) = (share, Some(point)),
                None => refused = share,
            }
        }
    }
    match found {
        Some(point) => {
            let value = acquisition.value(&point);
            (point, value)
        }
        None => (at.to_vec(), f64::NEG_INFINITY),
    }
}
