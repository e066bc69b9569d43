//! A fitted boosting: the starting scores, the trees, and the link that turns their sum into a prediction.

use crate::ensemble::{Detail, Ensemble};
use crate::gradient_boosting::ID;
use crate::inputs::InputKind;
use crate::objective::{Link, logistic, one_vs_rest, softmax};
use crate::offset;
use automl_core::{
    Artifact, ArtifactError, ExplainError, Explanation, Importance, ImportanceKind, Interactions,
    Model, PredictError, Predictions, Scale, TableView, Threads, TreeModel,
};
use serde_json::json;

/// Starting scores, trees and link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoostedModel {
    pub(crate) base: Vec<f64>,
    pub(crate) link: Link,
    pub(crate) ensemble: Ensemble,
    /// The column that is added to the scores, if there is one.
    pub(crate) offset: Option<String>,
}

impl BoostedModel {
    /// Sums of the trees, the start and the offset, `base.len()` a row, row-major.
    pub(crate) fn raw_scores(&self, rows: &TableView<'_>) -> Result<Vec<f64>, PredictError> {
        let n_outputs = self.base.len();
        let mut scores: Vec<f64> = Vec::with_capacity(rows.n_rows() * n_outputs);
        for _ in 0..rows.n_rows() {
            scores.extend_from_slice(&self.base);
        }
        self.ensemble.add_scores(rows, n_outputs, &mut scores)?;
        self.add_offset(rows, &mut scores)?;
        Ok(scores)
    }

    /// Adds the offset to the scores of rows, of which there is one a row where there is an offset.
    fn add_offset(&self, rows: &TableView<'_>, scores: &mut [f64]) -> Result<(), PredictError> {
        if let Some(column) = &self.offset {
            let offset = offset::of_rows(rows, column)?;
            scores.iter_mut().zip(offset).for_each(|(s, o)| *s += o);
        }
        Ok(())
    }

    /// Where the column of the offset stands among the inputs.
    fn offset_position(&self) -> Option<usize> {
        let name = self.offset.as_ref()?;
        let mut inputs = self.ensemble.inputs.0.iter();
        inputs.position(|input| input.name == *name)
    }

    /// Attributions of the raw scores; the start belongs to what is expected, the offset to its column.
    fn attributions(
        &self,
        rows: &TableView<'_>,
        detail: Detail,
        threads: &Threads,
    ) -> Result<Vec<f64>, ExplainError> {
        let ensemble = &self.ensemble;
        let mut values = ensemble.attributions(rows, self.base.len(), detail, threads)?;
        let width = detail.width(ensemble.n_columns());
        for (output, values) in values.chunks_exact_mut(width).enumerate() {
            values[width - 1] += self.base[output % self.base.len()];
        }
        if let (Some(column), Some(position)) = (&self.offset, self.offset_position()) {
            let place = match detail {
                Detail::Columns => position,
                Detail::Pairs => position * (ensemble.n_columns() + 2),
            };
            let offset = offset::of_rows(rows, column)?;
            for (values, offset) in values.chunks_exact_mut(width).zip(offset) {
                values[place] += offset;
            }
        }
        Ok(values)
    }

    fn scale(&self) -> Scale {
        match self.link {
            Link::Identity => Scale::Prediction,
            Link::Log => Scale::Log,
            Link::Logit => Scale::LogOdds,
            Link::Softmax => Scale::Softmax,
            Link::OneVsRest => Scale::OneVsRest,
        }
    }

    /// Predictions from raw scores.
    fn linked(&self, scores: Vec<f64>) -> Predictions {
        predictions(self.link, self.base.len(), scores)
    }

    pub(crate) fn read(artifact: &Artifact) -> Result<Self, ArtifactError> {
        if artifact.kind != ID {
            return Err(ArtifactError::UnknownKind {
                kind: artifact.kind.clone(),
            });
        }
        let base = artifact.f64s("base")?.to_vec();
        let name: String = artifact.meta("link")?;
        let link = Link::from_name(&name).ok_or_else(|| artifact.invalid("link", "unknown"))?;
        let has_outputs = match link {
            Link::Softmax | Link::OneVsRest => base.len() >= 3,
            _ => base.len() == 1,
        };
        if !has_outputs || base.iter().any(|score| !score.is_finite()) {
            return Err(artifact.invalid("base", "not one finite score an output"));
        }
        let ensemble = Ensemble::read(artifact)?;
        if ensemble.width() != 1 {
            return Err(artifact.invalid("leaf_width", "not 1"));
        }
        if !ensemble.are_sums_bounded(&base) {
            return Err(artifact.invalid("leaf_values", "their sums could overflow"));
        }
        let model = Self {
            base,
            link,
            ensemble,
            offset: read_offset(artifact)?,
        };
        let is_number = |place: usize| model.ensemble.inputs.0[place].kind == InputKind::Number;
        let is_sound = model.base.len() == 1 && model.offset_position().is_some_and(is_number);
        if model.offset.is_some() && !is_sound {
            return Err(
                artifact.invalid("offset_column", "not a column of numbers beside one output")
            );
        }
        Ok(model)
    }
}

/// Predictions from raw scores, `n_outputs` a row.
pub(crate) fn predictions(link: Link, n_outputs: usize, mut scores: Vec<f64>) -> Predictions {
    match link {
        Link::Identity => Predictions::Numbers(scores),
        Link::Log => {
            // The greatest finite number stands for what would overflow.
            let bounded = |score: &mut f64| *score = score.exp().min(f64::MAX);
            scores.iter_mut().for_each(bounded);
            Predictions::Numbers(scores)
        }
        Link::Logit => Predictions::Probabilities {
            n_classes: 2,
            values: scores
                .into_iter()
                .map(logistic)
                .flat_map(|p| [1.0 - p, p])
                .collect(),
        },
        Link::Softmax | Link::OneVsRest => {
            let n_classes = n_outputs;
            let link = match link {
                Link::Softmax => softmax,
                _ => one_vs_rest,
            };
            scores.chunks_exact_mut(n_classes).for_each(link);
            Predictions::Probabilities {
                n_classes,
                values: scores,
            }
        }
    }
}

impl Model for BoostedModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        Ok(self.linked(self.raw_scores(rows)?))
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
            n_outputs: self.base.len(),
            scale: self.scale(),
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
            n_outputs: self.base.len(),
            scale: self.scale(),
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
        let meta = json!({ "link": self.link.name(), "n_trees": self.ensemble.n_trees() });
        let mut artifact = Artifact::new(ID, meta);
        if let Some(column) = &self.offset {
            artifact.meta["offset_column"] = json!(column);
        }
        artifact.push_f64("base", self.base.clone());
        self.ensemble.write(&mut artifact);
        artifact
    }
}

impl TreeModel for BoostedModel {
    fn n_rounds(&self) -> usize {
        self.ensemble.n_trees() / self.base.len()
    }

    fn n_trees(&self) -> usize {
        self.ensemble.n_trees()
    }

    fn leaves(&self, rows: &TableView<'_>) -> Result<Vec<u32>, PredictError> {
        self.ensemble.leaf_numbers(rows)
    }

    fn staged(
        &self,
        rows: &TableView<'_>,
        rounds: &[usize],
    ) -> Result<Vec<Predictions>, PredictError> {
        let n_outputs = self.base.len();
        let end = |&round: &usize| round.min(self.n_rounds()) * n_outputs;
        let ends: Vec<usize> = rounds.iter().map(end).collect();
        let mut stages = self.ensemble.staged_scores(rows, &self.base, &ends)?;
        for scores in &mut stages {
            self.add_offset(rows, scores)?;
        }
        Ok(stages.into_iter().map(|s| self.linked(s)).collect())
    }

    fn importance_by(&self, kind: ImportanceKind) -> Option<Importance> {
        self.ensemble.importance(kind)
    }
}

/// The column of the offset; none in models without one.
fn read_offset(artifact: &Artifact) -> Result<Option<String>, ArtifactError> {
    let is_there = artifact.meta.get("offset_column").is_some();
    is_there.then(|| artifact.meta("offset_column")).transpose()
}
