//! Partition and drawing.

use super::*;

#[test]
fn partition_keeps_the_order_on_both_sides() {
    let mut rows = [5, 1, 4, 0, 3, 2];
    let bytes = [0, 1, 0, 1, 0, 1];
    let mut table = [0; 256];
    table[1] = 1;
    let n_left = partition(&mut rows, &mut [0; 6], &bytes, 1, 0, &table);
    assert_eq!((n_left, rows), (3, [5, 1, 3, 4, 0, 2]));
}

#[test]
fn a_sample_is_rising_without_repeats() {
    let all: Vec<u32> = (10..40).collect();
    let drawn = sample(&all, 12, Seed(3));
    assert!(
        drawn.len() == 12
            && drawn.is_sorted_by(|a, b| a < b)
            && drawn.iter().all(|item| all.contains(item))
    );
    assert_ne!(drawn, sample(&all, 12, Seed(4)));
}
