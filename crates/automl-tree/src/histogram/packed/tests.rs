//! Packing with vectors and without gives the same levels.

use super::*;
use crate::simd::{scalar, widest};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn packed_pairs_are_the_same_bits_with_vectors_and_without(
        pairs in prop::collection::vec(
            (prop_oneof![-1.0_f32..1.0, Just(0.0), Just(-0.0), Just(1e30)], prop_oneof![0.0_f32..1.0, Just(0.25)]),
            1..300,
        ),
        first_row in any::<u32>().prop_map(|row| row / 2),
        key in any::<u32>(),
    ) {
        let pairs: Vec<GradHess> = pairs.into_iter().map(|(g, h)| [g, h]).collect();
        let most = scalar(Greatest(&pairs));
        prop_assert_eq!(most.map(f32::to_bits), widest(Greatest(&pairs)).map(f32::to_bits));

        let levels = [2_000.0, 4_000.0];
        // Less than the greatest is what rows that were not drawn may exceed.
        let scales = [0, 1].map(|part| if most[part] > 0.0 { 1.5 * levels[part] / most[part] } else { 0.0 });
        let [mut one, mut other] = [(); 2].map(|()| vec![PackedPair::default(); pairs.len()]);
        let round = |packed| Round { pairs: &pairs, packed, first_row, key, scales, levels };
        scalar(round(&mut one));
        widest(round(&mut other));
        prop_assert_eq!(one, other);
    }
}
