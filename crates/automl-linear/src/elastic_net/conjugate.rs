//! Conjugate gradients for symmetric systems that are known by their products.

use super::dot;
use automl_core::FitContext;

/// Where the steps ended.
pub(super) struct End {
    pub(super) solution: Vec<f64>,
    pub(super) has_converged: bool,
    pub(super) is_cut: bool,
}

/// Solves `A v = right` for a positive semidefinite `A`, where `product(v) = A v`, until the squared residual has shrunk
/// to `goal` of its first.
///
/// The steps start from zero, so the solution has no part along directions in which `A` is zero. Each costs one product
/// and polls the budget first; a product that the budget ended is `None`.
pub(super) fn conjugate_gradients(
    right: Vec<f64>,
    product: impl Fn(&[f64]) -> Option<Vec<f64>>,
    goal: f64,
    max_steps: usize,
    ctx: &FitContext<'_>,
) -> End {
    let mut direction = right.clone();
    let mut residual = right;
    let mut length = dot(&residual, &residual);
    let goal = goal * length;
    let mut end = End {
        solution: vec![0.0; residual.len()],
        has_converged: length == 0.0,
        is_cut: false,
    };
    for _ in 0..max_steps {
        if end.has_converged {
            break;
        }
        let image = (!ctx.budget.is_over()).then(|| product(&direction));
        let Some(image) = image.flatten() else {
            end.is_cut = true;
            break;
        };
        let curvature = dot(&direction, &image);
        if curvature <= 0.0 {
            end.has_converged = true;
            break;
        }
        let step = length / curvature;
        for i in 0..residual.len() {
            end.solution[i] += step * direction[i];
            residual[i] -= step * image[i];
        }
        let new_length = dot(&residual, &residual);
        end.has_converged = new_length <= goal;
        for (towards, rest) in direction.iter_mut().zip(&residual) {
            *towards = rest + new_length / length * *towards;
        }
        length = new_length;
    }
    end
}
