//! Linear models and support vectors.

use super::post::Post;
use super::{Attributes, single};
use crate::import::error::GraphError;

/// `intercept + Σ coefficient · x`, for each row of coefficients.
#[derive(Debug)]
struct Weights {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
}

impl Weights {
    fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let weights = Self {
            coefficients: attributes.numbers("coefficients")?,
            intercepts: attributes.numbers("intercepts")?,
        };
        if weights.coefficients.is_empty() {
            return Err(attributes.damaged("has no coefficients"));
        }
        Ok(weights)
    }

    /// How many numbers there are for a row of such a width.
    fn n_scores(&self, width: usize) -> Result<usize, String> {
        let (n, n_intercepts) = (self.coefficients.len(), self.intercepts.len());
        let n_scores = n / width.max(1);
        let fits = n_scores > 0 && n_scores * width == n;
        if fits && (n_intercepts == 0 || n_intercepts == n_scores) {
            Ok(n_scores)
        } else {
            Err(format!(
                "{n} coefficients and {n_intercepts} intercepts meet {width} columns"
            ))
        }
    }

    fn score(&self, row: &[f64], place: usize) -> f64 {
        let own = &self.coefficients[place * row.len()..(place + 1) * row.len()];
        let sum: f64 = own.iter().zip(row).map(|(a, b)| a * single(*b)).sum();
        single(sum + self.intercepts.get(place).copied().unwrap_or(0.0))
    }
}

/// Scores of classes.
#[derive(Debug)]
pub(in crate::import) struct LinearClassifier {
    weights: Weights,
    n_classes: usize,
    post: Post,
}

impl LinearClassifier {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let n_ints = attributes.ints("classlabels_ints").len();
        Ok(Self {
            weights: Weights::read(attributes)?,
            n_classes: n_ints.max(attributes.texts("classlabels_strings").len()),
            post: Post::read(attributes)?,
        })
    }

    pub(super) fn n_outputs(&self, width: usize) -> Result<usize, String> {
        match (self.weights.n_scores(width)?, self.n_classes) {
            (1, 2) if self.post == Post::Logistic => Ok(2),
            (1, 2) => Err("one score of two classes is no probability".to_owned()),
            (n_scores, n_classes) if n_scores == n_classes && n_scores > 1 => Ok(n_scores),
            (n_scores, n_classes) => Err(format!("{n_scores} scores meet {n_classes} classes")),
        }
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        if self.weights.coefficients.len() == row.len() {
            // One score: that of the second class.
            let score = self.weights.score(row, 0);
            said.copy_from_slice(&[-score, score]);
        } else {
            for (place, said) in said.iter_mut().enumerate() {
                *said = self.weights.score(row, place);
            }
        }
        self.post.apply(said, false);
    }
}

/// Numbers.
#[derive(Debug)]
pub(in crate::import) struct LinearRegressor {
    weights: Weights,
    post: Post,
}

impl LinearRegressor {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        Ok(Self {
            weights: Weights::read(attributes)?,
            post: Post::read(attributes)?,
        })
    }

    pub(super) fn n_outputs(&self, width: usize) -> Result<usize, String> {
        self.weights.n_scores(width)
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        for (place, said) in said.iter_mut().enumerate() {
            *said = self.weights.score(row, place);
        }
        self.post.apply(said, false);
    }
}

/// `ρ + Σ coefficient · K(support vector, x)`.
#[derive(Debug)]
pub(in crate::import) struct SupportVectors {
    coefficients: Vec<f64>,
    vectors: Vec<f64>,
    rho: f64,
    kernel: Product,
    gamma: f64,
    coef0: f64,
    degree: f64,
}

/// What two rows have in common.
#[derive(Debug, Clone, Copy)]
enum Product {
    Linear,
    Polynomial,
    Radial,
    Sigmoid,
}

impl SupportVectors {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        let kernel = match attributes.text("kernel_type", "LINEAR").as_str() {
            "LINEAR" => Product::Linear,
            "POLY" => Product::Polynomial,
            "RBF" => Product::Radial,
            "SIGMOID" => Product::Sigmoid,
            other => return Err(attributes.unsupported(&format!("by the kernel {other}"))),
        };
        if attributes.int("one_class").unwrap_or(0) != 0 {
            return Err(attributes.unsupported("of one class"));
        }
        if Post::read(attributes)? != Post::None {
            return Err(attributes.unsupported("and a function behind it"));
        }
        let params = attributes.numbers("kernel_params")?;
        let param = |place: usize| params.get(place).copied().unwrap_or(0.0);
        let mut found = Self {
            coefficients: attributes.numbers("coefficients")?,
            vectors: attributes.numbers("support_vectors")?,
            rho: attributes.numbers("rho")?.first().copied().unwrap_or(0.0),
            kernel,
            gamma: param(0),
            coef0: param(1),
            degree: param(2),
        };
        if attributes.int("n_supports").unwrap_or(0) == 0 {
            // Without vectors it is one of coefficients.
            found.vectors = std::mem::replace(&mut found.coefficients, vec![1.0]);
            found.kernel = Product::Linear;
        }
        if found.coefficients.is_empty() || found.vectors.is_empty() {
            return Err(attributes.damaged("has no coefficients"));
        }
        Ok(found)
    }

    pub(super) fn n_outputs(&self, width: usize) -> Result<usize, String> {
        if self.coefficients.len().checked_mul(width) == Some(self.vectors.len()) {
            Ok(1)
        } else {
            Err(format!(
                "support vectors of another width meet {width} columns"
            ))
        }
    }

    pub(super) fn run(&self, row: &[f64], said: &mut [f64]) {
        let vectors = self.vectors.chunks_exact(row.len());
        let sum: f64 = self
            .coefficients
            .iter()
            .zip(vectors)
            .map(|(coefficient, vector)| coefficient * self.product(vector, row))
            .sum();
        said[0] = single(sum + self.rho);
    }

    fn product(&self, a: &[f64], b: &[f64]) -> f64 {
        let dot = || a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        match self.kernel {
            Product::Linear => dot(),
            Product::Polynomial => (self.gamma * dot() + self.coef0).powf(self.degree),
            Product::Sigmoid => (self.gamma * dot() + self.coef0).tanh(),
            Product::Radial => {
                let far: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                (-self.gamma * far).exp()
            }
        }
    }
}
