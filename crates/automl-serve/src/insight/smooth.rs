//! How good trials are around each place of two parameters: a mean that weighs trials by their distance.
//!
//! # Formula
//! At a node `z(x) = Σ K(x − xᵢ) rᵢ / Σ K(x − xᵢ)` with `K(d) = exp(−|d|² / 2h²)`, `rᵢ` the rank of trial `i` from 0 (worst) to
//! 1 (best) and `h = 0.29 n^(−1/6)`, Scott's rule for points that fill a square. Ranks, since a few wild values would drown all
//! others. Names are no distances: across a choice only trials of the same choice count. How much the trials weigh
//! tells where a value means something.
//!
//! # Cost
//! Nodes times trials; of more than two thousand trials evenly spaced ones are taken.

/// The sum of weights that a value needs: a trial at about one bandwidth.
const SUPPORT_MIN: f64 = 0.6;
const WIDTHS: (f64, f64) = (0.055, 0.2);
const TRIALS_MAX: usize = 2000;

/// One side of the lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// So many nodes from 0 to 1.
    Numbers(usize),
    /// So many choices.
    Choices(usize),
}

impl Side {
    pub(crate) fn n(self) -> usize {
        match self {
            Self::Numbers(n) | Self::Choices(n) => n,
        }
    }

    /// How far a trial at `x` is from node `at`; nothing if it does not count there.
    fn distance(self, x: f64, at: usize) -> Option<f64> {
        match self {
            Self::Numbers(n) => Some(x - at as f64 / (n.max(2) - 1) as f64),
            Self::Choices(_) => (x as usize == at).then_some(0.0),
        }
    }
}

/// Values on a lattice, row by row from the low end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Surface {
    pub(crate) sides: [Side; 2],
    /// The value, nothing where no trial counts, and how much the trials weigh in units of what a value needs.
    nodes: Vec<(Option<f64>, f64)>,
}

impl Surface {
    /// The value at column `x` and row `y`.
    pub(crate) fn at(&self, x: usize, y: usize) -> Option<f64> {
        self.nodes[y * self.sides[0].n() + x].0
    }

    /// How near trials are to a node: from 1 on, near enough to tell.
    pub(crate) fn support(&self, x: usize, y: usize) -> f64 {
        self.nodes[y * self.sides[0].n() + x].1
    }

    /// Whether trials are near enough.
    pub(crate) fn is_supported(&self, x: usize, y: usize) -> bool {
        self.support(x, y) >= 1.0
    }

    /// Column, row and value of the nodes that trials are near to.
    pub(crate) fn supported(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let [width, height] = self.sides.map(Side::n);
        let all = (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        all.filter(|(x, y)| self.is_supported(*x, *y))
            .filter_map(|(x, y)| Some((x, y, self.at(x, y)?)))
    }
}

/// The surface over trials at `[x, y, rank]`; numbers are shares of their axis, choices their position.
pub(crate) fn surface(trials: &[[f64; 3]], sides: [Side; 2]) -> Surface {
    let n = trials.len().min(TRIALS_MAX);
    let trials: Vec<[f64; 3]> = (0..n).map(|at| trials[at * trials.len() / n]).collect();
    let width = (0.29 * (n.max(1) as f64).powf(-1.0 / 6.0)).clamp(WIDTHS.0, WIDTHS.1);
    let value = |x: usize, y: usize| {
        let (mut sum, mut total) = (0.0, 0.0);
        for [own_x, own_y, rank] in &trials {
            let (Some(dx), Some(dy)) = (sides[0].distance(*own_x, x), sides[1].distance(*own_y, y))
            else {
                continue;
            };
            let weight = (-0.5 * (dx * dx + dy * dy) / (width * width)).exp();
            sum += weight * rank;
            total += weight;
        }
        (
            (total > f64::MIN_POSITIVE).then(|| sum / total),
            total / SUPPORT_MIN,
        )
    };
    let nodes = (0..sides[1].n()).flat_map(|y| (0..sides[0].n()).map(move |x| (x, y)));
    Surface {
        sides,
        nodes: nodes.map(|(x, y)| value(x, y)).collect(),
    }
}
