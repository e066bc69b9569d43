//! A fitted forest: trees whose leaves are averaged.

use crate::ensemble::{Detail, Ensemble};
use automl_core::{
    Artifact, ArtifactError, ExplainError, Explanation, Importance, ImportanceKind, Interactions,
    Model, PredictError, Predictions, Scale, TableView, Threads, TreeModel,
};
use serde_json::json;

/// What the averaged leaves are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shares {
    /// Means of the target.
    Mean,
    /// The share of the second of two classes.
    SecondClass,
    /// One share a class.
    Classes,
}

impl Shares {
    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::SecondClass => "second_class",
            Self::Classes => "classes",
        }
    }

    /// Predictions from means over trees, `width` a row.
    pub(super) fn predictions(self, means: Vec<f64>, width: usize) -> Predictions {
        match self {
            Self::Mean => Predictions::Numbers(means),
            Self::SecondClass => Predictions::Probabilities {
                n_classes: 2,
                values: means.into_iter().flat_map(|p| [1.0 - p, p]).collect(),
            },
            Self::Classes => Predictions::Probabilities {
                n_classes: width,
                values: means,
            },
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Mean, Self::SecondClass, Self::Classes]
            .into_iter()
            .find(|shares| shares.name() == name)
    }
}

/// Trees and what their leaves hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForestModel {
    pub(crate) learner: &'static str,
    pub(crate) shares: Shares,
    pub(crate) ensemble: Ensemble,
}

impl ForestModel {
    pub(crate) fn read(learner: &'static str, artifact: &Artifact) -> Result<Self, ArtifactError> {
        if artifact.kind != learner {
            return Err(ArtifactError::UnknownKind {
                kind: artifact.kind.clone(),
            });
        }
        let name: String = artifact.meta("leaves")?;
        let shares =
            Shares::from_name(&name).ok_or_else(|| artifact.invalid("leaves", "unknown"))?;
        let ensemble = Ensemble::read(artifact)?;
        let is_wide = ensemble.width() >= 3;
        if is_wide != (shares == Shares::Classes) || (!is_wide && ensemble.width() != 1) {
            return Err(artifact.invalid("leaf_width", "does not fit what the leaves hold"));
        }
        if ensemble.n_trees() == 0 {
            return Err(artifact.invalid("tree_starts", "no tree"));
        }
        Ok(Self {
            learner,
            shares,
            ensemble,
        })
    }

    /// Attributions of the mean over the trees.
    fn attributions(
        &self,
        rows: &TableView<'_>,
        detail: Detail,
        threads: &Threads,
    ) -> Result<Vec<f64>, ExplainError> {
        let ensemble = &self.ensemble;
        let mut values = ensemble.attributions(rows, ensemble.width(), detail, threads)?;
        let n_trees = ensemble.n_trees() as f64;
        for value in &mut values {
            *value /= n_trees;
        }
        Ok(values)
    }

    /// Predictions from the sums over some trees.
    fn averaged(&self, mut sums: Vec<f64>, n_trees: usize) -> Predictions {
        let n_trees = n_trees as f64;
        for sum in &mut sums {
            *sum /= n_trees;
        }
        self.shares.predictions(sums, self.ensemble.width())
    }
}

impl Model for ForestModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let width = self.ensemble.width();
        let mut sums = vec![0.0; rows.n_rows() * width];
        self.ensemble.add_scores(rows, width, &mut sums)?;
        Ok(self.averaged(sums, self.ensemble.n_trees()))
    }

    fn importance(&self) -> Option<Importance> {
        self.ensemble.importance(ImportanceKind::Gain)
    }

    fn explain(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        Ok(Explanation {
            columns: self.ensemble.column_names(),
            n_outputs: self.ensemble.width(),
            scale: Scale::Prediction,
            values: self.attributions(rows, Detail::Columns, threads)?,
        })
    }

    fn interactions(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Interactions, ExplainError> {
        Ok(Interactions {
            columns: self.ensemble.column_names(),
            n_outputs: self.ensemble.width(),
            scale: Scale::Prediction,
            values: self.attributions(rows, Detail::Pairs, threads)?,
        })
    }

    fn as_trees(&self) -> Option<&dyn TreeModel> {
        Some(self)
    }

    fn row_work(&self) -> f64 {
        self.ensemble.row_work()
    }

    fn artifact(&self) -> Artifact {
        let meta = json!({ "leaves": self.shares.name(), "n_trees": self.ensemble.n_trees() });
        let mut artifact = Artifact::new(self.learner, meta);
        self.ensemble.write(&mut artifact);
        artifact
    }
}

impl TreeModel for ForestModel {
    fn n_rounds(&self) -> usize {
        self.ensemble.n_trees()
    }

    fn n_trees(&self) -> usize {
        self.ensemble.n_trees()
    }

    fn leaves(&self, rows: &TableView<'_>) -> Result<Vec<u32>, PredictError> {
        self.ensemble.leaf_numbers(rows)
    }

    /// There is no mean of no trees: round 0 is taken as round 1.
    fn staged(
        &self,
        rows: &TableView<'_>,
        rounds: &[usize],
    ) -> Result<Vec<Predictions>, PredictError> {
        let end = |&round: &usize| round.clamp(1, self.ensemble.n_trees());
        let ends: Vec<usize> = rounds.iter().map(end).collect();
        let start = vec![0.0; self.ensemble.width()];
        let stages = self.ensemble.staged_scores(rows, &start, &ends)?;
        let stages = stages.into_iter().zip(&ends);
        Ok(stages
            .map(|(sums, &end)| self.averaged(sums, end))
            .collect())
    }

    fn importance_by(&self, kind: ImportanceKind) -> Option<Importance> {
        self.ensemble.importance(kind)
    }
}
