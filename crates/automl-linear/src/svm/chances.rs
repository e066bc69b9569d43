//! From decision values to probabilities.

/// Steps of Newton's method, and halvings of one.
const N_STEPS: usize = 100;
const N_HALVINGS: usize = 60;
/// The greatest exponent of a sigmoid: a pair's probability stays about 1e-7 away from 0 and 1.
pub(super) const EXPONENT_MAX: f64 = 16.0;

/// `1 / (1 + exp(slope · f + shift))`, the probability of the first of two classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sigmoid {
    pub(super) slope: f64,
    pub(super) shift: f64,
}

impl Sigmoid {
    pub(super) fn exponent(self, decision: f64) -> f64 {
        self.slope * decision + self.shift
    }

    pub(super) fn at(self, decision: f64) -> f64 {
        let exponent = self.exponent(decision);
        if exponent >= 0.0 {
            let small = (-exponent).exp();
            small / (1.0 + small)
        } else {
            1.0 / (1.0 + exponent.exp())
        }
    }

    /// The sigmoid of least log loss over `(decision, whether it is of the first class, weight)`, by Newton's method with
    /// the targets that Platt (1999) takes, so that separable classes have a finite one.
    pub(super) fn fit(rows: &[(f64, bool, f64)]) -> Self {
        let sum = |is_first: bool| -> f64 {
            let own = rows.iter().filter(|(_, first, _)| *first == is_first);
            own.map(|(_, _, weight)| weight).sum()
        };
        let (n_first, n_second) = (sum(true), sum(false));
        let targets = [1.0 / (n_second + 2.0), (n_first + 1.0) / (n_first + 2.0)];
        let target = |is_first: bool| targets[usize::from(is_first)];
        let loss = |one: Self| -> f64 {
            let of = |&(decision, is_first, weight): &(f64, bool, f64)| {
                let exponent = one.exponent(decision);
                // ln(1 + e^x) without overflow.
                let softplus = exponent.max(0.0) + (-exponent.abs()).exp().ln_1p();
                weight * (softplus - (1.0 - target(is_first)) * exponent)
            };
            rows.iter().map(of).sum()
        };
        let mut best = Self {
            slope: 0.0,
            shift: ((n_second + 1.0) / (n_first + 1.0)).ln(),
        };
        let mut least = loss(best);
        for _ in 0..N_STEPS {
            let (mut gradient, mut curvature) = ([0.0; 2], [1e-12, 0.0, 1e-12]);
            for &(decision, is_first, weight) in rows {
                let p = best.at(decision);
                let slack = weight * (target(is_first) - p);
                let spread = weight * p * (1.0 - p);
                gradient[0] += decision * slack;
                gradient[1] += slack;
                curvature[0] += decision * decision * spread;
                curvature[1] += decision * spread;
                curvature[2] += spread;
            }
            if gradient.iter().all(|part| part.abs() < 1e-8) {
                break;
            }
            let [a, b, c] = curvature;
            let determinant = a * c - b * b;
            let step = [
                -(c * gradient[0] - b * gradient[1]) / determinant,
                -(a * gradient[1] - b * gradient[0]) / determinant,
            ];
            let slope = gradient[0] * step[0] + gradient[1] * step[1];
            let mut length = 1.0;
            let found = (0..N_HALVINGS).find_map(|_| {
                let next = Self {
                    slope: best.slope + length * step[0],
                    shift: best.shift + length * step[1],
                };
                let new = loss(next);
                let is_less = new < least + 1e-4 * length * slope;
                length /= 2.0;
                is_less.then_some((next, new))
            });
            let Some((next, new)) = found else { break };
            (best, least) = (next, new);
        }
        best
    }
}

/// Probabilities of `k` classes from those of all pairs, which are told as the exponents of sigmoids in the order `(0, 1),
/// (0, 2), …, (1, 2), …`: `pₐ` is in proportion to `1 / (Σ 1/rₐᵦ − (k − 2))` over the other classes, where `rₐᵦ` is the
/// probability of `a` where it is `a` or `b` (Price, Knerr, Personnaz and Dreyfus, 1995). No exponent counts as more than `most`.
pub(super) fn joined(exponents: impl IntoIterator<Item = f64>, k: usize, most: f64) -> Vec<f64> {
    let mut exponents = exponents.into_iter();
    let mut p = vec![1.0; k];
    for a in 0..k {
        for b in a + 1..k {
            let exponent = exponents.next().expect("there is one for each two classes");
            let exponent = exponent.clamp(-most, most);
            p[a] += exponent.exp();
            p[b] += (-exponent).exp();
        }
    }
    for p in &mut p {
        *p = 1.0 / *p;
    }
    let sum: f64 = p.iter().sum();
    for p in &mut p {
        *p /= sum;
    }
    p
}
