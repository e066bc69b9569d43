//! Pairs of categories crossed into one.

use crate::behind::Behind;
use crate::fitted::{FittedPart, FittedStep, codes};
use crate::frame::{Frame, int, require, slot_of};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{empty, push_strings, set_meta, strings};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, Levels, ParamError, PredictError, Table, Threads,
    UNSEEN_CODE,
};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::Arc;

/// Adds category columns `a×b` with a level `x|y` for each pair of levels met in training.
///
/// Neighbours in the table are paired first, then columns with one, two and more between them, at most `max_pairs` pairs. Pairs of levels with fewer than `min_count` training
/// rows, and those beyond the `max_levels` most frequent, are the unseen code, as are pairs never met. Missing cells are
/// a level called `missing`.
///
/// Default columns: all categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CombineCategories {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Most columns added.
    pub max_pairs: usize,
    /// Fewest training rows of a level.
    pub min_count: usize,
    /// Most levels of a column.
    pub max_levels: usize,
}

impl Default for CombineCategories {
    fn default() -> Self {
        Self {
            columns: None,
            max_pairs: 36,
            min_count: 2,
            max_levels: 20_000,
        }
    }
}

impl StepParams for CombineCategories {
    fn check(&self) -> Result<(), ParamError> {
        let most = self.max_levels;
        require(most >= 1, "max_levels", int(most), "1 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("combine_categories", &[ColumnKind::Category]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let mut pairs = Vec::new();
        for gap in 1..names.len() {
            pairs.extend(names.iter().zip(&names[gap..]));
        }
        pairs.truncate(self.max_pairs);
        let crosses = frame.map(pairs.len(), |index| {
            let (a, b) = pairs[index];
            self.fit_pair(frame, a, b)
        })?;
        Ok(Crosses::new(crosses).into())
    }
}

impl CombineCategories {
    fn fit_pair(&self, frame: &Frame<'_>, a: &str, b: &str) -> Cross {
        let (left, n_left) = frame.slots(a);
        let (right, n_right) = frame.slots(b);
        let mut keys: Vec<u64> = left
            .iter()
            .zip(&right)
            .map(|(&left, &right)| key(left as usize, right as usize))
            .collect();
        keys.sort_unstable();
        let mut counted: Vec<(u64, usize)> = keys
            .chunk_by(|x, y| x == y)
            .map(|same| (same[0], same.len()))
            .filter(|(_, count)| *count >= self.min_count)
            .collect();
        counted.sort_unstable_by_key(|&(key, count)| (Reverse(count), key));
        counted.truncate(self.max_levels);
        let mut keys: Vec<u64> = counted.into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        let label = |name: &str, slot: u64| -> String {
            let category = frame.column(name).as_category();
            let level = category.and_then(|(_, levels)| levels.get(slot as u32));
            level.unwrap_or("missing").to_owned()
        };
        let levels = keys.iter().map(|&key| {
            let (left, right) = (key >> 32, key & u64::from(u32::MAX));
            format!("{}|{}", label(a, left), label(b, right))
        });
        Cross {
            sources: [a.to_owned(), b.to_owned()],
            n_levels: [n_left - 1, n_right - 1],
            levels: Levels::new(levels),
            keys,
        }
    }
}

fn key(left: usize, right: usize) -> u64 {
    (left as u64) << 32 | right as u64
}

/// One crossed pair: its keys (slot of the first, slot of the second) sorted, in code order.
#[derive(Debug)]
struct Cross {
    sources: [String; 2],
    n_levels: [usize; 2],
    keys: Vec<u64>,
    levels: Levels,
}

impl Cross {
    fn code(&self, left: u32, right: u32) -> u32 {
        let slots = slot_of(left, self.n_levels[0]).zip(slot_of(right, self.n_levels[1]));
        let place = slots.and_then(|(left, right)| self.keys.binary_search(&key(left, right)).ok());
        place.map_or(UNSEEN_CODE, |place| place as u32)
    }
}

/// The columns that are added.
#[derive(Debug)]
struct Crosses {
    crosses: Vec<Cross>,
    behind: Behind,
}

impl Crosses {
    fn new(crosses: Vec<Cross>) -> Self {
        let behind = Behind::default();
        Self { crosses, behind }
    }
}

impl FittedStep for Crosses {
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError> {
        let sources = self.crosses.iter().flat_map(|cross| &cross.sources);
        let names = self.crosses.iter().map(|cross| {
            let [a, b] = &cross.sources;
            format!("{a}×{b}")
        });
        let sources = sources.map(String::as_str);
        self.behind.add(table, sources, names, |places| {
            let columns = threads.map(self.crosses.len(), |index| {
                let cross = &self.crosses[index];
                let [a, b] = &cross.sources;
                let left = codes(a, table.column_at(places[2 * index]))?;
                let right = codes(b, table.column_at(places[2 * index + 1]))?;
                let pairs = left.iter().zip(right);
                let crossed = pairs.map(|(&left, &right)| cross.code(left, right));
                Ok(Column::category(crossed.collect(), cross.levels.clone()))
            });
            columns.into_iter().collect()
        })
    }

    fn is_idle(&self) -> bool {
        self.crosses.is_empty()
    }

    /// Of many levels few are in the cache, here and where they are encoded.
    fn column_work(&self) -> f64 {
        400.0
    }

    fn made_from(&self, _table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        let crosses = self.crosses.iter();
        Ok(crosses.map(|cross| cross.sources.to_vec()).collect())
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty("combine_categories");
        for cross in &self.crosses {
            let mut child = empty("cross");
            set_meta(&mut child, "sources", cross.sources.to_vec());
            set_meta(&mut child, "n_levels", cross.n_levels.to_vec());
            child.push_u32(
                "left",
                cross.keys.iter().map(|key| (key >> 32) as u32).collect(),
            );
            child.push_u32("right", cross.keys.iter().map(|key| *key as u32).collect());
            push_strings(&mut child, "levels", cross.levels.iter());
            artifact.children.push(child);
        }
        artifact
    }
}

/// Reads back the fitted step.
pub(crate) fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
    let mut all = Vec::with_capacity(artifact.children.len());
    for child in &artifact.children {
        let (left, right) = (child.u32s("left")?, child.u32s("right")?);
        let levels = strings(child, "levels")?;
        crate::stored::check_len(child, "left", left.len(), levels.len())?;
        crate::stored::check_len(child, "right", right.len(), levels.len())?;
        let pairs = left.iter().zip(right);
        let keys: Vec<u64> = pairs.map(|(&a, &b)| key(a as usize, b as usize)).collect();
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(child.invalid("left", "pairs do not rise"));
        }
        all.push(Cross {
            sources: child.meta("sources")?,
            n_levels: child.meta("n_levels")?,
            keys,
            levels: Levels::new(levels),
        });
    }
    Ok(Arc::new(Crosses::new(all)))
}
