//! Texts as weights of their terms: term frequency times inverse document frequency.

use super::tokens::{Analyzer, Grams, Tokenizer};
use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::{Frame, int, require};
use crate::hash_index::HashIndex;
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{f64s_of_len, push_strings, set_meta, strings};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, ParamValue, PredictError, SparseRows,
    Texts, Threads,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Replaces each text column by a sparse column `<name>_word` or `<name>_char_wb` of term weights.
///
/// `tf · (ln((1 + n) / (1 + df)) + 1)`, rows scaled to length 1, as scikit-learn's `TfidfVectorizer`; `tf` is the count, or
/// `1 + ln(count)` if sublinear. Terms are lower-case; those in fewer than `min_df` training texts or in more than the
/// share `max_df` of them are left out, and of the rest the `max_features` in most texts are kept (ties in alphabetical
/// order). Dimensions stand in alphabetical order. A missing text is all zeros.
///
/// Default columns: all texts. Cost: one pass of hashing to learn and one to transform, about 20 ns a term each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextTfidf {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// What a term is.
    pub analyzer: Analyzer,
    /// Shortest and longest run of words or characters.
    pub ngrams: [usize; 2],
    /// Words with fewer characters are passed over; words only.
    pub min_chars: usize,
    /// Fewest texts of a term.
    pub min_df: usize,
    /// Greatest share of texts of a term.
    pub max_df: f64,
    /// Most terms.
    pub max_features: usize,
    /// Whether counts are dampened by a logarithm.
    pub sublinear: bool,
    /// Whether the text column stays too.
    pub keep: bool,
}

impl Default for TextTfidf {
    fn default() -> Self {
        Self {
            columns: None,
            analyzer: Analyzer::Word,
            ngrams: [1, 2],
            min_chars: 2,
            min_df: 1,
            max_df: 1.0,
            max_features: 20_000,
            sublinear: true,
            keep: false,
        }
    }
}

/// Most characters that words may be asked to have.
const MIN_CHARS_MAX: usize = 1000;
/// Rows that one thread works on at a time.
const BLOCK: usize = 4096;

impl StepParams for TextTfidf {
    fn check(&self) -> Result<(), ParamError> {
        let [shortest, longest] = self.ngrams;
        require(shortest >= 1, "ngrams", int(shortest), "1 or more")?;
        let is_ok = (shortest..=20).contains(&longest);
        require(
            is_ok,
            "ngrams",
            int(longest),
            "at least the first and at most 20",
        )?;
        let least = self.min_chars;
        let is_ok = least <= MIN_CHARS_MAX;
        require(is_ok, "min_chars", int(least), "at most 1000")?;
        let share = self.max_df;
        let value = ParamValue::Float(share);
        require(share > 0.0 && share <= 1.0, "max_df", value, "above 0 to 1")?;
        let most = self.max_features;
        require(most >= 1, "max_features", int(most), "1 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("text_tfidf", &[ColumnKind::Text]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let entries = names
            .into_iter()
            .map(|name| {
                let vocabulary = self.fit_column(frame, &name)?;
                Ok((name, vocabulary))
            })
            .collect::<Result<_, FitError>>()?;
        Ok(PerColumn::new("text_tfidf", self.keep, entries).into())
    }
}

/// How often a term was met, and one place where it was.
struct Met {
    hash: u64,
    n_texts: u32,
    row: u32,
}

impl TextTfidf {
    fn grams(&self) -> Grams {
        Grams {
            analyzer: self.analyzer,
            shortest: self.ngrams[0],
            longest: self.ngrams[1],
            min_chars: self.min_chars,
        }
    }

    fn fit_column(&self, frame: &Frame<'_>, name: &str) -> Result<Vocabulary, FitError> {
        let none = Texts::default();
        let texts = frame.column(name).as_text().unwrap_or(&none);
        let n_texts = frame.rows.len();
        let mut met = self.count(frame, texts)?;
        let most = self.max_df * n_texts as f64;
        met.retain(|term| term.n_texts as usize >= self.min_df && f64::from(term.n_texts) <= most);
        let mut terms = self.spell(met, texts);
        if terms.len() > self.max_features {
            terms.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            terms.truncate(self.max_features);
        }
        terms.sort_unstable();
        let idf = |n: &u32| ((1 + n_texts) as f64 / f64::from(1 + n)).ln() + 1.0;
        let idf = terms.iter().map(|(_, n)| idf(n)).collect();
        let names = terms.into_iter().map(|(term, _)| term.into()).collect();
        Ok(Vocabulary::new(self.grams(), self.sublinear, names, idf))
    }

    /// Every term of the training texts with the number of texts that hold it. Blocks of rows are counted apart and
    /// merged in order, so the result does not depend on the threads.
    fn count(&self, frame: &Frame<'_>, texts: &Texts) -> Result<Vec<Met>, FitError> {
        let n_blocks = frame.rows.len().div_ceil(BLOCK);
        let blocks = frame.map(n_blocks, |block| {
            let end = frame.rows.len().min((block + 1) * BLOCK);
            self.count_block(&frame.rows[block * BLOCK..end], texts)
        })?;
        let mut index = HashIndex::with_capacity(blocks.first().map_or(0, Vec::len));
        let mut all: Vec<Met> = Vec::new();
        for term in blocks.into_iter().flatten() {
            let place = index.get_or_insert(term.hash, all.len() as u32) as usize;
            if place == all.len() {
                all.push(term);
            } else {
                all[place].n_texts += term.n_texts;
            }
        }
        Ok(all)
    }

    fn count_block(&self, rows: &[u32], texts: &Texts) -> Vec<Met> {
        let mut tokenizer = Tokenizer::new(self.grams());
        let mut index = HashIndex::with_capacity(1 << 12);
        let mut met: Vec<Met> = Vec::new();
        // The last text that counted each term: a term counts once a text.
        let mut last: Vec<u32> = Vec::new();
        for (position, &row) in rows.iter().enumerate() {
            let text = texts.get(row as usize).unwrap_or_default();
            let position = position as u32;
            tokenizer.for_each(text, |hash, _| {
                let place = index.get_or_insert(hash, met.len() as u32) as usize;
                if place == met.len() {
                    let n_texts = 1;
                    met.push(Met { hash, n_texts, row });
                    last.push(position);
                } else if last[place] != position {
                    met[place].n_texts += 1;
                    last[place] = position;
                }
            });
        }
        met
    }

    /// The terms as written, found again in the texts where they were first met.
    fn spell(&self, mut met: Vec<Met>, texts: &Texts) -> Vec<(String, u32)> {
        met.sort_unstable_by_key(|term| (term.row, term.hash));
        let mut tokenizer = Tokenizer::new(self.grams());
        let mut terms = Vec::with_capacity(met.len());
        let mut places = Vec::new();
        for same_row in met.chunk_by(|a, b| a.row == b.row) {
            let text = texts.get(same_row[0].row as usize).unwrap_or_default();
            places.clear();
            tokenizer.for_each(text, |hash, place| places.push((hash, place)));
            places.sort_by_key(|(hash, _)| *hash);
            for term in same_row {
                let found = places.partition_point(|(hash, _)| *hash < term.hash);
                terms.push((tokenizer.term(places[found].1), term.n_texts));
            }
        }
        terms
    }
}

/// One column's terms and their weights.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    grams: Grams,
    sublinear: bool,
    names: Arc<[Box<str>]>,
    idf: Vec<f64>,
    /// Dimension by hash of the term.
    index: HashIndex,
}

impl Vocabulary {
    fn new(grams: Grams, sublinear: bool, names: Vec<Box<str>>, idf: Vec<f64>) -> Self {
        let mut index = HashIndex::with_capacity(names.len());
        for (dim, name) in names.iter().enumerate() {
            index.get_or_insert(grams.hash_of_term(name), dim as u32);
        }
        Self {
            grams,
            sublinear,
            names: names.into(),
            idf,
            index,
        }
    }

    fn transform_block(&self, texts: &Texts, rows: std::ops::Range<usize>) -> SparseRows {
        let mut tokenizer = Tokenizer::new(self.grams);
        let mut out = SparseRows::new(self.names.clone());
        let mut dims: Vec<u32> = Vec::new();
        let mut cells: Vec<(u32, f64)> = Vec::new();
        for row in rows {
            dims.clear();
            tokenizer.for_each(texts.get(row).unwrap_or_default(), |hash, _| {
                dims.extend(self.index.get(hash));
            });
            dims.sort_unstable();
            cells.clear();
            cells.extend(dims.chunk_by(|a, b| a == b).map(|same| {
                let count = same.len() as f64;
                let frequency = if self.sublinear {
                    1.0 + count.ln()
                } else {
                    count
                };
                (same[0], frequency * self.idf[same[0] as usize])
            }));
            let length = cells.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
            out.push(cells.iter().map(|&(dim, w)| (dim, (w / length) as f32)));
        }
        out
    }
}

impl Encoder for Vocabulary {
    fn names(&self, name: &str) -> Vec<String> {
        vec![format!("{name}_{}", self.grams.analyzer.name())]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let texts = column
            .as_text()
            .ok_or_else(|| wrong_kind(name, column, ColumnKind::Text))?;
        let n_blocks = texts.len().div_ceil(BLOCK);
        let blocks = threads.map(n_blocks, |block| {
            let start = block * BLOCK;
            self.transform_block(texts, start..texts.len().min(start + BLOCK))
        });
        let rows = join(blocks).unwrap_or_else(|| SparseRows::new(self.names.clone()));
        Ok(vec![Column::Sparse(rows)])
    }

    fn save(&self, artifact: &mut Artifact) {
        let grams = serde_json::to_value(self.grams).expect("numbers and a name");
        set_meta(artifact, "grams", grams);
        set_meta(artifact, "sublinear", self.sublinear);
        push_strings(artifact, "terms", self.names.iter().map(AsRef::as_ref));
        artifact.push_f64("idf", self.idf.clone());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let grams: Grams = artifact.meta("grams")?;
        if grams.shortest == 0 || grams.longest > 20 || grams.min_chars > MIN_CHARS_MAX {
            return Err(artifact.invalid("grams", "runs are of 1 to 20, words of at most 1000"));
        }
        let names = strings(artifact, "terms")?;
        let idf = f64s_of_len(artifact, "idf", names.len())?;
        Ok(Self::new(grams, artifact.meta("sublinear")?, names, idf))
    }
}

/// Blocks of rows end to end.
fn join(blocks: Vec<SparseRows>) -> Option<SparseRows> {
    let mut blocks = blocks.into_iter();
    let mut all = blocks.next()?;
    for block in blocks {
        for row in 0..block.n_rows() {
            let (dims, values) = block.row(row);
            all.push(dims.iter().copied().zip(values.iter().copied()));
        }
    }
    Some(all)
}
