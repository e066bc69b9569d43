//! How much the words of a text say of the target: naive Bayes over hashed words, scored in rows not learned from.
//!
//! Multinomial naive Bayes (Manning, Raghavan and Schütze, 2008, chapter 13) needs one count a word and class, so it is learned for all folds
//! in one pass: the counts of a fold are the whole ones less its own. A number is cut into classes of equal size first.
//! Its log odds are far too sure (words go together), so what is scored is the class that it calls likeliest, as one
//! more category: the target by that category, out of fold. Cost: two passes over the words.

use super::codes::Coding;
use super::predictor::{self, N_FOLDS};
use super::rows::{self, Goal};
use automl_core::{Seed, Texts};

/// Slots that words are hashed to.
const N_SLOTS: usize = 1 << 12;
/// Classes with more than this many levels are not tried.
const MAX_CLASSES: usize = 30;
/// Classes that a number is cut into.
const N_CUTS: usize = 4;
/// Times that each word counts as met beforehand.
const SMOOTHING: f64 = 0.5;
/// Words of a text that are looked at.
const MAX_WORDS: usize = 200;
/// Rows of prior that draw a guess towards all rows'.
const PRIOR: f64 = 4.0;
/// Texts that are looked at.
const MAX_ROWS: usize = 10_000;

/// The score of a text column from 0 to 1: see [`super::Association::score`].
pub(super) fn score(texts: &Texts, rows: &[u32], goal: &Goal, seed: Seed) -> f64 {
    let stride = rows.len().div_ceil(MAX_ROWS).max(1);
    let places: Vec<u32> = (0..rows.len() as u32).step_by(stride).collect();
    let goal = goal.gather(&places);
    let Some((classes, n_classes)) = as_classes(&goal) else {
        return 0.0;
    };
    let bags: Vec<Vec<u16>> = places
        .iter()
        .map(|&place| bag(texts.get(rows[place as usize] as usize)))
        .collect();
    let folds = rows::folds(bags.len(), N_FOLDS, seed);
    let counts = Counts::of(&bags, &classes, n_classes, &folds);
    let guesses = bags
        .iter()
        .zip(&folds)
        .map(|(bag, &fold)| counts.likeliest(bag, usize::from(fold)))
        .collect();
    let coding = Coding {
        codes: guesses,
        n_levels: n_classes + 1,
        is_ordered: false,
    };
    let fit = predictor::by_level(&coding, &goal, &folds, PRIOR);
    fit.explained.clamp(0.0, 1.0).sqrt()
}

/// The class of each row; numbers by quantile.
fn as_classes(goal: &Goal) -> Option<(Vec<u32>, usize)> {
    match goal {
        Goal::Classes { codes, n_classes } => {
            (*n_classes <= MAX_CLASSES).then(|| (codes.clone(), *n_classes))
        }
        Goal::Numbers(values) => {
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let cuts: Vec<f64> = (1..N_CUTS)
                .filter_map(|cut| sorted.get(sorted.len() * cut / N_CUTS).copied())
                .collect();
            let class = |value: &f64| cuts.partition_point(|cut| cut <= value) as u32;
            Some((values.iter().map(class).collect(), N_CUTS))
        }
    }
}

/// The slots of the distinct words of a text, letters and digits only, without case.
fn bag(text: Option<&str>) -> Vec<u16> {
    let mut slots: Vec<u16> = text
        .unwrap_or_default()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(|word| {
            let fnv = |hash: u64, c: char| (hash ^ u64::from(c)).wrapping_mul(0x0100_0000_01b3);
            let letters = word.chars().flat_map(char::to_lowercase);
            let hash = letters.fold(0xcbf2_9ce4_8422_2325, fnv);
            ((hash ^ (hash >> 32)) % N_SLOTS as u64) as u16
        })
        .collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// How often each word stands in texts of each class, by fold.
struct Counts {
    n_classes: usize,
    /// `[fold][slot][class]`, the last fold being all of them.
    words: Vec<f64>,
    /// `[fold][class]`: words, then rows.
    totals: Vec<f64>,
    rows: Vec<f64>,
}

impl Counts {
    fn of(bags: &[Vec<u16>], classes: &[u32], n_classes: usize, folds: &[u8]) -> Self {
        let mut counts = Self {
            n_classes,
            words: vec![0.0; (N_FOLDS + 1) * N_SLOTS * n_classes],
            totals: vec![0.0; (N_FOLDS + 1) * n_classes],
            rows: vec![0.0; (N_FOLDS + 1) * n_classes],
        };
        for ((bag, &class), &fold) in bags.iter().zip(classes).zip(folds) {
            for fold in [usize::from(fold), N_FOLDS] {
                let place = fold * n_classes + class as usize;
                counts.rows[place] += 1.0;
                counts.totals[place] += bag.len() as f64;
                for &slot in bag {
                    let place = counts.place(fold, slot);
                    counts.words[place + class as usize] += 1.0;
                }
            }
        }
        counts
    }

    fn place(&self, fold: usize, slot: u16) -> usize {
        (fold * N_SLOTS + usize::from(slot)) * self.n_classes
    }

    /// The likeliest class of a text by what stands in the other folds, plus one; 0 for a text without words.
    fn likeliest(&self, bag: &[u16], fold: usize) -> u32 {
        if bag.is_empty() {
            return 0;
        }
        let mut best = (0, f64::NEG_INFINITY);
        for class in 0..self.n_classes {
            let (all, own) = (
                N_FOLDS * self.n_classes + class,
                fold * self.n_classes + class,
            );
            let n_rows = self.rows[all] - self.rows[own];
            let n_words = self.totals[all] - self.totals[own] + SMOOTHING * N_SLOTS as f64;
            let mut log = (n_rows + SMOOTHING).ln() - bag.len() as f64 * n_words.ln();
            for &slot in bag {
                let all = self.words[self.place(N_FOLDS, slot) + class];
                let own = self.words[self.place(fold, slot) + class];
                log += (all - own + SMOOTHING).ln();
            }
            if log > best.1 {
                best = (class as u32 + 1, log);
            }
        }
        best.0
    }
}
