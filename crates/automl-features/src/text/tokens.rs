//! Texts cut into terms: runs of words, or of characters within words.

use crate::hash_index::{fold, hash_bytes};
use serde::{Deserialize, Serialize};

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// Runs of words; a word is letters, digits and underscores.
    #[default]
    Word,
    /// Runs of characters within words that stand between blanks, one blank on either side included.
    CharWb,
}

impl Analyzer {
    /// Its name in YAML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::CharWb => "char_wb",
        }
    }
}

/// Which terms a text is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grams {
    pub(crate) analyzer: Analyzer,
    pub(crate) shortest: usize,
    pub(crate) longest: usize,
    /// Words with fewer characters are passed over; words only.
    pub(crate) min_chars: usize,
}

impl Grams {
    /// The hash that [`Tokenizer::for_each`] gives to this term.
    pub(crate) fn hash_of_term(self, term: &str) -> u64 {
        match self.analyzer {
            Analyzer::CharWb => hash_bytes(2, term.as_bytes()),
            Analyzer::Word => term
                .split(' ')
                .fold(0, |all, word| fold(all ^ hash_bytes(1, word.as_bytes()))),
        }
    }
}

/// Cuts one text after the other, reusing its buffers: nothing is allocated per text.
pub(crate) struct Tokenizer {
    grams: Grams,
    /// The text in lower case.
    lower: String,
    /// Its words, each with a blank on either side.
    padded: String,
    /// Byte ranges of words.
    spans: Vec<(u32, u32)>,
    /// Hashes of words.
    hashes: Vec<u64>,
    /// Byte positions of one word's characters, and its end.
    starts: Vec<u32>,
}

/// Where a term stands: the first and last of its words, or the bytes from `first` to `last` of the padded text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    first: u32,
    last: u32,
}

impl Tokenizer {
    pub(crate) fn new(grams: Grams) -> Self {
        Self {
            grams,
            lower: String::new(),
            padded: String::new(),
            spans: Vec::new(),
            hashes: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Calls `each` with the hash and the place of each term of `text`.
    pub(crate) fn for_each(&mut self, text: &str, each: impl FnMut(u64, Place)) {
        self.lower.clear();
        if text.is_ascii() {
            self.lower.push_str(text);
            self.lower.make_ascii_lowercase();
        } else {
            self.lower.extend(text.chars().flat_map(char::to_lowercase));
        }
        match self.grams.analyzer {
            Analyzer::Word => self.words(each),
            Analyzer::CharWb => self.characters(each),
        }
    }

    /// The term at a place of the text that `for_each` saw last.
    pub(crate) fn term(&self, place: Place) -> String {
        let (first, last) = (place.first as usize, place.last as usize);
        match self.grams.analyzer {
            Analyzer::Word => {
                let words = self.spans[first..=last].iter();
                let words = words.map(|&(start, end)| &self.lower[start as usize..end as usize]);
                words.collect::<Vec<_>>().join(" ")
            }
            Analyzer::CharWb => self.padded[first..last].to_owned(),
        }
    }

    fn words(&mut self, mut each: impl FnMut(u64, Place)) {
        let Self {
            grams,
            lower,
            spans,
            hashes,
            ..
        } = self;
        spans.clear();
        hashes.clear();
        let mut start = None;
        let mut n_chars = 0;
        let ends = lower.char_indices().chain([(lower.len(), ' ')]);
        for (position, letter) in ends {
            if letter.is_alphanumeric() || letter == '_' {
                start.get_or_insert(position);
                n_chars += 1;
            } else if let Some(first) = start.take() {
                if n_chars >= grams.min_chars {
                    spans.push((first as u32, position as u32));
                    hashes.push(hash_bytes(1, &lower.as_bytes()[first..position]));
                }
                n_chars = 0;
            }
        }
        for length in grams.shortest..=grams.longest.min(spans.len()) {
            for (first, run) in hashes.windows(length).enumerate() {
                let hash = run.iter().fold(0, |all, &word| fold(all ^ word));
                let last = (first + length - 1) as u32;
                let first = first as u32;
                each(hash, Place { first, last });
            }
        }
    }

    /// As scikit-learn's `char_wb`: a word shorter than the term gives one term, itself, and no longer ones.
    fn characters(&mut self, mut each: impl FnMut(u64, Place)) {
        let Self {
            grams,
            lower,
            padded,
            spans,
            starts,
            ..
        } = self;
        // Neighbouring words share the blank between them: " a bc " holds " a " and " bc ".
        padded.clear();
        padded.push(' ');
        spans.clear();
        for word in lower.split_whitespace() {
            let first = padded.len() as u32 - 1;
            padded.push_str(word);
            padded.push(' ');
            spans.push((first, padded.len() as u32));
        }
        for &(first, end) in spans.iter() {
            starts.clear();
            let word = &padded[first as usize..end as usize];
            starts.extend(word.char_indices().map(|(at, _)| first + at as u32));
            starts.push(end);
            let n_chars = starts.len() - 1;
            for length in grams.shortest..=grams.longest {
                let length = length.min(n_chars);
                for window in starts.windows(length + 1) {
                    let (first, last) = (window[0], window[length]);
                    let term = &padded.as_bytes()[first as usize..last as usize];
                    each(hash_bytes(2, term), Place { first, last });
                }
                if length == n_chars {
                    break;
                }
            }
        }
    }
}
