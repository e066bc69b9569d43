//! A fitted support vector machine: its vectors, what they count in each function, and how decisions become predictions.

use super::SVM;
use super::chances::{EXPONENT_MAX, Sigmoid, joined};
use super::kernel::radial;
use crate::inputs::Inputs;
use automl_core::{Artifact, ArtifactError, Model, PredictError, Predictions, TableView};

/// What a row takes, about: a cell of a vector, and the exponential of one.
const NANOSECONDS_PER_CELL: f64 = 0.8;
const NANOSECONDS_PER_EXPONENTIAL: f64 = 12.0;

/// The function of two classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) bias: f64,
    pub(super) sigmoid: Sigmoid,
}

/// What the vectors count.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// `centre + scale · (Σ coef K + bias)`.
    Numbers {
        coefs: Vec<f64>,
        bias: f64,
        centre: f64,
        scale: f64,
    },
    Classes {
        n_classes: usize,
        /// Codes of the classes that are there, rising.
        present: Vec<u32>,
        /// The class of each vector, as its place in `present`.
        places: Vec<u32>,
        /// For each vector what it counts against each other class, in their order.
        coefs: Vec<f64>,
        /// Of each two classes, `(0, 1), (0, 2), …, (1, 2), …`.
        pairs: Vec<Pair>,
    },
}

impl Output {
    /// Numbers of a vector.
    fn width(&self) -> usize {
        match self {
            Self::Numbers { .. } => 1,
            Self::Classes { present, .. } => present.len() - 1,
        }
    }

    fn coefs(&self) -> &[f64] {
        match self {
            Self::Numbers { coefs, .. } | Self::Classes { coefs, .. } => coefs,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    inputs: Inputs,
    /// What is subtracted from each feature.
    means: Vec<f64>,
    gamma: f64,
    /// The greatest exponent of a sigmoid.
    exponent_max: f64,
    /// Row by row.
    vectors: Vec<f64>,
    output: Output,
}

impl Machine {
    /// Keeps the points that count in any function, and one if none does.
    pub(super) fn new(
        inputs: Inputs,
        (means, gamma): (Vec<f64>, f64),
        points: &[f64],
        output: Output,
    ) -> Self {
        let (width, d) = (output.width(), inputs.n_features());
        let counts = |row: &usize| {
            let own = &output.coefs()[row * width..][..width];
            own.iter().any(|coef| *coef != 0.0)
        };
        let mut kept: Vec<usize> = (0..points.len() / d).filter(counts).collect();
        if kept.is_empty() {
            kept.push(0);
        }
        let vectors = kept.iter().flat_map(|row| &points[row * d..][..d]);
        let vectors = vectors.copied().collect();
        let own = |coefs: &[f64]| -> Vec<f64> {
            let rows = kept.iter().flat_map(|row| &coefs[row * width..][..width]);
            rows.copied().collect()
        };
        let output = match output {
            Output::Numbers {
                coefs,
                bias,
                centre,
                scale,
            } => Output::Numbers {
                coefs: own(&coefs),
                bias,
                centre,
                scale,
            },
            Output::Classes {
                n_classes,
                present,
                places,
                coefs,
                pairs,
            } => Output::Classes {
                n_classes,
                present,
                places: kept.iter().map(|row| places[*row]).collect(),
                coefs: own(&coefs),
                pairs,
            },
        };
        Self {
            inputs,
            means,
            gamma,
            exponent_max: EXPONENT_MAX,
            vectors,
            output,
        }
    }

    pub(super) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let inputs = Inputs::load(artifact)?;
        let d = inputs.n_features();
        let means = finite(artifact, "means")?;
        let vectors = finite(artifact, "vectors")?;
        let n = vectors.len() / d;
        let gamma: f64 = artifact.meta("gamma")?;
        if !inputs.sparse.is_empty() || means.len() != d || n == 0 || vectors.len() != n * d {
            return Err(artifact.invalid("vectors", "not a row of features each"));
        }
        if !(gamma.is_finite() && gamma > 0.0) {
            return Err(artifact.invalid("gamma", "not a positive number"));
        }
        let exponent_max: f64 = artifact.meta("exponent_max")?;
        if !(exponent_max > 0.0 && exponent_max < 100.0) {
            return Err(artifact.invalid("exponent_max", "not a small positive number"));
        }
        let coefs = finite(artifact, "coefs")?;
        let output = match artifact.meta("n_classes")? {
            0 => numbers(artifact, coefs)?,
            n_classes => classes(artifact, coefs, n_classes, n)?,
        };
        if output.coefs().len() != n * output.width() {
            return Err(artifact.invalid("coefs", "not as many as vectors and functions"));
        }
        Ok(Self {
            inputs,
            means,
            gamma,
            exponent_max,
            vectors,
            output,
        })
    }

    /// What a row's kernel values say, added to `out`.
    fn tell(&self, kernel: &[f64], out: &mut Vec<f64>) {
        match &self.output {
            Output::Numbers {
                coefs,
                bias,
                centre,
                scale,
            } => {
                let sum: f64 = kernel.iter().zip(coefs).map(|(k, coef)| k * coef).sum();
                out.push(centre + scale * (sum + bias));
            }
            Output::Classes {
                n_classes,
                present,
                places,
                coefs,
                pairs,
            } => {
                let k = present.len();
                // Of each class, what its vectors say against each other one.
                let mut sums = vec![0.0; k * (k - 1)];
                let vectors = kernel
                    .iter()
                    .zip(places)
                    .zip(coefs.chunks_exact((k - 1).max(1)));
                for ((value, &place), coefs) in vectors {
                    let own = &mut sums[place as usize * (k - 1)..][..k - 1];
                    for (sum, coef) in own.iter_mut().zip(coefs) {
                        *sum += value * coef;
                    }
                }
                let twos = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
                let exponents = twos.zip(pairs).map(|((a, b), pair)| {
                    let decision = sums[a * (k - 1) + b - 1] + sums[b * (k - 1) + a];
                    pair.sigmoid.exponent(decision + pair.bias)
                });
                let start = out.len();
                out.resize(start + n_classes, 0.0);
                for (&code, chance) in present.iter().zip(joined(exponents, k, self.exponent_max)) {
                    out[start + code as usize] = chance;
                }
            }
        }
    }
}

/// The floats of an array, all finite.
fn finite(artifact: &Artifact, name: &'static str) -> Result<Vec<f64>, ArtifactError> {
    let values = artifact.f64s(name)?.to_vec();
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(artifact.invalid(name, "not finite numbers"))
}

fn numbers(artifact: &Artifact, coefs: Vec<f64>) -> Result<Output, ArtifactError> {
    let &[bias, centre, scale] = finite(artifact, "line")?.as_slice() else {
        return Err(artifact.invalid("line", "not a bias, a centre and a scale"));
    };
    Ok(Output::Numbers {
        coefs,
        bias,
        centre,
        scale,
    })
}

fn classes(
    artifact: &Artifact,
    coefs: Vec<f64>,
    n_classes: usize,
    n_vectors: usize,
) -> Result<Output, ArtifactError> {
    let present = artifact.u32s("present")?.to_vec();
    let places = artifact.u32s("places")?.to_vec();
    let are_codes = present.is_sorted_by(|a, b| a < b)
        && present
            .last()
            .is_some_and(|&last| (last as usize) < n_classes);
    if n_classes < 2 || !are_codes {
        return Err(artifact.invalid("present", "not codes of classes"));
    }
    let is_place = |&place: &u32| (place as usize) < present.len();
    if places.len() != n_vectors || !places.iter().all(is_place) {
        return Err(artifact.invalid("places", "not a class for each vector"));
    }
    let flat = finite(artifact, "pairs")?;
    let (triples, rest) = flat.as_chunks::<3>();
    let n_pairs = present.len() * (present.len() - 1) / 2;
    if triples.len() != n_pairs || !rest.is_empty() {
        return Err(artifact.invalid("pairs", "not a function for each two classes"));
    }
    let pair = |&[bias, slope, shift]: &[f64; 3]| Pair {
        bias,
        sigmoid: Sigmoid { slope, shift },
    };
    Ok(Output::Classes {
        n_classes,
        pairs: triples.iter().map(pair).collect(),
        present,
        places,
        coefs,
    })
}

impl Model for Machine {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let bound = self.inputs.bind(rows)?;
        let (mut query, mut kernel, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter_rows() {
            let own = bound.numbers.iter().zip(&self.means);
            query.clear();
            query.extend(own.map(|(values, mean)| values[row] - mean));
            let vectors = self.vectors.chunks_exact(query.len());
            kernel.clear();
            kernel.extend(vectors.map(|vector| radial(&query, vector, self.gamma)));
            self.tell(&kernel, &mut out);
        }
        Ok(match &self.output {
            Output::Numbers { .. } => Predictions::Numbers(out),
            Output::Classes { n_classes, .. } => Predictions::Probabilities {
                n_classes: *n_classes,
                values: out,
            },
        })
    }

    fn row_work(&self) -> f64 {
        let n_vectors = self.vectors.len() / self.means.len();
        1e3 + NANOSECONDS_PER_CELL * self.vectors.len() as f64
            + NANOSECONDS_PER_EXPONENTIAL * n_vectors as f64
    }

    fn artifact(&self) -> Artifact {
        let n_classes = match &self.output {
            Output::Numbers { .. } => 0,
            Output::Classes { n_classes, .. } => *n_classes,
        };
        let meta = serde_json::json!({
            "inputs": self.inputs.to_json(), "gamma": self.gamma, "exponent_max": self.exponent_max, "n_classes": n_classes,
        });
        let mut artifact = Artifact::new(SVM.id, meta);
        artifact.push_f64("means", self.means.clone());
        artifact.push_f64("vectors", self.vectors.clone());
        artifact.push_f64("coefs", self.output.coefs().to_vec());
        match &self.output {
            Output::Numbers {
                bias,
                centre,
                scale,
                ..
            } => artifact.push_f64("line", vec![*bias, *centre, *scale]),
            Output::Classes {
                present,
                places,
                pairs,
                ..
            } => {
                artifact.push_u32("present", present.clone());
                artifact.push_u32("places", places.clone());
                let flat = pairs
                    .iter()
                    .flat_map(|pair| [pair.bias, pair.sigmoid.slope, pair.sigmoid.shift]);
                artifact.push_f64("pairs", flat.collect());
            }
        }
        artifact
    }
}
