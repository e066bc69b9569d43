//! Kernels with vectors and without give the same bits.

use super::*;
use crate::simd::{scalar, widest};
use proptest::prelude::*;

/// Scores from near zero to far beyond what the exponential function holds, many of them equal.
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        -3.0..3.0,
        -800.0..800.0,
        Just(0.0),
        Just(-0.0),
        Just(1.5),
        Just(1e300)
    ]
}

fn bits(pairs: &[GradHess]) -> Vec<[u32; 2]> {
    pairs.iter().map(|pair| pair.map(f32::to_bits)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn pairs_of_classes_are_the_same_bits_with_vectors_and_without(
        rows in prop::collection::vec(([score(), score(), score()], 0_u8..3, 0.0..3.0), 1..300),
        is_weighted in any::<bool>(),
    ) {
        let (n_rows, n_classes) = (rows.len(), 3);
        let scores: Vec<f64> = (0..n_classes)
            .flat_map(|class| rows.iter().map(move |row| row.0[class]))
            .collect();
        let targets: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let weights = is_weighted.then_some(&weights[..]);

        let [mut plain, mut vectors] = [(); 2].map(|()| vec![0.0_f32; n_rows * n_classes]);
        let softmax = |probabilities| Softmax { scores: &scores, n_rows, probabilities, n_classes };
        scalar(softmax(&mut plain));
        widest(softmax(&mut vectors));
        let bits_of = |numbers: &[f32]| numbers.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits_of(&plain), bits_of(&vectors));

        let [mut one, mut other] = [(); 2].map(|()| vec![[0.0_f32; 2]; n_rows]);
        let of_class = |pairs| OfClass {
            probabilities: &plain[n_rows..][..n_rows],
            targets: &targets,
            weights,
            class: 1.0,
            factor: 1.5,
            pairs,
        };
        scalar(of_class(&mut one));
        widest(of_class(&mut other));
        prop_assert_eq!(bits(&one), bits(&other));

        let logistic = |pairs| Logistic { scores: &scores[..n_rows], targets: &targets, weights, pairs };
        scalar(logistic(&mut one));
        widest(logistic(&mut other));
        prop_assert_eq!(bits(&one), bits(&other));
    }
}
