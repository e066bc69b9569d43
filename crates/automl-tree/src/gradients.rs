//! Gradients and Hessians of all training rows, once a tree; softmax probabilities once a round.

use crate::histogram::GradHess;
use crate::objective::{Goal, Loss};
use automl_core::{FitError, Threads};

/// Rows handled at once: results do not depend on it, only how work is shared.
const CHUNK_ROWS: usize = 8192;

/// The buffers of gradients.
pub(crate) struct Gradients {
    goal: Goal,
    pairs: Vec<GradHess>,
    /// Of goals that look at all rows at once: the pairs of this round, without weights.
    whole: Vec<[f64; 2]>,
    /// Of multiclass tasks: one column of rows a class.
    probabilities: Vec<f32>,
    /// The output whose pairs stand there, if they are of this round and as filled.
    filled: Option<usize>,
}

impl Gradients {
    pub(crate) fn new(goal: Goal, n_rows: usize) -> Self {
        Self {
            goal,
            pairs: vec![[0.0; 2]; n_rows],
            whole: Vec::new(),
            probabilities: Vec::new(),
            filled: None,
        }
    }

    /// One pair a row, of the output last filled.
    pub(crate) fn pairs(&self) -> &[GradHess] {
        &self.pairs
    }

    /// Multiplies the pairs of these rows by factors.
    pub(crate) fn weigh(&mut self, rows: &[u32], factors: &[f32]) {
        self.filled = None;
        for (&row, &factor) in rows.iter().zip(factors) {
            self.pairs[row as usize] = self.pairs[row as usize].map(|value| value * factor);
        }
    }

    /// Computes what all trees of a round share: class probabilities, and gradients that need all rows at once.
    ///
    /// # Errors
    /// A user's own gradients that cannot be used.
    pub(crate) fn start_round(
        &mut self,
        scores: &[f64],
        targets: &[f64],
        threads: &Threads,
    ) -> Result<(), FitError> {
        self.filled = None;
        self.goal
            .fill_whole(targets, scores, threads, &mut self.whole)?;
        if let Goal::Rows(Loss::Softmax { n_classes }) = self.goal {
            self.fill_probabilities(n_classes, scores, targets.len());
        }
        Ok(())
    }

    fn fill_probabilities(&mut self, n_classes: usize, scores: &[f64], n_rows: usize) {
        self.probabilities.resize(n_classes * n_rows, 0.0);
        let mut row_scores = vec![0.0; n_classes];
        for row in 0..n_rows {
            for (class, score) in row_scores.iter_mut().enumerate() {
                *score = scores[class * n_rows + row];
            }
            crate::objective::softmax(&mut row_scores);
            for (class, &p) in row_scores.iter().enumerate() {
                self.probabilities[class * n_rows + row] = p as f32;
            }
        }
    }

    /// Fills the pairs for one output from the scores, one column of rows an output.
    pub(crate) fn fill(
        &mut self,
        output: usize,
        scores: &[f64],
        targets: &[f64],
        weights: Option<&[f64]>,
        threads: &Threads,
    ) {
        if self.filled.replace(output) == Some(output) {
            return;
        }
        let n = targets.len();
        let scores = &scores[output * n..][..n];
        let Goal::Rows(loss) = self.goal else {
            let whole = &self.whole;
            write(&mut self.pairs, weights, threads, |row| whole[row]);
            return;
        };
        match loss {
            Loss::Softmax { n_classes } => {
                let probabilities = &self.probabilities[output * n..][..n];
                let factor = n_classes as f64 / (n_classes as f64 - 1.0);
                let of_row = |row: usize| {
                    let p = f64::from(probabilities[row]);
                    let y = f64::from(u8::from(targets[row] == output as f64));
                    [p - y, (factor * p * (1.0 - p)).max(1e-16)]
                };
                write(&mut self.pairs, weights, threads, of_row);
            }
            Loss::OneVsRest { .. } => {
                let of_row = |row: usize| {
                    let y = f64::from(u8::from(targets[row] == output as f64));
                    Loss::Logistic.derivatives(y, scores[row])
                };
                write(&mut self.pairs, weights, threads, of_row);
            }
            Loss::Squared => {
                let of_row = |row: usize| [scores[row] - targets[row], 1.0];
                write(&mut self.pairs, weights, threads, of_row);
            }
            Loss::Logistic => {
                let of_row = |row: usize| Loss::Logistic.derivatives(targets[row], scores[row]);
                write(&mut self.pairs, weights, threads, of_row);
            }
            loss => {
                let of_row = |row: usize| loss.derivatives(targets[row], scores[row]);
                write(&mut self.pairs, weights, threads, of_row);
            }
        }
    }
}

fn write(
    pairs: &mut [GradHess],
    weights: Option<&[f64]>,
    threads: &Threads,
    of_row: impl Fn(usize) -> [f64; 2] + Sync + Send,
) {
    threads.for_each_chunk(pairs, CHUNK_ROWS, |chunk, pairs| {
        let start = chunk * CHUNK_ROWS;
        match weights {
            None => {
                for (offset, pair) in pairs.iter_mut().enumerate() {
                    *pair = of_row(start + offset).map(|value| value as f32);
                }
            }
            Some(weights) => {
                for (offset, pair) in pairs.iter_mut().enumerate() {
                    let weight = weights[start + offset];
                    *pair = of_row(start + offset).map(|value| (weight * value) as f32);
                }
            }
        }
    });
}
