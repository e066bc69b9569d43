//! NDCG against its definition, and lambdas against the slope of the loss that they stand for.

use super::*;

const GROUPS: [u32; 9] = [7, 2, 7, 2, 7, 7, 2, 7, 5];
const GRADES: [f64; 9] = [0.0, 2.0, 3.0, 0.0, 1.0, 1.0, 1.0, 4.0, 2.0];
const SCORES: [f64; 9] = [0.4, -0.2, 0.1, 0.7, 0.3, -0.6, 0.2, 0.0, 1.0];

/// The rows of a query by falling score.
fn ranked(group: u32, scores: &[f64]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..9).filter(|&row| GROUPS[row] == group).collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    rows
}

fn dcg(rows: &[usize], truncation: usize) -> f64 {
    let ranks = rows.iter().take(truncation).enumerate();
    ranks
        .map(|(rank, &row)| (GRADES[row].exp2() - 1.0) / (rank as f64 + 2.0).log2())
        .sum()
}

fn best(rows: &[usize], truncation: usize) -> f64 {
    let mut rows = rows.to_vec();
    rows.sort_by(|&a, &b| GRADES[b].total_cmp(&GRADES[a]));
    dcg(&rows, truncation)
}

#[test]
fn ndcg_is_the_share_of_the_best_orders_gain() {
    for truncation in [1, 2, 30] {
        let ranking = Ranking::new(&GROUPS, &GRADES, None, truncation);
        let of_group = |&group: &u32| {
            let rows = ranked(group, &SCORES);
            dcg(&rows, truncation) / best(&rows, truncation)
        };
        let expected = [2, 5, 7].iter().map(of_group).sum::<f64>() / 3.0;
        let ndcg = ranking.ndcg(&SCORES, &Threads::one());
        assert!((ndcg - expected).abs() < 1e-12, "{ndcg} for {expected}");
        let perfect = ranking.ndcg(&GRADES, &Threads::one());
        assert!((perfect - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_query_without_gain_counts_as_perfect_and_pushes_nothing() {
    let ranking = Ranking::new(&[0, 0, 1, 1], &[0.0, 0.0, 1.0, 0.0], None, 30);
    let scores = [0.3, 0.1, 0.0, 2.0];
    let ndcg = ranking.ndcg(&scores, &Threads::one());
    assert!((ndcg - 0.5 - 0.5 / 3f64.log2()).abs() < 1e-12);
    let lambdas = ranking.lambdas(&scores, &Threads::one());
    assert_eq!(lambdas[..2], [[0.0; 2]; 2]);
    assert!(lambdas[2][0] < 0.0 && lambdas[3][0] > 0.0);
}

/// A query's lambdas are the slope of `factor · Σ |ΔNDCG| / (0.01 + distance) · ln(1 + e^(s_worse − s_better))`, where what
/// stands before the logarithm keeps its value. Here the exchange is made and NDCG computed again.
#[test]
fn lambdas_are_slopes_and_hessians_their_slopes() {
    let ranking = Ranking::new(&GROUPS, &GRADES, None, 30);
    let lambdas = ranking.lambdas(&SCORES, &Threads::one());
    for group in [2, 7] {
        let rows = ranked(group, &SCORES);
        let mut terms = Vec::new();
        for first in 0..rows.len() {
            for second in first + 1..rows.len() {
                let (mut better, mut worse) = (rows[first], rows[second]);
                if GRADES[better] == GRADES[worse] {
                    continue;
                }
                if GRADES[better] < GRADES[worse] {
                    (better, worse) = (worse, better);
                }
                let mut exchanged = rows.clone();
                exchanged.swap(first, second);
                let change = (dcg(&rows, 30) - dcg(&exchanged, 30)).abs() / best(&rows, 30);
                let distance = (SCORES[better] - SCORES[worse]).abs();
                terms.push((better, worse, change / (0.01 + distance)));
            }
        }
        let loss = |scores: &[f64]| {
            let of_term = |&(better, worse, change): &(usize, usize, f64)| {
                change * (scores[worse] - scores[better]).exp().ln_1p()
            };
            terms.iter().map(of_term).sum::<f64>()
        };
        let of_pair = |&(better, worse, change): &(usize, usize, f64)| {
            2.0 * change / (1.0 + (SCORES[better] - SCORES[worse]).exp())
        };
        let total: f64 = terms.iter().map(of_pair).sum();
        let factor = (1.0 + total).log2() / total;
        for row in rows {
            let h = 1e-4;
            let at = |step: f64| {
                let mut scores = SCORES;
                scores[row] += step;
                factor * loss(&scores)
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            let curvature = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
            let [gradient, hessian] = lambdas[row];
            assert!(
                (gradient - slope).abs() < 1e-6,
                "row {row}: {gradient} for {slope}"
            );
            assert!(
                (hessian - curvature).abs() < 1e-5,
                "row {row}: {hessian} for {curvature}"
            );
        }
    }
}

#[test]
fn lambdas_of_a_query_cancel_and_only_pairs_that_reach_the_first_ranks_count() {
    let scores = [5.0, 4.0, 3.0, 2.0, 1.0];
    let grades = [1.0, 1.0, 2.0, 0.0, 3.0];
    let of = |truncation| {
        let ranking = Ranking::new(&[0; 5], &grades, None, truncation);
        ranking.lambdas(&scores, &Threads::one())
    };
    for truncation in [1, 2, 5] {
        let sum: f64 = of(truncation).iter().map(|pair| pair[0]).sum();
        assert!(sum.abs() < 1e-12);
    }
    // The first rank alone meets row 0 with all of another grade; row 1 is of its grade and stays.
    let first = of(1);
    assert_eq!(first[1], [0.0; 2]);
    assert!(first[2][0] < 0.0 && first[3][0] > 0.0 && first[4][0] < 0.0);
}

#[test]
fn a_row_of_weight_zero_is_absent_and_a_query_weighs_the_mean_of_its_rows() {
    let mut weights = [1.0; 9];
    weights[7] = 0.0;
    let with_zero = Ranking::new(&GROUPS, &GRADES, Some(&weights), 30);
    let without = |values: &[f64; 9]| [&values[..7], &values[8..]].concat();
    let groups = [&GROUPS[..7], &GROUPS[8..]].concat();
    let shorter = Ranking::new(&groups, &without(&GRADES), None, 30);
    let threads = Threads::one();
    let (all, few) = (
        with_zero.lambdas(&SCORES, &threads),
        shorter.lambdas(&without(&SCORES), &threads),
    );
    assert_eq!([&all[..7], &all[8..]].concat(), few);
    assert_eq!(all[7], [0.0; 2]);
    let ndcg = with_zero.ndcg(&SCORES, &threads);
    assert_eq!(ndcg, shorter.ndcg(&without(&SCORES), &threads));
    // Query 2 alone.
    let weights = GROUPS.map(|group| f64::from(u8::from(group == 2)));
    let rows = ranked(2, &SCORES);
    let alone = Ranking::new(&GROUPS, &GRADES, Some(&weights), 30).ndcg(&SCORES, &threads);
    assert!((alone - dcg(&rows, 30) / best(&rows, 30)).abs() < 1e-12);
}

#[test]
fn threads_do_not_change_a_bit() {
    let n = 20_000_usize;
    let groups: Vec<u32> = (0..n).map(|row| (row * 7919 % 601) as u32).collect();
    let grades: Vec<f64> = (0..n).map(|row| (row * 31 % 5) as f64).collect();
    let scores: Vec<f64> = (0..n).map(|row| (row * 101 % 997) as f64 / 99.7).collect();
    let ranking = Ranking::new(&groups, &grades, None, 10);
    assert!(ranking.blocks.len() > 3);
    let [one, three] = [1, 3].map(|count| {
        let threads = Threads::new(count).unwrap();
        (
            ranking.lambdas(&scores, &threads),
            ranking.ndcg(&scores, &threads),
        )
    });
    assert_eq!(one, three);
}
