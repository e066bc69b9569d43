//! Byte pair encoding (Sennrich et al., 2016): texts as the pieces of words that the training texts have most of.
//!
//! A word is a run of letters and digits, up to 64 of them, or any other sign by itself. Its first piece is marked, so that pieces inside
//! words are others than those at their beginning. Everything is counted and compared in a fixed order.

use automl_core::Params;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// What fills short texts up.
pub(super) const PADDING: u32 = 0;
/// A character that the training texts do not have, or a token that is hidden.
pub(super) const UNKNOWN: u32 = 1;
/// Tokens before those of characters.
const N_SPECIAL: u32 = 2;
/// What stands before the first character of a word.
const START: char = '\u{2581}';
/// Characters of a word at most; what goes on is the next word.
const MAX_WORD: usize = 64;
/// Tokens of a vocabulary at most.
const MAX_TOKENS: usize = 200_000;

/// How texts become tokens.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TextParams {
    /// Column of texts.
    #[param(default = String::new())]
    pub column: String,
    /// Different tokens at most.
    #[param(default = 8000, range = 16..=100_000, log)]
    pub vocabulary: u32,
    /// Tokens that are read of a text at most.
    #[param(default = 64, range = 1..=2048)]
    pub length: u32,
    /// Whether upper and lower case are the same.
    #[param(default = true)]
    pub lowercase: bool,
    /// Share of tokens that are hidden at random in each step.
    #[param(default = 0.1, range = 0.0..=0.9)]
    pub token_dropout: f64,
}

/// A vocabulary, and how words are put together from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenizer {
    lowercase: bool,
    length: usize,
    /// Characters, in the order of their tokens.
    characters: String,
    /// Pairs of tokens that become one, in the order in which they were found; the tokens of pairs follow the characters'.
    merges: Vec<(u32, u32)>,
}

/// Texts as tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl Tokens {
    /// Texts.
    pub fn n_rows(&self) -> usize {
        self.ends.len()
    }

    /// Tokens of the longest text.
    pub fn longest(&self) -> usize {
        let rows = 0..self.n_rows();
        rows.map(|row| self.row(row).len()).max().unwrap_or(0)
    }

    /// The tokens of a text.
    pub fn row(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.ids[start..self.ends[row]]
    }
}

/// A word while its pieces are found.
struct Word {
    pieces: Vec<u32>,
    count: u64,
}

/// The pairs of neighbours in all words.
#[derive(Default)]
struct Pairs {
    counts: BTreeMap<(u32, u32), u64>,
    /// Words that have had the pair.
    words: BTreeMap<(u32, u32), BTreeSet<usize>>,
    /// The most frequent one first, of those the first by its tokens; a count may be one of before.
    queue: BinaryHeap<(u64, Reverse<(u32, u32)>)>,
}

impl Pairs {
    fn of(words: &[Word]) -> Self {
        let mut pairs = Self::default();
        for (index, word) in words.iter().enumerate() {
            pairs.add(word, index);
        }
        let all = pairs.counts.iter();
        pairs.queue = all.map(|(&pair, &count)| (count, Reverse(pair))).collect();
        pairs
    }

    fn add(&mut self, word: &Word, index: usize) {
        for pair in neighbours(&word.pieces) {
            *self.counts.entry(pair).or_default() += word.count;
            self.words.entry(pair).or_default().insert(index);
        }
    }

    fn remove(&mut self, word: &Word) {
        for pair in neighbours(&word.pieces) {
            if let Some(count) = self.counts.get_mut(&pair) {
                *count -= word.count;
            }
        }
    }

    /// The most frequent pair, if there is one that is met twice.
    fn most_frequent(&mut self) -> Option<(u32, u32)> {
        loop {
            let (count, Reverse(pair)) = self.queue.pop()?;
            let now = self.counts.get(&pair).copied().unwrap_or(0);
            if now < 2 {
                continue;
            }
            if now == count {
                return Some(pair);
            }
            self.queue.push((now, Reverse(pair)));
        }
    }
}

fn neighbours(pieces: &[u32]) -> impl Iterator<Item = (u32, u32)> + '_ {
    pieces.windows(2).map(|pair| (pair[0], pair[1]))
}

/// Puts `whole` in the place of each `pair`, from left to right.
fn join(pieces: &mut Vec<u32>, pair: (u32, u32), whole: u32) {
    let mut joined = Vec::with_capacity(pieces.len());
    let mut at = 0;
    while at < pieces.len() {
        if at + 1 < pieces.len() && (pieces[at], pieces[at + 1]) == pair {
            joined.push(whole);
            at += 2;
        } else {
            joined.push(pieces[at]);
            at += 1;
        }
    }
    *pieces = joined;
}

impl Tokenizer {
    /// Learns a vocabulary from texts. Cost: the length of the texts, then for each token of the vocabulary the lengths of
    /// the different words that have its pair, of which none has more than 64 characters.
    pub fn fit<'t>(texts: impl Iterator<Item = Option<&'t str>>, params: &TextParams) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts.flatten() {
            for word in words(text, params.lowercase) {
                *counts.entry(word).or_default() += 1;
            }
        }
        let mut frequencies: BTreeMap<char, u64> = BTreeMap::new();
        for (word, count) in &counts {
            for character in word.chars() {
                *frequencies.entry(character).or_default() += count;
            }
        }
        let mut characters: Vec<(u64, char)> =
            frequencies.into_iter().map(|(c, n)| (n, c)).collect();
        characters.sort_by_key(|&(n, character)| (Reverse(n), character));
        let room = params.vocabulary - N_SPECIAL;
        characters.truncate(room as usize);
        let mut tokenizer = Self {
            lowercase: params.lowercase,
            length: params.length as usize,
            characters: characters.iter().map(|&(_, character)| character).collect(),
            merges: Vec::new(),
        };
        let codes = tokenizer.codes();
        let words = counts.iter().map(|(word, &count)| Word {
            pieces: pieces(word, &codes),
            count,
        });
        let n_merges = room as usize - characters.len();
        tokenizer.learn_merges(words.collect(), n_merges);
        tokenizer
    }

    fn learn_merges(&mut self, mut words: Vec<Word>, n_merges: usize) {
        let mut pairs = Pairs::of(&words);
        let first = self.first_merged();
        while self.merges.len() < n_merges {
            let Some(pair) = pairs.most_frequent() else {
                break;
            };
            let whole = first + self.merges.len() as u32;
            self.merges.push(pair);
            let affected = pairs.words.remove(&pair).unwrap_or_default();
            let mut fresh = BTreeSet::new();
            for index in affected {
                let word = &mut words[index];
                pairs.remove(word);
                join(&mut word.pieces, pair, whole);
                pairs.add(&words[index], index);
                fresh.extend(
                    neighbours(&words[index].pieces).filter(|&(a, b)| a == whole || b == whole),
                );
            }
            pairs.counts.remove(&pair);
            for pair in fresh {
                pairs.queue.push((pairs.counts[&pair], Reverse(pair)));
            }
        }
    }

    /// The token of the first pair.
    fn first_merged(&self) -> u32 {
        N_SPECIAL + self.characters.chars().count() as u32
    }

    /// Different tokens.
    pub fn n_tokens(&self) -> usize {
        self.first_merged() as usize + self.merges.len()
    }

    /// Tokens of a text at most.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Different tokens, and those of a text at most.
    pub fn shape(&self) -> [usize; 2] {
        [self.n_tokens(), self.length]
    }

    /// Whether all of it is as it must be: pairs are of tokens that were there before.
    pub fn is_sound(&self) -> bool {
        let first = self.first_merged();
        let mut merges = self.merges.iter().enumerate();
        (1..=2048).contains(&self.length)
            && self.n_tokens() <= MAX_TOKENS
            && merges.all(|(n, &(a, b))| {
                let before = first + n as u32;
                (N_SPECIAL..before).contains(&a) && (N_SPECIAL..before).contains(&b)
            })
    }

    fn codes(&self) -> BTreeMap<char, u32> {
        let codes = self.characters.chars().zip(N_SPECIAL..);
        codes.collect()
    }

    /// Texts as tokens, at least one each; what follows after as many as are read is not looked at.
    pub fn encode<'t>(&self, texts: impl Iterator<Item = Option<&'t str>>) -> Tokens {
        let codes = self.codes();
        let wholes: BTreeMap<(u32, u32), u32> = (self.merges.iter().copied())
            .zip(self.first_merged()..)
            .collect();
        let mut known: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut tokens = Tokens::default();
        for text in texts {
            let start = tokens.ids.len();
            for word in words(text.unwrap_or_default(), self.lowercase) {
                let spelt = known.entry(word).or_insert_with_key(|word| {
                    let mut pieces = pieces(word, &codes);
                    merge(&mut pieces, &wholes);
                    pieces
                });
                tokens.ids.extend_from_slice(spelt);
                if tokens.ids.len() - start >= self.length {
                    break;
                }
            }
            tokens.ids.truncate(start + self.length);
            if tokens.ids.len() == start {
                tokens.ids.push(UNKNOWN);
            }
            tokens.ends.push(tokens.ids.len());
        }
        tokens
    }
}

/// Joins pairs in the order in which they were learned.
fn merge(pieces: &mut Vec<u32>, wholes: &BTreeMap<(u32, u32), u32>) {
    loop {
        let known = neighbours(pieces).filter_map(|pair| Some((*wholes.get(&pair)?, pair)));
        let Some((whole, pair)) = known.min() else {
            return;
        };
        join(pieces, pair, whole);
    }
}

fn pieces(word: &str, codes: &BTreeMap<char, u32>) -> Vec<u32> {
    let code = |character| codes.get(&character).copied().unwrap_or(UNKNOWN);
    word.chars().map(code).collect()
}

/// The words of a text, each with its mark, one at a time.
fn words(text: &str, lowercase: bool) -> impl Iterator<Item = String> + '_ {
    let characters = text.chars().flat_map(move |character| {
        let lower = lowercase.then(|| character.to_lowercase());
        let same = (!lowercase).then_some(character);
        lower.into_iter().flatten().chain(same)
    });
    let mut characters = characters.peekable();
    std::iter::from_fn(move || {
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        let first = characters.next()?;
        let mut word = String::from_iter([START, first]);
        let n_more = if first.is_alphanumeric() {
            MAX_WORD - 1
        } else {
            0
        };
        for _ in 0..n_more {
            let Some(letter) = characters.next_if(|c| c.is_alphanumeric()) else {
                break;
            };
            word.push(letter);
        }
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(texts: &[&str], vocabulary: u32) -> Tokenizer {
        let params = TextParams {
            vocabulary,
            ..TextParams::default()
        };
        Tokenizer::fit(texts.iter().map(|&text| Some(text)), &params)
    }

    #[test]
    fn words_are_letters_together_and_signs_alone() {
        let marked = words("It's 2 Cats!", true);
        let plain: Vec<String> = marked
            .map(|word| word[START.len_utf8()..].to_owned())
            .collect();
        assert_eq!(plain, ["it", "'", "s", "2", "cats", "!"]);
    }

    #[test]
    fn a_long_run_of_letters_is_words_that_are_not_read_once_there_are_enough() {
        let run = "Ab".repeat(70);
        let lengths = words(&run, true).map(|word| word.chars().count() - 1);
        assert_eq!(lengths.collect::<Vec<_>>(), [64, 64, 12]);
        // A run of a megabyte takes no more than any other text.
        let run = "ab".repeat(1 << 19);
        let tokenizer = fitted(&[&run], 200);
        let tokens = tokenizer.encode([Some(run.as_str())].into_iter());
        assert_eq!(tokens.row(0).len(), 64);
        assert_eq!(tokens.row(0)[0], tokens.row(0)[63]);
    }

    #[test]
    fn frequent_words_become_one_token_and_rare_ones_pieces_of_them() {
        let tokenizer = fitted(&["low low low low lower newest newest"], 40);
        assert!(tokenizer.is_sound());
        let tokens = tokenizer.encode([Some("low"), Some("lowest"), Some("zzz"), None].into_iter());
        assert_eq!(tokens.row(0).len(), 1);
        assert_eq!(tokens.row(1)[0], tokens.row(0)[0]);
        assert!(tokens.row(1).len() > 1);
        assert_eq!(tokens.row(2)[1..], [UNKNOWN; 3]);
        assert_eq!(tokens.row(3), [UNKNOWN]);
    }

    #[test]
    fn texts_are_cut_and_a_vocabulary_has_its_bound() {
        let texts: Vec<String> = (0..200)
            .map(|n| format!("word{n} again{}", n % 7))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokenizer = fitted(&texts, 50);
        assert_eq!(tokenizer.n_tokens(), 50);
        let long = "again ".repeat(100);
        assert_eq!(
            tokenizer
                .encode([Some(long.as_str())].into_iter())
                .row(0)
                .len(),
            64
        );
    }

    #[test]
    fn a_pair_of_tokens_that_come_later_is_not_sound() {
        let mut tokenizer = fitted(&["aa aa aa"], 16);
        tokenizer.merges[0] = (900, 2);
        assert!(!tokenizer.is_sound());
    }
}
