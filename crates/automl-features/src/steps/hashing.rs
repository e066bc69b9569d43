//! Levels or words hashed into a fixed number of buckets: no memory of what was met in training.

use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::{Frame, int, require};
use crate::hash_index::hash_bytes;
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnFilter, ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::set_meta;
use crate::text::tokens::{Analyzer, Grams, Tokenizer};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, Levels, ParamError, PredictError, SparseRows,
    Threads,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Replaces category and text columns by one sparse column `<name>_hash` of `n_buckets` dimensions.
///
/// A category puts 1 into the bucket of its level; a text adds 1 or -1 (by another bit of the hash) for each of its
/// words and scales the row to length 1, as scikit-learn's `FeatureHasher` (Weinberger et al., 2009). Missing cells and
/// unseen codes are all zeros.
///
/// Default columns: categories of at least 1000 levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hashing {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Number of buckets.
    pub n_buckets: usize,
    /// Whether the source column stays too.
    pub keep: bool,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            columns: None,
            n_buckets: 1024,
            keep: false,
        }
    }
}

const MAX_BUCKETS: usize = 1 << 22;

impl StepParams for Hashing {
    fn check(&self) -> Result<(), ParamError> {
        let n = self.n_buckets;
        let is_ok = (1..=MAX_BUCKETS).contains(&n);
        require(is_ok, "n_buckets", int(n), "1 to 4194304")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let mut scope = Scope::new("hashing", &[ColumnKind::Category, ColumnKind::Text]);
        scope.default = ColumnFilter {
            min_levels: Some(1000),
            ..ColumnFilter::default()
        };
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let entries = names
            .into_iter()
            .map(|name| (name, Buckets::new(self.n_buckets)))
            .collect();
        Ok(PerColumn::new("hashing", self.keep, entries).into())
    }
}

/// Names of the buckets.
#[derive(Debug)]
pub(crate) struct Buckets {
    names: Arc<[Box<str>]>,
}

impl Buckets {
    fn new(n_buckets: usize) -> Self {
        let names = (0..n_buckets).map(|bucket| format!("#{bucket}").into());
        Self {
            names: names.collect(),
        }
    }

    fn bucket(&self, hash: u64) -> u32 {
        (hash % self.names.len() as u64) as u32
    }

    fn levels(&self, codes: &[u32], levels: &Levels) -> SparseRows {
        let buckets: Vec<u32> = levels
            .iter()
            .map(|level| self.bucket(hash_bytes(0, level.as_bytes())))
            .collect();
        let mut rows = SparseRows::new(self.names.clone());
        for &code in codes {
            rows.push(buckets.get(code as usize).map(|&bucket| (bucket, 1.0)));
        }
        rows
    }

    fn words(&self, texts: &automl_core::Texts) -> SparseRows {
        let mut tokenizer = Tokenizer::new(Grams {
            analyzer: Analyzer::Word,
            shortest: 1,
            longest: 1,
            min_chars: 1,
        });
        let mut rows = SparseRows::new(self.names.clone());
        let mut cells: Vec<(u32, f32)> = Vec::new();
        for text in texts.iter() {
            cells.clear();
            tokenizer.for_each(text.unwrap_or_default(), |hash, _| {
                let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
                cells.push((self.bucket(hash), sign));
            });
            cells.sort_unstable_by_key(|cell| cell.0);
            let sums: Vec<(u32, f32)> = cells
                .chunk_by(|a, b| a.0 == b.0)
                .map(|same| (same[0].0, same.iter().map(|cell| cell.1).sum::<f32>()))
                .filter(|cell| cell.1 != 0.0)
                .collect();
            let length = sums.iter().map(|cell| cell.1 * cell.1).sum::<f32>().sqrt();
            rows.push(sums.into_iter().map(|(dim, sum)| (dim, sum / length)));
        }
        rows
    }
}

impl Encoder for Buckets {
    fn names(&self, name: &str) -> Vec<String> {
        vec![format!("{name}_hash")]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let rows = match column {
            Column::Category { codes, levels } => self.levels(codes, levels),
            Column::Text(texts) => self.words(texts),
            _ => return Err(wrong_kind(name, column, ColumnKind::Category)),
        };
        Ok(vec![Column::Sparse(rows)])
    }

    fn save(&self, artifact: &mut Artifact) {
        set_meta(artifact, "n_buckets", self.names.len());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let n_buckets: usize = artifact.meta("n_buckets")?;
        if !(1..=MAX_BUCKETS).contains(&n_buckets) {
            return Err(artifact.invalid("n_buckets", "it is outside 1 to 4194304"));
        }
        Ok(Self::new(n_buckets))
    }
}
