//! A fitted nearest-neighbours model: the training rows, their labels, and how they vote.

use super::index::{Index, Metric, Near};
use super::{NEAREST_NEIGHBOURS, NearestNeighboursParams, Weighting};
use crate::inputs::Inputs;
use automl_core::{
    Artifact, ArtifactError, Model, ParamMap, Params, PredictError, Predictions, TableView,
};

/// What a cell of the training rows takes a query, about: three operations, several cells at a time.
const NANOSECONDS_PER_CELL: f64 = 0.6;

/// What the training rows say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Labels {
    Numbers(Vec<f64>),
    Classes { n_classes: usize, codes: Vec<u32> },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Neighbours {
    pub(super) inputs: Inputs,
    pub(super) params: NearestNeighboursParams,
    pub(super) index: Index,
    pub(super) labels: Labels,
    /// Weight of each training row, if they differ.
    pub(super) row_weights: Option<Vec<f64>>,
}

impl Neighbours {
    pub(super) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let inputs = Inputs::load(artifact)?;
        let map: ParamMap = artifact.meta("params")?;
        let params = NearestNeighboursParams::from_map(&map)
            .map_err(|error| artifact.invalid("params", &error.to_string()))?;
        let n_classes: usize = artifact.meta("n_classes")?;
        let points = artifact.f32s("points")?.to_vec();
        let n_features = inputs.n_features();
        let n_rows = points.len() / n_features;
        let is_whole = n_rows > 0 && points.len() % n_features == 0 && n_rows < u32::MAX as usize;
        if !inputs.sparse.is_empty() || !is_whole || points.iter().any(|value| !value.is_finite()) {
            return Err(artifact.invalid("points", "not a matrix of finite numbers"));
        }
        let labels = if n_classes == 0 {
            Labels::Numbers(artifact.f64s("labels")?.to_vec())
        } else {
            Labels::Classes {
                n_classes,
                codes: artifact.u32s("labels")?.to_vec(),
            }
        };
        let labels_fit = match &labels {
            Labels::Numbers(values) => {
                values.len() == n_rows && values.iter().all(|value| value.is_finite())
            }
            Labels::Classes { n_classes, codes } => {
                *n_classes >= 2
                    && codes.len() == n_rows
                    && codes.iter().all(|&code| (code as usize) < *n_classes)
            }
        };
        if !labels_fit {
            return Err(artifact.invalid("labels", "not a label for each point"));
        }
        let row_weights = if artifact.arrays.contains_key("weights") {
            Some(artifact.f64s("weights")?.to_vec())
        } else {
            None
        };
        if let Some(weights) = &row_weights
            && (weights.len() != n_rows || weights.iter().any(|&w| !(w > 0.0 && w.is_finite())))
        {
            return Err(artifact.invalid("weights", "not a positive weight for each point"));
        }
        let metric = if params.p == 1 {
            Metric::Manhattan
        } else {
            Metric::Euclidean
        };
        Ok(Self {
            index: Index::build(points, n_features, metric),
            inputs,
            params,
            labels,
            row_weights,
        })
    }

    /// Weights of the neighbours of one query into `out`.
    fn votes(&self, neighbours: &[Near], out: &mut Vec<f64>) {
        out.clear();
        let touches = neighbours.iter().any(|near| near.distance == 0.0);
        let shortest = neighbours
            .first()
            .map_or(1.0, |near| f64::from(near.distance));
        out.extend(neighbours.iter().map(|near| {
            let own = self
                .row_weights
                .as_ref()
                .map_or(1.0, |all| all[near.row as usize]);
            own * match self.params.weights {
                Weighting::Uniform => 1.0,
                Weighting::Distance if touches => f64::from(u8::from(near.distance == 0.0)),
                // As shares of the nearest one's weight, so that tiny distances do not overflow.
                Weighting::Distance => shortest / f64::from(near.distance),
            }
        }));
    }

    fn queries(&self, rows: &TableView<'_>) -> Result<Vec<f32>, PredictError> {
        let bound = self.inputs.bind(rows)?;
        let mut queries = Vec::with_capacity(rows.n_rows() * bound.numbers.len());
        // A number too large for single precision is as far away as it gets; squares must stay finite.
        let cap = |value: f64| value.clamp(-1e18, 1e18) as f32;
        for row in rows.iter_rows() {
            queries.extend(bound.numbers.iter().map(|values| cap(values[row])));
        }
        Ok(queries)
    }
}

impl Model for Neighbours {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let queries = self.queries(rows)?;
        let mut votes = Vec::new();
        match &self.labels {
            Labels::Numbers(targets) => {
                let mut values = vec![0.0; rows.n_rows()];
                self.index
                    .search(&queries, self.params.k, |at, neighbours| {
                        self.votes(neighbours, &mut votes);
                        let total: f64 = votes.iter().sum();
                        values[at] = neighbours
                            .iter()
                            .zip(&votes)
                            .map(|(near, vote)| vote / total * targets[near.row as usize])
                            .sum();
                    });
                Ok(Predictions::Numbers(values))
            }
            Labels::Classes { n_classes, codes } => {
                let mut values = vec![0.0; rows.n_rows() * n_classes];
                self.index
                    .search(&queries, self.params.k, |at, neighbours| {
                        self.votes(neighbours, &mut votes);
                        let row = &mut values[at * n_classes..(at + 1) * n_classes];
                        for (near, vote) in neighbours.iter().zip(&votes) {
                            row[codes[near.row as usize] as usize] += vote;
                        }
                        // The sum of the row, not of the votes: a class alone must be certain.
                        let total: f64 = row.iter().sum();
                        for value in row {
                            *value /= total;
                        }
                    });
                Ok(Predictions::Probabilities {
                    n_classes: *n_classes,
                    values,
                })
            }
        }
    }

    fn row_work(&self) -> f64 {
        1e3 + NANOSECONDS_PER_CELL * self.index.points.len() as f64
    }

    fn artifact(&self) -> Artifact {
        let n_classes = match &self.labels {
            Labels::Numbers(_) => 0,
            Labels::Classes { n_classes, .. } => *n_classes,
        };
        let meta = serde_json::json!({
            "inputs": self.inputs.to_json(),
            "params": self.params.to_map(),
            "n_classes": n_classes,
        });
        let mut artifact = Artifact::new(NEAREST_NEIGHBOURS.id, meta);
        artifact.push_f32("points", self.index.points.clone());
        match &self.labels {
            Labels::Numbers(values) => artifact.push_f64("labels", values.clone()),
            Labels::Classes { codes, .. } => artifact.push_u32("labels", codes.clone()),
        }
        if let Some(weights) = &self.row_weights {
            artifact.push_f64("weights", weights.clone());
        }
        artifact
    }
}
