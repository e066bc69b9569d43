//! The highest point near a start within a box: L-BFGS with projection.
//!
//! Coordinates at a bound whose slope points outward are held; the others move along the quasi-Newton direction of their
//! own block, and a step that leaves the box is cut coordinate by coordinate. A step must gain a share of what the slope
//! promises (Armijo).
//!
//! Reference: Bertsekas (1982), *Projected Newton methods for optimization problems with simple constraints*.

use super::model::dot;

/// Pairs of steps and slope changes kept.
const MEMORY: usize = 8;

/// How long to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) n_steps: usize,
    /// Stops when a step gains less.
    pub(crate) gain_min: f64,
}

/// Climbs from `start`, where every coordinate stays in `low..=high`; gives the point and its height.
pub(crate) fn climb(
    start: &[f64],
    bounds: &[(f64, f64)],
    effort: Effort,
    mut height: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> (Vec<f64>, f64) {
    let mut at = start.to_vec();
    let (mut value, mut slope) = height(&at);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for _ in 0..effort.n_steps {
        let free: Vec<bool> = at
            .iter()
            .zip(&slope)
            .zip(bounds)
            .map(|((&x, &s), &(low, high))| !(x <= low && s < 0.0 || x >= high && s > 0.0))
            .collect();
        let mut direction = uphill(&slope, &free, &pairs);
        if dot(&direction, &slope) <= 0.0 {
            pairs.clear();
            direction = uphill(&slope, &free, &pairs);
        }
        let length = dot(&direction, &direction).sqrt();
        if length < 1e-12 || !length.is_finite() {
            break;
        }
        // Without curvature the first step is a tenth of the box.
        let mut step = if pairs.is_empty() { 0.1 / length } else { 1.0 };
        let mut next = None;
        for _ in 0..12 {
            let trial: Vec<f64> = at
                .iter()
                .zip(&direction)
                .zip(bounds)
                .map(|((x, d), &(low, high))| (x + step * d).clamp(low, high))
                .collect();
            let moved: Vec<f64> = trial.iter().zip(&at).map(|(a, b)| a - b).collect();
            let (own, own_slope) = height(&trial);
            if own >= value + 1e-4 * dot(&slope, &moved) && own.is_finite() {
                next = Some((trial, moved, own, own_slope));
                break;
            }
            step *= 0.3;
        }
        let Some((trial, moved, own, own_slope)) = next else {
            break;
        };
        let turned: Vec<f64> = slope.iter().zip(&own_slope).map(|(a, b)| a - b).collect();
        if dot(&moved, &turned) > 1e-12 * dot(&turned, &turned) {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push((moved, turned));
        }
        let gain = own - value;
        (at, value, slope) = (trial, own, own_slope);
        if gain < effort.gain_min {
            break;
        }
    }
    (at, value)
}

/// The two-loop recursion over the free coordinates.
fn uphill(slope: &[f64], free: &[bool], pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mask = |values: &[f64]| -> Vec<f64> {
        let masked = values.iter().zip(free);
        masked
            .map(|(&x, &is_free)| if is_free { x } else { 0.0 })
            .collect()
    };
    let mut q = mask(slope);
    let blocks: Vec<(Vec<f64>, Vec<f64>)> = pairs.iter().map(|(s, y)| (mask(s), mask(y))).collect();
    let usable: Vec<&(Vec<f64>, Vec<f64>)> =
        blocks.iter().filter(|(s, y)| dot(s, y) > 1e-14).collect();
    let mut shares = Vec::with_capacity(usable.len());
    for (s, y) in usable.iter().rev() {
        let share = dot(s, &q) / dot(s, y);
        for (q, y) in q.iter_mut().zip(y) {
            *q -= share * y;
        }
        shares.push(share);
    }
    if let Some((s, y)) = usable.last() {
        let scale = dot(s, y) / dot(y, y);
        for q in &mut q {
            *q *= scale;
        }
    }
    for ((s, y), share) in usable.iter().zip(shares.iter().rev()) {
        let back = dot(y, &q) / dot(s, y);
        for (q, s) in q.iter_mut().zip(s) {
            *q += (share - back) * s;
        }
    }
    q
}
