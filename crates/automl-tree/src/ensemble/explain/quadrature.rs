//! Gauss–Legendre quadrature on [0, 1]: `n` points integrate every polynomial of a degree below `2n` exactly.

/// Points that are worked on side by side.
pub(super) const LANES: usize = 4;

/// A number for each of some points.
pub(super) type Lanes = [f64; LANES];

/// Some points `t` of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Points {
    pub(super) t: Lanes,
    pub(super) weight: Lanes,
}

/// The rule of `LANES × n_quads` points.
///
/// The points are roots of the Legendre polynomial, found by Newton's method from Tricomi's estimate.
/// Cost: a few times the square of the number of points.
pub(super) fn rule(n_quads: usize) -> Vec<Points> {
    let n = n_quads * LANES;
    let lane = |index: usize| {
        let angle = std::f64::consts::PI * (index as f64 + 0.75) / (n as f64 + 0.5);
        let mut x = angle.cos();
        for _ in 0..8 {
            let (value, slope) = legendre(n, x);
            x -= value / slope;
        }
        let (_, slope) = legendre(n, x);
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n_quads)
        .map(|quad| {
            let pairs: [(f64, f64); LANES] = std::array::from_fn(|k| lane(quad * LANES + k));
            Points {
                t: pairs.map(|(t, _)| t),
                weight: pairs.map(|(_, weight)| weight),
            }
        })
        .collect()
}

/// The Legendre polynomial of degree `n` at `x`, and its slope there.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (
            value,
            ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
        );
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}
