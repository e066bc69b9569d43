//! Learning an order: lambdas of pairs of rows of one query, weighed by what their exchange would do to NDCG.
//!
//! A row of grade `l` gains `2^l − 1`, and at rank `r` (from 0) it counts `1 / log2(2 + r)` of that; NDCG is the sum over
//! the first `truncation` ranks, divided by that of the best order. A pair of rows of unlike grades, at least one of them
//! among the first ranks, pushes the better one up by
//!
//! ```text
//! λ = |ΔNDCG| / (0.01 + |s_better − s_worse|) / (1 + exp(s_better − s_worse))
//! ```
//!
//! and the worse one down by as much; the division by the distance is left out where all scores of the query are equal.
//! The lambdas of a query that sum to `Σ` are then brought to `log2(1 + Σ)`, so that queries of many pairs do not drown
//! the others. That is what LightGBM does; ranks go by falling score, ties by the order of the rows.
//!
//! A row of weight zero is absent. Other weights multiply a row's own lambda, and a query counts by the mean of its rows'.
//!
//! Cost: rows × `truncation` exponentials at most, and a sort a query.
//!
//! Burges 2010, From `RankNet` to `LambdaRank` to `LambdaMART`; Järvelin and Kekäläinen 2002 (NDCG).

use automl_core::Threads;
use std::ops::Range;

/// The greatest grade.
pub(crate) const MAX_GRADE: f64 = 30.0;
/// What keeps the division by a distance of scores finite.
const NEAR: f64 = 0.01;
/// Rows that are handled at once, at least: results do not depend on it.
const BLOCK_ROWS: usize = 2048;

/// Rows of a fit, or of its validation, query by query.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// Rows by query, in their own order within one.
    rows: Vec<u32>,
    /// The gain of each of `rows`.
    gains: Vec<f64>,
    queries: Vec<Query>,
    /// Consecutive queries that are handled at once.
    blocks: Vec<Range<usize>>,
    /// Of each rank.
    discounts: Vec<f64>,
    n_rows: usize,
    truncation: usize,
}

#[derive(Debug)]
struct Query {
    /// Where its rows stand.
    range: Range<usize>,
    /// The greatest possible sum of discounted gains; 0 if no row gains anything.
    best: f64,
    weight: f64,
}

/// `1 / log2(2 + rank)` for ranks from 0.
fn discounts() -> impl Iterator<Item = f64> {
    (0..).map(|rank: u32| 1.0 / (2.0 + f64::from(rank)).log2())
}

impl Ranking {
    /// The queries of rows whose groups and grades these are. Grades must be whole numbers from 0 to [`MAX_GRADE`].
    pub(crate) fn new(
        groups: &[u32],
        grades: &[f64],
        weights: Option<&[f64]>,
        truncation: usize,
    ) -> Self {
        let weight = |row: u32| weights.map_or(1.0, |weights| weights[row as usize]);
        let mut rows: Vec<u32> = (0..groups.len() as u32)
            .filter(|&row| weight(row) > 0.0)
            .collect();
        rows.sort_by_key(|&row| groups[row as usize]);
        let gains: Vec<f64> = rows
            .iter()
            .map(|&row| grades[row as usize].exp2() - 1.0)
            .collect();
        let mut queries = Vec::new();
        let mut start = 0;
        for members in rows.chunk_by(|&a, &b| groups[a as usize] == groups[b as usize]) {
            let range = start..start + members.len();
            start = range.end;
            let mut sorted = gains[range.clone()].to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let weights: f64 = members.iter().map(|&row| weight(row)).sum();
            queries.push(Query {
                best: discounted(sorted.into_iter(), truncation),
                weight: weights / range.len() as f64,
                range,
            });
        }
        let longest = queries.iter().map(|query: &Query| query.range.len()).max();
        Self {
            blocks: blocks(&queries),
            discounts: discounts().take(longest.unwrap_or(0)).collect(),
            n_rows: groups.len(),
            rows,
            gains,
            queries,
            truncation,
        }
    }

    /// Gradient and Hessian of every row, without its weight; zeros for a row of weight zero.
    pub(crate) fn lambdas(&self, scores: &[f64], threads: &Threads) -> Vec<[f64; 2]> {
        assert_eq!(scores.len(), self.n_rows, "one score a row");
        let of_blocks = threads.map(self.blocks.len(), |block| {
            let queries = &self.queries[self.blocks[block].clone()];
            let mut scratch = Scratch::default();
            let mut pairs = Vec::new();
            for query in queries {
                self.add_query(query, scores, &mut scratch);
                pairs.extend_from_slice(&scratch.pairs);
            }
            pairs
        });
        let mut all = vec![[0.0; 2]; self.n_rows];
        for (&row, pair) in self.rows.iter().zip(of_blocks.into_iter().flatten()) {
            all[row as usize] = pair;
        }
        all
    }

    /// The weighted mean over queries of NDCG; a query in which every order is as good counts 1.
    pub(crate) fn ndcg(&self, scores: &[f64], threads: &Threads) -> f64 {
        assert_eq!(scores.len(), self.n_rows, "one score a row");
        let of_blocks = threads.map(self.blocks.len(), |block| {
            let queries = &self.queries[self.blocks[block].clone()];
            let mut scratch = Scratch::default();
            let of_query = |query: &Query| {
                if query.best == 0.0 {
                    return query.weight;
                }
                self.sort(query, scores, &mut scratch);
                let gains = &self.gains[query.range.clone()];
                let ranked = scratch.order.iter().map(|&place| gains[place as usize]);
                query.weight * discounted(ranked, self.truncation) / query.best
            };
            queries.iter().map(of_query).sum::<f64>()
        });
        let total: f64 = self.queries.iter().map(|query| query.weight).sum();
        of_blocks.iter().sum::<f64>() / total
    }

    /// Sets the scores of a query and its order by them.
    fn sort(&self, query: &Query, scores: &[f64], scratch: &mut Scratch) {
        let rows = &self.rows[query.range.clone()];
        scratch.scores.clear();
        scratch
            .scores
            .extend(rows.iter().map(|&row| scores[row as usize]));
        scratch.order.clear();
        scratch.order.extend(0..rows.len() as u32);
        let of_place = |place: u32| scratch.scores[place as usize];
        scratch
            .order
            .sort_by(|&a, &b| of_place(b).total_cmp(&of_place(a)));
    }

    /// Sets the pairs of a query's rows.
    fn add_query(&self, query: &Query, scores: &[f64], scratch: &mut Scratch) {
        let n = query.range.len();
        scratch.pairs.clear();
        scratch.pairs.resize(n, [0.0; 2]);
        if query.best == 0.0 {
            return;
        }
        self.sort(query, scores, scratch);
        let gains = &self.gains[query.range.clone()];
        let Scratch {
            scores,
            order,
            pairs,
        } = scratch;
        let at = |rank: usize| order[rank] as usize;
        let has_distances = scores[at(0)] != scores[at(n - 1)];
        let mut sum = 0.0;
        for first in 0..self.truncation.min(n - 1) {
            for second in first + 1..n {
                let (mut better, mut worse) = (at(first), at(second));
                if gains[better] == gains[worse] {
                    continue;
                }
                if gains[better] < gains[worse] {
                    (better, worse) = (worse, better);
                }
                let distance = scores[better] - scores[worse];
                let gap = gains[better] - gains[worse];
                let mut change =
                    gap * (self.discounts[first] - self.discounts[second]) / query.best;
                if has_distances {
                    change /= NEAR + distance.abs();
                }
                let p = super::logistic(-distance);
                let (lambda, hessian) = (p * change, p * (1.0 - p) * change);
                pairs[better][0] -= lambda;
                pairs[worse][0] += lambda;
                pairs[better][1] += hessian;
                pairs[worse][1] += hessian;
                sum += 2.0 * lambda;
            }
        }
        if sum > 0.0 {
            let factor = (1.0 + sum).log2() / sum;
            for value in pairs.iter_mut().flatten() {
                *value *= factor;
            }
        }
    }
}

/// Buffers of a query.
#[derive(Default)]
struct Scratch {
    scores: Vec<f64>,
    /// Places within the query, by falling score.
    order: Vec<u32>,
    pairs: Vec<[f64; 2]>,
}

/// The sum of gains by rank, each times its discount, over the first ranks.
fn discounted(gains: impl Iterator<Item = f64>, truncation: usize) -> f64 {
    let ranked = gains.take(truncation).zip(discounts());
    ranked.map(|(gain, discount)| gain * discount).sum()
}

/// Consecutive queries of about [`BLOCK_ROWS`] rows.
fn blocks(queries: &[Query]) -> Vec<Range<usize>> {
    let (mut blocks, mut first, mut n_rows) = (Vec::new(), 0, 0);
    for (index, query) in queries.iter().enumerate() {
        n_rows += query.range.len();
        if n_rows >= BLOCK_ROWS || index + 1 == queries.len() {
            blocks.push(first..index + 1);
            (first, n_rows) = (index + 1, 0);
        }
    }
    blocks
}

#[cfg(test)]
mod tests;
