//! A fitted Gaussian process: mean and deviation anywhere, with their gradients.

use super::fit::cross_correlations;
use super::hyper::Hyper;
use super::kernel::{Layout, Scaled, scaled_input};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Mat, Par, Side};

/// What is predicted at a point, in the units of the standardised values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

/// A Gaussian process conditioned on points.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    layout: Layout,
    hyper: Hyper,
    scaled: Scaled,
    inputs: Vec<Vec<f64>>,
    values: Vec<f64>,
    /// Inverse of the lower factor, row by row, each up to its diagonal.
    inverse_factor: Vec<Vec<f64>>,
    /// `K⁻¹ y` of each fantasy; one without any.
    alphas: Vec<Vec<f64>>,
}

impl Model {
    /// The process of these hyperparameters given the points; `None` if they are too alike to factor.
    pub(crate) fn new(
        layout: &Layout,
        hyper: Hyper,
        inputs: Vec<Vec<f64>>,
        values: Vec<f64>,
    ) -> Option<Self> {
        let mut model = Self {
            layout: layout.clone(),
            scaled: Scaled::new(layout, &hyper, &inputs),
            hyper,
            inputs,
            values,
            inverse_factor: Vec::new(),
            alphas: Vec::new(),
        };
        model.factor()?;
        model.alphas = vec![model.solve(&model.values)];
        Some(model)
    }

    fn factor(&mut self) -> Option<()> {
        let n = self.inputs.len();
        let (signal, noise) = (self.hyper.signal(), self.hyper.noise());
        let mut kernel = Mat::<f64>::zeros(n, n);
        let mut row = vec![0.0; n];
        for i in 0..n {
            let point = self.scaled_row(i);
            cross_correlations(
                &self.layout,
                &self.hyper,
                &self.scaled,
                &point,
                &mut row,
                None,
            );
            for k in 0..=i {
                kernel[(i, k)] = signal * row[k];
            }
            kernel[(i, i)] += noise;
        }
        let factor = kernel.llt(Side::Lower).ok()?;
        let mut inverse = Mat::<f64>::zeros(n, n);
        invert_lower_triangular(inverse.as_mut(), factor.L(), Par::Seq);
        self.inverse_factor = (0..n)
            .map(|i| (0..=i).map(|k| inverse[(i, k)]).collect())
            .collect();
        Some(())
    }

    fn scaled_row(&self, i: usize) -> Vec<f64> {
        self.scaled.columns.iter().map(|column| column[i]).collect()
    }

    /// `K⁻¹ values`.
    fn solve(&self, values: &[f64]) -> Vec<f64> {
        let half: Vec<f64> = self
            .inverse_factor
            .iter()
            .map(|row| dot(row, values))
            .collect();
        let mut out = vec![0.0; values.len()];
        for (row, scale) in self.inverse_factor.iter().zip(&half) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += scale * value;
            }
        }
        out
    }

    pub(crate) fn hyper(&self) -> &Hyper {
        &self.hyper
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn inputs(&self) -> &[Vec<f64>] {
        &self.inputs
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn n_fantasies(&self) -> usize {
        self.alphas.len()
    }

    /// The model as if the values at `points` were known too, each fantasy a draw of them given by `normals`, one row a
    /// fantasy; `None` if the points are too alike.
    pub(crate) fn with_fantasies(&self, points: &[Vec<f64>], normals: &[Vec<f64>]) -> Option<Self> {
        let n = self.inputs.len();
        let mut grown = self.clone();
        grown.inputs.extend(points.iter().cloned());
        grown.scaled = Scaled::new(&self.layout, &self.hyper, &grown.inputs);
        grown.factor()?;
        grown.alphas = Vec::new();
        for normals in normals {
            // The rows of the factor turn independent normals into a joint draw, one point after the other.
            let mut values = self.values.clone();
            for (at, normal) in (n..).zip(normals) {
                let row = &grown.inverse_factor[at];
                let deviation = 1.0 / row[at];
                let mean = -dot(&row[..at], &values) * deviation;
                values.push(mean + deviation * normal);
            }
            grown.alphas.push(grown.solve(&values));
        }
        Some(grown)
    }

    /// Mean of each fantasy and the deviation that all share, of the function without noise.
    pub(crate) fn predict(&self, input: &[f64], means: &mut [f64]) -> f64 {
        let n = self.inputs.len();
        let mut kernel = vec![0.0; n];
        self.correlate(input, &mut kernel, None);
        for (mean, alpha) in means.iter_mut().zip(&self.alphas) {
            *mean = dot(&kernel, alpha);
        }
        let explained: f64 = self
            .inverse_factor
            .iter()
            .map(|row| dot(row, &kernel).powi(2))
            .sum();
        self.deviation(explained)
    }

    fn deviation(&self, explained: f64) -> f64 {
        let signal = self.hyper.signal();
        (signal - explained).max(signal * 1e-10).sqrt()
    }

    /// Moments under the first fantasy.
    pub(crate) fn moments(&self, input: &[f64]) -> Moments {
        let mut mean = [0.0];
        let deviation = self.predict(input, &mut mean);
        Moments {
            mean: mean[0],
            deviation,
        }
    }

    /// As [`Model::predict`] with gradients by the inputs: of each mean, and of the deviation. Codes have none.
    pub(crate) fn predict_with_gradient(&self, input: &[f64]) -> Gradients {
        let n = self.inputs.len();
        let d = input.len();
        let mut kernel = vec![0.0; n];
        let mut slopes = vec![0.0; n];
        let point = self.correlate(input, &mut kernel, Some(&mut slopes));
        let half: Vec<f64> = self
            .inverse_factor
            .iter()
            .map(|row| dot(row, &kernel))
            .collect();
        let deviation = self.deviation(half.iter().map(|value| value * value).sum());
        let mut weights = vec![0.0; n];
        for (row, scale) in self.inverse_factor.iter().zip(&half) {
            for (sum, value) in weights.iter_mut().zip(row) {
                *sum += scale * value;
            }
        }
        let mut gradients = Gradients {
            means: self
                .alphas
                .iter()
                .map(|alpha| dot(&kernel, alpha))
                .collect(),
            deviation,
            mean_slopes: vec![vec![0.0; d]; self.alphas.len()],
            deviation_slope: vec![0.0; d],
        };
        let mut by_input = vec![0.0; n];
        for j in (0..d).filter(|&j| !self.layout.is_code[j]) {
            let [slope, _, _] = self.hyper.warp_slopes(j, input[j]);
            let factor = 2.0 * slope * self.hyper.inverse_length(j);
            let column = &self.scaled.columns[j];
            for (out, (slope, other)) in by_input.iter_mut().zip(slopes.iter().zip(column)) {
                *out = slope * (point[j] - other) * factor;
            }
            for (out, alpha) in gradients.mean_slopes.iter_mut().zip(&self.alphas) {
                out[j] = dot(&by_input, alpha);
            }
            gradients.deviation_slope[j] = -dot(&by_input, &weights) / deviation;
        }
        gradients
    }

    /// Covariances with the points, and their slopes by squared distance; gives the scaled input.
    fn correlate(&self, input: &[f64], kernel: &mut [f64], slopes: Option<&mut [f64]>) -> Vec<f64> {
        let point: Vec<f64> = input
            .iter()
            .enumerate()
            .map(|(j, &x)| scaled_input(&self.layout, &self.hyper, j, x))
            .collect();
        let signal = self.hyper.signal();
        match slopes {
            None => cross_correlations(
                &self.layout,
                &self.hyper,
                &self.scaled,
                &point,
                kernel,
                None,
            ),
            Some(slopes) => {
                let (layout, hyper) = (&self.layout, &self.hyper);
                cross_correlations(
                    layout,
                    hyper,
                    &self.scaled,
                    &point,
                    kernel,
                    Some(&mut *slopes),
                );
                for slope in slopes {
                    *slope *= signal;
                }
            }
        }
        for value in kernel {
            *value *= signal;
        }
        point
    }
}

impl Model {
    /// Mean and deviation at each point if it had not been seen; of the values with noise.
    ///
    /// Reference: Rasmussen and Williams (2006), equations 5.10 to 5.12.
    pub(crate) fn leave_one_out(&self) -> Vec<Moments> {
        let n = self.inputs.len();
        let mut diagonal = vec![0.0; n];
        for row in &self.inverse_factor {
            for (sum, value) in diagonal.iter_mut().zip(row) {
                *sum += value * value;
            }
        }
        (0..n)
            .map(|i| Moments {
                mean: self.values[i] - self.alphas[0][i] / diagonal[i],
                deviation: (1.0 / diagonal[i]).sqrt(),
            })
            .collect()
    }
}

/// A prediction with its gradient.
#[derive(Debug, Clone)]
pub(crate) struct Gradients {
    pub(crate) means: Vec<f64>,
    pub(crate) deviation: f64,
    pub(crate) mean_slopes: Vec<Vec<f64>>,
    pub(crate) deviation_slope: Vec<f64>,
}

/// The sum of products over the shorter length, in four fixed lanes.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut lanes = [0.0_f64; 4];
    let (a_blocks, b_blocks) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + rest
}
