//! Lengths and character shares of texts: what a bag of words does not see.

use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::Frame;
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use automl_core::{Artifact, ArtifactError, Column, FitError, PredictError, Threads};
use serde::{Deserialize, Serialize};

/// Adds number columns to each text column: `<name>_chars`, `_words`, `_word_length` (mean), `_digits`, `_uppercase`,
/// `_punctuation` (shares of the characters), `_exclamations` and `_questions` (counts). A missing text gives missing
/// numbers.
///
/// Default columns: all texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextStats {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Whether the text column stays too, for a later step.
    pub keep: bool,
}

impl Default for TextStats {
    fn default() -> Self {
        Self {
            columns: None,
            keep: true,
        }
    }
}

impl StepParams for TextStats {
    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("text_stats", &[ColumnKind::Text]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let entries = names.into_iter().map(|name| (name, Stats)).collect();
        Ok(PerColumn::new("text_stats", self.keep, entries).into())
    }
}

const NAMES: [&str; 8] = [
    "chars",
    "words",
    "word_length",
    "digits",
    "uppercase",
    "punctuation",
    "exclamations",
    "questions",
];

/// There is nothing to learn.
#[derive(Debug)]
pub(crate) struct Stats;

fn stats_of(text: &str) -> [f64; 8] {
    let (mut chars, mut words, mut digits, mut uppercase, mut punctuation) = (0, 0, 0, 0, 0);
    let (mut exclamations, mut questions, mut blanks) = (0, 0, 0);
    let mut is_in_word = false;
    for letter in text.chars() {
        chars += 1;
        let is_blank = letter.is_whitespace();
        blanks += u32::from(is_blank);
        words += u32::from(!is_blank && !is_in_word);
        is_in_word = !is_blank;
        digits += u32::from(letter.is_numeric());
        uppercase += u32::from(letter.is_uppercase());
        punctuation += u32::from(!is_blank && !letter.is_alphanumeric());
        exclamations += u32::from(letter == '!');
        questions += u32::from(letter == '?');
    }
    let share = |count: u32| f64::from(count) / f64::from(chars.max(1));
    [
        f64::from(chars),
        f64::from(words),
        f64::from(chars - blanks) / f64::from(words.max(1)),
        share(digits),
        share(uppercase),
        share(punctuation),
        f64::from(exclamations),
        f64::from(questions),
    ]
}

impl Encoder for Stats {
    fn names(&self, name: &str) -> Vec<String> {
        let parts = NAMES.iter();
        parts.map(|part| format!("{name}_{part}")).collect()
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let texts = column
            .as_text()
            .ok_or_else(|| wrong_kind(name, column, ColumnKind::Text))?;
        let mut columns = vec![Vec::with_capacity(texts.len()); NAMES.len()];
        for text in texts.iter() {
            let values = text.map_or([f64::NAN; 8], stats_of);
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(value);
            }
        }
        Ok(columns.into_iter().map(Column::Number).collect())
    }

    fn save(&self, _artifact: &mut Artifact) {}

    fn load(_artifact: &Artifact) -> Result<Self, ArtifactError> {
        Ok(Self)
    }
}
