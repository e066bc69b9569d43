//! Gradients and Hessians of all training rows, once a tree; softmax probabilities once a round.

#![expect(
    clippy::inline_always,
    reason = "what a kernel calls is compiled for its vectors only if it is inlined"
)]

use crate::histogram::GradHess;
use crate::objective::{Goal, Loss};
use crate::simd::{self, Kernel, exp};
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
            self.fill_probabilities(n_classes, scores, targets.len(), threads);
        }
        Ok(())
    }

    /// Each chunk of rows by itself, a block at a time; within a chunk the classes stand one after the other.
    fn fill_probabilities(
        &mut self,
        n_classes: usize,
        scores: &[f64],
        n_rows: usize,
        threads: &Threads,
    ) {
        self.probabilities.resize(n_classes * n_rows, 0.0);
        let chunk_len = n_classes * CHUNK_ROWS;
        threads.for_each_chunk(
            &mut self.probabilities,
            chunk_len,
            |chunk, probabilities| {
                let first_row = chunk * CHUNK_ROWS;
                simd::widest(Softmax {
                    scores: &scores[first_row..],
                    n_rows,
                    probabilities,
                    n_classes,
                });
            },
        );
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
                let factor = n_classes as f64 / (n_classes as f64 - 1.0);
                let (probabilities, class) = (&self.probabilities, output as f64);
                threads.for_each_chunk(&mut self.pairs, CHUNK_ROWS, |chunk, pairs| {
                    let (first, len) = (chunk * CHUNK_ROWS, pairs.len());
                    simd::widest(OfClass {
                        probabilities: &probabilities[first * n_classes + output * len..][..len],
                        targets: &targets[first..][..len],
                        weights: weights.map(|weights| &weights[first..][..len]),
                        class,
                        factor,
                        pairs,
                    });
                });
            }
            Loss::OneVsRest { .. } => {
                let of_row = |row: usize| {
                    let y = f64::from(u8::from(targets[row] == output as f64));
                    Loss::Logistic.derivatives(y, scores[row])
                };
                write(&mut self.pairs, weights, threads, of_row);
            }
            // The commonest loss, known when compiling: the loop below would choose the formula anew for each row.
            Loss::Squared => {
                let of_row = |row: usize| Loss::Squared.derivatives(targets[row], scores[row]);
                write(&mut self.pairs, weights, threads, of_row);
            }
            Loss::Logistic => {
                threads.for_each_chunk(&mut self.pairs, CHUNK_ROWS, |chunk, pairs| {
                    let (first, len) = (chunk * CHUNK_ROWS, pairs.len());
                    simd::widest(Logistic {
                        scores: &scores[first..][..len],
                        targets: &targets[first..][..len],
                        weights: weights.map(|weights| &weights[first..][..len]),
                        pairs,
                    });
                });
            }
            loss => {
                let of_row = |row: usize| loss.derivatives(targets[row], scores[row]);
                write(&mut self.pairs, weights, threads, of_row);
            }
        }
    }
}

/// Rows whose exponentials are kept at once.
const BLOCK_ROWS: usize = 128;

/// Class probabilities of the rows of a chunk. Scores are one column of `n_rows` a class.
struct Softmax<'a> {
    scores: &'a [f64],
    n_rows: usize,
    probabilities: &'a mut [f32],
    n_classes: usize,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let chunk_rows = self.probabilities.len() / self.n_classes;
        let mut exponentials = vec![[0.0; BLOCK_ROWS]; self.n_classes];
        for start in (0..chunk_rows).step_by(BLOCK_ROWS) {
            let len = BLOCK_ROWS.min(chunk_rows - start);
            let of_class = |class: usize| &self.scores[class * self.n_rows + start..][..len];
            let mut most = [f64::NEG_INFINITY; BLOCK_ROWS];
            for class in 0..self.n_classes {
                for (most, &score) in most.iter_mut().zip(of_class(class)) {
                    *most = if score > *most { score } else { *most };
                }
            }
            let mut sums = [0.0; BLOCK_ROWS];
            for (class, exponentials) in exponentials.iter_mut().enumerate() {
                let scores = of_class(class).iter().zip(&most);
                for ((exponential, sum), (score, most)) in
                    exponentials.iter_mut().zip(&mut sums).zip(scores)
                {
                    *exponential = exp(score - most);
                    *sum += *exponential;
                }
            }
            for (class, exponentials) in exponentials.iter().enumerate() {
                let place = &mut self.probabilities[class * chunk_rows + start..][..len];
                for ((p, exponential), sum) in place.iter_mut().zip(exponentials).zip(&sums) {
                    *p = (exponential / sum) as f32;
                }
            }
        }
    }
}

/// The pairs of one class of softmax.
struct OfClass<'a> {
    probabilities: &'a [f32],
    targets: &'a [f64],
    weights: Option<&'a [f64]>,
    class: f64,
    factor: f64,
    pairs: &'a mut [GradHess],
}

impl Kernel for OfClass<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.probabilities.iter().zip(self.targets);
        for (pair, (&p, &target)) in self.pairs.iter_mut().zip(rows) {
            let p = f64::from(p);
            let y = if target == self.class { 1.0 } else { 0.0 };
            let hessian = self.factor * p * (1.0 - p);
            let hessian = if hessian > 1e-16 { hessian } else { 1e-16 };
            *pair = [(p - y) as f32, hessian as f32];
        }
        weigh(self.pairs, self.weights);
    }
}

/// The pairs of a binary task.
struct Logistic<'a> {
    scores: &'a [f64],
    targets: &'a [f64],
    weights: Option<&'a [f64]>,
    pairs: &'a mut [GradHess],
}

impl Kernel for Logistic<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.scores.iter().zip(self.targets);
        for (pair, (&score, &target)) in self.pairs.iter_mut().zip(rows) {
            let p = 1.0 / (1.0 + exp(-score));
            *pair = [(p - target) as f32, (p * (1.0 - p)) as f32];
        }
        weigh(self.pairs, self.weights);
    }
}

#[inline(always)]
fn weigh(pairs: &mut [GradHess], weights: Option<&[f64]>) {
    for (pair, &weight) in pairs.iter_mut().zip(weights.unwrap_or_default()) {
        *pair = pair.map(|value| (f64::from(value) * weight) as f32);
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

#[cfg(test)]
mod tests;
